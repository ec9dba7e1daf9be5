package io.levee.internal.write;

import io.levee.StoreStatus.Commits;
import java.time.Duration;

/**
 * How many records a batch may have: a slow disk must not make flushes grow (guarantee G11). Halved when large batches were slow to
 * commit three times running, kept low, and grown back step by step while commits are fast. Written by the writer thread, read by any.
 */
final class BatchLimit {
    /** Most records of one batch, and what it starts with. */
    static final int MOST = 20_000;

    /** Never lower: a disk that takes a second for any commit is not helped by more commits. */
    static final int LEAST = 500;

    static final Duration SLOW = Duration.ofSeconds(1);
    static final Duration FAST = Duration.ofMillis(250);

    private static final int SLOW_RUN = 3;
    private static final int FAST_RUN = 20;
    private static final int STEP = MOST / 20;

    private volatile int records = MOST;
    private int slow;
    private int fast;
    private volatile Commits commits = new Commits(0, 0, 0, MOST);

    int records() {
        return records;
    }

    Commits commits() {
        return commits;
    }

    /**
     * A batch was written.
     *
     * @param written how many records it stored
     * @param nanos how long the engine had it
     */
    void wrote(int written, long nanos) {
        // Small batches say nothing about the limit: they were slow for another reason, or fast for being small.
        if (written >= records / 2) {
            boolean tooSlow = nanos > SLOW.toNanos();
            slow = tooSlow ? slow + 1 : 0;
            fast = nanos < FAST.toNanos() ? fast + 1 : 0;
            if (slow >= SLOW_RUN) {
                records = Math.max(LEAST, records / 2);
                slow = 0;
            } else if (fast >= FAST_RUN) {
                records = Math.min(MOST, records + STEP);
                fast = 0;
            }
        }
        Commits before = commits;
        long micros = nanos / 1000;
        commits = new Commits(before.batches() + 1, micros, Math.max(before.maxMicros(), micros), records);
    }
}
