package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.InFlight;
import io.levee.engine.Slot;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The partitions that the writer has open, and which of them takes the new rows of a period. Owned by the writer thread.
 *
 * <p>At most {@value #MAX_OPEN} are open at once: one more closes the one that was not used for longest. What is idle is closed
 * for good, one partition a slice.
 */
final class OpenPartitions {
    /** Most partitions that can be written at once. */
    static final int MAX_OPEN = 64;

    /** Most partitions of a store: garbage times must not make a file each. */
    static final int MAX_PARTITIONS = 20_000;

    /** Late rows reopen the newest partition of their period below this size; above it they go to a sibling. */
    private static final Bytes REOPEN_BELOW = Bytes.mebi(256);

    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");
    private static final Duration IDLE = Duration.ofSeconds(60);
    private static final Duration LEFT_FOR = Duration.ofSeconds(1);
    private static final Duration LEAVE_FIRST = Duration.ofSeconds(1);
    private static final Duration LEAVE_LONGEST = Duration.ofSeconds(32);
    private static final Duration LEAVE_FORGOTTEN = Duration.ofMinutes(5);

    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Quarantine quarantine;
    private final Clock wall;
    private final WriterCaches caches;
    private final DiskFigure figure;
    private final LogMover logs;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final Map<PartitionId, PartitionWriter> open = new LinkedHashMap<>();
    private final Map<String, PartitionId> taking = new HashMap<>();
    private final Map<String, TableKeys> keys = new HashMap<>();
    private final Set<PartitionId> full = new HashSet<>();
    private Duration leavePause = LEAVE_FIRST;
    private long nextLeaveNanos = clock.nanos() - LEAVE_FORGOTTEN.toNanos();
    private Limits limits = Limits.of(null, Long.MAX_VALUE);
    private Consumer<PartitionWriter> onOpening = writer -> {};
    private volatile Map<String, Object> pragmas = Map.of();
    /** What was not synced when its connection was closed; until the partition is. */
    private final Map<PartitionId, InFlight> released = new HashMap<>();

    private volatile List<InFlight> unsynced = List.of();
    private @Nullable Moves moves;

    OpenPartitions(
            StorePaths paths,
            Catalog catalog,
            Manifest manifest,
            ReadHandles readers,
            Quarantine quarantine,
            Clock wall,
            Bytes cacheShare,
            DiskFigure figure,
            LogMover logs) {
        this.logs = logs;
        this.figure = figure;
        this.quarantine = quarantine;
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.readers = readers;
        this.wall = wall;
        this.caches = new WriterCaches(cacheShare);
    }

    /** The partition that takes a slot's new rows, opened, reopened or made. */
    PartitionWriter forNewRows(TableSpec spec, Slot slot) {
        PartitionId known = taking.get(spec.name() + "/" + slot.name());
        PartitionWriter writer = known == null ? null : open.get(known);
        if (writer != null && writer.takes(spec)) {
            return used(writer);
        }
        Optional<Partition> newest = manifest.own(spec.name()).stream()
                .filter(p -> slot.holds(p.id()) && !full.contains(p.id()))
                .max(Comparator.comparingInt(p -> p.id().n()));
        if (newest.isPresent() && newest.get().info(paths).bytes() < REOPEN_BELOW.value()) {
            writer = reopenForNewRows(spec, newest.get());
        }
        return taking(spec, slot, writer == null ? make(spec, slot) : writer);
    }

    /** Null where it cannot take rows: it is locked or lent, broken, or damaged and set aside now. */
    private @Nullable PartitionWriter reopenForNewRows(TableSpec spec, Partition partition) {
        try {
            return reopen(spec, partition);
        } catch (LeveeException e) {
            if (e.code() == ErrorCode.CORRUPT && setAside(partition, e.what())) {
                return null;
            }
            if (e.code() == ErrorCode.IO_FAILED && worthLeaving(partition) && mayLeaveBroken()) {
                full.add(partition.id());
                return null;
            }
            throw e;
        }
    }

    /**
     * Whether a file that cannot be read or written may be left for a sibling now. Where everything fails siblings fail too: they
     * come at growing distances, so that an hour of it makes dozens of them and not thousands.
     */
    boolean mayLeaveBroken() {
        long now = clock.nanos();
        if (now - nextLeaveNanos < 0) {
            return false;
        }
        boolean again = now - nextLeaveNanos < LEAVE_FORGOTTEN.toNanos();
        leavePause = again && leavePause.compareTo(LEAVE_LONGEST) < 0 ? leavePause.multipliedBy(2) : LEAVE_FIRST;
        nextLeaveNanos = now + leavePause.toNanos();
        return true;
    }

    /** Leaving an empty file for another one would make new files for as long as the whole volume fails. */
    private boolean worthLeaving(Partition partition) {
        return partition.held().rows() != 0;
    }

    /**
     * Closes the connection of a partition that failed. It takes no new rows any more; where it holds none, it is tried again
     * instead.
     */
    void sealOff(PartitionWriter writer) {
        Partition partition = writer.partition();
        if (worthLeaving(partition)) {
            full.add(partition.id());
        }
        taking.values().remove(partition.id());
        partition.held(Partition.Held.UNKNOWN);
        open.remove(partition.id());
        caches.forget(writer);
        figure.forget(writer.file());
        logs.forget(writer.file());
        window(writer).ifPresent(window -> released.put(partition.id(), window));
        try {
            writer.close();
        } catch (SQLException e) {
            // What it could not do as its last deed is found by who opens the file next.
            LOG.log(System.Logger.Level.WARNING, "closing " + writer.file() + " after a failure failed too", e);
        }
    }

    /** A new sibling for a slot whose partition cannot take rows now. */
    PartitionWriter sibling(TableSpec spec, Slot slot) {
        PartitionId known = taking.remove(spec.name() + "/" + slot.name());
        if (known != null) {
            full.add(known);
        }
        return taking(spec, slot, make(spec, slot));
    }

    private PartitionWriter taking(TableSpec spec, Slot slot, PartitionWriter writer) {
        taking.put(spec.name() + "/" + slot.name(), writer.partition().id());
        return used(writer);
    }

    private PartitionWriter used(PartitionWriter writer) {
        writer.used(clock.nanos());
        caches.use(writer);
        return writer;
    }

    /** A partition for updates of its rows; null where a reader keeps it from being opened for writing now. */
    @Nullable
    PartitionWriter forUpdates(TableSpec spec, Partition partition) {
        PartitionWriter writer = open.get(partition.id());
        if (writer == null || !writer.takes(spec)) {
            writer = reopen(spec, partition);
        }
        if (writer == null) {
            partition.wanted(clock.nanos());
        }
        return writer == null ? null : used(writer);
    }

    /** The settings of a writing connection as read back; empty before the first. Any thread. */
    Map<String, Object> pragmas() {
        return pragmas;
    }

    /** Event times of what is committed and would not survive a power loss, as of the last slice. Any thread. */
    List<InFlight> unsynced() {
        return unsynced;
    }

    /** The open writer of a partition, or null. */
    @Nullable
    PartitionWriter get(PartitionId id) {
        return open.get(id);
    }

    TableKeys keys(TableSpec spec) {
        return keys.computeIfAbsent(spec.name(), name -> new TableKeys(spec, paths, manifest.own(name)));
    }

    /** A partition is in the manifest again: its keys are known from now on. */
    void cameBack(TableSpec spec, Partition partition) {
        if (spec.keyed() && keys.containsKey(spec.name())) {
            keys(spec).cameBack(partition);
        }
    }

    private @Nullable PartitionWriter reopen(TableSpec spec, Partition partition) {
        PartitionWriter present = open.remove(partition.id());
        try {
            if (present != null) {
                caches.forget(present);
                present.close();
            }
            makeRoom();
            if (partition.opened()) {
                unseal(partition);
            } else if (partition.state() != Partition.State.OPEN) {
                return null;
            }
            return opened(spec, partition);
        } catch (SQLException e) {
            if (Sqlite.busy(e)) {
                return null;
            }
            throw Volume.failure("the partition cannot be opened for writing", paths.partition(partition), paths, e);
        }
    }

    /** Says durably that a closed partition is open; it is closed again where that cannot be said. */
    private void unseal(Partition partition) {
        Partition.Held held = partition.held();
        long bytes = Partition.size(paths.partition(partition));
        boolean done = false;
        try {
            catalog.change(c -> {
                Catalog.markOpen(c, partition.id(), wall.instant());
                return true;
            });
            done = true;
        } finally {
            if (!done) {
                partition.closed(held, bytes);
            }
        }
        readers.evict(paths.partition(partition));
    }

    /** Has something done to the writer that is opened next; for tests. */
    void onOpening(Consumer<PartitionWriter> what) {
        onOpening = what;
    }

    private PartitionWriter opened(TableSpec spec, Partition partition) throws SQLException {
        PartitionWriter writer = PartitionWriter.open(partition, spec, paths, caches.cold(), wall.instant());
        open.put(partition.id(), writer);
        writer.used(clock.nanos());
        onOpening.accept(writer);
        onOpening = opening -> {};
        if (pragmas.isEmpty()) {
            pragmas = Connections.effective(writer.connection());
        }
        if (!partition.held().known()) {
            partition.held(PartitionSchema.held(writer.connection()));
        } else if (partition.held().maxSeq() < 0) {
            // Closed by a release whose catalog had no highest numbers.
            partition.held(partition
                    .held()
                    .withSeq(PartitionSchema.held(writer.connection()).maxSeq()));
        }
        return writer;
    }

    private PartitionWriter make(TableSpec spec, Slot slot) {
        requireRoom(manifest, spec.name() + "/" + slot.name());
        makeRoom();
        makeDirectory(paths.directory(spec.name()));
        Partition partition = catalog.change(c -> {
            int n = Catalog.nextN(c, spec.name(), slot);
            PartitionId id = new PartitionId(
                    spec.name(), slot.retentionClass(), slot.period().name(), n);
            Partition made =
                    new Partition(id, PartitionFiles.name(id), Partition.State.OPEN, Partition.Held.NOTHING, 0);
            if (slot.retentionClass().isEmpty()) {
                made.apart(Apart.now(c, spec));
            }
            Catalog.insertOpen(c, made, wall.instant());
            return made;
        });
        // Known from here on: where the file cannot be made now (a full disk), the next try makes it, and not a
        // sibling.
        manifest.add(partition);
        if (!partition.apart().isEmpty()) {
            // The table may have been declared anew since: then this one was not among those that were told.
            partition.apart(catalog.change(c -> Apart.now(c, spec)));
        }
        if (spec.keyed() && keys.containsKey(spec.name())) {
            keys(spec).made(partition);
        }
        try {
            return opened(spec, partition);
        } catch (SQLException e) {
            throw Volume.failure("a partition cannot be made", paths.partition(partition), paths, e);
        }
    }

    /** Refuses one more partition where there are as many as there may be. */
    static void requireRoom(Manifest manifest, String wanted) {
        if (manifest.size() >= MAX_PARTITIONS) {
            throw new LeveeException(
                            ErrorCode.TOO_MANY_PARTITIONS,
                            "the store has " + manifest.size() + " partitions, of at most " + MAX_PARTITIONS
                                    + ", and needs " + wanted + " besides")
                    .hint("use wider partitions or a retention rule; garbage times make partitions of their own");
        }
    }

    private static void makeDirectory(Path directory) {
        try {
            if (Files.notExists(directory)) {
                Files.createDirectories(directory);
                // Once a table: closing syncs what is in it, and nobody else its own name.
                StorePaths.sync(directory.resolveSibling("."));
            }
        } catch (IOException e) {
            throw Volume.failure("a table's directory cannot be made", directory, e);
        }
    }

    private void makeRoom() {
        while (open.size() >= MAX_OPEN) {
            PartitionWriter idle = open.values().stream()
                    .min(Comparator.comparingLong(PartitionWriter::lastUsedNanos))
                    .orElseThrow();
            if (!close(idle).isEmpty()) {
                release(idle);
            }
        }
    }

    /** Closes only the connection; the partition stays open in the catalog. */
    void release(PartitionWriter writer) {
        open.remove(writer.partition().id());
        caches.forget(writer);
        figure.forget(writer.file());
        logs.forget(writer.file());
        window(writer).ifPresent(window -> released.put(writer.partition().id(), window));
        try {
            writer.close();
        } catch (SQLException e) {
            throw Sqlite.failure("a partition cannot be closed", writer.file(), e);
        }
    }

    /** Closes the connection of a damaged partition and has it set aside; false where it is lent or gone already. */
    boolean setAside(Partition partition, String reason) {
        PartitionWriter writer = open.get(partition.id());
        if (writer != null) {
            release(writer);
        }
        full.remove(partition.id());
        return quarantine.setAside(partition, reason);
    }

    /** What the open caches may take together. */
    long cacheBytes() {
        return caches.bytes(open.size());
    }

    /** What the key filters take; the oldest are given up past the limit. */
    long keyBytes(long limit) {
        long sum = 0;
        for (TableKeys table : keys.values()) {
            table.shrinkTo(limit / keys.size());
            sum += table.bytes();
        }
        return sum;
    }

    private List<InFlight> windows() {
        List<InFlight> windows = new ArrayList<>(released.values());
        open.values().forEach(writer -> window(writer).ifPresent(windows::add));
        return windows;
    }

    private static Optional<InFlight> window(PartitionWriter writer) {
        return writer.unsyncedFrom() > writer.unsyncedTo()
                ? Optional.empty()
                : Optional.of(
                        new InFlight(writer.partition().id().table(), writer.unsyncedFrom(), writer.unsyncedTo()));
    }

    /** Checkpoints what has grown, and closes at most one idle partition. */
    void slice() {
        unsynced = windows();
        Moves mover = moves;
        if (mover != null) {
            mover.slice();
        }
        long now = clock.nanos();
        PartitionWriter idle = null;
        for (PartitionWriter writer : List.copyOf(open.values())) {
            checkpoint(writer);
            // What takes no new rows is closed soon: its WAL takes as much space again.
            Duration after = full.contains(writer.partition().id()) ? LEFT_FOR : IDLE;
            boolean old = now - writer.lastUsedNanos() > after.toNanos();
            if (old && (idle == null || writer.lastUsedNanos() < idle.lastUsedNanos())) {
                idle = writer;
            }
        }
        if (figure.watched()) {
            figure.begin();
            open.values().forEach(figure::saw);
            figure.looked();
        }
        if (idle != null && logs.moved(idle) && !close(idle).isEmpty()) {
            // A reader holds it; it is tried again after another idle time.
            idle.used(now);
        }
    }

    /**
     * Gives back what the WALs take: the volume is full, and nothing has to be lost for that. Those first whose pages are all in their
     * databases already: that takes no space at all. Between batches.
     */
    void truncateLogs() {
        List.copyOf(open.values()).stream()
                .filter(writer -> Partition.size(StorePaths.wal(writer.file())) > 0)
                .sorted(Comparator.comparing(PartitionWriter::dirty))
                .forEach(writer -> checkpoint(writer, writer::truncateLog));
    }

    /** Sets from which sizes on it acts. */
    void limits(Limits now) {
        limits = now;
    }

    private void checkpoint(PartitionWriter writer) {
        Path log = StorePaths.wal(writer.file());
        long wal = Partition.size(log);
        if (wal + Partition.size(writer.file()) > limits.roll()) {
            leave(writer.partition());
        }
        if (!writer.dirty() || !WalFill.reaches(log, wal, limits.checkpoint())) {
            return;
        }
        checkpoint(writer, writer::checkpoint);
    }

    /** A way to move a WAL's pages into their database. */
    @FunctionalInterface
    private interface Checkpoint {
        boolean all() throws SQLException;
    }

    private void checkpoint(PartitionWriter writer, Checkpoint how) {
        try {
            if (how.all()) {
                writer.syncNames(paths);
            } else if (Partition.size(StorePaths.wal(writer.file())) > limits.walCap()) {
                // A reader holds the WAL: new rows go to a sibling, and this WAL ends when its readers do (G92).
                leave(writer.partition());
            }
        } catch (SQLException e) {
            LeveeException failure = Volume.failure("a checkpoint failed", writer.file(), paths, e);
            if (failure.code() == ErrorCode.IO_FAILED || failure.code() == ErrorCode.CORRUPT) {
                // Its sync is not to be trusted: what is in it is moved when it is opened next, and new rows go
                // elsewhere.
                sealOff(writer);
            }
            if (failure.code() != ErrorCode.DISK_FULL && failure.code() != ErrorCode.PARTITION_BUSY) {
                throw failure;
            }
            // It is tried again after the next batch, whose rows meet the same and say so.
            LOG.log(System.Logger.Level.DEBUG, "a checkpoint has to wait", e);
        } catch (IOException e) {
            sealOff(writer);
            throw Volume.failure("a directory cannot be synced", writer.file(), e);
        }
    }

    private @Nullable PartitionWriter lastUsed(String table) {
        return open.values().stream()
                .filter(writer -> writer.partition().id().table().equals(table))
                .max(Comparator.comparingLong(PartitionWriter::lastUsedNanos))
                .orElse(null);
    }

    /** New rows go to a sibling from now on. */
    void leave(Partition partition) {
        full.add(partition.id());
        taking.values().remove(partition.id());
    }

    /**
     * Closes the connection of a partition without a checkpoint, so that it can be unlinked.
     *
     * @return empty, or why it stays
     */
    String letGo(Supplier<TableSpec> spec, Partition partition, Relief relief) {
        if (partition.state() != Partition.State.OPEN) {
            return "";
        }
        PartitionWriter writer = open.get(partition.id());
        if (writer != null && writer == lastUsed(partition.id().table())) {
            return "it takes new rows";
        }
        Moves own = moves;
        String unsettled = own == null ? "" : own.settleAway(spec, partition, writer);
        if (!unsettled.isEmpty()) {
            return unsettled;
        }
        // Deleting what moved may have closed it, to make room for another.
        writer = open.get(partition.id());
        if (writer != null) {
            Partition.Held held = partition.held();
            sealOff(writer);
            partition.held(held);
            released.remove(partition.id());
        }
        relief.letGo(partition);
        return "";
    }

    /** A partition that became one plain file, which the catalog does not know yet. */
    private record Plain(Partition partition, Partition.Held exactly, long bytes) {}

    /**
     * Closes a partition for good, as docs/format.md says.
     *
     * @return empty, or why it stays open
     */
    String close(PartitionWriter writer) {
        List<Plain> done = new ArrayList<>();
        String why = makePlain(writer, done);
        markClosed(done);
        return why;
    }

    private String makePlain(PartitionWriter writer, List<Plain> done) {
        Partition partition = writer.partition();
        Path file = writer.file();
        readers.evict(file);
        logs.settle(file);
        if (Handles.open(file) > 1) {
            return "a query reads it";
        }
        try {
            String unsettled = settled(writer);
            if (!unsettled.isEmpty()) {
                return unsettled;
            }
            KeyFilter filter =
                    keys.containsKey(writer.spec().name()) ? keys(writer.spec()).filter(partition) : null;
            if (writer.spec().keyed()) {
                // Where no filter is known an older one has to go: it lacks the keys that came since it was stored.
                Sqlite.transaction(writer.connection(), () -> {
                    TableKeys.store(writer.connection(), filter);
                    return true;
                });
            }
            if (!writer.leaveWal()) {
                return "another process reads it";
            }
            Partition.Held exactly = PartitionSchema.exactly(writer.connection(), writer.spec());
            release(writer);
            if (Identity.walMode(file)) {
                // A failing call in the middle of it: SQLite's answer was about its memory, not about the file.
                return "its header still says that it has a WAL";
            }
            done.add(new Plain(partition, exactly, Partition.size(file)));
            return "";
        } catch (SQLException e) {
            if (Sqlite.busy(e)) {
                return "another process reads it";
            }
            LeveeException failure = Volume.failure("a partition cannot be closed", file, paths, e);
            if (failure.code() == ErrorCode.DISK_FULL || failure.code() == ErrorCode.VOLUME_READ_ONLY) {
                return failure.what();
            }
            throw failure;
        }
    }

    /** Has what was moved into a partition deleted where it was; returns empty, or why that cannot be done now. */
    private String settled(PartitionWriter writer) {
        // It may take opening others: this one is not to make room for them.
        writer.used(clock.nanos());
        Moves own = moves;
        return own == null ? "" : own.settle(writer);
    }

    /** Whether rows of a table may still be where they were moved from. */
    boolean movesLeft(TableSpec spec) {
        Moves own = moves;
        return own != null && own.left(spec);
    }

    /** Tells who moves rows between partitions. */
    void moves(Moves mover) {
        moves = mover;
    }

    /** Makes the names of plain files durable, then tells the catalog: one sync each, however many there are. */
    private void markClosed(List<Plain> done) {
        if (done.isEmpty()) {
            return;
        }
        try {
            for (String table :
                    done.stream().map(p -> p.partition.id().table()).distinct().toList()) {
                StorePaths.sync(paths.directory(table));
            }
        } catch (IOException e) {
            throw Volume.failure("the directory of a partition cannot be synced", paths.tables(), e);
        }
        catalog.change(c -> {
            for (Plain plain : done) {
                Catalog.markClosed(c, plain.partition.id(), plain.exactly, plain.bytes, wall.instant());
            }
            return true;
        });
        for (Plain plain : done) {
            plain.partition.closed(plain.exactly, plain.bytes);
            released.remove(plain.partition.id());
        }
    }

    /** Closes a partition that may not be open by now. Returns empty, or why it stays open. */
    String close(TableSpec spec, Partition partition) {
        if (partition.state() != Partition.State.OPEN) {
            return "";
        }
        PartitionWriter writer = open.get(partition.id());
        if (writer == null) {
            writer = reopen(spec, partition);
        }
        return writer == null ? "another process reads it" : close(writer);
    }

    /** New rows go to a sibling from now on, and the partition is closed. Returns empty, or why it stays open. */
    String roll(TableSpec spec, Partition partition) {
        leave(partition);
        return close(spec, partition);
    }

    /** Closes everything. Returns why some stay open. */
    List<String> closeAll() {
        logs.end();
        List<String> left = new ArrayList<>();
        List<Plain> done = new ArrayList<>();
        // First all, since it may open others again.
        List.copyOf(open.values()).forEach(writer -> closing(writer, left, () -> settled(writer)));
        for (PartitionWriter writer : List.copyOf(open.values())) {
            closing(writer, left, () -> makePlain(writer, done));
        }
        markClosed(done);
        return left;
    }

    /** A step of the close; where it fails the partition stays open for the next writer. */
    private void closing(PartitionWriter writer, List<String> left, Supplier<String> step) {
        String why;
        try {
            why = step.get();
        } catch (LeveeException e) {
            // One that is broken keeps no other from being closed.
            why = e.what();
        }
        if (!why.isEmpty()) {
            left.add(writer.partition().id() + ": " + why);
            sealOff(writer);
        }
    }
}
