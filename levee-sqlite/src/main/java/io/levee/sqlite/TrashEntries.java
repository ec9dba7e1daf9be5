package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.PartitionInfo;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the catalog keeps of dropped partitions that can be brought back. Changes are for {@link Catalog#change}. */
final class TrashEntries {
    private static final String OF = " WHERE table_name=?1 AND class=?2 AND period=?3 AND n=?4";

    private TrashEntries() {}

    /**
     * A dropped partition whose grace lasts.
     *
     * @param file where it was, below the store's root
     * @param up the store's {@link UpTime} at the drop
     * @param seq rows that were inserted since the drop have numbers above this
     * @param bytes its file's size when it was closed
     */
    record Entry(PartitionId id, String file, long up, long seq, Partition.Held held, long bytes) {
        PartitionInfo info() {
            return new PartitionInfo(
                    id, PartitionInfo.State.CLOSED, held.minMicros(), held.maxMicros(), held.rows(), bytes);
        }

        /** The name of its file in the trash. */
        String name() {
            return StorePaths.flat(file);
        }
    }

    private static final String GRACE = "trash_grace_ms";

    /** Notes how long the writer keeps what is dropped, for who reads beside it. */
    static void grace(Connection connection, Duration grace) throws SQLException {
        String millis = Long.toString(grace.toMillis());
        if (!millis.equals(String.valueOf(Catalog.value(connection, GRACE)))) {
            Catalog.put(connection, GRACE, millis);
        }
    }

    /**
     * How long each can come back yet, as far as the catalog tells: beside a writer up to half a minute too long.
     *
     * @return nothing in a catalog whose last writer did not say
     */
    static Map<PartitionId, Duration> graces(Connection connection) throws SQLException {
        Object grace = Catalog.value(connection, GRACE);
        return grace == null
                ? Map.of()
                : graces(
                        all(connection), Duration.ofMillis(Long.parseLong(grace.toString())), UpTime.noted(connection));
    }

    /**
     * The same.
     *
     * @param now the store's {@link UpTime}
     */
    static Map<PartitionId, Duration> graces(List<Entry> entries, Duration grace, long now) {
        Map<PartitionId, Duration> left = new HashMap<>();
        entries.forEach(entry ->
                left.put(entry.id(), Duration.ofMillis(Math.max(0, grace.toMillis() - Math.max(0, now - entry.up())))));
        return left;
    }

    /** Notes a drop. What was dropped before, and came back, keeps the earlier number: it missed what was written since then. */
    static void put(Connection connection, PartitionId id, long up, long seq) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO trash(table_name, class, period, n,"
                + " up, seq, restored) VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0) ON CONFLICT DO UPDATE SET up = ?5,"
                + " seq = min(seq, ?6), restored = 0")) {
            Catalog.bind(statement, 1, id);
            statement.setLong(5, up);
            statement.setLong(6, seq);
            statement.executeUpdate();
        }
    }

    /** Notes that it came back. It stays known, since keys may have been written in the time in which it was missing. */
    static void restored(Connection connection, PartitionId id, long seq) throws SQLException {
        put(connection, id, 0, seq);
        on(connection, "UPDATE trash SET restored = 1" + OF, id);
    }

    /** It is freed. */
    static void forget(Connection connection, PartitionId id) throws SQLException {
        on(connection, "DELETE FROM trash" + OF, id);
    }

    /** Forgets what came back and is gone again for good. */
    static void forgetGone(Connection connection) throws SQLException {
        Sqlite.run(
                connection,
                "DELETE FROM trash WHERE restored = 1 AND NOT EXISTS(SELECT 1 FROM partitions p WHERE p.table_name ="
                        + " trash.table_name AND p.class = trash.class AND p.period = trash.period AND p.n = trash.n"
                        + " AND p.state <> 'dropped')");
    }

    private static void on(Connection connection, String sql, PartitionId id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            Catalog.bind(statement, 1, id);
            statement.executeUpdate();
        }
    }

    /** The partitions of a table that were dropped once and are back. */
    static Set<PartitionId> cameBack(Connection connection, String table) throws SQLException {
        Set<PartitionId> ids = new HashSet<>();
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT class, period, n FROM trash WHERE table_name = ? AND restored = 1")) {
            statement.setString(1, table);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    ids.add(new PartitionId(table, rows.getString(1), rows.getString(2), rows.getInt(3)));
                }
            }
        }
        return ids;
    }

    /** All that is in the trash and can come back, the oldest drop first; nothing in a catalog of an older release. */
    static List<Entry> all(Connection connection) throws SQLException {
        List<Entry> entries = new ArrayList<>();
        if (!CatalogSchema.hasTable(connection, "trash")) {
            return entries;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT table_name, class, period, n, p.file, t.up, t.seq,"
                        + " p.min_time, p.max_time, p.row_count, p.max_seq, p.bytes FROM trash t JOIN partitions p"
                        + " USING(table_name, class, period, n) WHERE p.state = 'dropped' AND t.restored = 0"
                        + " ORDER BY t.up, table_name, period, n")) {
            while (rows.next()) {
                PartitionId id =
                        new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4));
                Partition.Held held = rows.getObject(10) == null
                        ? Partition.Held.UNKNOWN
                        : new Partition.Held(rows.getLong(8), rows.getLong(9), rows.getLong(10), 0, rows.getLong(11));
                entries.add(new Entry(id, rows.getString(5), rows.getLong(6), rows.getLong(7), held, rows.getLong(12)));
            }
        }
        return entries;
    }

    static @Nullable Entry find(Connection connection, PartitionId id) throws SQLException {
        return all(connection).stream()
                .filter(entry -> entry.id().equals(id))
                .findFirst()
                .orElse(null);
    }
}
