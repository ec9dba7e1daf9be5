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
        TimeWindows windows = TimeWindows.of(
                falls,
                from,
                to,
                adopted.firstMicros(),
                held.maxMicros(),
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
