package io.levee.testkit.drill;

import java.sql.SQLException;
import java.util.Map;

/** One way to keep a history: what {@link RetentionChild} writes to while it gives up the oldest day. */
interface HistorySide extends AutoCloseable {
    /**
     * Takes a run, and says when it is committed, on any thread. Called by one thread; does not wait for the disk.
     *
     * @param values by {@link Invocations#COLUMNS}
     */
    void accept(Object[] values, Runnable committed);

    /** Gives up the oldest day. Returns when it is gone, and its space is back as far as this way gives it back. */
    void retire() throws Exception;

    /** What waits is written, or given up after as long as Levee's own close waits; returns how many live runs are stored. */
    long finish() throws Exception;

    /** Allocated bytes of each data file, logs left out, by what stays the same when a file is renamed. */
    Map<String, Long> files() throws Exception;

    /** Bytes of write-ahead log now. */
    long wal() throws Exception;

    @Override
    void close() throws SQLException;
}
