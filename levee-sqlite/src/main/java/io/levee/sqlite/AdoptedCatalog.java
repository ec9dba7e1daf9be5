package io.levee.sqlite;

import io.levee.Adoption;
import io.levee.PartitionId;
import io.levee.engine.Period;
import io.levee.internal.adopt.MovedRows;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The adopted databases in the catalog: a table of their own, because releases that do not know them would take them for partitions that
 * they may write to.
 */
final class AdoptedCatalog {
    static final String SCHEMA = "CREATE TABLE IF NOT EXISTS adopted(table_name TEXT NOT NULL, n INTEGER NOT NULL,"
            + " database TEXT NOT NULL, source TEXT NOT NULL, adoption TEXT NOT NULL, state TEXT NOT NULL, base INTEGER"
            + " NOT NULL, rows_estimate INTEGER NOT NULL, time_indexed INTEGER NOT NULL, timeless INTEGER NOT NULL,"
            + " min_time INTEGER, max_time INTEGER, stamp TEXT NOT NULL, changed TEXT NOT NULL, reason TEXT,"
            + " PRIMARY KEY(table_name, n)) WITHOUT ROWID";

    private static final String COLUMNS = "SELECT table_name, n, adoption, base, rows_estimate, time_indexed, timeless,"
            + " min_time, max_time, stamp, state, (SELECT COALESCE(max(b.base), 0) FROM adopted b WHERE b.table_name ="
            + " adopted.table_name AND b.base < adopted.base) FROM adopted";

    private AdoptedCatalog() {}

    /** What the catalog says of one; {@code adopted}, {@code deleting} or {@code dropped}. */
    record Entry(Partition partition, String state) {
        boolean live() {
            return state.equals("adopted");
        }
    }

    /** Those that are read. */
    static List<Partition> live(Connection catalog) throws SQLException {
        return CatalogSchema.hasTable(catalog, "adopted")
                ? all(catalog, " WHERE state = 'adopted' ORDER BY table_name, n").stream()
                        .map(Entry::partition)
                        .toList()
                : List.of();
    }

    /** Reads all that it holds and names every column: what cannot be read is met before the store is open. */
    static void check(Connection catalog) throws SQLException {
        if (CatalogSchema.hasTable(catalog, "adopted")) {
            all(
                    catalog,
                    " WHERE n > 0 OR database IS NOT NULL OR source IS NOT NULL OR changed IS NOT NULL OR reason IS NULL");
        }
    }

    /** Those that were dropped and are to be deleted, because the store had taken them. */
    static List<Partition> toDelete(Connection catalog) throws SQLException {
        return !CatalogSchema.hasTable(catalog, "adopted")
                ? List.of()
                : all(catalog, " WHERE state = 'deleting' ORDER BY table_name, n").stream()
                        .map(Entry::partition)
                        .toList();
    }

    /** The one of a table of a database, dropped or not; null where it was never adopted. */
    static @Nullable Entry known(Connection catalog, String table, Adoption adoption) throws SQLException {
        return all(catalog, " WHERE table_name = " + Sqlite.literal(table)).stream()
                .filter(e -> same(e.partition, adoption))
                .findFirst()
                .orElse(null);
    }

    /** The names of all, dropped ones too. */
    static List<PartitionId> ids(Connection catalog) throws SQLException {
        return CatalogSchema.hasTable(catalog, "adopted")
                ? all(catalog, " ORDER BY table_name, n").stream()
                        .map(e -> e.partition.id())
                        .toList()
                : List.of();
    }

    /** What the catalog says of one; null where it knows none of that name. */
    static @Nullable Entry of(Connection catalog, PartitionId id) throws SQLException {
        return all(catalog, " WHERE table_name = " + Sqlite.literal(id.table()) + " AND n = " + id.n()).stream()
                .findFirst()
                .orElse(null);
    }

    private static boolean same(Partition partition, Adoption adoption) {
        Adopted adopted = partition.adopted();
        return adopted != null
                && adopted.adoption().database().equals(adoption.database())
                && adopted.adoption().source().equalsIgnoreCase(adoption.source());
    }

