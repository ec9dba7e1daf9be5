package io.levee.internal.retention;

import io.levee.StoreStatus;
import io.levee.internal.memory.NoRoom;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;

/**
 * Tells which bytes of dropped partitions are in the way of new rows and do not come back: history goes for those, as if they were part of
 * it. For what is given back as soon as somebody is asked it must not go (G86): so they count only once rows have found no room for a
 * while, and no more of them than the least that was kept in it. What keeps them may be a file that is being copied to a slow disk, or a
 * check of a large one. One thread.
 */
final class HeldBack {
    /** Those who are asked to let go need half a second; rows that wait need not be lost in less than this, whatever the queue. */
    static final Duration PATIENCE = Duration.ofSeconds(2);

    /** What is refused is tried again within a second: after so long without a refusal another wait begins. */
    private static final Duration OVER = Duration.ofSeconds(5);

    private final MonotonicClock clock;
    private boolean waiting;
    private long sinceNanos;
    private long lastNanos;
    private long least;
    private long counted;

    HeldBack(MonotonicClock clock) {
        this.clock = clock;
    }

    /**
     * The store was looked at.
     *
     * @param tight whether rows were refused just now
     * @return bytes that are to count as history
     */
    long seen(StoreStatus.Disk disk, boolean tight) {
        long now = clock.nanos();
        long kept = NoRoom.kept(disk);
        least = Math.min(least, kept);
        counted = Math.min(counted, kept);
        waiting &= now - lastNanos <= OVER.toNanos();
        if (tight) {
            if (!waiting || least == 0) {
                // Who keeps something now has kept nothing a moment ago: his time begins here.
                begin(now, kept);
            } else if (now - sinceNanos >= PATIENCE.toNanos()) {
                counted = Math.max(counted, least);
                begin(now, kept);
            }
            waiting = true;
            lastNanos = now;
        }
        return counted;
    }

    private void begin(long now, long kept) {
        sinceNanos = now;
        least = kept;
    }
}
