package io.levee;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How the values of a column spread: counts by bins, empty ones included.
 *
 * @param query which rows: its range, filter and deadline count
 * @param column an integer, real, duration, timestamp or boolean column, or a place in a json column that holds numbers; durations and
 *     timestamps in microseconds
 * @param bins which bins
 */
public record Histogram(Query query, String column, BinRule bins) {
    /** Most bins of one answer; more end with {@link ErrorCode#LIMIT_EXCEEDED}. */
    public static final int MAX_BINS = 10_000;

    /** Which bins. */
    public sealed interface BinRule {}

    /**
     * At most so many bins of one width, a round number, from below the least to above the greatest value.
     *
     * @param most 1 to {@link #MAX_BINS}
     */
    public record Automatic(int most) implements BinRule {
        /** Refuses what cannot be. */
        public Automatic {
            requireCount(most);
        }
    }

    /**
     * So many bins of one width from a begin; what lies outside is counted as {@code below} and {@code above}.
     *
     * @param from the begin of the first bin
     * @param width more than 0
     * @param count 1 to {@link #MAX_BINS}
     */
    public record Even(double from, double width, int count) implements BinRule {
        /** Refuses what cannot be. */
        public Even {
            requireCount(count);
            if (!(width > 0) || Double.isInfinite(width) || !Double.isFinite(from)) {
                throw new LeveeException(ErrorCode.BAD_QUERY, "a bin's width must be more than 0 (got " + width + ")");
            }
        }
    }

    /**
     * Bins between these edges, each from one (inclusive) to the next (exclusive).
     *
     * @param edges rising; at least two
     */
    public record Edges(List<Double> edges) implements BinRule {
        /** Copies the list, and refuses what does not rise. */
        public Edges {
            edges = List.copyOf(edges);
            for (int i = 1; i < edges.size(); i++) {
                if (!(edges.get(i - 1) < edges.get(i))) {
                    throw new LeveeException(ErrorCode.BAD_QUERY, "the edges of bins must rise (got " + edges + ")");
                }
            }
            if (edges.size() < 2) {
                throw new LeveeException(ErrorCode.BAD_QUERY, "bins need at least two edges (got " + edges + ")");
            }
            requireCount(edges.size() - 1);
        }
    }

    private static void requireCount(int bins) {
        if (bins < 1 || bins > MAX_BINS) {
            throw new LeveeException(
                    ErrorCode.LIMIT_EXCEEDED, "a histogram has 1 to " + MAX_BINS + " bins (got " + bins + ")");
        }
    }

    /** Bins of one width in time, as {@link Even}, for durations and timestamps. */
    public static BinRule even(Duration from, Duration width, int count) {
        return new Even(from.toNanos() / 1000.0, width.toNanos() / 1000.0, count);
    }

    /**
     * One bin.
     *
     * @param from its begin (inclusive)
     * @param to its end (exclusive)
     */
    public record Bin(double from, double to, long count) {}

    /**
     * The answer.
     *
     * @param bins the bins, empty ones included; none where automatic bins met no value
     * @param below how many values lie below the first bin
     * @param above how many lie above the last one
     * @param nulls how many rows have no value
     * @param least the least value, or null where there is none or it was not looked up
     * @param greatest the greatest value, likewise
     * @param coverage what it can be trusted for
     */
    public record Bins(
            List<Bin> bins,
            long below,
            long above,
            long nulls,
            @Nullable Double least,
            @Nullable Double greatest,
            Coverage coverage) {
        /** Copies the list. */
        public Bins {
            bins = List.copyOf(bins);
        }
    }
}
