package io.levee.sqlite;

import io.levee.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * From which sizes on the writer acts.
 *
 * @param checkpoint bytes of WAL: four times SQLite's own threshold, so that index pages that many batches touch are moved once
 * @param walCap bytes of WAL, when a reader keeps it from being moved: new rows go to a sibling (guarantee G92)
 * @param roll bytes of a partition: new rows go to a sibling
 */
record Limits(long checkpoint, long walCap, long roll) {
    /** A volume, or the cap of a store, holds at least so many full partitions: else nothing could be dropped when it is full. */
    private static final int PARTITIONS = 16;

    private static final Limits LARGEST = new Limits(16L << 20, 64L << 20, 4L << 30);
    private static final long SMALLEST = 1L << 20;

    /** What suits the cap of a store and the size of its volume. */
    static Limits of(@Nullable Bytes cap, long volume) {
        long space = cap == null ? volume : Math.min(cap.value(), volume);
        long share = Math.max(SMALLEST, space / PARTITIONS);
        return new Limits(
                Math.min(LARGEST.checkpoint, share / 2),
                Math.min(LARGEST.walCap, share),
                Math.min(LARGEST.roll, share));
    }
}
