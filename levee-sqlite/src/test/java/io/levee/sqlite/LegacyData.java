package io.levee.sqlite;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Old databases as the systems of the design have them: a Celery monitor's invocations and details, and an uptime monitor's checks. */
final class LegacyData {
    /** The first row of the monitor; one comes every {@link #STEP_MILLIS}. */
    static final Instant BEGIN = Instant.parse("2026-04-01T00:00:00Z");

    static final long STEP_MILLIS = 2_500;

    private LegacyData() {}

    /** The monitor's single pair of tables, its rows a step apart; every seventh has no details, two have no time. */
    static void monitor(Path file, int rows, boolean withDetails) throws SQLException {
        try (Connection c = open(file);
                Statement s = c.createStatement()) {
            s.executeUpdate("PRAGMA journal_mode=WAL");
            s.executeUpdate(
                    "CREATE TABLE invocations(task_id TEXT PRIMARY KEY, task_name TEXT NOT NULL, state TEXT NOT NULL,"
                            + " received_at REAL, started_at REAL, finished_at REAL, runtime_ms REAL, worker TEXT, queue TEXT,"
                            + " exception_type TEXT)");
            s.executeUpdate("CREATE INDEX inv_finished ON invocations(finished_at)");
            s.executeUpdate("CREATE INDEX inv_name ON invocations(task_name, finished_at)");
            String n = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " + rows + ")";
            s.executeUpdate(n + " INSERT INTO invocations SELECT printf('task-%08d', i), 'app.task' || (i % 40),"
                    + " CASE WHEN i % 50 = 0 THEN 'FAILURE' WHEN i % 11 = 0 THEN 'RETRY' ELSE 'SUCCESS' END, "
                    + BEGIN.getEpochSecond() + " + i * 2.5 - 2, " + BEGIN.getEpochSecond() + " + i * 2.5 - 1,"
                    + " CASE WHEN i % " + (rows / 2) + " = 17 THEN NULL ELSE " + BEGIN.getEpochSecond()
                    // Some come in late, and some share their time.
                    + " + (i - CASE WHEN i % 13 = 0 THEN 9 WHEN i % 17 = 0 THEN 1 ELSE 0 END) * 2.5 END,"
                    + " (i * 7919) % 10007 / 7.0, 'worker-' || (i % 6), CASE WHEN i % 9 = 0 THEN NULL ELSE 'q' || (i % 3) END,"
                    + " CASE WHEN i % 50 = 0 THEN 'ValueError' END FROM n");
            if (withDetails) {
                s.executeUpdate(
                        "CREATE TABLE invocation_details(task_id TEXT PRIMARY KEY, args_preview TEXT, kwargs_preview TEXT,"
                                + " traceback_snippet TEXT)");
                s.executeUpdate(n + " INSERT INTO invocation_details SELECT printf('task-%08d', i), '[' || i || ']',"
                        + " '{\"order\": ' || (i % 1000) || '}', CASE WHEN i % 50 = 0 THEN 'File x line ' || i END FROM n"
                        + " WHERE i % 7 <> 0");
            }
        }
    }

    static TableSpec.Builder invocations() {
        return TableSpec.builder("invocations")
                .column("task_id", ColumnType.TEXT)
                .column("task_name", ColumnType.TEXT)
                .column("state", ColumnType.TEXT)
                .column("received_at", ColumnType.TIMESTAMP)
                .column("finished_at", ColumnType.TIMESTAMP)
                .column("runtime_ms", ColumnType.REAL)
                .column("worker", ColumnType.TEXT)
                .column("queue", ColumnType.TEXT)
                .column("retries", ColumnType.INTEGER)
                .column(new Column("args_preview", ColumnType.TEXT, true, false, null))
                .column(new Column("traceback_snippet", ColumnType.TEXT, true, false, null))
                .time("finished_at")
                .key("task_id")
                .partitionBy(PartitionBy.DAY)
                .index("task_name", "finished_at")
                .retention(RetentionRule.UNBOUNDED);
    }

    /** The uptime monitor's checks: times as SQLite's text, no index but by site and time, one every second over the sites. */
    static void checks(Path file, int rows) throws SQLException {
        try (Connection c = open(file);
                Statement s = c.createStatement()) {
            s.executeUpdate("CREATE TABLE check_history(id INTEGER PRIMARY KEY AUTOINCREMENT, site_id INTEGER NOT NULL,"
                    + " latency_ns INTEGER, is_up BOOLEAN, checked_at DATETIME DEFAULT CURRENT_TIMESTAMP,"
                    + " node_id TEXT DEFAULT '')");
            s.executeUpdate("CREATE INDEX idx_check ON check_history(site_id, checked_at DESC)");
            s.executeUpdate("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " + rows + ")"
                    + " INSERT INTO check_history(site_id, latency_ns, is_up, checked_at, node_id) SELECT i % 20 + 1,"
                    + " (i * 7919) % 1000003, i % 97 <> 0, datetime(" + BEGIN.getEpochSecond()
                    + " + i, 'unixepoch'), 'n' || (i % 3) FROM n");
        }
    }

    static TableSpec.Builder checkSpec() {
        return TableSpec.builder("checks")
                .column("site_id", ColumnType.INTEGER)
                .column("latency_ns", ColumnType.INTEGER)
                .column("up", ColumnType.BOOLEAN)
                .column("checked_at", ColumnType.TIMESTAMP)
                .column("node_id", ColumnType.TEXT)
                .time("checked_at")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.UNBOUNDED);
    }

    static Connection open(Path file) throws SQLException {
        return DriverManager.getConnection("jdbc:sqlite:" + file);
    }

    /** What the original says, by hand-written SQL; whole numbers as {@link Long}. */
    static List<List<@Nullable Object>> ask(Path file, String sql) throws SQLException {
        List<List<@Nullable Object>> answer = new ArrayList<>();
        try (Connection c = open(file);
                Statement s = c.createStatement();
                ResultSet rows = s.executeQuery(sql)) {
            int width = rows.getMetaData().getColumnCount();
            while (rows.next()) {
                List<@Nullable Object> row = new ArrayList<>();
                for (int i = 1; i <= width; i++) {
                    Object value = rows.getObject(i);
                    row.add(value instanceof Integer whole ? (Object) whole.longValue() : value);
                }
                answer.add(row);
            }
        }
        return answer;
    }

    static void run(Path file, String... statements) throws SQLException {
        try (Connection c = open(file);
                Statement s = c.createStatement()) {
            for (String sql : statements) {
                s.executeUpdate(sql);
            }
        }
    }
}
