package io.levee.postgres;

import io.levee.RetentionEvent;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The decisions of retention that the catalog keeps. Statements only; the caller's transaction. */
final class RetentionLog {
    static final String TABLE = "retention_events";

    private RetentionLog() {}

    static void create(Connection connection, Names names) throws SQLException {
        Postgres.run(
                connection,
                "CREATE TABLE " + names.catalog(TABLE)
                        + "(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL,"
                        + " action text NOT NULL, rule text NOT NULL, table_name text COLLATE \"C\" NOT NULL,"
                        + " partition text NOT NULL, row_count bigint NOT NULL, bytes bigint NOT NULL,"
                        + " reason text NOT NULL)");
    }

    /** Adds events, and forgets the oldest past the most that are kept. */
    static boolean note(Connection connection, Names names, List<RetentionEvent> events) throws SQLException {
        for (RetentionEvent event : events) {
            Postgres.update(
                    connection,
                    "INSERT INTO " + names.catalog(TABLE)
                            + "(at, action, rule, table_name, partition, row_count, bytes, reason)"
                            + " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    event.at().atOffset(ZoneOffset.UTC),
                    event.action().name(),
                    event.rule().name(),
                    event.table(),
                    event.partition(),
                    event.rows(),
                    event.bytes(),
                    event.reason());
        }
        Postgres.run(
                connection,
                "DELETE FROM " + names.catalog(TABLE) + " WHERE id <= (SELECT max(id) FROM " + names.catalog(TABLE)
                        + ") - " + RetentionEvent.MAX_EVENTS);
        return true;
    }

    /** The newest first; none where an older release made the catalog. */
    static List<RetentionEvent> newest(Connection connection, Catalog catalog, @Nullable String table, int limit)
            throws SQLException {
        List<RetentionEvent> events = new ArrayList<>();
        if (!catalog.has(connection, TABLE)) {
            return events;
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT at, action, rule, table_name, partition, row_count, bytes, reason FROM "
                        + catalog.names().catalog(TABLE)
                        + " WHERE coalesce(?, table_name) = table_name ORDER BY id DESC LIMIT ?")) {
            statement.setString(1, table);
            statement.setInt(2, limit);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    events.add(new RetentionEvent(
                            rows.getObject(1, OffsetDateTime.class).toInstant(),
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
