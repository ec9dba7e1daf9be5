package io.levee.internal.migration;

import org.jspecify.annotations.Nullable;

/**
 * Rate and remaining time of a migration, over the last seconds (guarantee G137). Thread-safe.
 */
final class Progress {
    private static final long WINDOW_NANOS = 10_000_000_000L;
    /** After so long without a row nothing is said any more. */
    private static final long STALL_NANOS = 5_000_000_000L;

    private static final int POINTS = 64;

    private final long[] nanos = new long[POINTS];
    private final long[] rows = new long[POINTS];
    private int points;
    private int newest = -1;

    /** So many rows are done now. */
    synchronized void done(long rowsDone, long nowNanos) {
        // The newest point moves on until it is far enough from the one before it.
        boolean close = points > 1 && nowNanos - nanos[Math.floorMod(newest - 1, POINTS)] < WINDOW_NANOS / POINTS;
        if (points > 0 && rowsDone == rows[newest]) {
            return;
        }
        if (!close) {
            newest = (newest + 1) % POINTS;
            points = Math.min(POINTS, points + 1);
        }
        nanos[newest] = nowNanos;
        rows[newest] = rowsDone;
    }

    /** Begins anew: what was before a pause says nothing. */
    synchronized void restart(long rowsDone, long nowNanos) {
        points = 0;
        newest = -1;
        done(rowsDone, nowNanos);
    }

    /** Rows per second; 0 before the second observation and at a stall. */
    synchronized double rate(long nowNanos) {
        if (points < 2 || nowNanos - nanos[newest] > STALL_NANOS) {
            return 0;
        }
        int oldest = newest;
        for (int i = 1; i < points; i++) {
            int at = Math.floorMod(newest - i, POINTS);
            if (nowNanos - nanos[at] > WINDOW_NANOS && oldest != newest) {
                break;
            }
            oldest = at;
        }
        long length = nanos[newest] - nanos[oldest];
        return length <= 0 ? 0 : Math.max(0, (rows[newest] - rows[oldest]) * 1e9 / length);
    }

    /** Seconds for the rest at a rate; null where that says nothing. */
    static @Nullable Double eta(long done, long total, double rate) {
        return total < 0 || rate <= 0 ? null : (Double) (Math.max(0, total - done) / rate);
    }
}
