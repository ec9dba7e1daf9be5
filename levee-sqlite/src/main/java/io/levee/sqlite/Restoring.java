package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.supervisor.Errands;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * Brings dropped partitions back. One at a time, off the writer but for the last step: a key that was written again since the drop
 * has its row, so that its row in the partition goes first, and the writer must not write one in between.
 */
final class Restoring {
    /** So few new rows are looked at by the writer itself. */
    private static final long FEW = 2_000;

    private static final int MOST_ROUNDS = 20;

    private final Trash trash;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Catalog catalog;
    private final StorePaths paths;
    private final Errands<OpenPartitions> writer;
    private final Function<String, TableSpec> specs;

    /**
     * For one store.
     *
     * @param specs the newest spec of a table
     */
    Restoring(
            StorePaths paths,
            Catalog catalog,
            Manifest manifest,
            ReadHandles readers,
            Trash trash,
            Errands<OpenPartitions> writer,
            Function<String, TableSpec> specs) {
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.readers = readers;
        this.trash = trash;
        this.writer = writer;
        this.specs = specs;
    }

    /** See {@link io.levee.engine.StorageEngine#restore}. */
    void restore(PartitionId id) {
        restore(trash.claim(id));
    }

    /** Brings back what is in hand, and gives it up in any case. */
    void restore(Trash.Claim claim) {
        PartitionId id = claim.id();
        try {
            OpenPartitions.requireRoom(manifest, id.toString());
            TableSpec spec = specs.apply(id.table());
            requireGone(spec, claim);
            if (spec.keyed()) {
                keyed(spec, claim);
            } else {
                Partition.Held held = held(spec, claim);
                writer.ask(open -> trash.putBack(claim, held, false));
            }
        } catch (SQLException e) {
            LeveeException failure = Sqlite.failure("the partition " + id + " cannot be brought back", claim.file(), e);
            throw failure.code() == ErrorCode.CORRUPT
                    ? new LeveeException(ErrorCode.CORRUPT, failure.what(), e).hint("restore it from a backup")
                    : failure;
        } finally {
            trash.release(claim);
        }
    }

    /**
     * Refuses a file whose rows are live in another one: it was merged, and only a catalog that was lost in that moment can take it for
     * one that was dropped. Numbers are given once.
     */
    private void requireGone(TableSpec spec, Trash.Claim claim) throws SQLException {
        Partition.Held held = held(spec, claim);
        if (held.rows() == 0) {
            return;
        }
        List<Partition> live = manifest.pinned(spec.name());
        try {
            for (Partition partition : live) {
                Partition.Held its = partition.held();
                boolean apart = partition.adopted() != null
                        || its.rows() == 0
                        || its.maxSeq() >= 0 && its.maxSeq() < held.minSeq()
                        || its.minSeq() > held.maxSeq();
                if (!apart && has(spec, partition, held.minSeq())) {
                    throw new LeveeException(
                                    ErrorCode.NOT_FOUND,
                                    "the partition " + claim.id() + " was merged: its rows are in " + partition.id())
                            .with("partition", claim.id().toString())
                            .hint("nothing has to be brought back");
                }
            }
        } finally {
            live.forEach(Partition::unpin);
        }
    }

    private boolean has(TableSpec spec, Partition partition, long seq) throws SQLException {
        if (Files.notExists(paths.partition(partition))) {
            return false;
        }
        ReadHandles.ReadHandle handle = readers.take(partition);
        boolean usable = false;
        try {
            boolean found =
                    !PartitionSchema.columns(handle.connection(), spec.name()).isEmpty()
                            && Sqlite.value(
                                            handle.connection(),
                                            "SELECT 1 FROM " + Sqlite.quote(spec.name()) + " WHERE _seq = " + seq)
                                    != null;
            usable = true;
            return found;
        } finally {
            readers.giveBack(handle, usable);
        }
    }

    private Partition.Held held(TableSpec spec, Trash.Claim claim) throws SQLException {
        Connection connection = open(claim);
        try {
            return PartitionSchema.exactly(connection, spec);
        } finally {
            Connections.close(claim.file(), connection);
        }
    }

    private static Connection open(Trash.Claim claim) throws SQLException {
        Connection connection = Connections.exclusive(claim.file());
        boolean done = false;
        try {
            String wrong = Identity.wrong(connection, "main", claim.id(), null);
            if (wrong != null) {
                throw new LeveeException(
                                ErrorCode.CORRUPT, "the partition " + claim.id() + " cannot be brought back: " + wrong)
                        .with("partition", claim.id().toString())
                        .hint("restore it from a backup");
            }
            done = true;
            return connection;
        } finally {
            if (!done) {
                Connections.closeQuietly(claim.file(), connection);
            }
        }
    }

    /** All rounds are one transaction of the dropped file: where anything fails it is as it was. */
    private void keyed(TableSpec spec, Trash.Claim claim) throws SQLException {
        Connection connection = open(claim);
        boolean[] closed = new boolean[1];
        try (Twins twins = new Twins(spec, connection, manifest, readers, paths)) {
            Sqlite.run(connection, "BEGIN IMMEDIATE");
            long after = claim.entry().seq();
            Set<PartitionId> away = catalog.change(c -> TrashEntries.cameBack(c, spec.name()));
            long looked = Long.MAX_VALUE;
            for (int round = 0; looked > FEW && round < MOST_ROUNDS; round++) {
                long highest = twins.highest();
                looked = twins.remove(after, round == 0 ? away : Set.of());
                after = Math.max(after, highest);
            }
            if (looked > FEW) {
                throw new LeveeException(
                                ErrorCode.PARTITION_BUSY,
                                "keys of " + claim.id() + " are written faster than looked up")
                        .hint("try again when less is written");
            }
            long from = after;
            writer.ask(open -> {
                try {
                    return last(spec, claim, twins, from, open, closed);
                } catch (SQLException e) {
                    throw Sqlite.failure(claim.id() + " cannot be brought back", claim.file(), e);
                }
            });
        } finally {
            if (!closed[0]) {
                Connections.closeQuietly(claim.file(), connection);
            }
        }
    }

    /** The last round, and back into its place: no row is written meanwhile. Writer thread. */
    private Partition last(
            TableSpec spec, Trash.Claim claim, Twins twins, long after, OpenPartitions open, boolean[] closed)
            throws SQLException {
        twins.remove(after, Set.of());
        Partition before = claim.before();
        if (twins.removed() > 0 && before != null && before.pinned()) {
            throw new LeveeException(
                            ErrorCode.PARTITION_BUSY,
                            "a query that began before the drop of " + claim.id() + " reads rows of it that have to go")
                    .hint("try again when it has ended");
        }
        Connection connection = twins.commit();
        Partition.Held exactly = PartitionSchema.exactly(connection, spec);
        twins.close();
        closed[0] = true;
        Connections.close(claim.file(), connection);
        Partition back = trash.putBack(claim, exactly, twins.removed() > 0);
        open.cameBack(spec, back);
        return back;
    }
}
