package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.Column;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which partitions a migration has still to reach: files tell, each is looked at until it was reached. What they tell cannot be out of step with them
 * (guarantee G111). Thread-safe.
 */
final class MigrationReach {
    private static final Bytes CACHE = Bytes.kibi(64);

    private final StorePaths paths;
    private final Manifest manifest;

    /** Those that were reached, by migration: what is still to be reached may need nothing any more. Guarded by this. */
    private final Map<String, Set<Partition>> known = new HashMap<>();

    MigrationReach(StorePaths paths, Manifest manifest) {
        this.paths = paths;
        this.manifest = manifest;
    }

    /**
     * The partitions of the table that are still to be reached, newest first.
     *
     * @param spec the newest of the table
     * @param bound numbers from here on were given after the declaration: a partition with no other rows needs nothing
     */
    List<Partition> left(MigrationRecord record, TableSpec spec, long bound) {
        List<Partition> own = new ArrayList<>(manifest.own(record.table()));
        own.removeIf(partition -> partition.state() == Partition.State.DROPPED);
        forget(record, own);
        own.removeIf(partition -> reached(record, spec, partition, bound));
        own.sort(Comparator.comparingLong((Partition p) -> p.held().maxMicros())
                .thenComparing(p -> p.period().name())
                .thenComparing(p -> p.id().n())
                .reversed());
        return own;
    }

    /** A partition was reached: that is committed in its file. */
    synchronized void reached(MigrationRecord record, Partition partition) {
        known.computeIfAbsent(record.digest() + record.id(), id -> new HashSet<>())
                .add(partition);
    }

    private synchronized void forget(MigrationRecord record, List<Partition> own) {
        Set<Partition> of = known.get(record.digest() + record.id());
        if (of != null) {
            of.retainAll(Set.copyOf(own));
        }
    }

    private boolean reached(MigrationRecord record, TableSpec spec, Partition partition, long bound) {
        // What was planned may have been declared since.
        boolean declared = applied(record);
        synchronized (this) {
            Set<Partition> of = known.get(record.digest() + record.id());
            if (declared && of != null && of.contains(partition)) {
                return true;
            }
        }
        Found found = look(record, spec, partition, bound);
        if (declared && found == Found.REACHED) {
            reached(record, partition);
        }
        return found != Found.NOT_REACHED;
    }

    /** What a look at a file tells. */
    private enum Found {
        REACHED,
        NOT_REACHED,
        /** It has no rows that would have to be set; some that were accepted before the declaration may be about to come. */
        NO_ROWS
    }

    private Found look(MigrationRecord record, TableSpec spec, Partition partition, long bound) {
        Path file = paths.partition(partition);
        boolean sets = MigrationCatalog.sets(record.step());
        if (Partition.size(file) == 0) {
            return sets ? Found.NO_ROWS : Found.REACHED;
        }
        try {
            // One of its own: a handle that is kept would keep the partition from getting its checksum.
            Connection connection = Connections.reader(file, CACHE);
            try {
                if (!PartitionSchema.columns(connection, spec.name()).isEmpty()
                        && !reached(record, spec, connection, bound)) {
                    return Found.NOT_REACHED;
                }
                return sets && !marked(record, connection) ? Found.NO_ROWS : Found.REACHED;
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException e) {
            if (partition.state() == Partition.State.DROPPED) {
                return Found.REACHED;
            }
            throw Sqlite.failure("a partition's description cannot be read", file, e);
        }
    }

    /** Whether a migration has reached a file. */
    static boolean reached(MigrationRecord record, TableSpec spec, Connection connection, long bound)
            throws SQLException {
        MigrationStep step = record.step();
        boolean declared = applied(record);
        if (MigrationCatalog.sets(step)) {
            return marked(record, connection)
                    || Sqlite.value(
                                    connection,
                                    "SELECT 1 FROM " + Sqlite.quote(spec.name()) + " WHERE _seq < " + bound
                                            + " LIMIT 1")
                            == null;
        }
        FileColumns columns = FileColumns.of(spec, connection);
        if (step instanceof MigrationStep.AddColumn add) {
            Column now = current(spec, add.column().name());
            boolean gone = now == null && declared;
            return gone || now != null && columns.name(now.name()) != null && !columns.unfilled(now.name());
        }
        if (step instanceof MigrationStep.RenameColumn rename) {
            return !there(connection, spec, columns, rename.from());
        }
        if (step instanceof MigrationStep.DropColumn drop) {
            return !there(connection, spec, columns, drop.column());
        }
        if (step instanceof MigrationStep.AddIndex add) {
            boolean wanted = !declared
                    || spec.namedIndexes().stream()
                            .anyMatch(i -> i.name().equals(add.index().name()));
            return !wanted || indexed(connection, spec, add.index().name());
        }
        return !(step instanceof MigrationStep.DropIndex drop) || !indexed(connection, spec, drop.name());
    }

    /** Whether a file says that a migration is done with it. */
    private static boolean marked(MigrationRecord record, Connection connection) throws SQLException {
        MigrationMark mark = applied(record) && CatalogSchema.hasTable(connection, "levee_partition")
                ? MigrationMark.of(connection, record.id())
                : null;
        return mark != null && mark.done();
    }

    /** Whether the table's spec is as the step makes it. */
    private static boolean applied(MigrationRecord record) {
        return record.number() > 0 && record.applied();
    }

    /** What a column is now that was called so once; null where it was dropped. */
    static @Nullable Column current(TableSpec spec, String name) {
        for (Column column : spec.columns()) {
            if (column.name().equals(name)
                    || spec.formerNames().getOrDefault(column.name(), List.of()).contains(name)) {
                return column;
            }
        }
        return null;
    }

    /** Whether a file has a column of that name of which it is not told that it is another one. */
    private static boolean there(Connection connection, TableSpec spec, FileColumns columns, String name)
            throws SQLException {
        return PartitionSchema.columns(connection, spec.name()).contains(name) && !columns.told(false, name)
                || PartitionSchema.columns(connection, PartitionSchema.details(spec))
                                .contains(name)
                        && !columns.told(true, name);
    }

    /** Whether a file has an index of that name. */
    static boolean indexed(Connection connection, TableSpec spec, String index) throws SQLException {
        return Sqlite.value(
                        connection,
                        "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = "
                                + Sqlite.literal(PartitionSchema.named(spec.name(), index)))
                != null;
    }
}
