package io.levee.internal.write;

import java.time.Duration;

/** How long the writer lets records gather before it takes them. Guarded by the queue's lock. */
final class Linger {
    /** Records that nobody waits for may gather this long, so that a trickle does not make a commit each. */
    private static final long LINGER = Duration.ofMillis(100).toNanos();

    /** After a batch of this many the next one may gather longer, while records keep coming: group commit under load. */
    private static final int BULK = 500;

    private static final long BULK_LINGER = Duration.ofMillis(50).toNanos();
    private static final long BULK_STEP = Duration.ofMillis(2).toNanos();

    private int goal = 1;
    private int before;
    private int lastBatch;

    /** A new wait begins. */
    void begin(int maxRecords) {
        goal = Math.max(1, maxRecords / 2);
        before = 0;
    }

    /** The wait ended with so many records. */
    void took(int records) {
        lastBatch = records;
    }

    /** How many records are worth waking the writer for. */
    int goal() {
        return goal;
    }

    /** How long to wait for more; 0 to take what is there. */
    long leftNanos(Ring ring, long nowNanos) {
        Pending oldest = ring.peek();
        return oldest == null ? LINGER : leftNanos(oldest, ring.waited(), ring.size(), nowNanos);
    }

    private long leftNanos(Pending oldest, int waited, int size, long nowNanos) {
        long age = nowNanos - oldest.queuedNanos();
        if (waited == 0 && size < goal) {
            return Math.max(0, LINGER - age);
        }
        // A caller who waits for each batch sends nothing meanwhile: then the writer does not wait either.
        if (lastBatch < BULK || size >= goal || size <= before || age > BULK_LINGER) {
            return 0;
        }
        before = size;
        return BULK_STEP;
    }
}
