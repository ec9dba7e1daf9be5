package io.levee.internal.retention;

import io.levee.Bytes;
import io.levee.PartitionInfo;
import io.levee.StoreStatus;
import io.levee.engine.Period;
import io.levee.internal.memory.DiskCap;
import io.levee.internal.memory.NoRoom;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Decides what goes when space runs out, where the owner allowed it (G85, G86); touches nothing. */
final class Emergency {
    private Emergency() {}

    /**
     * Why something has to go now, or null.
     *
     * @param max the cap of the store's size, or null
     * @param minFree what is to stay free, or null. Without both nothing is ever deleted for space
     * @param full whether the last write met a full volume
     * @param heldBack bytes of what is kept that count all the same, see {@link HeldBack}
     */
    static @Nullable String why(
            StoreStatus.Disk disk, @Nullable Bytes max, @Nullable Bytes minFree, boolean full, long heldBack) {
        // History does not go for what a query keeps, and gives back when it is asked (G86).
        long bytes = NoRoom.lasting(disk) + heldBack;
        if (max != null && bytes > DiskCap.highWater(max.value())) {
            return "the store's " + new Bytes(bytes) + " on disk come to its cap " + max + ", less what a batch needs"
                    + (heldBack == 0
                            ? ""
                            : "; " + new Bytes(heldBack) + " of it are dropped already, and somebody keeps them");
        }
        if (minFree != null && disk.freeBytes() >= 0 && disk.freeBytes() < minFree.value()) {
            return new Bytes(disk.freeBytes()) + " free on the volume are less than minFreeDisk " + minFree;
        }
        return full && (max != null || minFree != null) ? "the volume is full" : null;
    }

    /**
     * Whether what queries keep of dropped partitions is needed now: with it the store is within half of its headroom of its cap, or below
     * its floor, or rows have been refused.
     *
     * @param tight whether the last rows found no room below the cap
     */
    static boolean needsWhatIsKept(
            StoreStatus.Disk disk, @Nullable Bytes max, @Nullable Bytes minFree, boolean tight, boolean full) {
        if (NoRoom.kept(disk) == 0) {
            return false;
        }
        long bytes = disk.bytes() - disk.byPart().getOrDefault("sorts", 0L);
        return max != null && (tight || bytes > max.value() - DiskCap.headroom(max.value()) / 2)
                || minFree != null && disk.freeBytes() >= 0 && disk.freeBytes() < minFree.value()
                || full;
    }

    /**
     * Whether dropping one gave nothing back: then the rest stays (G86). What the store itself has written meanwhile counts as
     * given back.
     *
     * @param freed bytes of the files that went
     * @param heldBack bytes of what is kept that counted as history
     */
    static boolean relievesNothing(
            StoreStatus.Disk before, StoreStatus.Disk after, long freed, @Nullable Bytes max, long heldBack) {
        if (freed <= 0 || max != null && NoRoom.lasting(before) > DiskCap.highWater(max.value())) {
            return freed <= 0;
        }
        if (max != null && NoRoom.lasting(before) + heldBack > DiskCap.highWater(max.value())) {
            // Whoever keeps the others keeps this one too: the next would only be kept with them.
            return NoRoom.kept(after) - NoRoom.kept(before) >= freed;
        }
        long written = after.bytes() - (before.bytes() - freed);
        return after.freeBytes() - before.freeBytes() + written <= 0;
    }

    /**
     * What may go, the oldest first: by its newest row, or the end of its period where what it holds is unknown. Never the newest of a
     * table, nor what holds nothing.
     */
    static List<PartitionInfo> oldestFirst(List<PartitionInfo> partitions) {
        Map<String, PartitionInfo> newest = new HashMap<>();
        Comparator<PartitionInfo> byAge =
                Comparator.comparingLong(Emergency::newestRow).thenComparing(PartitionInfo::id);
        for (PartitionInfo partition : partitions) {
            if (!empty(partition)) {
                newest.merge(partition.id().table(), partition, (a, b) -> byAge.compare(a, b) > 0 ? a : b);
            }
        }
        List<PartitionInfo> candidates = new ArrayList<>(partitions);
        candidates.removeIf(p -> empty(p) || newest.containsValue(p) || notOurs(p));
        candidates.sort(byAge);
        return candidates;
    }

    /** An adopted database that the store may not delete: dropping it gives nothing back. */
    static boolean notOurs(PartitionInfo partition) {
        return partition.state() == PartitionInfo.State.ADOPTED && partition.bytes() == 0;
    }

    private static boolean empty(PartitionInfo partition) {
        return partition.rows() == 0;
    }

    private static long newestRow(PartitionInfo partition) {
        return partition.rangeKnown()
                ? partition.maxMicros()
                : Period.parse(partition.id().period()).endMicros() - 1;
    }
}
