package io.levee.internal.retention;

import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * How much of a table age may take by itself: a quarter of its partitions, and at least two, in ten passes. A clock that is wrong since
 * before the store was opened looks like a store that rested; this leaves time to see it. A person who applies a plan is not bounded.
 * For one thread.
 */
final class PassShare {
    private static final int PART = 4;
    private static final int LEAST = 2;
    private static final int PASSES = 10;

    private final MonotonicClock clock;
    private final long windowNanos;
    private final Map<String, Window> windows = new HashMap<>();

    /** What may go of one table until when. */
    private record Window(long endNanos, int left) {}

    PassShare(MonotonicClock clock, Duration every) {
        this.clock = clock;
        this.windowNanos = every.toNanos() * PASSES;
    }

    /**
     * Takes as many of those that are due as may go now.
     *
     * @param partitions how many the table has, those included
     * @param due how many are due
     * @return how many of them may go
     */
    int take(String table, int partitions, int due) {
        long now = clock.nanos();
        Window window = windows.get(table);
        if (window == null || now - window.endNanos() >= 0) {
            window = new Window(now + windowNanos, share(partitions));
        }
        int taken = Math.min(due, window.left());
        windows.put(table, new Window(window.endNanos(), window.left() - taken));
        return taken;
    }

    static int share(int partitions) {
        return Math.max(LEAST, (partitions + PART - 1) / PART);
    }
}
