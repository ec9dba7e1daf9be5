package io.levee.internal.migration;

import java.time.Duration;

/**
 * How many rows the next slice takes, so that its transaction takes about {@link #TARGET}: grows by a fifth, halves where it took too long.
 * Confined to the migration thread.
 */
final class Pace {
    /** How long a slice's transaction should take. */
    static final Duration TARGET = Duration.ofMillis(25);

    /** Weight of the last slice in the average of what a row costs. */
    static final double WEIGHT = 0.4;

    private static final double GROWTH = 1.2;
    private static final int FIRST = 200;
    private static final int MOST = 50_000;

    private double rows = FIRST;
    private double nanosPerRow;

    /** Rows of the next slice. */
    int rows() {
        return (int) rows;
    }

    /** A slice has looked at so many rows, and its transaction took so long. */
    void took(long seen, long nanos) {
        if (seen <= 0 || nanos <= 0) {
            return;
        }
        double cost = (double) nanos / seen;
        nanosPerRow = nanosPerRow == 0 ? cost : WEIGHT * cost + (1 - WEIGHT) * nanosPerRow;
        if (nanos > TARGET.toNanos()) {
            rows = Math.max(1, rows / 2);
        } else if (seen >= rows() || nanosPerRow * rows * GROWTH <= TARGET.toNanos()) {
            // Not past what the average says a slice can take.
            double fits = TARGET.toNanos() / nanosPerRow;
            rows = Math.max(1, Math.min(MOST, Math.min(rows * GROWTH, Math.max(fits, 1))));
        }
    }
}
