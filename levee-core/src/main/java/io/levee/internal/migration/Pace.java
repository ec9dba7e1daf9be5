package io.levee.internal.migration;

import java.time.Duration;

/**
 * How many rows the next slice takes, so that its transaction takes about {@link #TARGET}: grows by a fifth, halves where it took too long.
 * Confined to the thread that makes the slices.
 *
 * <p>A slice that took long once, because of a disk or a processor that others used, says nothing of rows: where the next one is quick, the
 * number comes back in doublings, and one slice does not count in the average for more than the one before it.
 */
public final class Pace {
    /** How long a slice's transaction should take. */
    public static final Duration TARGET = Duration.ofMillis(25);

    /** Weight of the last slice in the average of what a row costs. */
    static final double WEIGHT = 0.4;

    private static final double GROWTH = 1.2;
    /** How much of what it was before a row of slow slices stays in reach with each of them. */
    private static final double BACK = 0.9;

    private static final int FIRST = 500;
    private static final int MOST = 50_000;

    private double rows = FIRST;
    private double nanosPerRow;
    private double lastCost = Double.MAX_VALUE;
    /** What it was before it was halved; it comes back to it quickly. */
    private double before;

    /** Before the first slice. */
    public Pace() {}

    /** Rows of the next slice. */
    public int rows() {
        return (int) rows;
    }

    /** A slice has looked at so many rows, and its transaction took so long. */
    public void took(long seen, long nanos) {
        if (seen <= 0 || nanos <= 0) {
            return;
        }
        boolean full = seen >= rows();
        boolean late = nanos > TARGET.toNanos();
        // Of few rows the cost is that of the transaction.
        if (2 * seen >= rows() || late || nanosPerRow == 0) {
            double cost = (double) nanos / seen;
            double counts = Math.min(cost, lastCost);
            nanosPerRow = nanosPerRow == 0 ? counts : WEIGHT * counts + (1 - WEIGHT) * nanosPerRow;
            lastCost = cost;
        }
        if (late) {
            before = Math.max(BACK * before, rows);
            rows = Math.max(1, rows / 2);
        } else if (full || nanosPerRow * rows * GROWTH <= TARGET.toNanos()) {
            boolean quick = rows < before && nanos < TARGET.toNanos() / 2;
            double more = quick ? Math.min(2 * rows, before) : rows * GROWTH;
            // Not past what the average says a slice can take.
            double fits = quick ? more : TARGET.toNanos() / nanosPerRow;
            rows = Math.min(MOST, Math.max(rows, Math.min(more, fits)));
        }
    }
}
