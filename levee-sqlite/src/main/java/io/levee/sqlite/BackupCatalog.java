package io.levee.sqlite;

import io.levee.Gap;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.backup.BackupManifest;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The catalog of a backup: a copy of the store's that says of each partition what its copy is, and later that of the restored store. */
final class BackupCatalog {
    /** Numbers go on so far above the highest that the backup knows of: others were given after it. */
    private static final long BEYOND = 1_000_000_000L;

    private BackupCatalog() {}

    /**
     * What a backup lacks of its moment; a store that is restored from it says so.
     *
     * @param missing why some could not be copied, by partition
     * @param dropped why some went while they were copied, by partition
     * @param told the gaps that the backup's ledger has
     */
    record Absent(Map<String, String> missing, Map<String, String> dropped, List<Gap> told) {
        private String why(PartitionId id) {
            String name = id.toString();
            return missing.getOrDefault(name, dropped.getOrDefault(name, "never written to"));
        }

        private @Nullable Gap gap(Partition partition) {
            String name = partition.id().toString();
            boolean went = dropped.containsKey(name);
            if (!went && !missing.containsKey(name)) {
                return null;
            }
            Partition.Held held = partition.held();
            boolean known = held.known() && held.rows() > 0;
            Gap gap = new Gap(
                    partition.id().table(),
                    known ? held.minMicros() : partition.period().startMicros(),
                    known ? held.maxMicros() : partition.period().endMicros() - 1,
                    known ? held.rows() : Gap.UNKNOWN,
                    went ? LossReason.EXPIRED : LossReason.QUARANTINED);
            return went && told.stream().anyMatch(one -> tells(one, gap)) ? null : gap;
        }

        /** What an open one holds is not in the catalog: then it is somewhere in its period. */
        private static boolean tells(Gap one, Gap gap) {
            boolean there = gap.count() == Gap.UNKNOWN
                    ? one.touches(gap.fromMicros(), gap.toMicros())
                    : one.fromMicros() <= gap.fromMicros() && one.toMicros() >= gap.toMicros();
            return there && one.reason() == gap.reason() && one.table().equals(gap.table());
        }
    }

    /**
     * Makes a copy of the catalog fit the copied partitions: all are closed, and no others are live.
     *
     * @param unchecked those that get no checksum, so that maintenance looks into them
     * @param absent those that were there at the moment, and are not in the backup
     */
    static void fit(
            Path copy,
            Map<PartitionId, BackupManifest.Entry> entries,
            Set<PartitionId> unchecked,
            Absent absent,
            Instant at)
            throws SQLException {
        change(copy, at, connection -> {
            for (Partition partition : Catalog.partitions(connection)) {
                PartitionId id = partition.id();
                BackupManifest.Entry entry = entries.get(id);
                if (entry != null) {
                    close(connection, entry, unchecked.contains(id), at);
                } else {
                    Catalog.markDropped(connection, id, absent.why(id), at);
                    Gap gap = absent.gap(partition);
                    if (gap != null) {
                        put(connection, gap);
                    }
                }
            }
            if (CatalogSchema.hasTable(connection, "adopted")) {
                // They stay where they lie, and the store that was backed up is the one that may delete them.
                Sqlite.run(
                        connection,
                        "UPDATE adopted SET adoption = json_remove(adoption, '$.take'), state ="
                                + " CASE state WHEN 'deleting' THEN 'dropped' ELSE state END");
            }
            Catalog.put(connection, "last_shutdown", "CLEAN");
        });
    }

    private static void close(Connection connection, BackupManifest.Entry entry, boolean unchecked, Instant at)
            throws SQLException {
        Partition.Held held =
                new Partition.Held(entry.minMicros(), entry.maxMicros(), entry.rows(), entry.minSeq(), entry.maxSeq());
        Catalog.markClosed(connection, entry.id(), held, entry.plain().bytes(), at);
        if (!unchecked) {
            CatalogChecks.putChecksum(connection, entry.id(), entry.plain().checksum(), at);
        }
    }

    /** Keeps a gap in the catalog. */
    static void put(Connection connection, Gap gap) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT INTO gaps(table_name, from_time, to_time, count, reason) VALUES(?, ?, ?, ?, ?)")) {
            statement.setString(1, gap.table());
            statement.setLong(2, gap.fromMicros());
            statement.setLong(3, gap.toMicros());
            statement.setObject(4, gap.count() == Gap.UNKNOWN ? null : (Object) gap.count());
            statement.setString(5, gap.reason().name());
            statement.executeUpdate();
        }
    }

    /**
     * Makes it that of a new store: cursors and followers of the old one are told that they may have missed something, and no number
     * is given twice.
     *
     * @return what was lost of each table, as a gap
     */
    static Map<String, Gap> renew(Path copy, BackupManifest backup, Instant now, long nowMicros) throws SQLException {
        Map<String, Gap> lost = new HashMap<>();
        change(copy, now, connection -> {
            Catalog.put(connection, "created", now.toString());
            // The trash is not in the backup.
            Sqlite.run(connection, "DELETE FROM trash WHERE restored = 0");
            for (TableSpec spec : CatalogTables.tables(connection)) {
                String table = spec.name();
                long next = CatalogTables.reserveSeq(connection, table, BEYOND) + BEYOND;
                TableMarks.write(connection, table, new TableMarks.Marks(Long.MIN_VALUE, next - 1));
                lost.put(table, lost(backup, table, nowMicros));
            }
        });
        return lost;
    }

    private static Gap lost(BackupManifest backup, String table, long now) {
        long[] range = {backup.atMicros(), Math.max(backup.atMicros(), now)};
        backup.flight().stream()
                .filter(f -> f.table().equals(table) || f.table().equals("*"))
                .forEach(f -> {
                    range[0] = Math.min(range[0], f.fromMicros());
                    range[1] = Math.max(range[1], f.toMicros());
                });
        return new Gap(table, range[0], range[1], Gap.UNKNOWN, LossReason.RESTORED);
    }

    @FunctionalInterface
    private interface Change {
        void on(Connection connection) throws SQLException;
    }

    /** Leaves one plain file. */
    private static void change(Path copy, Instant now, Change change) throws SQLException {
        Connection connection = Connections.catalog(copy);
        try {
            CatalogSchema.prepare(connection, now);
            Sqlite.transaction(connection, () -> {
                change.on(connection);
                return true;
            });
            Sqlite.value(connection, "PRAGMA journal_mode=DELETE");
        } finally {
            Connections.close(copy, connection);
        }
    }
}
