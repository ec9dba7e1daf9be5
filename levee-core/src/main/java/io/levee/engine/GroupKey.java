package io.levee.engine;

import java.util.List;

/** One part of what makes a group of rows. */
public sealed interface GroupKey {
    /** The value itself, in stored form. */
    record Value(Term term) implements GroupKey {}

    /**
     * The bucket of the event time: the greatest {@code origin + n * width} that is not later, in microseconds.
     *
     * @param widthMicros more than 0
     */
    record TimeBucket(long originMicros, long widthMicros) implements GroupKey {}

    /**
     * The bucket of a number: the whole number {@code floor((value - origin) / width)}, in double arithmetic; null for null.
     *
     * @param width more than 0
     */
    record NumberBucket(Term term, double origin, double width) implements GroupKey {}

    /**
     * How many of the edges are not greater than the value, in double arithmetic; null for null.
     *
     * @param edges rising; at least one
     */
    record Edges(Term term, List<Double> edges) implements GroupKey {
        /** Copies the list. */
        public Edges {
            edges = List.copyOf(edges);
        }
    }

    /**
     * The bucket of a number for a sketch of quantiles: 0 for zero, {@code floor(ln(x) * multiplier) + OFFSET} for x above zero, the
     * negated bucket of -x below; null for null and for what is not finite.
     *
     * @param multiplier more than 0
     */
    record LogBucket(Term term, double multiplier) implements GroupKey {
        /** Keeps the buckets of numbers near 1 apart from that of zero. */
        public static final long OFFSET = 1_000_000_000L;
    }
}
