package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.Aggregation;
import io.levee.EraseReport;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.testkit.PostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Big tables of the same database that are taken over where they are (G54, G64 to G67): every answer is the original's. */
class AdoptTest {
    private static final int ROWS = 200_000;
    private static final Instant BEGIN = LegacyTables.BEGIN;
    private static final PostgresServer SERVER = PostgresServer.shared();

    private static LegacyTables old;
    private static String invocations;
    private static String checks;

    private final String address = SERVER.newStore();

    @BeforeAll
    static void make() throws Exception {
        old = new LegacyTables(SERVER);
        old.monitor(ROWS, true);
        old.checks(ROWS);
        invocations = old.fingerprint("invocations");
        checks = old.fingerprint("check_history");
    }

    private Store open() {
        return Levee.open(address, false, o -> {});
    }

    private static Adoption monitor() {
        return Adoption.ofTable(old.name("invocations")).time("finished_at").details("invocation_details", "task_id");
    }

    private static Instant at(long row) {
        return BEGIN.plusMillis(row * LegacyTables.STEP_MILLIS);
    }

    private static List<List<@Nullable Object>> rows(Store store, Query query, String... columns) {
        List<List<@Nullable Object>> rows = new ArrayList<>();
        try (Result<Row> result = store.query(query)) {
            result.forEach(row -> {
                List<@Nullable Object> values = new ArrayList<>();
                for (String column : columns) {
                    Object value = row.get(column);
                    values.add(value instanceof Instant time ? (Object) (time.toEpochMilli() / 1000.0) : value);
                }
                rows.add(values);
            });
            assertThat(result.coverage().complete()).isTrue();
        }
        return rows;
    }

    @Test
    void shouldAdoptInMillisecondsAndSayWhatIndexesTell() throws Exception {
        try (Store store = open()) {
            store.createTable(LegacyTables.invocations().build());
            AdoptionReport report = store.adopt("invocations", monitor());
            assertThat(report.fresh()).isTrue();
            assertThat(report.partition().toString()).isEqualTo("invocations/adopted");
            assertThat(report.adoption().source()).isEqualTo(old.name("invocations"));
            assertThat(report.rowsEstimate()).isBetween(ROWS * 99L / 100, ROWS * 101L / 100);
            // Two rows have no time: they count as of 1970.
            assertThat(report.minMicros()).isZero();
            assertThat(report.maxMicros()).isEqualTo((BEGIN.toEpochMilli() + (ROWS - 1L) * 2500) * 1000);
            assertThat(report.took()).isLessThan(Duration.ofSeconds(1));
            assertThat(report.notes()).anyMatch(n -> n.contains("retries"));
            assertThat(store.adopt("invocations", monitor()).fresh()).isFalse();
            PartitionInfo partition = store.partitions().get(0);
            assertThat(partition.state()).isEqualTo(PartitionInfo.State.ADOPTED);
            assertThat(partition.bytes()).isZero();
            assertThat(store.status().tables().get(0).rows()).isEqualTo(report.rowsEstimate());
        }
    }

    @Test
    void shouldAnswerEveryKindOfQueryAsTheOriginalDoes() throws Exception {
        try (Store store = open()) {
            store.createTable(LegacyTables.invocations().build());
            store.adopt("invocations", monitor());
            compareAll(store);
        }
        // It is there again after a restart.
        try (Store store = open();
                // Beside a writer, in a store that was opened for reading.
                Store reader = Levee.open(address, true, o -> {})) {
            Query newest = Query.builder("invocations").newestFirst().limit(50).build();
            assertThat(rows(reader, newest, "task_id"))
                    .isEqualTo(rows(store, newest, "task_id"))
                    .isEqualTo(
                            old.ask(
                                    "SELECT task_id FROM invocations ORDER BY finished_at DESC NULLS LAST, ctid DESC LIMIT 50"));
            assertThat(reader.count(Query.builder("invocations").build())).isEqualTo(ROWS);
        }
        assertThat(old.fingerprint("invocations")).isEqualTo(invocations);
    }

