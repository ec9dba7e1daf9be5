package io.levee.internal.retention;

import io.levee.Bytes;
import io.levee.StoreStatus;
import io.levee.internal.memory.DiskCap;
import io.levee.internal.memory.NoRoom;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Says in the log that rows find no room below the cap, and why: nothing else there would tell that a writer stands still. One thread. */
final class Squeeze {
    private static final System.Logger LOG = System.getLogger("io.levee.retention");

    /** Shorter ones are the ordinary wait for the oldest partition to go. */
    private static final Duration TOLD_AFTER = Duration.ofSeconds(2);

    private static final Duration AGAIN = Duration.ofSeconds(30);

    /** What is refused is tried again at growing distances: after so long without a refusal nobody waits any more. */
    private static final Duration OVER = Duration.ofSeconds(10);

    private final MonotonicClock clock;
    private final @Nullable Bytes cap;
    private boolean on;
    private boolean told;
    private long since;
    private long last;
    private long toldAt;
    private long storedBefore;

    Squeeze(MonotonicClock clock, @Nullable Bytes cap) {
        this.clock = clock;
        this.cap = cap;
    }

    /**
     * The store was looked at.
     *
     * @param tight whether rows were refused just now
     * @param stored how many records were stored: where it grows nothing stands still, however near the cap is
     * @return what was logged, or an empty text
     */
    String seen(StoreStatus.Disk disk, boolean tight, long stored) {
        Bytes most = cap;
        if (most == null) {
            return "";
        }
        long now = clock.nanos();
        String over = "";
        if (stored != storedBefore) {
            storedBefore = stored;
            on = false;
            over = told ? "rows find room below the cap again" : "";
            told = false;
        }
        if (tight) {
            since = on ? since : now;
            last = now;
            on = true;
        }
        boolean still = on && now - last <= OVER.toNanos() && now - since >= TOLD_AFTER.toNanos();
        if (still && (!told || now - toldAt >= AGAIN.toNanos())) {
            return tell(disk, now, most);
        }
        if (!over.isEmpty()) {
            LOG.log(System.Logger.Level.INFO, over);
        }
        return over;
    }

    private String tell(StoreStatus.Disk disk, long now, Bytes most) {
        told = true;
        toldAt = now;
        String text = "for " + Duration.ofNanos(now - since).toSeconds() + " s rows have found no room: "
                + NoRoom.text(disk, disk.bytes(), DiskCap.headroom(most.value()), most.value());
        LOG.log(System.Logger.Level.WARNING, text);
        return text;
    }
}
