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
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What is done when the volume is full: the reserve is given up at once, by the writer; partitions that the owner gives up are
 * unlinked first and recorded afterwards, because on a full volume the record cannot be written. What must not be forgotten goes
 * into the ledger, which has room of its own.
 */
final class Relief {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    private final StorePaths paths;
    private final Catalog catalog;
    private final Ledger ledger;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final TableMarks marks;
    private final Clock wall;
    private final Reserve reserve;
    private final Map<PartitionId, Partition> letGo = new ConcurrentHashMap<>();
    private final List<Gone> unrecorded = new ArrayList<>();
    private volatile boolean full;

    /** What is unlinked and not yet in the catalog. */
    private record Gone(PartitionId id, Partition.Held held, String reason) {}

    Relief(
            StorePaths paths,
            Catalog catalog,
            Ledger ledger,
            Manifest manifest,
            ReadHandles readers,
            TableMarks marks,
            Clock wall,
            Reserve reserve) {
        this.paths = paths;
        this.catalog = catalog;
        this.ledger = ledger;
        this.manifest = manifest;
        this.readers = readers;
        this.marks = marks;
        this.wall = wall;
        this.reserve = reserve;
    }

    /** A write failed: a full volume gets the reserve back. Writer thread. */
    void met(LeveeException e) {
        // A limit of this process's files is no trouble of the volume.
        if (e.code() == ErrorCode.DISK_FULL && !e.details().containsKey("limit")) {
            full = true;
            if (reserve.release() > 0) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "the volume of {0} is full: the reserve was given up",
                        paths.root());
            }
        }
    }

    /** A write went well. Writer thread. */
    void wrote() {
        full = false;
    }

    boolean full() {
        return full;
    }

    /** Makes the reserve again where there is room, and records what is gone. Space thread. */
    synchronized void keep() {
        record();
        if (full && Reserve.probe(paths) != null) {
            return;
        }
        // Whoever writes next may find otherwise; without this an idle store would be taken for full for ever.
        full = false;
        try {
            reserve.keep();
        } catch (IOException e) {
            throw Volume.failure("the reserve cannot be made", paths.reserve(), e);
        }
    }

    /** Takes over a partition whose connection was just closed without a checkpoint. Writer thread. */
    void letGo(Partition partition) {
        if (partition.setAside() != null) {
            letGo.put(partition.id(), partition);
            manifest.remove(partition.id());
        }
    }

    /** Unlinks a partition: one that was let go, or a closed one. Space thread. */
    synchronized DropOutcome drop(PartitionId id, String reason) {
        Partition partition = letGo.remove(id);
        if (partition == null) {
            partition = manifest.get(id);
            if (partition == null) {
                return new DropOutcome(0, "it is gone already");
            }
            if (!partition.dropped()) {
                return new DropOutcome(0, "it is open or lent");
            }
            manifest.remove(id);
        }
        Partition.Held held = partition.held();
        if (!catalog.aside(() -> ledger.gone(id, reason))) {
            LOG.log(System.Logger.Level.WARNING, "{0} goes before the ledger could say so", id);
        }
        Path file = paths.partition(partition);
        readers.evict(file);
        long freed = unlink(file);
        unrecorded.add(new Gone(id, held, reason));
        record();
        return new DropOutcome(freed, "");
    }

    /** Unlinks a database and then what SQLite has beside it; returns how much that was. */
    private static long unlink(Path file) {
        long freed = 0;
        try {
            for (Path part : new Path[] {file, StorePaths.wal(file), StorePaths.shm(file)}) {
                freed += Partition.size(part);
                Files.deleteIfExists(part);
            }
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, file + " cannot be unlinked; it is tried again", e);
        }
        return freed;
    }

    /** Says in the catalog what is gone; where that fails it is tried again each second. */
    private void record() {
        for (Iterator<Gone> all = unrecorded.iterator(); all.hasNext(); ) {
            Gone gone = all.next();
            try {
                marks.raised(gone.id.table(), catalog.change(c -> record(c, gone.id, gone.held, gone.reason, wall)));
                all.remove();
            } catch (LeveeException e) {
                LOG.log(
                        System.Logger.Level.DEBUG,
                        gone.id + " is gone for space, which the catalog cannot be told yet",
                        e);
                return;
            }
        }
    }

    private static TableMarks.Marks record(
            java.sql.Connection c, PartitionId id, Partition.Held held, String reason, Clock wall) throws SQLException {
        long highest = held.maxSeq() >= 0
                ? held.maxSeq()
                : Sqlite.number(c, "SELECT next_seq - 1 FROM tables WHERE name = " + Sqlite.literal(id.table()));
        boolean ranged = held.known() && held.minMicros() <= held.maxMicros();
        TableMarks.Marks to =
                TableMarks.Marks.of(id.retentionClass(), ranged ? held.maxMicros() + 1 : Long.MIN_VALUE, highest);
        TableMarks.write(c, id.table(), to);
        Catalog.markDropped(c, id, reason, wall.instant());
        return to;
    }

    /** What earlier writers unlinked and could not record: a missing file that the ledger names reads as dropped. Before the start. */
    static void recordLeftOver(StorePaths paths, Catalog catalog, Ledger ledger, Manifest manifest, Clock wall) {
        for (Map.Entry<PartitionId, String> gone : ledger.gone().entrySet()) {
            Partition partition = manifest.get(gone.getKey());
            if (partition == null || Files.exists(paths.partition(partition))) {
                continue;
            }
            unlink(paths.partition(partition));
            try {
                Sqlite.transaction(
                        catalog.beforeStart(),
                        () -> record(catalog.beforeStart(), partition.id(), partition.held(), gone.getValue(), wall));
            } catch (SQLException e) {
                throw Sqlite.failure("the catalog cannot be written", paths.catalog(), e);
            }
            manifest.remove(partition.id());
        }
    }
}
