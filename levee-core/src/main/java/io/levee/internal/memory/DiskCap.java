package io.levee.internal.memory;

import io.levee.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * What keeps a store below its cap ({@link io.levee.StoreOptions#disk}) and not only near it: the oldest goes before the cap is
 * reached, batches are small beside it, and what may come between two looks has room. Bytes.
 */
public final class DiskCap {
    /** Of the cap, as divisor. */
    private static final int HEADROOM = 8;

    private static final long MOST_HEADROOM = Bytes.gibi(1).value();
    private static final int BATCH = 256;
    private static final long LEAST_BATCH = Bytes.kibi(64).value();

    /** What a batch may take where there is no cap, and most of it where there is one. */
    public static final long MOST_BATCH = Bytes.mebi(16).value();

    private DiskCap() {}

    /** What is left free below a cap: for a batch with its log and for checkpoints, which take their pages twice. */
    public static long headroom(long cap) {
        return Math.min(MOST_HEADROOM, cap / HEADROOM);
    }

    /** From so many bytes on the oldest partitions go. */
    public static long highWater(long cap) {
        return cap - headroom(cap);
    }

    /** Bytes of records after which a batch takes no further one. */
    public static long batch(@Nullable Bytes cap) {
        return cap == null ? MOST_BATCH : Math.max(LEAST_BATCH, Math.min(MOST_BATCH, cap.value() / BATCH));
    }
}
