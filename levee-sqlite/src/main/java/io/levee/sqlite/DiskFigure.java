package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.StoreStatus;
import io.levee.engine.WriteRow;
import io.levee.internal.memory.DiskCap;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What the store takes on disk at this moment: all of it as of the last full look (a second ago where there is a cap), and what the
 * writer's files have grown by since, which is looked at after each batch and checkpoint. With a cap, refuses what would not fit, so that
 * the cap is never passed: the rows wait, and the oldest partitions go meanwhile.
 *
 * <p>{@link #now}, {@link #measure} and {@link #onTight} are for any thread, the rest is the writer's.
 */
final class DiskFigure {
    private static final Duration ASK_EVERY = Duration.ofMillis(20);

    /** What a byte of a record takes with its indexes and its log, until the first batches have shown it. */
    private static final double FIRST_SHARE = 4;

    private static final double LEAST_SHARE = 2;
    private static final double MOST_SHARE = 64;
    private static final double FORGETTING = 0.9;
    private static final int VALUE_BYTES = 9;

    private final StorePaths paths;
    private final long cap;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final AtomicLong grown = new AtomicLong();
    private volatile @Nullable Full full;
    private volatile @Nullable Runnable ask;
    private final Map<Path, Long> sizes = new HashMap<>();
    private long dirtyLogs;
    private long dirtySoFar;
    private long admitted;
    private long admittedRows;
    private long grownAtLook;
    private double share = FIRST_SHARE;
    private long askedNanos = clock.nanos() - ASK_EVERY.toNanos();

    /** A full look: everything but what sorts keep, that, and {@link #grown} when it began. */
    private record Full(long bytes, long temporary, long grown) {}

    /**
     * A figure.
     *
     * @param cap null for none: then nothing is kept but what {@link #measure} says
     */
    DiskFigure(StorePaths paths, @Nullable Bytes cap) {
        this.paths = paths;
        this.cap = cap == null ? 0 : cap.value();
    }

    /** Whether there is a cap to be kept. */
    boolean capped() {
        return cap > 0;
    }

    /** Looks at every file. */
    StoreStatus.Disk measure() {
        // Before the look: what grows while it goes on is counted twice, which is the safe side.
        long before = grown.get();
        StoreStatus.Disk disk = Volume.measure(paths, cap);
        long temporary = disk.byPart().getOrDefault(Volume.SORTS, 0L);
        full = new Full(disk.bytes() - temporary, temporary, before);
        return disk;
    }

    /** What the store takes now, without what sorts keep; 0 before the first full look. */
    long now() {
        Full known = full;
        return known == null ? 0 : known.bytes + grown.get() - known.grown;
    }

    /** What sorts may keep besides what the store takes now: they end before the cap is passed. */
    long temporaryRoom() {
        long headroom = DiskCap.headroom(cap);
        return capped() ? Math.max(headroom / 4, cap - now() - headroom / 4) : Long.MAX_VALUE;
    }

    /** Has somebody make room when the store comes near its cap. */
    void onTight(Runnable wake) {
        ask = wake;
    }

    /** The writer begins to look at its files. */
    void begin() {
        dirtySoFar = 0;
    }

    /** The writer has a file open. */
    void saw(PartitionWriter writer) {
        Path file = writer.file();
        long wal = Partition.size(StorePaths.wal(file));
        long size = Partition.size(file) + wal + Partition.size(StorePaths.shm(file));
        Long before = sizes.put(file, size);
        // Of a file that was there before the rest is in the full look; a new one has its first rows in its log.
        grown.addAndGet(before == null ? wal : size - before);
        dirtySoFar += writer.dirty() ? wal : 0;
    }

    /** The writer closes a file; what it is then, the next full look tells. */
    void forget(Path file) {
        sizes.remove(file);
    }

    /** The writer has looked at all its files, after a batch: asks for room where it gets tight. */
    void looked() {
        dirtyLogs = dirtySoFar;
        long now = grown.get();
        if (admittedRows > 0) {
            double seen = (double) (now - grownAtLook) / admittedRows;
            share = Math.max(LEAST_SHARE, Math.min(MOST_SHARE, Math.max(seen, share * FORGETTING)));
        }
        admitted = 0;
        admittedRows = 0;
        grownAtLook = now;
        if (now() > DiskCap.highWater(cap)) {
            ask();
        }
    }

    private void ask() {
        Runnable wake = ask;
        if (wake != null && clock.nanos() - askedNanos > ASK_EVERY.toNanos()) {
            askedNanos = clock.nanos();
            wake.run();
        }
    }

    /**
     * Asks for room for rows. Up to the headroom everything is let in: what is below is made free by dropping.
     *
     * @return why there is none, or null
     */
    @Nullable
    LeveeException refuse(Group group) {
        Full known = full;
        if (!capped() || known == null) {
            return null;
        }
        long bytes = bytes(group);
        long expected = (long) (bytes * share);
        long use = now() + known.temporary;
        if (use + Math.min(admitted + expected + dirtyLogs, DiskCap.headroom(cap)) > cap) {
            ask();
            return new LeveeException(
                            ErrorCode.DISK_FULL,
                            "the store takes " + new Bytes(use) + " of its cap of " + new Bytes(cap)
                                    + ", and nothing more can be dropped at the moment")
                    .with("limit", cap)
                    .with("bytes", use)
                    .hint("raise the cap, or use narrower partitions: the one that is written to is never dropped");
        }
        admitted += expected;
        admittedRows += bytes;
        return null;
    }

    private static long bytes(Group group) {
        long sum = 0;
        for (WriteRow row : (Iterable<WriteRow>) group.rows()::iterator) {
            for (Object value : row.values()) {
                sum += value instanceof String text
                        ? VALUE_BYTES + text.length()
                        : value instanceof byte[] array ? VALUE_BYTES + array.length : VALUE_BYTES;
            }
        }
        return sum;
    }
}
