package io.levee.sqlite;

import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.PartitionId;
import io.levee.engine.MigrationRecord;
import io.levee.internal.time.Micros;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The migrations of a catalog that was lost, from the marks that they left in partitions. The thread that opens the store. */
final class MigrationRebuild {
    private final Map<String, Found> found = new TreeMap<>();
    private boolean renamed;

    /** What was found of one migration. */
    private static final class Found {
        private final MigrationMark first;
        private final Set<PartitionId> done = new HashSet<>();
        private long seen;
        private long bound = Long.MAX_VALUE;

        Found(MigrationMark first) {
            this.first = first;
        }
    }

    /** Takes in the marks of a file. */
    void saw(PartitionId id, Connection connection) throws SQLException {
        renamed |= Sqlite.number(connection, "PRAGMA user_version") >= Connections.FORMAT_RENAMED;
        MigrationMark.all(connection, "").forEach((name, mark) -> {
            Found of = found.computeIfAbsent(name, n -> new Found(mark));
            of.seen += mark.seen();
            of.bound = Math.min(of.bound, mark.bound());
            if (mark.done()) {
                of.done.add(id);
            }
        });
    }

    /**
     * Writes them: done where every live partition of the table says so, else interrupted, to be gone on with. Those that had reached no
     * partition are lost with their specs.
     */
    void write(Connection connection, List<PartitionId> live, Instant now) throws SQLException {
        if (renamed) {
            CatalogSchema.requireRenamed(connection);
        }
        if (!found.isEmpty()) {
            // Marks do not tell who wrote after them.
            MigrationCatalog.came(connection);
        }
        List<Map.Entry<String, Found>> inOrder = new ArrayList<>(found.entrySet());
        inOrder.sort(Comparator.comparingLong(one -> one.getValue().first.number()));
        for (Map.Entry<String, Found> one : inOrder) {
            Found of = one.getValue();
            Migration migration;
            try {
                migration = Migration.fromMap(of.first.migration());
            } catch (LeveeException e) {
                System.getLogger("io.levee.sqlite")
                        .log(
                                System.Logger.Level.WARNING,
                                "the migration " + one.getKey() + " is not known any more",
                                e);
                continue;
            }
            long all = live.stream()
                    .filter(id -> id.table().equals(migration.table()))
                    .count();
            long done = live.stream().filter(of.done::contains).count();
            MigrationCatalog.put(connection, record(of, migration, (int) done, (int) all, Micros.of(now)), of.bound);
        }
    }

    private static MigrationRecord record(Found of, Migration migration, int done, int all, long now) {
        return new MigrationRecord(
                of.first.number(),
                migration,
                of.first.digest(),
                done == all ? State.DONE : State.INTERRUPTED,
                null,
                of.seen,
                0,
                -1,
                done,
                all,
                null,
                true,
                false,
                true,
                false,
                "the catalog was lost: this is what partitions tell",
                now,
                now,
                now,
                0);
    }
}
