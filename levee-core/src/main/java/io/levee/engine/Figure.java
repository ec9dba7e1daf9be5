package io.levee.engine;

import org.jspecify.annotations.Nullable;

/**
 * One figure of some rows that can be merged with those of other rows.
 *
 * @param kind what is computed
 * @param term over what; null only for {@link Kind#COUNT} of rows
 */
public record Figure(Kind kind, @Nullable Term term) {
    /** What can be computed and merged. */
    public enum Kind {
        /** How many rows, or how many values that are not null. */
        COUNT,
        /** The exact sum of whole numbers; null or 0 of none; past 64 bits {@code LIMIT_EXCEEDED}. */
        SUM_WHOLE,
        /** The sum in floating point; null or 0 of none. */
        SUM_REAL,
        /** The least value, in stored form; null of none. */
        MIN,
        /** The greatest value, in stored form; null of none. */
        MAX
    }
}
