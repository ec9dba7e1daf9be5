package io.levee.testkit.drill;

import java.sql.SQLException;

/** One way to keep {@link Packets}: what {@link MigrationChild} writes to and reads from while it fills {@link Packets#LAST_SEEN}. */
interface PacketSide extends AutoCloseable {
    /** Told of each batch: how many rows it dealt with, and in how many nanoseconds. */
    interface Batches {
        void done(long rows, long nanos);
    }

    /**
     * Takes the nth new record, and says when it is committed, on any thread. Called by one thread; does not wait for the disk.
     *
     * @param values by {@link Packets#TRANSMISSION} or {@link Packets#OBSERVATION}
     */
    void accept(long n, Object[] values, Runnable committed);

    /**
     * What a page of the analyser asks for: the newest transmissions, who heard one of them, and the observers of the newest hour, in turn.
     * Called by each reader's thread.
     *
     * @param reader 0 and up
     * @param n how many this reader asked before
     */
    void read(int reader, long n) throws Exception;

    /**
     * Fills the column in each old transmission. Returns when that is done, or after the bound.
     *
     * @param boundMillis after so long it is stopped
     * @return whether it came to its end
     */
    boolean migrate(long boundMillis, Batches batches) throws Exception;

    /** What waits is written, or given up after as long as Levee's own close waits; returns how many new records are stored. */
    long finish() throws Exception;

    /** How many transmissions, old and new, do not have in the column what they should, where that is known of all. */
    long wrong() throws Exception;

    @Override
    void close() throws SQLException;
}
