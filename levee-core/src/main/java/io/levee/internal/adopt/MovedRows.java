package io.levee.internal.adopt;

/**
 * The rows of an adopted database that a splitting has moved, by their row numbers there: from the highest of when it began downwards.
 *
 * @param from the lowest row number that has moved
 * @param to the highest one; less than {@code from} where none has
 * @param rows how many they are
 */
public record MovedRows(long from, long to, long rows) {
    /** None has. */
    public static final MovedRows NONE = new MovedRows(Long.MAX_VALUE, Long.MIN_VALUE, 0);

    /** Whether none has moved. */
    public boolean none() {
        return from > to;
    }

    /** Whether the row of a number has. */
    public boolean holds(long rowNumber) {
        return from <= rowNumber && rowNumber <= to;
    }
}
