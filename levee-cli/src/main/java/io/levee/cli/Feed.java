package io.levee.cli;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A table that is followed, in a store or through a server. Used by one thread. */
interface Feed extends AutoCloseable {
    /**
     * A line to print.
     *
     * @param record whether it is a record, or a gap
     * @param number the record's number
     * @param json what to print
     */
    record Line(boolean record, long number, String json) {}

    /**
     * What came.
     *
     * @param lines what to print, in order
     * @param ended whether nothing comes any more
     */
    record Batch(List<Line> lines, boolean ended) {}

    /** Waits for lines; empty when none came. */
    Batch poll(Duration timeout) throws InterruptedException;

    /** Says that everything up to a number was printed: where a named cursor keeps that, durably. */
    default void done(long number) throws InterruptedException {}

    /** What is known to be missing of the table, as a coverage in JSON. */
    Map<String, ? extends @Nullable Object> coverage() throws InterruptedException;

    /** The number up to which everything was given. */
    long position();

    @Override
    void close();
}
