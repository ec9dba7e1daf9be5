package io.levee.engine;

import io.levee.PartitionId;

/** What a store lends its engine for a backup. The engine calls it on the thread that makes the backup. */
public interface BackupHelp {
    /**
     * Runs something short while nothing is committed: between two batches, where this process writes to the store; else at once, and
     * then the engine has to look by itself whether something was.
     *
     * @throws io.levee.LeveeException {@code CLOSED}, {@code DEADLINE} where the writer does not come to it
     */
    void still(Runnable body);

    /** Waits as long as so many bytes are worth; false where the backup has to end. */
    boolean pace(long bytes);

    /** Tells of a partition that was copied, or found unchanged. */
    void done(PartitionId id, boolean copied, long bytes);
}
