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
import java.util.Map;
import java.util.Set;

/** The catalog of a backup: a copy of the store's that says of each partition what its copy is, and later that of the restored store. */
final class BackupCatalog {
    /** Numbers go on so far above the highest that the backup knows of: others were given after it. */
    private static final long BEYOND = 1_000_000_000L;

    private BackupCatalog() {}

    /**
     * Makes a copy of the catalog fit the copied partitions: all are closed, and no others are live.
     *
     * @param unchecked those that get no checksum, so that maintenance looks into them
     */
    static void fit(
            Path copy,
            Map<PartitionId, BackupManifest.Entry> entries,
            Set<PartitionId> unchecked,
            Map<String, String> missing,
            Instant at)
            throws SQLException {
        change(copy, at, connection -> {
            for (Partition partition : Catalog.partitions(connection)) {
                PartitionId id = partition.id();
                BackupManifest.Entry entry = entries.get(id);
                if (entry != null) {
                    close(connection, entry, unchecked.contains(id), at);
                } else {
                    String why = missing.getOrDefault(id.toString(), "never written to");
                    Catalog.markDropped(connection, id, why, at);
                    if (missing.containsKey(id.toString())) {
                        gap(connection, partition);
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

    /** What could not be copied is missing in a store that is restored, and says so. */
    private static void gap(Connection connection, Partition partition) throws SQLException {
        Partition.Held held = partition.held();
        boolean known = held.known() && held.rows() > 0;
        put(
                connection,
                new Gap(
                        partition.id().table(),
                        known ? held.minMicros() : partition.period().startMicros(),
                        known ? held.maxMicros() : partition.period().endMicros() - 1,
                        known ? held.rows() : Gap.UNKNOWN,
                        LossReason.QUARANTINED));
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
