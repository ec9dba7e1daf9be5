package io.levee.sqlite;

import io.levee.Adoption.TimeUnit;
import io.levee.internal.adopt.TimeWindows;
import org.jspecify.annotations.Nullable;

/** The range of a query in pieces, in the order in which an adopted database is read by time: see {@link TimeWindows}. */
final class AdoptedWindows {
    private final TimeWindows windows;

    private AdoptedWindows(TimeWindows windows) {
        this.windows = windows;
    }

    /** The pieces of a range; null where one statement is as good: its range is unknown, or no index begins with the time. */
    static @Nullable AdoptedWindows of(Partition partition, boolean falls, long from, long to) {
        Adopted adopted = partition.adopted();
        Partition.Held held = partition.held();
        if (adopted == null || !adopted.timeIndexed()) {
            return null;
        }
        long newest =
                falls ? Math.min(held.maxMicros(), partition.rest().newestMicros(adopted.moved())) : held.maxMicros();
        // What has moved lies above the rest: nothing is looked for there.
        long end = newest < held.maxMicros() ? Math.max(from + 1, Math.min(to, newest + 1)) : to;
        TimeWindows windows = TimeWindows.of(
                falls,
                from,
                end,
                adopted.firstMicros(),
                newest,
                adopted.rowsEstimate(),
                adopted.adoption().timeUnit() == TimeUnit.TEXT,
                0);
        return windows == null ? null : new AdoptedWindows(windows);
    }

    /**
     * The next piece.
     *
     * @param found how many rows the one before had
     * @return null at the end
     */
    @Nullable
    HeldRange next(long found) {
        TimeWindows.Window next = windows.next(found);
        return next == null ? null : HeldRange.whole(next.fromMicros(), next.toMicros());
    }
}
