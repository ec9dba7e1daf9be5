package io.levee.sqlite;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Rows that came to a partition beside a backfill's own way through it, by number: those that it has still to set there ({@code due}) and
 * those that it has set where they were before. What is in the list is no work of the way by numbers. In the file, until the backfill is
 * done with it. Statements only; the caller's transaction.
 */
final class MovedNumbers {
    private static final String TABLE = "levee_backfill";
    private static final String WHERE = " WHERE migration = ";

    private MovedNumbers() {}

    /** Whether a file has any of a migration. */
    static boolean any(Connection connection, String migration) throws SQLException {
        return CatalogSchema.hasTable(connection, TABLE)
                && Sqlite.value(connection, "SELECT 1 FROM " + TABLE + WHERE + Sqlite.literal(migration) + " LIMIT 1")
                        != null;
    }

    /** Whether a file has any that are still to be set. */
    static boolean due(Connection connection, String migration) throws SQLException {
        return CatalogSchema.hasTable(connection, TABLE)
                && Sqlite.value(
                                connection,
                                "SELECT 1 FROM " + TABLE + WHERE + Sqlite.literal(migration) + " AND due LIMIT 1")
                        != null;
    }

    /** Adds some; what was said of them before holds no longer. */
    static void put(Connection connection, String migration, boolean due, Collection<Long> seqs) throws SQLException {
        Sqlite.run(
                connection,
                "CREATE TABLE IF NOT EXISTS " + TABLE
                        + "(migration TEXT NOT NULL, seq INTEGER NOT NULL, due INTEGER NOT"
                        + " NULL, PRIMARY KEY(migration, seq)) WITHOUT ROWID");
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT OR REPLACE INTO " + TABLE + "(migration, seq, due) VALUES(?, ?, ?)")) {
            for (long seq : seqs) {
                statement.setString(1, migration);
                statement.setLong(2, seq);
                statement.setInt(3, due ? 1 : 0);
                statement.executeUpdate();
            }
        }
    }

    /** Of some numbers those that are in the list: whether they are to be set. */
    static Map<Long, Boolean> of(Connection connection, String migration, Collection<Long> seqs) throws SQLException {
        Map<Long, Boolean> found = new HashMap<>();
        if (!any(connection, migration)) {
            return found;
        }
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT due FROM " + TABLE + WHERE + "? AND seq = ?")) {
            for (long seq : seqs) {
                statement.setString(1, migration);
                statement.setLong(2, seq);
                try (ResultSet rows = statement.executeQuery()) {
                    if (rows.next()) {
                        found.put(seq, rows.getInt(1) != 0);
                    }
                }
            }
        }
        return found;
    }

    /** The lowest that are to be set. */
    static List<Long> next(Connection connection, String migration, long most) throws SQLException {
        List<Long> next = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(lowest(migration, most))) {
            while (rows.next()) {
                next.add(rows.getLong(1));
            }
        }
        return next;
    }

    /** The same as a statement. */
    static String lowest(String migration, long most) {
        return "SELECT seq FROM " + TABLE + WHERE + Sqlite.literal(migration) + " AND due ORDER BY seq LIMIT " + most;
    }

    /** A condition on rows {@code m} that are not in the list. */
    static String notListed(String migration) {
        return " AND NOT EXISTS (SELECT 1 FROM " + TABLE + " x WHERE x.migration = " + Sqlite.literal(migration)
                + " AND x.seq = m._seq)";
    }

    /** One was set. */
    static void remove(Connection connection, String migration, long seq) throws SQLException {
        Sqlite.run(connection, "DELETE FROM " + TABLE + WHERE + Sqlite.literal(migration) + " AND seq = " + seq);
    }

    /**
     * The beginning of a statement that takes those up to a number out of the list that are to be set, but for rows {@code m} that are there
     * and fit what is added to it, and a closing parenthesis.
     */
    static String removeBut(String migration, String table, long upTo) {
        return "DELETE FROM " + TABLE + WHERE + Sqlite.literal(migration) + " AND due AND seq <= " + upTo
                + " AND NOT EXISTS (SELECT 1 FROM " + Sqlite.quote(table) + " m WHERE m._seq = " + TABLE + ".seq";
    }

    /** The backfill is done with the file. */
    static void clear(Connection connection, String migration) throws SQLException {
        if (CatalogSchema.hasTable(connection, TABLE)) {
            Sqlite.run(connection, "DELETE FROM " + TABLE + WHERE + Sqlite.literal(migration));
        }
    }
}
