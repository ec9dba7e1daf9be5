package io.levee;

/**
 * Turns a user's type into rows and back. Java records need none: {@link Store#table(Class)} makes one.
 *
 * <p>Implementations are called by many threads at once.
 *
 * @param <T> the user's type
 */
public interface RowCodec<T> {
    /** The table that the type is kept in. */
    TableSpec spec();

    /**
     * Sets the values of one record.
     *
     * @param value the record
     * @param row an empty builder of {@link #spec}; the caller builds it
     */
    void encode(T value, RowBuilder row);

    /**
     * Makes a record of a row that was read.
     *
     * @param row the row; columns that are younger than the row are null
     */
    T decode(Row row);
}