    private static void compareAll(Store store) throws SQLException {
        Instant from = at(50_000);
        Instant to = at(120_000);
        String range = " finished_at >= '" + from + "' AND finished_at < '" + to + "'";
        Supplier<Query.Builder> within =
                () -> Query.builder("invocations").from(from).to(to);
        // rows, newest and oldest first, whole and page by page, with details
        String columns = "task_id, state, extract(epoch FROM finished_at)::float8, runtime_ms";
        String[] names = {"task_id", "state", "finished_at", "runtime_ms"};
        assertThat(rows(
                        store,
                        Query.builder("invocations").newestFirst().limit(300).build(),
                        names))
                .isEqualTo(old.ask("SELECT " + columns
                        + " FROM invocations ORDER BY finished_at DESC NULLS LAST, ctid DESC LIMIT 300"));
        assertThat(rows(
                        store,
                        Query.builder("invocations")
                                .from(BEGIN.minusSeconds(1000))
                                .oldestFirst()
                                .limit(300)
                                .build(),
                        names))
                .isEqualTo(old.ask("SELECT " + columns
                        + " FROM invocations WHERE finished_at IS NOT NULL ORDER BY finished_at, ctid LIMIT 300"));
        assertThat(pages(store, "state = 'FAILURE'", from, to))
                .isEqualTo(old.ask(
                        "SELECT i.task_id, d.traceback_snippet FROM invocations i LEFT JOIN invocation_details d USING (task_id)"
                                + " WHERE state = 'FAILURE' AND" + range + " ORDER BY finished_at DESC, i.ctid DESC"));
        assertThat(rows(
                        store,
                        within.get()
                                .where(Expr.parse("task_name = 'app.task7' AND args_preview LIKE '%77%'", BEGIN))
                                .orderBy(Order.desc("runtime_ms"), Order.asc("task_id"))
                                .limit(50)
                                .build(),
                        "task_id",
                        "runtime_ms"))
                .isEqualTo(old.ask(
                        "SELECT i.task_id, runtime_ms FROM invocations i JOIN invocation_details d USING (task_id)"
                                + " WHERE task_name = 'app.task7' AND args_preview LIKE '%77%' AND" + range
                                + " ORDER BY runtime_ms DESC, i.task_id LIMIT 50"));
        // counts, with and without a range
        assertThat(store.count(Query.builder("invocations").build())).isEqualTo(ROWS);
        assertThat(store.count(within.get().build()))
                .isEqualTo(old.ask("SELECT count(*) FROM invocations WHERE" + range)
                        .get(0)
                        .get(0));
        assertThat(store.count(Query.builder("invocations")
                        .to(Instant.EPOCH.plusSeconds(1))
                        .build()))
                .isEqualTo(2);
        // groups, series, histograms, newest per key, values, sql
        assertThat(store.aggregate(new Aggregation(
                                within.get().build(),
                                List.of("task_name", "state"),
                                List.of(Measure.count(), Measure.max("runtime_ms"), Measure.parse("count(queue)"))))
                        .groups())
                .containsExactlyInAnyOrderElementsOf(old.ask(
                        "SELECT task_name, state, count(*), max(runtime_ms), count(queue) FROM invocations WHERE"
                                + range + " GROUP BY 1, 2"));
        assertThat(store
                        .timeSeries(new TimeSeries(
                                within.get().build(), Duration.ofHours(1), List.of(), List.of(Measure.count())))
                        .points()
                        .stream()
                        .map(p -> List.of(p.at().getEpochSecond(), p.figures().get(0)))
                        .toList())
                .isEqualTo(old.ask(
                        "SELECT extract(epoch FROM date_trunc('hour', finished_at))::bigint, count(*) FROM invocations WHERE"
                                + range + " GROUP BY 1 ORDER BY 1"));
        assertThat(store
                        .histogram(new Histogram(within.get().build(), "runtime_ms", new Histogram.Even(0, 100, 15)))
                        .bins()
                        .stream()
                        .map(b -> (Object) b.count())
                        .toList())
                .isEqualTo(old
                        .ask(
                                "SELECT (SELECT count(*) FROM invocations WHERE" + range
                                        + " AND runtime_ms >= i * 100 AND runtime_ms < i * 100 + 100) FROM generate_series(0, 14) AS i")
                        .stream()
                        .map(r -> r.get(0))
                        .toList());
        assertThat(rows(
                        store,
                        within.get()
                                .newestPer("task_name")
                                .orderBy(Order.asc("task_name"))
                                .build(),
                        "task_name",
                        "task_id"))
                .isEqualTo(
                        old.ask(
                                "SELECT * FROM (SELECT DISTINCT ON (task_name) task_name, task_id FROM invocations WHERE"
                                        + range
                                        + " ORDER BY task_name, finished_at DESC, ctid DESC) n ORDER BY task_name COLLATE \"C\""));
        assertThat(store.values(Query.builder("invocations").build(), "queue", 10)
                        .groups())
                .containsExactlyInAnyOrderElementsOf(old.ask("SELECT queue, count(*) FROM invocations GROUP BY queue"));
        try (SqlResult result =
                store.sql(SqlQuery.of("SELECT state, count(*), count(retries), count(args_preview), min(_seq) < 0"
                        + " FROM invocations GROUP BY state ORDER BY state"))) {
            List<List<@Nullable Object>> rows = new ArrayList<>();
            result.forEach(rows::add);
            assertThat(rows)
                    .isEqualTo(old.ask(
                            "SELECT state, count(*), 0, count(args_preview), 1 FROM invocations LEFT JOIN invocation_details"
                                    + " USING (task_id) GROUP BY state ORDER BY state"));
        }
    }

