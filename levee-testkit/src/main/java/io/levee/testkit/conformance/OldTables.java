package io.levee.testkit.conformance;

import io.levee.Adoption;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.testkit.conformance.OldTable.Kind;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Old tables as the systems of the design have them: a Celery monitor's invocations and details, and an uptime monitor's checks. */
public final class OldTables {
    /** The first row of the monitor; one comes every {@link #STEP_MILLIS}. */
    public static final Instant BEGIN = Instant.parse("2026-04-01T00:00:00Z");

    /** Milliseconds between two rows of the monitor. */
    public static final long STEP_MILLIS = 2_500;

    private OldTables() {}

    /** The key of a row of the monitor, counted from 0: in the order of its rows. */
    public static String key(long row) {
        // Hundreds of thousands of them: a format takes longer than all else of a row.
        String digits = Long.toString(row);
        return "task-" + "0".repeat(8 - digits.length()) + digits;
    }

    /** When a row of the monitor is due. */
    public static Instant at(long row) {
        return BEGIN.plusMillis(row * STEP_MILLIS);
    }

    /** The monitor's invocations, its rows a step apart; two have no time, some come in late, and some share their time. */
    public static OldTable invocations(int rows) {
        Map<String, Kind> columns = new LinkedHashMap<>();
        columns.put("task_id", Kind.KEY);
        columns.put("task_name", Kind.TEXT);
        columns.put("state", Kind.WORD);
        columns.put("received_at", Kind.TIME);
        columns.put("started_at", Kind.TIME);
        columns.put("finished_at", Kind.TIME);
        columns.put("runtime_ms", Kind.REAL);
        columns.put("worker", Kind.TEXT);
        columns.put("queue", Kind.TEXT);
        columns.put("exception_type", Kind.TEXT);
        Map<String, String> indexes = new LinkedHashMap<>();
        indexes.put("inv_finished", "finished_at");
        indexes.put("inv_name", "task_name, finished_at");
        return new OldTable("invocations", columns, indexes, rows, i -> invocation(i, rows));
    }

    private static @Nullable Object[] invocation(int i, int rows) {
        int late = i % 13 == 0 ? 9 : i % 17 == 0 ? 1 : 0;
        return new @Nullable Object[] {
            key(i),
            "app.task" + i % 40,
            i % 50 == 0 ? "FAILURE" : i % 11 == 0 ? "RETRY" : "SUCCESS",
            at(i).minusSeconds(2),
            at(i).minusSeconds(1),
            i % (rows / 2) == 17 ? null : at(i - late),
            i * 7919L % 10_007 / 7.0,
            "worker-" + i % 6,
            i % 9 == 0 ? null : "q" + i % 3,
            i % 50 == 0 ? "ValueError" : null
        };
    }

    /** The monitor's details, one row for each invocation but every seventh. */
    public static OldTable details(int rows) {
        Map<String, Kind> columns = new LinkedHashMap<>();
        columns.put("task_id", Kind.KEY);
        columns.put("args_preview", Kind.TEXT);
        columns.put("kwargs_preview", Kind.TEXT);
        columns.put("traceback_snippet", Kind.TEXT);
        return new OldTable(
                "invocation_details",
                columns,
                Map.of(),
                rows,
                i -> i % 7 == 0
                        ? null
                        : new @Nullable Object[] {
                            key(i),
                            "[" + i + "]",
                            "{\"order\": " + i % 1000 + "}",
                            i % 50 == 0 ? "File x line " + i : null
                        });
    }

    /** The monitor as a table of the store has it: one column more than the old table, and most of another's fewer. */
    public static TableSpec.Builder invocations() {
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

    /** How the monitor is adopted, with its details. */
    public static Adoption monitor(OldDatabase old) {
        return old.adoption("invocations").time("finished_at").details("invocation_details", "task_id");
    }

    /** A record of {@link #invocations()}. */
    static Row invocation(TableSpec spec, String key, String name, Instant at) {
        return Conformance.row(spec, "task_id", key, "task_name", name, "state", "SUCCESS", "finished_at", at);
    }

    /** The uptime monitor's checks: times as text, no index but by site and time, one every second over the sites. */
    public static OldTable checks(int rows) {
        Map<String, Kind> columns = new LinkedHashMap<>();
        columns.put("id", Kind.NUMBER);
        columns.put("site_id", Kind.WHOLE);
        columns.put("latency_ns", Kind.WHOLE);
        columns.put("is_up", Kind.TRUTH);
        columns.put("checked_at", Kind.TIME_TEXT);
        columns.put("node_id", Kind.TEXT);
        return new OldTable(
                "check_history",
                columns,
                Map.of("idx_check", "site_id, checked_at DESC"),
                rows,
                i -> new @Nullable Object[] {
                    i % 20 + 1L, i * 7919L % 1_000_003, i % 97 != 0, BEGIN.plusSeconds(i), "n" + i % 3
                });
    }

    /** The checks as a table of the store has them: without a key. */
    public static TableSpec.Builder checks() {
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

    /** How the checks are adopted. */
    public static Adoption checks(OldDatabase old) {
        return old.adoption("check_history").map("up", "is_up");
    }
}
