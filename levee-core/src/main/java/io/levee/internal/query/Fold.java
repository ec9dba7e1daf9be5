package io.levee.internal.query;

import io.levee.engine.Grouping;

/**
 * One grouping that engines are asked, and how its rows become groups. Two that are equal, over the same rows, have the same answer.
 *
 * <p>Its rows are the keys of a group, then the value to be sketched where {@code extra} says so, then figures.
 *
 * @param grouping what engines are asked
 * @param keys how many of its keys make a group
 * @param extra what becomes of the key behind them
 * @param lowest the least whole number that the first key is told apart by: lesser ones count as this one
 * @param highest the greatest one
 */
record Fold(Grouping grouping, int keys, Extra extra, long lowest, long highest) {
    /** What becomes of one more key. */
    enum Extra {
        /** There is none. */
        NONE,
        /** It is a bucket of a number: quantiles. The first figure is the count of rows. */
        QUANTILES,
        /** It is a value: how many different ones there are. The first figure is the count of rows. */
        DISTINCT,
        /** It is a value: how many rows have one. The first figure is the count of rows. */
        PRESENT
    }

    Fold(Grouping grouping, int keys, Extra extra) {
        this(grouping, keys, extra, Long.MIN_VALUE, Long.MAX_VALUE);
    }

    /** The same over another range of event time. */
    Fold over(long fromMicros, long toMicros) {
        Grouping other = new Grouping(
                grouping.spec(), fromMicros, toMicros, grouping.where(), grouping.keys(), grouping.figures());
        return new Fold(other, keys, extra, lowest, highest);
    }
}
