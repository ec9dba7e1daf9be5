package io.levee.engine;

/**
 * What a slice did, after its commit.
 *
 * @param rowsSeen rows that it looked at: the cursor is behind them
 * @param rowsChanged rows that it wrote
 * @param partitionRows rows of this partition that all slices of the migration have looked at, in all lives of the store
 * @param partitionDone whether the partition is done with, durably
 * @param workNanos how long the transaction took, without waits for other threads
 * @param waitsFor why it did nothing, in words: what it needs is in use; empty where it did something. The same slice comes again after a
 *     pause
 */
public record SliceOutcome(
        long rowsSeen, long rowsChanged, long partitionRows, boolean partitionDone, long workNanos, String waitsFor) {
    /** Nothing was done: what it needs is in use. */
    public static SliceOutcome waiting(String waitsFor) {
        return new SliceOutcome(0, 0, 0, false, 0, waitsFor);
    }
}
