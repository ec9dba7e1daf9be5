package io.levee.internal.memory;

import io.levee.Bytes;
import io.levee.StoreStatus;
import java.util.ArrayList;
import java.util.List;

/**
 * Why rows find no room below a cap, in figures: what would have to go for them, and who keeps it. The oldest partitions go only for what
 * lasts; what queries keep goes with them (G86), so that a figure alone does not tell what is waited for.
 */
public final class NoRoom {
    private NoRoom() {}

    /** What partitions take that are dropped, and that somebody still reads: in their places, and without one. Bytes. */
    public static long kept(StoreStatus.Disk disk) {
        return part(disk, "unlinked") + part(disk, "dropped");
    }

    /** Without what goes with the queries that have it open: their sorts, and files of partitions that are dropped already. Bytes. */
    public static long lasting(StoreStatus.Disk disk) {
        return disk.bytes() - part(disk, "sorts") - kept(disk);
    }

    private static long part(StoreStatus.Disk disk, String name) {
        return disk.byPart().getOrDefault(name, 0L);
    }

    /**
     * The sentence.
     *
     * @param disk the last look at everything, not empty of parts where somebody keeps something
     * @param use what the store takes now, bytes
     * @param wanted what the next rows may take with their logs, bytes
     * @param cap of the store, bytes
     */
    public static String text(StoreStatus.Disk disk, long use, long wanted, long cap) {
        List<String> why = new ArrayList<>();
        long kept = kept(disk);
        if (kept > 0) {
            why.add(new Bytes(kept) + " are of dropped partitions that queries or a backup still read");
        }
        long sorts = part(disk, "sorts");
        if (sorts > 0) {
            why.add(new Bytes(sorts) + " are temporary files of sorts");
        }
        long high = DiskCap.highWater(cap);
        long lasting = lasting(disk);
        if (lasting > high) {
            why.add(new Bytes(lasting) + " are history, of which the oldest goes from " + new Bytes(high)
                    + " on, but never the newest partition of a table");
        } else if (!why.isEmpty()) {
            why.add("history does not go for these at once: it takes " + new Bytes(lasting) + ", and goes from "
                    + new Bytes(high) + " on");
        }
        return "the store takes " + new Bytes(use) + " of its cap of " + new Bytes(cap)
                + ", and the next rows may need " + new Bytes(wanted)
                + (why.isEmpty() ? "" : ": " + String.join("; ", why));
    }
}
