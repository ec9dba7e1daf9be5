package io.levee.internal.adopt;

import org.jspecify.annotations.Nullable;

/**
 * The range of a query in pieces, in the order in which an adopted table is read by time. Its index has its own values and not ours, so
 * a statement has to sort what it finds: piece by piece that is little, and a limit ends it early. Pieces begin small and grow while they
 * hold little. Together they are the whole range, whatever is held by then.
 */
public final class TimeWindows {
    /** Rows that a first piece should hold, at least and at most: each is a statement, and a sort. */
    private static final long WANTED = 500;

    private static final long MOST_WANTED = 5_000;

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

    /** A half-open piece. */
    public record Window(long fromMicros, long toMicros) {}

    private TimeWindows(boolean falls, long from, long to, long heldMin, long heldMax, long width) {
        this.falls = falls;
        this.from = from;
        this.to = to;
        this.heldMin = heldMin;
        this.heldMax = heldMax;
        this.width = width;
    }

    /**
     * The pieces of a range.
     *
     * @param falls whether the newest come first
     * @param heldMin the oldest time that is held
     * @param heldMax the newest
     * @param rows about how many rows lie between the two
     * @param days whether its times can only be asked for by whole days
     * @param limit how many rows are asked for
     * @return null where one statement is as good: what is held is unknown
     */
    public static @Nullable TimeWindows of(
            boolean falls, long from, long to, long heldMin, long heldMax, long rows, boolean days, long limit) {
        if (heldMin == Long.MIN_VALUE || heldMax == Long.MAX_VALUE || from >= to) {
            return null;
        }
        long wanted = Math.max(WANTED, Math.min(MOST_WANTED, limit));
        double perRow = ((double) heldMax - heldMin) / Math.max(1, rows);
        return new TimeWindows(falls, from, to, heldMin, heldMax, Math.max(days ? DAY_MICROS : LEAST_MICROS, (long)
                (perRow * wanted)));
    }

    /**
     * The next piece.
     *
     * @param found how many rows the one before had
     * @return null at the end
     */
    public @Nullable Window next(long found) {
        if (ended) {
            return null;
        }
        if (begun && found < FEW) {
            width = width > Long.MAX_VALUE / GROWTH / 2 ? width : width * GROWTH;
        }
        return falls ? falling() : rising();
    }

    private Window falling() {
        long high = begun ? at : to;
        // The first one reaches to the end of the query: what is held may have grown just now.
        long low = Math.max(from, saturated(Math.min(high, saturated(heldMax, 1)), -width));
        begun = true;
        if (low <= heldMin || low <= from) {
            ended = true;
            return new Window(from, high);
        }
        at = low;
        return new Window(low, high);
    }

    private Window rising() {
        long low = begun ? at : from;
        long high = Math.min(to, saturated(Math.max(low, heldMin), width));
        begun = true;
        if (high > heldMax || high >= to) {
            ended = true;
            return new Window(low, to);
        }
        at = high;
        return new Window(low, high);
    }

    private static long saturated(long a, long b) {
        long sum = a + b;
        return ((a ^ sum) & (b ^ sum)) < 0 ? (a < 0 ? Long.MIN_VALUE : Long.MAX_VALUE) : sum;
    }
}
