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
import java.util.LinkedHashMap;
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

    /** So many are kept in mind: of many migrations and many partitions the rest is looked at again. */
    private static final int MOST_KNOWN = 200_000;

    /**
     * Those that were reached, by migration, with {@link Partition#reopenings} of then: what is still to be reached may need nothing any more.
     * Guarded by this.
     */
    private final Map<String, Map<Partition, Integer>> known = new HashMap<>();

    private int knownCount;

    MigrationReach(StorePaths paths, Manifest manifest) {
        this.paths = paths;
        this.manifest = manifest;
    }

    /**
     * What is asked of one migration.
     *
     * @param spec the newest of the table
     * @param bound numbers from here on were given after the declaration: a partition with no other rows needs nothing
     */
    record Asked(MigrationRecord record, TableSpec spec, long bound) {}

    /** The partitions of the table that are still to be reached, newest first. */
    List<Partition> left(MigrationRecord record, TableSpec spec, long bound) {
        Asked asked = new Asked(record, spec, bound);
        return left(List.of(asked)).getOrDefault(asked, List.of());
    }

    /** The same of several: each partition is opened once at most. Those that have reached all are left out. */
    Map<Asked, List<Partition>> left(List<Asked> asked) {
        Map<String, List<Asked>> tables = new LinkedHashMap<>();
        asked.forEach(one -> tables.computeIfAbsent(one.record.table(), t -> new ArrayList<>())
                .add(one));
        Map<Asked, List<Partition>> left = new HashMap<>();
        tables.forEach((table, of) -> {
            List<Partition> own = own(table);
            of.forEach(one -> forget(one.record, own));
            for (Partition partition : own) {
                List<Asked> open =
                        of.stream().filter(one -> !knows(one.record, partition)).toList();
                if (!open.isEmpty()) {
                    look(partition, open)
                            .forEach(one -> left.computeIfAbsent(one, o -> new ArrayList<>())
                                    .add(partition));
                }
            }
        });
        return left;
    }

    private List<Partition> own(String table) {
        List<Partition> own = new ArrayList<>(manifest.own(table));
        own.removeIf(partition -> partition.state() == Partition.State.DROPPED);
        own.sort(Comparator.comparingLong((Partition p) -> p.held().maxMicros())
                .thenComparing(p -> p.period().name())
                .thenComparing(p -> p.id().n())
                .reversed());
        return own;
    }

    /**
     * A partition was reached: that is committed in its file.
     *
     * @param reopenings those of the partition before that was seen
     */
    synchronized void reached(MigrationRecord record, Partition partition, int reopenings) {
        if (knownCount >= MOST_KNOWN) {
            known.clear();
            knownCount = 0;
        }
        if (known.computeIfAbsent(key(record), id -> new HashMap<>()).put(partition, reopenings) == null) {
            knownCount++;
        }
    }

    private static String key(MigrationRecord record) {
        return record.digest() + record.id();
    }

    private synchronized boolean knows(MigrationRecord record, Partition partition) {
        // What was planned may have been declared since.
        Map<Partition, Integer> of = applied(record) ? known.get(key(record)) : null;
        return of != null && of.getOrDefault(partition, -1) == partition.reopenings();
    }

    private synchronized void forget(MigrationRecord record, List<Partition> own) {
        Map<Partition, Integer> of = known.get(key(record));
        if (of != null) {
            int before = of.size();
            of.keySet().retainAll(Set.copyOf(own));
            knownCount -= before - of.size();
        }
    }

    /** Looks into a file; returns the migrations that have not reached it. */
    private List<Asked> look(Partition partition, List<Asked> asked) {
        Path file = paths.partition(partition);
        int reopenings = partition.reopenings();
        List<Asked> left = new ArrayList<>();
        try {
            // One of its own: a handle that is kept would keep the partition from getting its checksum.
            Connection connection = Partition.size(file) == 0 ? null : Connections.reader(file, CACHE);
            try {
                for (Asked one : asked) {
                    Found found = look(one, connection);
                    if (found == Found.NOT_REACHED) {
                        left.add(one);
                    } else if (found == Found.REACHED && applied(one.record)) {
                        reached(one.record, partition, reopenings);
                    }
                }
            } finally {
                if (connection != null) {
                    Connections.close(file, connection);
                }
            }
        } catch (SQLException e) {
            if (partition.state() == Partition.State.DROPPED) {
                return List.of();
            }
            throw Sqlite.failure("a partition's description cannot be read", file, e);
        }
        return left;
    }

    /** What a look at a file tells. */
    private enum Found {
        REACHED,
        NOT_REACHED,
        /** It has no rows that would have to be set; some that were accepted before the declaration may be about to come. */
        NO_ROWS
    }

    private static Found look(Asked asked, @Nullable Connection connection) throws SQLException {
        MigrationRecord record = asked.record;
        boolean sets = MigrationCatalog.sets(record.step());
        if (connection == null) {
            return sets ? Found.NO_ROWS : Found.REACHED;
        }
        if (!PartitionSchema.columns(connection, asked.spec.name()).isEmpty()
                && !reached(record, asked.spec, connection, asked.bound)) {
            return Found.NOT_REACHED;
        }
        return sets && !marked(record, connection) ? Found.NO_ROWS : Found.REACHED;
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