    private static List<List<@Nullable Object>> pages(Store store, String where, Instant from, Instant to) {
        List<List<@Nullable Object>> all = new ArrayList<>();
        String after = null;
        do {
            Query query = Query.builder("invocations")
                    .from(from)
                    .to(to)
                    .where(Expr.parse(where, BEGIN))
                    .details()
                    .newestFirst()
                    .limit(97)
                    .after(after)
                    .build();
            try (Result<Row> result = store.query(query)) {
                result.forEach(row -> {
                    List<@Nullable Object> values = new ArrayList<>();
                    values.add(row.get("task_id"));
                    values.add(row.get("traceback_snippet"));
                    all.add(values);
                });
                after = result.next();
            }
        } while (after != null);
        return all;
    }

    @Test
    void shouldReadItTogetherWithTheTablesOwnRows() throws Exception {
        try (Store store = open()) {
            Table<Row> table = store.createTable(LegacyTables.invocations().build());
            table.append(row(table.spec(), "new-1", at(ROWS + 10)), Ack.COMMITTED)
                    .join();
            // Into the middle of what the old table holds.
            table.append(row(table.spec(), "new-2", at(ROWS - 3).plusMillis(1)), Ack.COMMITTED)
                    .join();
            store.adopt("invocations", monitor());
            assertThat(rows(
                            store,
                            Query.builder("invocations").newestFirst().limit(5).build(),
                            "task_id"))
                    .extracting(r -> r.get(0))
                    .containsExactly("new-1", "task-00199999", "task-00199998", "new-2", "task-00199997");
            assertThat(store.count(Query.builder("invocations").build())).isEqualTo(ROWS + 2);
            assertThat(store.count(
                            Query.builder("invocations").from(at(ROWS + 1)).build()))
                    .isEqualTo(1);
            // Single records: by the index of its key (G116).
            Row found = table.find("task-00000350").orElseThrow();
            assertThat(found.get("state")).isEqualTo("FAILURE");
            assertThat(found.get("traceback_snippet")).isNull();
            assertThat(table.find("task-00000100").orElseThrow().get("traceback_snippet"))
                    .isEqualTo("File x line 100");
            assertThat(found.seq()).isNegative();
            assertThat(table.find("none")).isEmpty();
            // Numbers stay below the own ones, and following begins with those.
            assertThat(table.tail(0).poll(Duration.ofSeconds(5)).entries()).hasSize(2);
            refused(() -> table.delete(Ack.COMMITTED, "task-00000350").join(), "never written to");
            EraseReport erased = table.erase(Expr.parse("state = 'FAILURE' AND task_name = 'app.task10'", BEGIN));
            assertThat(erased.deleted()).isZero();
            assertThat(erased.pending()).anyMatch(p -> p.contains("adopted databases"));
        }
        assertThat(old.fingerprint("invocations")).isEqualTo(invocations);
    }

