package io.levee.sqlite;

import io.levee.Adoption.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The range of a query in pieces, in the order in which an adopted database is read by time. Its index has its own values and not ours, so
 * a statement has to sort what it finds: piece by piece that is little, and a limit ends it early. Pieces begin small and grow while they
 * hold little.
 */
final class AdoptedWindows {
    /** Rows that a first piece should hold. */
    private static final long WANTED = 500;

    private static final long FEW = 100;
    private static final int GROWTH = 4;
    private static final long LEAST_MICROS = 1_000;

    /** Text is narrowed to whole days. */
    private static final long DAY_MICROS = 86_400_000_000L;

    private final boolean falls;
    private final long from;
    private final long to;
    private final long heldMin;
    private final long heldMax;
    private long width;
    private long at;
    private boolean begun;
    private boolean ended;

    private AdoptedWindows(boolean falls, long from, long to, Partition.Held held, long width) {
        this.falls = falls;
        this.from = from;
        this.to = to;
        this.heldMin = held.minMicros();
        this.heldMax = held.maxMicros();
        this.width = width;
    }

    /** The pieces of a range; null where one statement is as good: its range is unknown, or no index begins with the time. */
    static @Nullable AdoptedWindows of(Partition partition, boolean falls, long from, long to) {
        Adopted adopted = partition.adopted();
        Partition.Held held = partition.held();
        if (adopted == null
                || !adopted.timeIndexed()
                || held.minMicros() == Long.MIN_VALUE
                || held.maxMicros() == Long.MAX_VALUE) {
            return null;
        }
        double perRow = (double) (held.maxMicros() - held.minMicros()) / Math.max(1, adopted.rowsEstimate());
        long least = adopted.adoption().timeUnit() == TimeUnit.TEXT ? DAY_MICROS : LEAST_MICROS;
        return new AdoptedWindows(falls, from, to, held, Math.max(least, (long) (perRow * WANTED)));
    }

    /**
     * The next piece.
     *
     * @param found how many rows the one before had
     * @return null at the end
     */
    @Nullable
    HeldRange next(long found) {
        if (ended) {
            return null;
        }
        if (begun && found < FEW) {
            width = width > Long.MAX_VALUE / GROWTH / 2 ? width : width * GROWTH;
        }
        return falls ? falling() : rising();
    }

    private HeldRange falling() {
        long high = begun ? at : to;
        // The first one reaches to the end of the query: what is held may have grown just now.
        long low = Math.max(from, saturated(Math.min(high, saturated(heldMax, 1)), -width));
        begun = true;
        if (low <= heldMin || low <= from) {
            ended = true;
            return new HeldRange(from, high, -1);
        }
        at = low;
        return new HeldRange(low, high, -1);
    }

    private HeldRange rising() {
        long low = begun ? at : from;
        long high = Math.min(to, saturated(Math.max(low, heldMin), width));
        begun = true;
        if (high > heldMax || high >= to) {
            ended = true;
            return new HeldRange(low, to, -1);
        }
        at = high;
        return new HeldRange(low, high, -1);
    }

    private static long saturated(long a, long b) {
        long sum = a + b;
        return ((a ^ sum) & (b ^ sum)) < 0 ? (a < 0 ? Long.MIN_VALUE : Long.MAX_VALUE) : sum;
    }
}
