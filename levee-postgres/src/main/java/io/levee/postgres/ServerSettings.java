package io.levee.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;

/** The server's settings that matter to a store, as read back (guarantee G41). */
final class ServerSettings {
    private ServerSettings() {}

    /** As they hold for a connection of the store. */
    static Map<String, Object> of(Connection connection) throws SQLException {
        return read(connection, "pg_catalog.current_setting(name)");
    }

    /** As they hold for other sessions of this user: a connection of the store sets some of its own. */
    static Map<String, Object> defaults(Connection connection) throws SQLException {
        return read(connection, "reset_val || CASE WHEN unit = 'ms' AND reset_val <> '0' THEN ' ms' ELSE '' END");
    }

    private static Map<String, Object> read(Connection connection, String value) throws SQLException {
        Map<String, Object> settings = new TreeMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows =
                        statement.executeQuery("SELECT name, " + value + " FROM pg_catalog.pg_settings WHERE name IN"
                                + " ('server_version', 'server_encoding', 'synchronous_commit', 'fsync',"
                                + " 'full_page_writes', 'data_checksums', 'max_connections', 'wal_level', 'autovacuum',"
                                + " 'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout',"
                                + " 'idle_session_timeout', 'shared_buffers', 'max_locks_per_transaction')")) {
            while (rows.next()) {
                settings.put(rows.getString(1), rows.getString(2));
            }
        }
        return settings;
    }
}