    /** A record that is written again is one row everywhere, and none once it is deleted (G57, G64). */
    @Test
    void shouldHaveOneRowOfAKeyThatIsWrittenAgain() throws Exception {
        String address = SERVER.newStore();
        Query all = Query.builder("invocations").build();
        Query again = Query.builder("invocations")
                .where(Expr.parse("task_id IN ('task-00000350', 'task-00000351', 'task-00000352')", BEGIN))
                .build();
        try (Store store = Levee.open(address)) {
            Table<Row> table = store.createTable(LegacyTables.invocations().build());
            store.adopt("invocations", monitor());
            for (int round = 0; round < 2; round++) {
                for (int i = 350; i < 353; i++) {
                    table.append(row(table.spec(), "task-00000" + i, at(ROWS + 20 + i)), Ack.COMMITTED)
                            .join();
                }
                assertThat(table.find("task-00000350").orElseThrow().seq()).isPositive();
                assertThat(store.count(all)).isEqualTo(ROWS);
                assertThat(store.count(again)).isEqualTo(3);
                assertThat(rows(store, again, "task_id")).hasSize(3);
            }
            table.delete(Ack.COMMITTED, "task-00000351").join();
            assertThat(table.find("task-00000351")).isEmpty();
        }
        for (boolean reader : new boolean[] {true, false}) {
            try (Store store = Levee.open(address, reader, o -> {})) {
                assertThat(store.count(all)).isEqualTo(ROWS - 1);
                assertThat(rows(store, again, "task_id")).hasSize(2);
                assertThat(store.aggregate(new Aggregation(again, List.of("task_name"), List.of(Measure.count())))
                                .groups())
                        .containsExactly(List.of("app.task1", 2L));
                try (SqlResult result =
                        store.sql(SqlQuery.of("SELECT count(*), count(DISTINCT task_id) FROM invocations"))) {
                    List<List<@Nullable Object>> found = new ArrayList<>();
                    result.forEach(found::add);
                    assertThat(found).containsExactly(List.of(ROWS - 1L, ROWS - 1L));
                }
            }
        }
        assertThat(old.fingerprint("invocations")).isEqualTo(invocations);
    }

    /** By name, and before anything is adopted. */
    @Test
    void shouldRefuseToSplitWhatItAdopts() {
        try (Store store = Levee.open(address)) {
            store.createTable(LegacyTables.invocations().build());
            refused(() -> store.adopt("invocations", monitor().thenSplit()), "is not split");
            assertThat(store.adopted()).isEmpty();
        }
    }

    private static void refused(Runnable action, String what) {
        Throwable error = org.assertj.core.api.Assertions.catchThrowable(action::run);
        while (error != null && !(error instanceof LeveeException)) {
            error = error.getCause();
        }
        assertThat(error).isNotNull().hasMessageContaining(what);
    }

    static Row row(TableSpec spec, String id, Instant at) {
        return Row.of(spec)
                .set("task_id", id)
                .set("task_name", "app.task1")
                .set("state", "SUCCESS")
                .set("finished_at", at)
                .build();
    }

