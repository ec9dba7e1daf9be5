package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.StoreOptions;
import io.levee.StoreStatus;
import io.levee.engine.WriteRow;
import io.levee.internal.memory.Budget;
import io.levee.internal.memory.DiskCap;
import io.levee.internal.memory.NoRoom;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the store takes on disk at this moment: all of it as of the last full look (a second ago where there is a cap), and what the
 * writer's files have grown by since, which is looked at after each batch and checkpoint. With a cap, refuses what would not fit, so that
 * the cap is never passed: the rows wait, and the oldest partitions go meanwhile. With a floor, the free space of the volume is looked at
 * after each batch.
 *
 * <p>{@link #now}, {@link #measure}, {@link #sorts}, {@link #tight} and {@link #onTight} are for any thread, the rest is the writer's.
 */
final class DiskFigure {
    private static final Duration ASK_EVERY = Duration.ofMillis(20);

    /** What is refused comes again sooner. */
    private static final Duration TIGHT = Duration.ofSeconds(1);

    /** What a byte of a record takes with its indexes and its log, until the first batches have shown it. */
    private static final double FIRST_SHARE = 4;

    private static final double LEAST_SHARE = 2;
    private static final double MOST_SHARE = 64;
    private static final double FORGETTING = 0.9;
    private static final int VALUE_BYTES = 9;

    /** Of the headroom, as divisor: kept for sorts, which are ended when they take more than the store leaves them. */
    private static final int OF_SORTS = 4;

    /** Of the headroom, as divisor: what a sort may write at once; SQLite's least. */
    private static final int OF_RUNS = 16;

    private static final long LEAST_RUN = Bytes.mebi(1).value();

    private final StorePaths paths;
    private final long cap;
    private final long minFree;
    private final LongSupplier free;
    private final @Nullable SortRoom sorts;
    private volatile Supplier<Set<Path>> kept = Set::of;
    private volatile Supplier<Set<Path>> orphans = Set::of;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final AtomicLong grown = new AtomicLong();
    private volatile @Nullable Full full;
    private volatile @Nullable Runnable ask;
    private volatile LongSupplier outside = () -> 0;
    private final Map<Path, Long> sizes = new HashMap<>();
    private long dirtyLogs;
    private long dirtySoFar;
    private volatile long coming;
    private volatile long refused;
    private volatile long refusedNanos = clock.nanos() - TIGHT.toNanos();
    private long admitted;
    private long admittedRows;
    private long grownAtLook;
    private double share = FIRST_SHARE;
    private long askedNanos = clock.nanos() - ASK_EVERY.toNanos();

    /** A full look: everything but what sorts keep, and {@link #grown} when it began. */
    private record Full(long bytes, long grown, StoreStatus.Disk disk) {}

    /**
     * A figure.
     *
     * @param cap null for none: then nothing is kept but what {@link #measure} says
     * @param minFree what is to stay free on the volume; null for nothing
     * @param free tells what is free on the volume, in bytes; negative where nobody knows. Asked after each batch
     * @param mostOfSorts what sorts may take in temporary files at most, in bytes
     */
    DiskFigure(StorePaths paths, @Nullable Bytes cap, @Nullable Bytes minFree, LongSupplier free, long mostOfSorts) {
        this.paths = paths;
        this.cap = cap == null ? 0 : cap.value();
        this.minFree = minFree == null ? 0 : minFree.value();
        this.free = free;
        this.sorts = cap == null
                ? null
                // All of the process: where SQLite puts a store's sorts is the directory of the first store, or
                // anywhere where that is gone.
                : new SortRoom(Unlinked::sorts, () -> Math.min(mostOfSorts, temporaryRoom()));
    }

    /** The figure of a store with these options. */
    static DiskFigure of(StorePaths paths, StoreOptions options) {
        return new DiskFigure(
                paths,
                options.disk(),
                options.minFreeDisk(),
                new Free(paths),
                Budget.of(options).temporary());
    }

    /** Asks the volume; which one it is, is looked up once. */
    private static final class Free implements LongSupplier {
        private final StorePaths paths;
        private @Nullable FileStore volume;

        Free(StorePaths paths) {
            this.paths = paths;
        }

        @Override
        public long getAsLong() {
            try {
                FileStore known = volume;
                if (known == null) {
                    known = Files.getFileStore(paths.root());
                    volume = known;
                }
                return known.getUsableSpace();
            } catch (IOException e) {
                // The look each second tells of it.
                return -1;
            }
        }
    }

    /** Says which files of dropped partitions keep their places. */
    void kept(Supplier<Set<Path>> files) {
        kept = files;
    }

    /** Says which files the catalog does not know. */
    void orphans(Supplier<Set<Path>> files) {
        orphans = files;
    }

    /** Keeps sorts below the cap; null where there is none. */
    @Nullable
    SortRoom sorts() {
        return sorts;
    }

    /** What a statement's cache may be: a sort writes as much at once, before anybody can ask it to end. */
    Bytes cache(Bytes wanted) {
        long most = Math.max(LEAST_RUN, DiskCap.headroom(cap) / OF_RUNS);
        return capped() ? new Bytes(Math.min(wanted.value(), most)) : wanted;
    }

    /** Whether rows were refused for want of room just now. */
    boolean tight() {
        return clock.nanos() - refusedNanos < TIGHT.toNanos();
    }

    /** Whether the writer looks at its files after each batch. */
    boolean watched() {
        return capped() || minFree > 0;
    }

    /** Whether there is a cap to be kept. */
    boolean capped() {
        return cap > 0;
    }

    /** Looks at every file. */
    StoreStatus.Disk measure() {
        // Before the look: what grows while it goes on is counted twice, which is the safe side.
        long before = grown.get();
        StoreStatus.Disk disk =
                with(Volume.measure(paths, cap, Orphans.parts(kept.get(), orphans.get())), outside.getAsLong());
        full = new Full(disk.bytes() - disk.byPart().getOrDefault(Volume.SORTS, 0L), before, disk);
        if (sorts != null) {
            sorts.look();
        }
        return disk;
    }

    /** Tells what the store has besides its directory: databases that it took over. Before the first look. */
    void outside(LongSupplier bytes) {
        outside = bytes;
    }

    private static StoreStatus.Disk with(StoreStatus.Disk disk, long adopted) {
        if (adopted == 0) {
            return disk;
        }
        Map<String, Long> byPart = new TreeMap<>(disk.byPart());
        byPart.merge("adopted", adopted, Long::sum);
        return new StoreStatus.Disk(disk.bytes() + adopted, disk.limitBytes(), disk.freeBytes(), byPart, disk.growth());
    }

    /** What the store takes now, without what sorts keep; 0 before the first full look. */
    long now() {
        Full known = full;
        return known == null ? 0 : known.bytes + grown.get() - known.grown;
    }

    /** How much the writer's files have grown since the store was opened: another figure means that it wrote. Any thread. */
    long grown() {
        return grown.get();
    }

    /** What sorts may keep besides what the store takes now and is about to write: they end before the cap is passed. */
    long temporaryRoom() {
        long least = ofSorts();
        // What was refused is about to be written too: a sort that is kept below what was let in would keep it out.
        long next = tight() ? Math.max(coming, refused) : coming;
        return capped() ? Math.max(least, cap - now() - next - least) : Long.MAX_VALUE;
    }

    /** What the writer leaves to sorts, whatever they take. */
    private long ofSorts() {
        return DiskCap.headroom(cap) / OF_SORTS;
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
        coming = dirtyLogs;
        admittedRows = 0;
        grownAtLook = now;
        boolean full = capped() && now() > DiskCap.highWater(cap);
        if (full || minFree > 0 && below(free.getAsLong())) {
            ask();
        }
    }

    private boolean below(long bytes) {
        return bytes >= 0 && bytes < minFree;
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
        long wanted = admitted + expected + dirtyLogs;
        long temporary = sorts == null ? 0 : sorts.bytes();
        if (sorts != null && temporary > 0 && !fits(temporary, wanted)) {
            // A sort that was ended left its figure behind, and rows would wait for what is gone already.
            sorts.lookUnlessJustNow();
            temporary = sorts.bytes();
        }
        if (!fits(temporary, wanted)) {
            long use = now() + temporary;
            refused = wanted;
            refusedNanos = clock.nanos();
            ask();
            return new LeveeException(ErrorCode.DISK_FULL, NoRoom.text(known.disk, use, wanted, cap))
                    .with("limit", cap)
                    .with("bytes", use)
                    .hint("raise the cap, or use narrower partitions: the one that is written to is never dropped");
        }
        admitted += expected;
        coming = wanted;
        admittedRows += bytes;
        return null;
    }

    private boolean fits(long temporary, long wanted) {
        long least = Math.max(temporary, ofSorts());
        return now() + least + Math.min(wanted, DiskCap.headroom(cap) - ofSorts()) <= cap;
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
