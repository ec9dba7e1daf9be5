package io.levee.postgres;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Old tables as the systems of the design have them: a Celery monitor's invocations and details, and an uptime monitor's checks. */
final class LegacyTables {
    /** The first row of the monitor; one comes every {@link #STEP_MILLIS}. */
    static final Instant BEGIN = Instant.parse("2026-04-01T00:00:00Z");

    static final long STEP_MILLIS = 2_500;

    private final PostgresServer server;
    private final String schema;

    /** Tables in a schema of their own, which is made, and goes with those of the test's stores. */
    LegacyTables(PostgresServer server) {
        this.server = server;
        this.schema = PostgresServer.schema(server.newStore());
        server.run("CREATE SCHEMA " + schema);
    }

    String name(String table) {
        return schema + "." + table;
    }

    void run(String... statements) {
        for (String sql : statements) {
            server.run("SET search_path = " + schema + ", public; SET timezone = 'Asia/Kolkata'; " + sql);
        }
    }

    /** The monitor's pair of tables, its rows a step apart; every seventh has no details, two have no time. */
    void monitor(int rows, boolean withDetails) {
        run("CREATE TABLE invocations(task_id text PRIMARY KEY, task_name text NOT NULL, state varchar(20) NOT NULL,"
                + " received_at timestamptz, started_at timestamptz, finished_at timestamptz, runtime_ms double precision,"
                + " worker text, queue text, exception_type text)");
        run("INSERT INTO invocations SELECT 'task-' || lpad(i::text, 8, '0'), 'app.task' || (i % 40),"
                + " CASE WHEN i % 50 = 0 THEN 'FAILURE' WHEN i % 11 = 0 THEN 'RETRY' ELSE 'SUCCESS' END,"
                + " to_timestamp(" + BEGIN.getEpochSecond() + " + i * 2.5 - 2), to_timestamp(" + BEGIN.getEpochSecond()
                + " + i * 2.5 - 1), CASE WHEN i % " + (rows / 2) + " = 17 THEN NULL ELSE to_timestamp("
                + BEGIN.getEpochSecond()
                // Some come in late, and some share their time.
                + " + (i - CASE WHEN i % 13 = 0 THEN 9 WHEN i % 17 = 0 THEN 1 ELSE 0 END) * 2.5) END,"
                + " (i::bigint * 7919) % 10007 / 7.0, 'worker-' || (i % 6), CASE WHEN i % 9 = 0 THEN NULL ELSE 'q' || (i % 3) END,"
                + " CASE WHEN i % 50 = 0 THEN 'ValueError' END FROM generate_series(0, " + (rows - 1) + ") AS i");
        run("CREATE INDEX inv_finished ON invocations(finished_at)");
        run("CREATE INDEX inv_name ON invocations(task_name, finished_at)");
        if (withDetails) {
            run("CREATE TABLE invocation_details(task_id text PRIMARY KEY, args_preview text, kwargs_preview text,"
                    + " traceback_snippet text)");
            run("INSERT INTO invocation_details SELECT 'task-' || lpad(i::text, 8, '0'), '[' || i || ']',"
                    + " '{\"order\": ' || (i % 1000) || '}', CASE WHEN i % 50 = 0 THEN 'File x line ' || i END"
                    + " FROM generate_series(0, " + (rows - 1) + ") AS i WHERE i % 7 <> 0");
        }
        // By name: else it locks what all tests have left on the server, more than it has locks for.
        run(withDetails ? "ANALYZE invocations, invocation_details" : "ANALYZE invocations");
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

    /** The uptime monitor's checks: times as text, no index but by site and time, one every second over the sites. */
    void checks(int rows) {
        run(
                "CREATE TABLE check_history(id bigserial PRIMARY KEY, site_id integer NOT NULL, latency_ns bigint, is_up boolean,"
                        + " checked_at text DEFAULT now()::text, node_id text DEFAULT '')");
        run("INSERT INTO check_history(site_id, latency_ns, is_up, checked_at, node_id) SELECT i % 20 + 1,"
                + " (i::bigint * 7919) % 1000003, i % 97 <> 0, to_char(to_timestamp(" + BEGIN.getEpochSecond()
                + " + i) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), 'n' || (i % 3) FROM generate_series(0, "
                + (rows - 1)
                + ") AS i");
        run("CREATE INDEX idx_check ON check_history(site_id, checked_at DESC)");
        run("ANALYZE check_history");
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

    Connection open() throws SQLException {
        Connection connection = server.dataSource().getConnection();
        try (Statement s = connection.createStatement()) {
            s.execute("SET search_path = " + schema + ", public; SET timezone = 'UTC'");
        }
        return connection;
    }

    /** What the original says, by hand-written SQL; whole numbers as {@link Long}. */
    List<List<@Nullable Object>> ask(String sql) throws SQLException {
        List<List<@Nullable Object>> answer = new ArrayList<>();
        try (Connection c = open();
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

    /** What changes when anybody writes to a table, vacuums it or makes it anew: rows' own versions, its file and its definition. */
    String fingerprint(String table) throws SQLException {
        return ask("SELECT (SELECT concat_ws(' ', count(*), min(xmin::text::bigint), max(xmin::text::bigint), max(xmax::text::bigint),"
                        + " bit_xor(hashtext(t::text)), max(ctid)) FROM " + table
                        + " t), relfilenode, relnatts, relchecks, relhasindex FROM pg_class WHERE oid = '" + name(table)
                        + "'::regclass")
                .toString();
    }
}
