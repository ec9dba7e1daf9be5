package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.StorageEngine.DropOutcome;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Takes partitions out of the store, keeps them for a grace in which they can come back, and gives their space back, off the hot path
 * and in steps: unlinking a large file at once keeps the file system busy for seconds. One caller at a time.
 *
 * <p>What is in the trash can come back as long as the catalog has an entry of it. The entry goes before the first step that frees,
 * so that nothing is brought back in part; only where space is short the file goes first, and a missing file reads as freed.
 */
final class Trash {
    /** What one step frees. */
    private static final long STEP_BYTES = 64L << 20;

    /** How much of a grace a kill may give back. */
    private static final long NOTE_MILLIS = 30_000;

    /** So long what was merged keeps its place after the merge. */
    private static final long SUPERSEDED_MILLIS = 60_000;

    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Clock wall;
    private final TableMarks marks;
    private final UpTime up;
    private final Duration grace;
    private final List<Partition> stillPinned = new ArrayList<>();
    private final Map<Partition, Long> superseded = new HashMap<>();
    private final Map<PartitionId, Partition> gone = new HashMap<>();
    private final Set<PartitionId> claimed = new HashSet<>();
    private volatile List<Partition> inPlace = List.of();
    private boolean leftoversMoved;
    private long notedMillis;
    private @Nullable Path cutting;

    /**
     * The trash of an opened store.
     *
     * @param grace how long what is dropped can come back; zero: it is freed by the next step
     * @param up the time in which the grace is counted
     */
    Trash(
            StorePaths paths,
            Catalog catalog,
            Manifest manifest,
            ReadHandles readers,
            Clock wall,
            TableMarks marks,
            Duration grace,
            UpTime up) {
        this.grace = grace;
        this.up = up;
        this.notedMillis = up.millis();
        this.marks = marks;
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.readers = readers;
        this.wall = wall;
    }

    /** See {@link io.levee.engine.StorageEngine#drop}. The partition is closed. */
    synchronized DropOutcome drop(Partition partition, String reason) {
        Partition.Held held = partition.held();
        long bytes = Partition.size(paths.partition(partition));
        // While its keys are there still: whoever writes one of them anew gets a higher number.
        long newest = newestNumber(partition.id().table());
        if (!partition.dropped()) {
            return new DropOutcome(
                    0,
                    partition.state() == Partition.State.LENT
                            ? "it is being rewritten after an erasure"
                            : "it is still open for writing");
        }
        String table = partition.id().table();
        boolean done = false;
        try {
            // With the drop and not before it: where that fails nothing is missed.
            TableMarks.Marks went = new TableMarks.Marks(Long.MIN_VALUE, highest(partition, held));
            catalog.change(c -> {
                TableMarks.write(c, table, went);
                Catalog.markDropped(c, partition.id(), reason, wall.instant());
                if (!grace.isZero()) {
                    up.write(c);
                    TrashEntries.put(c, partition.id(), up.millis(), newest);
                }
                return true;
            });
            marks.raised(table, went);
            done = true;
        } finally {
            if (!done) {
                partition.closed(held, bytes);
            }
        }
        manifest.remove(partition.id());
        if (!grace.isZero()) {
            gone.put(partition.id(), partition);
        }
        if (partition.pinned()) {
            // Queries that began before may not have opened it yet: it keeps its place until they end.
            stillPinned.add(partition);
            noteInPlace();
        } else {
            move(partition);
        }
        return new DropOutcome(bytes, "");
    }

    /** The highest number that was committed; less where that is unknown. */
    private long newestNumber(String table) {
        return manifest.of(table).stream().mapToLong(p -> p.held().maxSeq()).reduce(0, Math::max);
    }

    /** The highest number that goes with a partition; 0 for one without rows: nobody misses anything. */
    private long highest(Partition partition, Partition.Held held) {
        Path file = paths.partition(partition);
        if (held.rows() == 0 || held.maxSeq() >= 0 || Files.notExists(file)) {
            return held.rows() == 0 ? 0 : Math.max(0, held.maxSeq());
        }
        try {
            ReadHandles.ReadHandle handle = readers.take(partition);
            boolean usable = false;
            try {
                long found = PartitionSchema.held(handle.connection()).maxSeq();
                usable = true;
                return Math.max(0, found);
            } finally {
                readers.giveBack(handle, usable);
            }
        } catch (SQLException e) {
            throw Sqlite.failure("what a partition holds cannot be read", file, e);
        }
    }