    private static List<Entry> all(Connection catalog, String where) throws SQLException {
        List<Entry> all = new ArrayList<>();
        Map<PartitionId, MovedRows> moved = SplitCatalog.moved(catalog);
        try (PreparedStatement statement = catalog.prepareStatement(COLUMNS + where);
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                PartitionId id = id(rows.getString(1), rows.getInt(2));
                Adopted adopted = new Adopted(
                        Adoption.fromMap(Json.object(rows.getString(3))),
                        rows.getLong(4),
                        rows.getLong(12),
                        rows.getLong(5),
                        rows.getBoolean(6),
                        rows.getBoolean(7),
                        rows.getObject(8) == null ? Long.MIN_VALUE : rows.getLong(8),
                        Adopted.Stamp.parse(rows.getString(10)),
                        moved.getOrDefault(id, MovedRows.NONE));
                long max = rows.getObject(9) == null ? Long.MAX_VALUE : rows.getLong(9);
                Partition.Held held =
                        new Partition.Held(adopted.minMicros(), max, adopted.rowsEstimate(), Long.MIN_VALUE, 0);
                Partition partition = new Partition(id, adopted, held);
                all.add(new Entry(partition, rows.getString(11)));
            }
        }
        return all;
    }

    static PartitionId id(String table, int n) {
        return new PartitionId(table, "", Period.ADOPTED.name(), n);
    }

    /** The next number of a table, and the base of the one before it. */
    static long[] next(Connection catalog, String table) throws SQLException {
        try (PreparedStatement statement = catalog.prepareStatement(
                "SELECT COALESCE(max(n), 0) + 1, COALESCE(max(base), 0) FROM adopted WHERE table_name = ?")) {
            statement.setString(1, table);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new long[] {rows.getLong(1), rows.getLong(2)};
            }
        }
    }

    /** Keeps what is known of one, new or looked at again. */
    static void put(Connection catalog, Partition partition, Instant now) throws SQLException {
        Adopted adopted = java.util.Objects.requireNonNull(partition.adopted());
        Partition.Held held = partition.held();
        try (PreparedStatement statement = catalog.prepareStatement("INSERT OR REPLACE INTO adopted(table_name, n,"
                + " database, source, adoption, state, base, rows_estimate, time_indexed, timeless, min_time, max_time,"
                + " stamp, changed) VALUES(?, ?, ?, ?, ?, 'adopted', ?, ?, ?, ?, ?, ?, ?, ?)")) {
            statement.setString(1, partition.id().table());
            statement.setInt(2, partition.id().n());
            statement.setString(3, adopted.adoption().database());
            statement.setString(4, adopted.adoption().source());
            statement.setString(5, Json.write(adopted.adoption().toMap()));
            statement.setLong(6, adopted.base());
            statement.setLong(7, adopted.rowsEstimate());
            statement.setBoolean(8, adopted.timeIndexed());
            statement.setBoolean(9, adopted.timeless());
            statement.setObject(10, adopted.firstMicros() == Long.MIN_VALUE ? null : adopted.firstMicros());
            statement.setObject(11, held.maxMicros() == Long.MAX_VALUE ? null : held.maxMicros());
            statement.setString(12, adopted.stamp().text());
            statement.setString(13, now.toString());
            statement.executeUpdate();
        }
    }

    /** Says that one is dropped: {@code deleting} where its files are still to go, else {@code dropped}. */
    static void state(Connection catalog, PartitionId id, String state, String reason, Instant now)
            throws SQLException {
        try (PreparedStatement statement = catalog.prepareStatement(
                "UPDATE adopted SET state = ?, reason = ?, changed = ? WHERE table_name = ? AND n = ?")) {
            statement.setString(1, state);
            statement.setString(2, reason);
            statement.setString(3, now.toString());
            statement.setString(4, id.table());
            statement.setInt(5, id.n());
            statement.executeUpdate();
        }
    }
}