    @Test
    void shouldUseTheIndexesOfTheTable() throws Exception {
        try (Store store = open()) {
            store.createTable(LegacyTables.invocations().build());
            store.adopt("invocations", monitor());
            String byTime = store.explain(Query.builder("invocations")
                            .newestFirst()
                            .limit(100)
                            .build())
                    .toString();
            assertThat(byTime).contains("inv_finished").doesNotContain("Seq Scan on invocations");
            String byName = store.explain(new Aggregation(
                            Query.builder("invocations")
                                    .from(at(100))
                                    .to(at(50_000))
                                    .where(Expr.eq("task_name", "app.task7"))
                                    .build(),
                            List.of("state"),
                            List.of(Measure.count())))
                    .toString();
            assertThat(byName).contains("inv_name").doesNotContain("Seq Scan on invocations");
            String byKey = store.explain(Query.builder("invocations")
                            .where(Expr.parse("task_id IN ('task-00000007', 'task-00000008')", BEGIN))
                            .orderBy(Order.asc("runtime_ms"))
                            .build())
                    .toString();
            assertThat(byKey).contains("invocations_pkey").doesNotContain("Seq Scan on invocations");
        }
    }

    @Test
    void shouldReadATableWithTextTimesAndWithoutAnIndexOfThem() throws Exception {
        try (Store store = open()) {
            store.createTable(LegacyTables.checkSpec().build());
            AdoptionReport report = store.adopt(
                    "checks",
                    Adoption.ofTable(old.name("check_history"))
                            .time("checked_at")
                            .map("up", "is_up"));
            // Through the index of site and time: with the slack that a zone in the text could have.
            assertThat(report.minMicros()).isLessThan(BEGIN.getEpochSecond() * 1_000_000);
            assertThat(report.minMicros())
                    .isGreaterThan(BEGIN.minus(Duration.ofDays(2)).getEpochSecond() * 1_000_000);
            assertThat(report.maxMicros()).isGreaterThan((BEGIN.getEpochSecond() + ROWS - 1) * 1_000_000);
            Supplier<Query.Builder> hour =
                    () -> Query.builder("checks").from(BEGIN.plusSeconds(7200)).to(BEGIN.plusSeconds(10800));
            String range = " checked_at >= '2026-04-01 02:00:00' AND checked_at < '2026-04-01 03:00:00'";
            assertThat(store.aggregate(new Aggregation(
                                    hour.get().build(),
                                    List.of("site_id"),
                                    List.of(Measure.count(), Measure.max("latency_ns"))))
                            .groups())
                    .containsExactlyInAnyOrderElementsOf(
                            old.ask("SELECT site_id, count(*), max(latency_ns) FROM check_history WHERE" + range
                                    + " GROUP BY 1"));
            List<Object> down = new ArrayList<>();
            try (Result<Row> result = store.query(hour.get()
                    .where(Expr.parse("up = false AND site_id = 5", BEGIN))
                    .newestFirst()
                    .build())) {
                result.forEach(
                        r -> down.add(List.of(r.get("latency_ns"), r.time().getEpochSecond())));
            }
            assertThat(down)
                    .isNotEmpty()
                    .isEqualTo(old.ask(
                            "SELECT latency_ns, extract(epoch FROM (checked_at || 'Z')::timestamptz)::bigint FROM check_history"
                                    + " WHERE NOT is_up AND site_id = 5 AND" + range
                                    + " ORDER BY checked_at DESC, id DESC"));
            assertThat(store.explain(hour.get().where(Expr.eq("site_id", 5)).build())
                            .toString())
                    .contains("idx_check");
            // Numbers are its own, all different.
            Set<Long> numbers = new HashSet<>();
            try (Result<Row> result = store.query(hour.get().build())) {
                result.forEach(r -> numbers.add(r.seq()));
            }
            assertThat(numbers).hasSize(3600).allMatch(n -> n < 0);
        }
        assertThat(old.fingerprint("check_history")).isEqualTo(checks);
    }
}
