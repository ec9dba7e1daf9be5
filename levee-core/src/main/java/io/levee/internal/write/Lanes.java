package io.levee.internal.write;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.WriteRow.Outcome;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What waits beside the ring, by table, so that one table's or key's trouble is not another's. Everything here was in the ring before,
 * so it is older than what is there now. Guarded by the queue's lock.
 */
final class Lanes {
    private final Map<TableState, Lane> lanes = new LinkedHashMap<>();

    /** Whether an entry of the ring has to wait. */
    boolean blocks(Pending entry) {
        Lane lane = lanes.isEmpty() ? null : lanes.get(entry.table());
        return lane != null && lane.blocks(entry);
    }

    /** Takes an entry that has to wait, or waits again. */
    void add(Pending entry, long nowNanos) {
        lane(entry.table(), nowNanos).add(entry);
    }

    private Lane lane(TableState table, long nowNanos) {
        return lanes.computeIfAbsent(table, t -> new Lane(t.spec().keyed(), nowNanos));
    }

    /** Fills a batch with what is to be tried now. */
    void handOutDue(Batch batch, long nowNanos) {
        for (Lane lane : lanes.values()) {
            if (!batch.full() && lane.dueNanos() - nowNanos <= 0) {
                lane.handOut(batch);
            }
        }
    }

    /** Fills a batch with whatever waits, due or not. */
    void handOutAll(List<Pending> into) {
        lanes.values().forEach(lane -> lane.forEach(into::add));
        lanes.clear();
        into.forEach(entry -> entry.inHand(true));
    }

    /**
     * The writer has tried rows of one table.
     *
     * @param rows all of them, settled or not
     */
    void tried(TableState table, List<Pending> rows, long nowNanos) {
        List<Pending> back = new ArrayList<>();
        boolean whole = false;
        boolean progress = false;
        for (Pending row : rows) {
            if (row.outcome() == Outcome.RETRY || row.outcome() == Outcome.UNCERTAIN) {
                back.add(row);
                whole |= row.outcome() == Outcome.UNCERTAIN || !busy(row.error());
            } else {
                progress |= row.delayed();
            }
        }
        if (back.isEmpty() && !lanes.containsKey(table)) {
            return;
        }
        Lane lane = lane(table, nowNanos);
        lane.tried(back, whole, progress, nowNanos);
        if (lane.over()) {
            lanes.remove(table);
        }
    }

    /** Whether only one partition is locked, which is no trouble of other rows. */
    static boolean busy(@Nullable LeveeException error) {
        return error != null && error.code() == ErrorCode.PARTITION_BUSY;
    }

    /** When the next lane is to be tried, no later than a given time. */
    long nextDueNanos(long latest) {
        long next = latest;
        for (Lane lane : lanes.values()) {
            if (!lane.isEmpty() && lane.dueNanos() - next < 0) {
                next = lane.dueNanos();
            }
        }
        return next;
    }

    /** Takes out the oldest record that nobody waits for; null where there is none. */
    @Nullable
    Pending evictOldest() {
        Lane oldest = null;
        for (Lane lane : lanes.values()) {
            if (lane.evictable() > 0 && (oldest == null || lane.oldestLoose() < oldest.oldestLoose())) {
                oldest = lane;
            }
        }
        return oldest == null ? null : oldest.evictOldest();
    }

    /** Takes out what somebody waits for since before a time, but for uncertain records: these are only shown. */
    List<Pending> overdue(long beforeNanos) {
        List<Pending> found = new ArrayList<>();
        for (Lane lane : lanes.values()) {
            List<Pending> late = new ArrayList<>();
            lane.overdue(beforeNanos, late);
            for (Pending entry : late) {
                if (!entry.uncertain()) {
                    lane.remove(entry);
                    entry.inHand(true);
                }
            }
            found.addAll(late);
        }
        return found;
    }

    /** The oldest ticket that waits; {@link Long#MAX_VALUE} where none does. */
    long oldest() {
        long oldest = Long.MAX_VALUE;
        for (Lane lane : lanes.values()) {
            oldest = Math.min(oldest, lane.oldest());
        }
        return oldest;
    }

    /** When the oldest entry was queued; {@link Long#MAX_VALUE} where none waits. */
    long oldestNanos() {
        long oldest = Long.MAX_VALUE;
        for (Lane lane : lanes.values()) {
            oldest = Math.min(oldest, lane.oldestNanos());
        }
        return oldest;
    }

    void forEach(Consumer<Pending> action) {
        lanes.values().forEach(lane -> lane.forEach(action));
    }

    boolean isEmpty() {
        for (Lane lane : lanes.values()) {
            if (!lane.isEmpty()) {
                return false;
            }
        }
        return true;
    }

    int evictable() {
        int sum = 0;
        for (Lane lane : lanes.values()) {
            sum += lane.evictable();
        }
        return sum;
    }

    long evictableBytes() {
        long sum = 0;
        for (Lane lane : lanes.values()) {
            sum += lane.evictableBytes();
        }
        return sum;
    }
}