    /**
     * Frees at once whatever drops of one table left behind.
     *
     * @throws LeveeException {@code PARTITION_BUSY} where queries still read some of it
     */
    synchronized void purge(String table) {
        moveReleased(true);
        catalog.change(c -> {
            for (TrashEntries.Entry entry : TrashEntries.all(c)) {
                if (entry.id().table().equals(table) && !claimed.contains(entry.id())) {
                    TrashEntries.forget(c, entry.id());
                }
            }
            return true;
        });
        try {
            moveLeftovers();
            for (Path file : files()) {
                if (name(file).startsWith(table + "~")) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the trash cannot be emptied: " + e, e);
        }
        List<String> read = Stream.concat(stillPinned.stream(), superseded.keySet().stream())
                .filter(p -> p.id().table().equals(table))
                .map(p -> p.id().toString())
                .toList();
        if (!read.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.PARTITION_BUSY, "queries that began before their drop still read " + read)
                    .hint("they are freed when the queries have ended");
        }
        if (claimed.stream().anyMatch(id -> id.table().equals(table))) {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "a dropped partition of " + table + " is coming back")
                    .hint("do it again when it is back");
        }
    }

    private void move(Partition partition) {
        readers.evict(paths.partition(partition));
        move(partition.file());
    }

    /** Moves a file by the path that the catalog has for it. */
    private void move(String known) {
        Path file = paths.root().resolve(known);
        Path target = paths.trash().resolve(StorePaths.flat(known));
        try {
            if (Files.exists(file)) {
                Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
            }
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, file + " cannot be moved to the trash: " + e, e)
                    .hint("check the directory's permissions; it is tried again");
        }
    }

    /** Frees one step of what has no grace (any more); returns whether there is more. */
    synchronized boolean free() {
        moveReleased();
        try {
            moveLeftovers();
            List<Path> files = files();
            if (files.isEmpty()) {
                return false;
            }
            Set<String> kept = kept();
            Optional<Path> file =
                    files.stream().filter(f -> !kept.contains(name(f))).findFirst();
            if (file.isPresent()) {
                freeStep(file.get());
            }
            return file.isPresent();
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the trash cannot be emptied: " + e, e);
        }
    }

    /** The names of the files whose grace lasts; forgets the others. */
    private Set<String> kept() {
        long now = up.millis();
        Set<PartitionId> ids = new HashSet<>();
        Set<String> names = catalog.change(c -> {
            Set<String> left = new HashSet<>();
            for (TrashEntries.Entry entry : TrashEntries.all(c)) {
                if (claimed.contains(entry.id()) || now - entry.up() < grace.toMillis()) {
                    ids.add(entry.id());
                    left.add(entry.name());
                } else {
                    TrashEntries.forget(c, entry.id());
                }
            }
            TrashEntries.forgetGone(c);
            if (!left.isEmpty() && now - notedMillis >= NOTE_MILLIS) {
                up.write(c);
            }
            return left;
        });
        if (now - notedMillis >= NOTE_MILLIS) {
            notedMillis = now;
        }
        gone.keySet().retainAll(ids);
        return names;
    }

    /** Frees one file at once, whatever its grace: space is short. Returns whether there was one. */
    synchronized boolean freeNow() {
        moveReleased(true);
        Path file;
        try {
            moveLeftovers();
            List<Path> files = files();
            if (files.isEmpty()) {
                return false;
            }
            file = files.get(0);
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the trash cannot be emptied: " + e, e);
        }
        try {
            catalog.change(c -> {
                for (TrashEntries.Entry entry : TrashEntries.all(c)) {
                    if (entry.name().equals(name(file))) {
                        TrashEntries.forget(c, entry.id());
                    }
                }
                return true;
            });
        } catch (LeveeException e) {
            LOG.log(System.Logger.Level.DEBUG, file + " is freed, which the catalog cannot be told now", e);
        }
        return true;
    }

    /** How long what is in it can come back yet. Any thread. */
    Map<PartitionId, Duration> graces() {
        return TrashEntries.graces(catalog.change(TrashEntries::all), grace, up.millis());
    }

    /** Keeps for the next writer how far each grace is. */
    void noteTime() {
        try {
            catalog.change(c -> {
                if (!TrashEntries.all(c).isEmpty()) {
                    up.write(c);
                }
                return true;
            });
        } catch (LeveeException e) {
            LOG.log(System.Logger.Level.DEBUG, "the graces of dropped partitions are a little longer", e);
        }
    }

    /**
     * A dropped partition that is coming back: nobody else frees or moves it.
     *
     * @param file where its file is now
     * @param before what this process knew of it at the drop; null where it was dropped by another
     */
    record Claim(
            TrashEntries.Entry entry, Path file, @Nullable Partition before) {
        PartitionId id() {
            return entry.id();
        }
    }

    /**
     * Takes a dropped partition in hand, until {@link #release}.
     *
     * @throws LeveeException {@code NOT_FOUND} where nothing of it is left
     */
    synchronized Claim claim(PartitionId id) {
        TrashEntries.Entry entry = catalog.change(c -> Optional.ofNullable(TrashEntries.find(c, id)))
                .orElse(null);
        Path file = entry == null ? null : file(paths, entry);
        if (entry == null || file == null || manifest.get(id) != null || !claimed.add(id)) {
            throw new LeveeException(
                            ErrorCode.NOT_FOUND,
                            manifest.get(id) != null
                                    ? "the partition " + id + " is not dropped"
                                    : "nothing is left of the partition " + id)
                    .with("partition", id.toString())
                    .hint("what can be brought back is listed as dropped");
        }
        stillPinned.removeIf(partition -> partition.id().equals(id));
        noteInPlace();
        return new Claim(entry, file, gone.get(id));
    }

    /**
     * Takes a copy of a dropped partition's file, as a backup had it, in hand as what was dropped. Whoever reads its place keeps it from
     * that, and so does what can be brought back as it was dropped.
     *
     * @param copy whole and durable, on the store's volume; it is moved
     * @param entry rows that may have its keys have numbers above its {@code seq}
     * @param checksum of the copy
     */
    synchronized Claim claimCopy(Path copy, TrashEntries.Entry entry, String checksum) {
        PartitionId id = entry.id();
        Path place = paths.root().resolve(entry.file());
        TrashEntries.Entry own = catalog.change(c -> Optional.ofNullable(TrashEntries.find(c, id)))
                .orElse(null);
        if (manifest.get(id) != null || claimed.contains(id) || own != null && file(paths, own) != null) {
            throw new LeveeException(
                            ErrorCode.NOT_FOUND,
                            manifest.get(id) != null
                                    ? "the partition " + id + " is not dropped"
                                    : "the partition " + id + " can be brought back as it was dropped")
                    .with("partition", id.toString())
                    .hint(
                            "levee trash restore brings back what is in the trash; levee verify sets a damaged one aside");
        }
        if (Files.exists(place)) {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "queries that began before still read " + place)
                    .with("partition", id.toString())
                    .hint("try again when they have ended");
        }
        claimed.add(id);
        boolean done = false;
        try {
            Path in = paths.trash().resolve(entry.name());
            Files.createDirectories(paths.directory(id.table()));
            Files.move(copy, in, StandardCopyOption.ATOMIC_MOVE);
            catalog.change(c -> {
                Catalog.dropped(c, id, entry.file(), wall.instant());
                Catalog.update(c, "checksum=?1", id, wall.instant(), checksum);
                TrashEntries.put(c, id, up.millis(), entry.seq());
                return true;
            });
            done = true;
            return new Claim(entry, in, gone.get(id));
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, id + " cannot be brought back: " + e, e)
                    .hint("check the directory's permissions, and try again");
        } finally {
            if (!done) {
                claimed.remove(id);
            }
        }
    }

    /** Where the file of a dropped partition is; null where it is freed. */
    static @Nullable Path file(StorePaths paths, TrashEntries.Entry entry) {
        Path moved = paths.trash().resolve(entry.name());
        Path inPlace = paths.root().resolve(entry.file());
        return Files.exists(moved) ? moved : Files.exists(inPlace) ? inPlace : null;
    }

    /** Gives a claim up, whether it came back or not. */
    synchronized void release(Claim claim) {
        claimed.remove(claim.id());
        if (manifest.get(claim.id()) != null) {
            gone.remove(claim.id());
        } else if (Files.exists(paths.root().resolve(claim.entry().file()))) {
            leftoversMoved = false;
        }
    }

    /**
     * Puts a claimed partition back into its place, durably; it is live when this returns. Writer thread, which does not wait for
     * the steps of {@link #free}. No connection has the file.
     *
     * @param exactly what it holds
     * @param changed whether its file is another than the one that was closed
     */
    Partition putBack(Claim claim, Partition.Held exactly, boolean changed) {
        Path file = paths.root().resolve(claim.entry().file());
        try {
            if (!claim.file().equals(file)) {
                Files.move(claim.file(), file, StandardCopyOption.ATOMIC_MOVE);
                StorePaths.sync(paths.directory(claim.id().table()));
            }
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, claim.id() + " cannot be brought back: " + e, e)
                    .with("partition", claim.id().toString())
                    .hint("check the directory's permissions, and try again");
        }
        long bytes = Partition.size(file);
        catalog.change(c -> {
            Catalog.markClosed(c, claim.id(), exactly, bytes, wall.instant());
            Catalog.update(c, changed ? "reason=NULL, checksum=NULL" : "reason=NULL", claim.id(), wall.instant(), null);
            TrashEntries.restored(c, claim.id(), claim.entry().seq());
            return true;
        });
        Partition before = claim.before();
        Partition back = before != null
                ? before.back(exactly, bytes)
                : new Partition(claim.id(), claim.entry().file(), Partition.State.CLOSED, exactly, bytes);
        manifest.add(back);
        return back;
    }

    /** Moves what queries have given free since it was dropped. */
    private void moveReleased() {
        moveReleased(false);
    }

    /** As above; {@code now}: also what other processes may still look for in its place. */
    private void moveReleased(boolean now) {
        stillPinned.removeIf(partition -> {
            boolean moved = !partition.pinned();
            if (moved) {
                move(partition);
            }
            return moved;
        });
        superseded.entrySet().removeIf(one -> {
            boolean moved = !one.getKey().pinned() && (now || up.millis() - one.getValue() >= SUPERSEDED_MILLIS);
            if (moved) {
                move(one.getKey());
            }
            return moved;
        });
        noteInPlace();
    }

    /** Files that keep their places since queries still read them: their space is nobody's history any more. Any thread; never waits. */
    Set<Path> inPlace() {
        return inPlace.stream().filter(Partition::pinned).map(paths::partition).collect(Collectors.toSet());
    }

    private void noteInPlace() {
        inPlace = Stream.concat(stillPinned.stream(), superseded.keySet().stream())
                .toList();
    }

    /**
     * Takes over partitions whose rows live in another one: they cannot come back, and are freed when no query reads them any more.
     * Another process's query that began before finds them in their place for a while.
     */
    synchronized void superseded(List<Partition> partitions) {
        partitions.forEach(partition -> superseded.put(partition, up.millis()));
        noteInPlace();
    }

    /** Keeps a file that is being made in its place: to be ended by {@link #made}. */
    synchronized void making(PartitionId id) {
        claimed.add(id);
    }

    /** It is made, or never will be. */
    synchronized void made(PartitionId id) {
        claimed.remove(id);
        if (manifest.get(id) == null) {
            leftoversMoved = false;
        }
    }

    /** A crash between the catalog's word and the rename leaves a dropped file in its place. */
    private void moveLeftovers() {
        if (leftoversMoved) {
            return;
        }
        List<String> dropped = catalog.change(Catalog::droppedFiles);
        for (String file : dropped) {
            Path path = paths.root().resolve(file);
            if (Files.exists(path)
                    && claimed.stream().noneMatch(id -> PartitionFiles.name(id).equals(file))
                    && Stream.concat(stillPinned.stream(), superseded.keySet().stream())
                            .noneMatch(p -> p.file().equals(file))) {
                move(file);
            }
        }
        leftoversMoved = true;
    }

    /** What is in the trash and not in somebody's hands, by name. */
    private List<Path> files() throws IOException {
        Set<String> taken = new HashSet<>();
        claimed.forEach(id -> taken.add(StorePaths.flat(PartitionFiles.name(id))));
        try (Stream<Path> files = Files.list(paths.trash())) {
            // The rest of a file that is being cut goes first.
            return files.filter(file -> !taken.contains(name(file)))
                    .sorted(Comparator.comparing((Path file) -> !file.equals(cutting))
                            .thenComparing(Trash::name))
                    .toList();
        }
    }

    private static String name(Path file) {
        return String.valueOf(file.getFileName());
    }

    private void freeStep(Path file) throws IOException {
        long size = Partition.size(file);
        if (size > STEP_BYTES && (file.equals(cutting) || nobodyReads(file))) {
            String name = name(file);
            int split = name.indexOf('~');
            Path before = split < 0
                    ? file
                    : paths.tables().resolve(name.substring(0, split)).resolve(name.substring(split + 1));
            boolean cut = Handles.visit(before, file, true, false, channel -> truncate(channel, size - STEP_BYTES))
                    .value();
            if (cut) {
                // From now on it is no database: nobody can open it, and SQLite need not be asked again.
                cutting = file;
                return;
            }
        }
        Files.deleteIfExists(file);
    }

    private static boolean truncate(FileChannel channel, long size) throws IOException {
        channel.truncate(size);
        return true;
    }

    /** A reader of another process would meet a cut file: only one whom SQLite gives an exclusive lock may cut. */
    private static boolean nobodyReads(Path file) {
        try {
            if (links(file) != 1) {
                return false;
            }
            Connection connection = Connections.exclusive(file);
            try {
                Sqlite.run(connection, "BEGIN EXCLUSIVE");
                Sqlite.run(connection, "ROLLBACK");
                return true;
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException | IOException e) {
            // Locked, or cut already so that it is no database any more; a plain unlink is right for both.
            return false;
        }
    }

    private static int links(Path file) throws IOException {
        return Files.getAttribute(file, "unix:nlink") instanceof Integer links ? links : 0;
    }
}
