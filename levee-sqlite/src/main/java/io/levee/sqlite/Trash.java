package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.DropOutcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Takes partitions out of the store, keeps them for a grace in which they can come back, and gives their space back, off the hot path
 * and in steps: unlinking a large file at once keeps the file system busy for seconds. One caller at a time.
 *
 * <p>What is in the trash can come back as long as the catalog has an entry of it. The entry goes before the first step that frees,
 * so that nothing is brought back in part; only where space is short the file goes first, and a missing file reads as freed.
 */
final class Trash {
    /** How much of a grace a kill may give back. */
    private static final long NOTE_MILLIS = 30_000;

    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Clock wall;
    private final TableMarks marks;
    private final UpTime up;
    private final Duration grace;
    private final TrashFiles files;
    private final TrashPlaces places;
    private final TrashClaims claims;
    private final TrashNames names;
    private long notedMillis;

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
        this.files = new TrashFiles(paths, readers);
        this.places = new TrashPlaces(paths, catalog, files, up);
        this.claims = new TrashClaims(paths, catalog, manifest, wall, up, places);
        this.names = new TrashNames(asked -> catalog.change(c -> Orphans.dropped(c, asked)), up::millis);
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
            claims.dropped(partition);
        }
        if (partition.pinned()) {
            // Queries that began before may not have opened it yet: it keeps its place until they end.
            places.keep(partition);
        } else {
            files.move(partition);
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
        places.moveReleased(true);
        catalog.change(c -> {
            for (TrashEntries.Entry entry : TrashEntries.all(c)) {
                if (entry.id().table().equals(table) && !claims.all().contains(entry.id())) {
                    TrashEntries.forget(c, entry.id());
                }
            }
            return true;
        });
        try {
            places.moveLeftovers(claims.all());
            for (Path file : files.all(claims.names())) {
                if (TrashFiles.name(file).startsWith(table + "~")) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the trash cannot be emptied: " + e, e);
        }
        List<String> read = places.read(table);
        if (!read.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.PARTITION_BUSY, "queries that began before their drop still read " + read)
                    .hint("they are freed when the queries have ended");
        }
        if (claims.all().stream().anyMatch(id -> id.table().equals(table))) {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "a dropped partition of " + table + " is coming back")
                    .hint("do it again when it is back");
        }
    }

    /** Moves what a crash left in its place now, and not with the janitor's next step; returns whether there was any. */
    synchronized boolean moveLeftovers() {
        return places.moveLeftovers(claims.all());
    }

    /** Frees one step of what has no grace (any more); returns whether there is more. */
    synchronized boolean free() {
        places.moveReleased(false);
        try {
            places.moveLeftovers(claims.all());
            List<Path> there = droppedHere(files.all(claims.names()), false);
            if (there.isEmpty()) {
                return false;
            }
            Set<String> kept = kept();
            List<Path> due = there.stream()
                    .filter(file -> !kept.contains(TrashFiles.name(file)))
                    .toList();
            files.freeStep(due);
            return !due.isEmpty();
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the trash cannot be emptied: " + e, e);
        }
    }

    /** Without files that somebody else laid there: see {@link Orphans}. */
    private List<Path> droppedHere(List<Path> there, boolean now) {
        Set<String> ours = names.ours(there.stream().map(TrashFiles::name).collect(Collectors.toSet()), now);
        return there.stream()
                .filter(file -> ours.contains(TrashFiles.name(file)))
                .toList();
    }

    /** The names of the files whose grace lasts; forgets the others. */
    private Set<String> kept() {
        long now = up.millis();
        Set<PartitionId> ids = new HashSet<>();
        Set<String> names = catalog.change(c -> {
            Set<String> left = new HashSet<>();
            for (TrashEntries.Entry entry : TrashEntries.all(c)) {
                if (claims.all().contains(entry.id()) || now - entry.up() < grace.toMillis()) {
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
        claims.keepOnly(ids);
        return names;
    }

    /** Frees one file at once, whatever its grace: space is short. Returns whether there was one. */
    synchronized boolean freeNow() {
        places.moveReleased(true);
        Path file;
        try {
            places.moveLeftovers(claims.all());
            List<Path> there = droppedHere(files.all(claims.names()), true);
            if (there.isEmpty()) {
                return false;
            }
            file = there.get(0);
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the trash cannot be emptied: " + e, e);
        }
        try {
            catalog.change(c -> {
                for (TrashEntries.Entry entry : TrashEntries.all(c)) {
                    if (entry.name().equals(TrashFiles.name(file))) {
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

    /** Where the file of a dropped partition is; null where it is freed. */
    static @Nullable Path file(StorePaths paths, TrashEntries.Entry entry) {
        Path moved = paths.trash().resolve(entry.name());
        Path inPlace = paths.root().resolve(entry.file());
        return Files.exists(moved) ? moved : Files.exists(inPlace) ? inPlace : null;
    }

    /** See {@link TrashClaims#claim}. */
    synchronized Claim claim(PartitionId id) {
        return claims.claim(id);
    }

    /** See {@link TrashClaims#claimCopy}. */
    synchronized Claim claimCopy(Path copy, TrashEntries.Entry entry, String checksum) {
        return claims.claimCopy(copy, entry, checksum);
    }

    /** Gives a claim up, whether it came back or not. */
    synchronized void release(Claim claim) {
        claims.release(claim);
    }

    /** See {@link TrashClaims#putBack}. */
    Partition putBack(Claim claim, Partition.Held exactly, boolean changed) {
        return claims.putBack(claim, exactly, changed);
    }

    /** See {@link TrashPlaces#inPlace}. */
    Set<Path> inPlace() {
        return places.inPlace();
    }

    /** See {@link TrashPlaces#superseded}. */
    synchronized void superseded(List<Partition> partitions) {
        places.superseded(partitions);
    }

    /** Keeps a file that is being made in its place: to be ended by {@link #made}. */
    synchronized void making(PartitionId id) {
        claims.making(id);
    }

    /** It is made, or never will be. */
    synchronized void made(PartitionId id) {
        claims.made(id);
    }
}
