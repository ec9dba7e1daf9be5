package io.levee.bench;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;

/** What people write without Levee: one SQLite file, the same pragmas, 10,000 rows a commit. */
final class Peers {
    private static final int ROWS_A_COMMIT = 10_000;

    private Peers() {}

    /** (a) {@code addBatch}, one {@code executeBatch} a commit. */
    static void addBatch(Path file, Invocation[] rows) throws SQLException {
        try (Connection connection = open(file);
                PreparedStatement insert = insert(connection)) {
            for (int i = 0; i < rows.length; i++) {
                bind(insert, i + 1, rows[i]);
                insert.addBatch();
                if ((i + 1) % ROWS_A_COMMIT == 0 || i + 1 == rows.length) {
                    insert.executeBatch();
                    connection.commit();
                }
            }
        }
    }

    /** (b) one {@code executeUpdate} a row. */
    static void executeUpdate(Path file, Invocation[] rows) throws SQLException {
        try (Connection connection = open(file);
                PreparedStatement insert = insert(connection)) {
            for (int i = 0; i < rows.length; i++) {
                bind(insert, i + 1, rows[i]);
                insert.executeUpdate();
                if ((i + 1) % ROWS_A_COMMIT == 0 || i + 1 == rows.length) {
                    connection.commit();
                }
            }
        }
    }

    private static Connection open(Path file) throws SQLException {
        Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("PRAGMA journal_mode=WAL");
            statement.executeUpdate("PRAGMA synchronous=NORMAL");
            statement.executeUpdate("PRAGMA cache_size=-65536");
            statement.executeUpdate("PRAGMA temp_store=FILE");
            statement.executeUpdate("CREATE TABLE invocation(_seq INTEGER PRIMARY KEY, task_id TEXT, task_name TEXT,"
                    + " state TEXT, received_at INTEGER, started_at INTEGER, finished_at INTEGER, runtime_ms REAL,"
                    + " worker TEXT, queue TEXT, exception_type TEXT)");
            statement.executeUpdate("CREATE INDEX by_time ON invocation(finished_at)");
            statement.executeUpdate("CREATE INDEX by_name ON invocation(task_name, finished_at)");
        }
        connection.setAutoCommit(false);
        return connection;
    }

    private static PreparedStatement insert(Connection connection) throws SQLException {
        return connection.prepareStatement("INSERT INTO invocation VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    }

    private static void bind(PreparedStatement insert, long seq, Invocation row) throws SQLException {
        insert.setLong(1, seq);
        insert.setString(2, row.taskId());
        insert.setString(3, row.taskName());
        insert.setString(4, row.state());
        insert.setLong(5, micros(row.receivedAt()));
        insert.setLong(6, micros(row.startedAt()));
        insert.setLong(7, micros(row.finishedAt()));
        insert.setDouble(8, row.runtimeMs());
        insert.setString(9, row.worker());
        insert.setString(10, row.queue());
        insert.setString(11, row.exceptionType());
    }

    private static long micros(Instant instant) {
        return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1000;
    }
}
