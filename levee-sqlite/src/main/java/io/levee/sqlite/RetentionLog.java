package io.levee.sqlite;

import io.levee.RetentionEvent;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The decisions of retention that the catalog keeps. Changes are for {@link Catalog#change}. */
final class RetentionLog {
    static final String SCHEMA = "CREATE TABLE IF NOT EXISTS retention_events(id INTEGER PRIMARY KEY, at TEXT NOT NULL,"
            + " action TEXT NOT NULL, rule TEXT NOT NULL, table_name TEXT NOT NULL, partition TEXT NOT NULL,"
            + " rows INTEGER NOT NULL, bytes INTEGER NOT NULL, reason TEXT NOT NULL)";

    private RetentionLog() {}

    /** Adds events, and forgets the oldest past the most that are kept. */
    static boolean note(Connection connection, List<RetentionEvent> events) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT INTO retention_events(at, action, rule, table_name, partition, rows, bytes, reason)"
                        + " VALUES(?, ?, ?, ?, ?, ?, ?, ?)")) {
            for (RetentionEvent event : events) {
                statement.setString(1, event.at().toString());
                statement.setString(2, event.action().name());
                statement.setString(3, event.rule().name());
                statement.setString(4, event.table());
                statement.setString(5, event.partition());
                statement.setLong(6, event.rows());
                statement.setLong(7, event.bytes());
                statement.setString(8, event.reason());
                statement.executeUpdate();
            }
        }
        Sqlite.run(
                connection,
                "DELETE FROM retention_events WHERE id <= (SELECT max(id) FROM retention_events) - "
                        + RetentionEvent.MAX_EVENTS);
        return true;
    }

    /** The newest first; none where an older release made the catalog. */
    static List<RetentionEvent> newest(Connection connection, @Nullable String table, int limit) throws SQLException {
        List<RetentionEvent> events = new ArrayList<>();
        if (!CatalogSchema.hasTable(connection, "retention_events")) {
            return events;
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT at, action, rule, table_name, partition, rows, bytes, reason FROM retention_events"
                        + " WHERE ?1 IS NULL OR table_name = ?1 ORDER BY id DESC LIMIT ?2")) {
            statement.setString(1, table);
            statement.setInt(2, limit);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    events.add(new RetentionEvent(
                            Instant.parse(rows.getString(1)),
                            RetentionEvent.Action.valueOf(rows.getString(2)),
                            RetentionEvent.Rule.valueOf(rows.getString(3)),
                            rows.getString(4),
                            rows.getString(5),
                            rows.getLong(6),
                            rows.getLong(7),
                            rows.getString(8)));
                }
            }
        }
        return events;
    }
}
