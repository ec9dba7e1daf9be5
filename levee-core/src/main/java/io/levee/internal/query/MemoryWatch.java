package io.levee.internal.query;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.engine.StorageEngine;
import io.levee.internal.memory.Budget;
import io.levee.internal.memory.NativeHeap;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Keeps queries within what limits of SQLite cannot: ends the largest when temporary files take too much, and has memory given back after a
 * heavy one. On the thread {@code levee-memory}.
 */
final class MemoryWatch {
    private static final Duration EVERY = Duration.ofMillis(200);

    /** A query that ran longer, or wrote more to temporary files, is heavy: the native heap is trimmed behind it. */
    private static final long HEAVY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private static final long HEAVY_BYTES = Bytes.mebi(1).value();
    private static final long TRIM_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final StorageEngine engine;
    private final Slots slots;
    private final Budget budget;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private volatile boolean heavyEnded;
    private volatile long temporaryBytes;
    private long trimmedNanos;
    private @Nullable Job ended;

    MemoryWatch(StorageEngine engine, Slots slots, Budget budget) {
        this.engine = engine;
        this.slots = slots;
        this.budget = budget;
        this.trimmedNanos = clock.nanos() - TRIM_NANOS;
    }

    void start(Supervisor supervisor) {
        supervisor.every("levee-memory", EVERY, this::look);
    }

    /** A query has ended. Any thread. */
    void ended(Job job) {
        if (job.ranNanos() > HEAVY_NANOS || job.wroteBytes() > HEAVY_BYTES) {
            heavyEnded = true;
        }
    }

    /** What temporary files take on disk, as of the last look. */
    long temporaryBytes() {
        return temporaryBytes;
    }

    private String look() {
        long bytes = engine.temporaryBytes();
        temporaryBytes = bytes;
        long most = Math.min(budget.temporary(), engine.temporaryRoom());
        if (bytes > most) {
            endLargest(bytes, most);
        }
        if (heavyEnded && clock.nanos() - trimmedNanos >= TRIM_NANOS) {
            heavyEnded = false;
            trimmedNanos = clock.nanos();
            engine.shrink();
            return NativeHeap.trim() ? "memory was given back after a heavy query" : "";
        }
        return "";
    }

    private void endLargest(long bytes, long most) {
        Job before = ended;
        if (before != null && slots.alive(before)) {
            // Its files go when its statement has ended.
            return;
        }
        Job largest = slots.largest();
        ended = largest;
        if (largest != null) {
            largest.execution()
                    .cancel(
                            ErrorCode.LIMIT_EXCEEDED,
                            "sorts keep " + new Bytes(bytes) + " in temporary files, more than "
                                    + new Bytes(most)
                                    + ", and this query keeps most: narrow its range or filter,"
                                    + " declare an index for its order or its groups, or open the store with more memory");
        }
    }
}
