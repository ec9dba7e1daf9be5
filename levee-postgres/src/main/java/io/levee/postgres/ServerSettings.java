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

    static Map<String, Object> of(Connection connection) throws SQLException {
        Map<String, Object> settings = new TreeMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE name IN"
                                + " ('server_version', 'server_encoding', 'synchronous_commit', 'fsync',"
                                + " 'full_page_writes', 'max_connections', 'wal_level', 'autovacuum',"
                                + " 'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout',"
                                + " 'idle_session_timeout', 'shared_buffers', 'max_locks_per_transaction')")) {
            while (rows.next()) {
                settings.put(rows.getString(1), rows.getString(2));
            }
        }
        return settings;
    }
}
