package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.Aggregation;
import io.levee.EraseReport;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.Histogram;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.ManualClock;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.engine.Finding;
import io.levee.internal.time.Micros;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Older databases that are taken over where they lie (guarantees G64 to G67, G101, G116): every answer is the original's. */
class AdoptTest {
    private static final int ROWS = 200_000;
    private static final Instant BEGIN = LegacyData.BEGIN;

    @TempDir
    static Path shared;

    private static Path original;
    private static String hash;

    @TempDir
    Path directory;

    @BeforeAll
    static void make() throws Exception {
        original = shared.resolve("monitor.db");
        LegacyData.monitor(original, ROWS, true);
        hash = sha(original);
    }

    private static String sha(Path file) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    }

    private static Adoption monitor() {
        return Adoption.of(original, "invocations").time("finished_at").details("invocation_details", "task_id");
    }

    /** A time of the original, as {@link Row} gives it. */
    private static Instant at(long row) {
        return BEGIN.plusMillis(row * LegacyData.STEP_MILLIS);
    }

    private static String seconds(Instant at) {
        return at.getEpochSecond() + "." + String.format("%03d", at.toEpochMilli() % 1000);
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
        try (Store store = Levee.open(directory)) {
            store.createTable(LegacyData.invocations().build());
            AdoptionReport report = store.adopt("invocations", monitor());
            assertThat(report.fresh()).isTrue();
            assertThat(report.partition().toString()).isEqualTo("invocations/adopted");
            assertThat(report.rowsEstimate()).isEqualTo(ROWS);
            assertThat(report.adoption().timeUnit()).isEqualTo(Adoption.TimeUnit.SECONDS);
            // Two rows have no time: they count as of 1970.
            assertThat(report.minMicros()).isZero();
            assertThat(report.maxMicros()).isEqualTo((BEGIN.toEpochMilli() + (ROWS - 1L) * 2500) * 1000);
            assertThat(report.took()).isLessThan(Duration.ofSeconds(1));
            assertThat(report.notes()).anyMatch(n -> n.contains("retries"));
            assertThat(store.adopt("invocations", monitor()).fresh()).isFalse();
            PartitionInfo partition = store.partitions().get(0);
            assertThat(partition.state()).isEqualTo(PartitionInfo.State.ADOPTED);
            assertThat(partition.bytes()).isZero();
            assertThat(store.status().tables().get(0).rows()).isEqualTo(ROWS);
        }
    }

    /** Two of its rows have no time and count as of 1970: by that the first of its windows would be wider than all. */
    @Test
    void shouldBeginWithNarrowWindowsBesideRowsWithoutATime() throws Exception {
        try (Store store = Levee.open(directory)) {
            store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", monitor());
        }
        try (Connection catalog = LegacyData.open(directory.resolve("catalog.db"))) {
            Partition partition = AdoptedCatalog.live(catalog).get(0);
            assertThat(partition.held().minMicros()).isZero();
            for (boolean falls : new boolean[] {true, false}) {
                HeldRange first = Objects.requireNonNull(
                                AdoptedWindows.of(partition, falls, Long.MIN_VALUE, Long.MAX_VALUE))
                        .next(0);
                assertThat(first).isNotNull();
                Duration width = falls
                        ? Duration.between(Micros.instant(first.fromMicros()), at(ROWS))
                        : Duration.between(BEGIN, Micros.instant(first.toMicros()));
                assertThat(width).isLessThan(Duration.ofMillis(LegacyData.STEP_MILLIS * 1000));
            }
        }
    }

    @Test
    void shouldAnswerEveryKindOfQueryAsTheOriginalDoes() throws Exception {
        try (Store store = Levee.open(directory)) {
            store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", monitor());
            compareAll(store, original);
        }
        // It is there again after a restart, and beside a writer in a store that was opened for reading.
        try (Store store = Levee.openReadOnly(directory)) {
            compareAll(store, original);
        }
        assertThat(sha(original)).isEqualTo(hash);
    }

    static void compareAll(Store store, Path original) throws SQLException {
        Instant from = at(50_000);
        Instant to = at(120_000);
        String range = " finished_at >= " + seconds(from) + " AND finished_at < " + seconds(to);
        java.util.function.Supplier<Query.Builder> within =
                () -> Query.builder("invocations").from(from).to(to);
        // rows, newest and oldest first, whole and page by page, with details
        String columns = "task_id, state, finished_at, runtime_ms";
        String[] names = {"task_id", "state", "finished_at", "runtime_ms"};
        assertThat(rows(
                        store,
                        Query.builder("invocations").newestFirst().limit(300).build(),
                        names))
                .isEqualTo(LegacyData.ask(
                        original,
                        "SELECT " + columns + " FROM invocations ORDER BY finished_at DESC, rowid DESC LIMIT 300"));
        assertThat(rows(
                        store,
                        Query.builder("invocations")
                                .from(BEGIN.minusSeconds(1000))
                                .oldestFirst()
                                .limit(300)
                                .build(),
                        names))
                .isEqualTo(
                        LegacyData.ask(
                                original,
                                "SELECT " + columns
                                        + " FROM invocations WHERE finished_at IS NOT NULL ORDER BY finished_at, rowid LIMIT 300"));
        assertThat(pages(store, "state = 'FAILURE'", from, to))
                .isEqualTo(LegacyData.ask(
                        original,
                        "SELECT i.task_id, d.traceback_snippet FROM invocations i LEFT JOIN invocation_details d USING (task_id)"
                                + " WHERE state = 'FAILURE' AND" + range + " ORDER BY finished_at DESC, i.rowid DESC"));
        assertThat(rows(
                        store,
                        within.get()
                                .where(Expr.parse("task_name = 'app.task7' AND args_preview LIKE '%77%'", BEGIN))
                                .orderBy(Order.desc("runtime_ms"), Order.asc("task_id"))
                                .limit(50)
                                .build(),
                        "task_id",
                        "runtime_ms"))
                .isEqualTo(LegacyData.ask(
                        original,
                        "SELECT i.task_id, runtime_ms FROM invocations i JOIN invocation_details d USING (task_id)"
                                + " WHERE task_name = 'app.task7' AND args_preview LIKE '%77%' AND" + range
                                + " ORDER BY runtime_ms DESC, i.task_id LIMIT 50"));
        // counts, with and without a range
        assertThat(store.count(Query.builder("invocations").build())).isEqualTo(ROWS);
        assertThat(store.count(Query.builder("invocations").from(from).to(to).build()))
                .isEqualTo(LegacyData.ask(original, "SELECT count(*) FROM invocations WHERE" + range)
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
                .containsExactlyInAnyOrderElementsOf(LegacyData.ask(
                        original,
                        "SELECT task_name, state, count(*), max(runtime_ms), count(queue) FROM invocations WHERE"
                                + range + " GROUP BY 1, 2"));
        assertThat(store
                        .timeSeries(new TimeSeries(
                                within.get().build(), Duration.ofHours(1), List.of(), List.of(Measure.count())))
                        .points()
                        .stream()
                        .map(p -> List.of(p.at().getEpochSecond(), p.figures().get(0)))
                        .toList())
                .isEqualTo(LegacyData.ask(
                        original,
                        "SELECT CAST(finished_at / 3600 AS INTEGER) * 3600, count(*) FROM invocations WHERE" + range
                                + " GROUP BY 1 ORDER BY 1"));
        assertThat(store
                        .histogram(new Histogram(within.get().build(), "runtime_ms", new Histogram.Even(0, 100, 15)))
                        .bins()
                        .stream()
                        .map(b -> (Object) b.count())
                        .toList())
                .isEqualTo(LegacyData.ask(
                                original,
                                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 14) SELECT (SELECT"
                                        + " count(*) FROM invocations WHERE" + range
                                        + " AND runtime_ms >= i * 100 AND runtime_ms < i * 100 + 100) FROM n")
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
                .isEqualTo(LegacyData.ask(
                        original,
                        "SELECT task_name, task_id FROM (SELECT *, row_number() OVER (PARTITION BY task_name ORDER BY"
                                + " finished_at DESC, rowid DESC) AS n FROM invocations WHERE" + range
                                + ") WHERE n = 1 ORDER BY task_name"));
        assertThat(store.values(Query.builder("invocations").build(), "queue", 10)
                        .groups())
                .containsExactlyInAnyOrderElementsOf(
                        LegacyData.ask(original, "SELECT queue, count(*) FROM invocations GROUP BY queue"));
        try (SqlResult result =
                store.sql(SqlQuery.of("SELECT state, count(*), count(retries), count(args_preview), min(_seq) < 0"
                        + " FROM invocations GROUP BY state ORDER BY state"))) {
            List<List<@Nullable Object>> rows = new ArrayList<>();
            result.forEach(rows::add);
            assertThat(rows)
                    .isEqualTo(LegacyData.ask(
                            original,
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
        try (Store store = Levee.open(directory)) {
            Table<Row> table = store.createTable(LegacyData.invocations().build());
            table.append(row(table.spec(), "new-1", at(ROWS + 10)), Ack.COMMITTED)
                    .join();
            // Into the middle of what the old database holds.
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
            // Single records: by the index of its key (G116).
            Row found = table.find("task-00000350").orElseThrow();
            assertThat(found.get("state")).isEqualTo("FAILURE");
            assertThat(found.seq()).isNegative();
            assertThat(table.find("none")).isEmpty();
            // Numbers stay below the own ones, and following begins with those.
            assertThat(table.tail(0).poll(Duration.ofSeconds(5)).entries()).hasSize(2);
            assertThatThrownBy(
                            () -> table.delete(Ack.COMMITTED, "task-00000350").join())
                    .hasRootCauseInstanceOf(LeveeException.class)
                    .hasMessageContaining("never written to");
            EraseReport erased = table.erase(Expr.parse("state = 'FAILURE' AND task_name = 'app.task10'", BEGIN));
            assertThat(erased.deleted()).isZero();
            assertThat(erased.pending()).anyMatch(p -> p.contains("adopted databases"));
        }
        assertThat(sha(original)).isEqualTo(hash);
    }

    private static Row row(TableSpec spec, String id, Instant at) {
        return Row.of(spec)
                .set("task_id", id)
                .set("task_name", "app.task1")
                .set("state", "SUCCESS")
                .set("finished_at", at)
                .build();
    }

    @Test
    void shouldUseTheIndexesOfTheDatabase() throws Exception {
        try (Store store = Levee.open(directory)) {
            store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", monitor());
            String byTime = store.explain(Query.builder("invocations")
                            .newestFirst()
                            .limit(100)
                            .build())
                    .toString();
            assertThat(byTime).contains("inv_finished");
            String byName = store.explain(new Aggregation(
                            Query.builder("invocations")
                                    .from(at(100))
                                    .to(at(200))
                                    .where(Expr.eq("task_name", "app.task7"))
                                    .build(),
                            List.of("state"),
                            List.of(Measure.count())))
                    .toString();
            assertThat(byName).contains("inv_name");
        }
    }

    @Test
    void shouldReadADatabaseWithTextTimesAndWithoutAnIndexOfThem() throws Exception {
        Path file = directory.resolve("uptime.db");
        LegacyData.checks(file, ROWS);
        String before = sha(file);
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(LegacyData.checkSpec().build());
            AdoptionReport report = store.adopt(
                    "checks",
                    Adoption.of(file, "check_history").time("checked_at").map("up", "is_up"));
            assertThat(report.adoption().timeUnit()).isEqualTo(Adoption.TimeUnit.TEXT);
            // Through the index of site and time: with the slack that a zone in the text could have.
            assertThat(report.minMicros()).isLessThan(BEGIN.getEpochSecond() * 1_000_000);
            assertThat(report.minMicros())
                    .isGreaterThan(BEGIN.minus(Duration.ofDays(2)).getEpochSecond() * 1_000_000);
            assertThat(report.maxMicros()).isGreaterThan((BEGIN.getEpochSecond() + ROWS - 1) * 1_000_000);
            java.util.function.Supplier<Query.Builder> hour =
                    () -> Query.builder("checks").from(BEGIN.plusSeconds(7200)).to(BEGIN.plusSeconds(10800));
            String range = " checked_at >= '2026-04-01 02:00:00' AND checked_at < '2026-04-01 03:00:00'";
            assertThat(store.aggregate(new Aggregation(
                                    hour.get().build(),
                                    List.of("site_id"),
                                    List.of(Measure.count(), Measure.max("latency_ns"))))
                            .groups())
                    .containsExactlyInAnyOrderElementsOf(LegacyData.ask(
                            file,
                            "SELECT site_id, count(*), max(latency_ns) FROM check_history WHERE" + range
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
                    .isEqualTo(LegacyData.ask(
                            file,
                            "SELECT latency_ns, unixepoch(checked_at) FROM check_history WHERE is_up = 0 AND site_id = 5 AND"
                                    + range + " ORDER BY checked_at DESC, id DESC"));
            assertThat(store.explain(hour.get().where(Expr.eq("site_id", 5)).build())
                            .toString())
                    .contains("idx_check");
        }
        assertThat(sha(file)).isEqualTo(before);
    }

    @Test
    void shouldReadTimesOfEveryUnitAndFormToTheMicrosecond() throws Exception {
        String[][] forms = {
            {"ms", "INTEGER", "1775001600123", "2026-04-01T00:00:00.123Z"},
            {"us", "INTEGER", "1775001600123456", "2026-04-01T00:00:00.123456Z"},
            {"ns", "INTEGER", "1775001600123456789", "2026-04-01T00:00:00.123456Z"},
            {"s", "INTEGER", "1775001600", "2026-04-01T00:00:00Z"},
            {"s", "REAL", "1775001600.25", "2026-04-01T00:00:00.250Z"},
            {"text", "TEXT", "'2026-04-01T00:00:00Z'", "2026-04-01T00:00:00Z"},
            {"text", "DATETIME", "'2026-04-01 02:00:00.9999995+02:00'", "2026-04-01T00:00:00.999999Z"},
            {"text", "DATETIME", "'2026-03-31 14:00:00.5-10:00'", "2026-04-01T00:00:00.500Z"},
            {"text", "DATETIME", "'2026-04-01 00:00:00.123456789 +0000 UTC'", "2026-04-01T00:00:00.123456Z"},
            {"text", "TEXT", "'2026-04-01'", "2026-04-01T00:00:00Z"},
        };
        try (Store store = Levee.open(directory.resolve("store"))) {
            for (int i = 0; i < forms.length; i++) {
                Path file = directory.resolve("t" + i + ".db");
                LegacyData.run(
                        file,
                        "CREATE TABLE e(v INTEGER, at " + forms[i][1] + ")",
                        "CREATE INDEX e_at ON e(at)",
                        "INSERT INTO e VALUES(7, " + forms[i][2] + "), (8, NULL)");
                TableSpec spec = TableSpec.builder("e" + i)
                        .column("v", io.levee.ColumnType.INTEGER)
                        .column("at", io.levee.ColumnType.TIMESTAMP)
                        .time("at")
                        .build();
                store.createTable(spec);
                AdoptionReport report =
                        store.adopt("e" + i, Adoption.of(file, "e").timeUnit(Adoption.TimeUnit.of(forms[i][0])));
                Instant time = Instant.parse(forms[i][3]);
                for (boolean newest : new boolean[] {true, false}) {
                    Query.Builder one = Query.builder("e" + i).from(time).to(time.plusNanos(1000));
                    try (Result<Row> rows = store.query((newest ? one.newestFirst() : one.oldestFirst()).build())) {
                        assertThat(rows.toList())
                                .as("%s", List.of(forms[i]))
                                .extracting(Row::time)
                                .containsExactly(time);
                    }
                }
                assertThat(store.count(Query.builder("e" + i).build())).isEqualTo(2);
                assertThat(report.minMicros()).isLessThanOrEqualTo(0);
            }
        }
    }

    @Test
    void shouldReadWithoutTheDetailsTableAndWithoutColumns() throws Exception {
        // G67.
        Path file = directory.resolve("old.db");
        LegacyData.monitor(file, 1000, false);
        try (Store store = Levee.open(directory.resolve("store"))) {
            Table<Row> table = store.createTable(LegacyData.invocations().build());
            store.adopt(
                    "invocations",
                    Adoption.of(file, "invocations").time("finished_at").details("invocation_details", "task_id"));
            assertThat(store.count(Query.builder("invocations")
                            .where(Expr.parse("args_preview IS NULL AND retries IS NULL", BEGIN))
                            .build()))
                    .isEqualTo(1000);
            assertThat(table.find("task-00000003").orElseThrow().get("args_preview"))
                    .isNull();
        }
    }

    @Test
    void shouldAdoptWhatTheSpecNamesAtEveryOpening() throws Exception {
        Path file = directory.resolve("old.db");
        TableSpec spec = LegacyData.invocations()
                .adopt(Adoption.of(file, "invocations").time("finished_at"))
                .build();
        assertThat(TableSpec.fromMap(spec.toMap())).isEqualTo(spec);
        Path home = directory.resolve("store");
        // A fresh install has no old database (G101).
        try (Store store = Levee.open(home)) {
            store.createTable(spec);
            assertThat(store.partitions()).isEmpty();
        }
        LegacyData.monitor(file, 1000, false);
        for (int i = 0; i < 2; i++) {
            try (Store store = Levee.open(home)) {
                store.createTable(spec);
                assertThat(store.partitions()).hasSize(1);
                assertThat(store.count(Query.builder("invocations").build())).isEqualTo(1000);
            }
        }
    }

    @Test
    void shouldDropItAsAWholeAndLeaveTheFileUnlessTaken() throws Exception {
        for (boolean take : new boolean[] {false, true}) {
            Path file = directory.resolve("old-" + take + ".db");
            LegacyData.checks(file, 5000);
            Path home = directory.resolve("store-" + take);
            Adoption adoption = Adoption.of(file, "check_history").map("up", "is_up");
            ManualClock clock = new ManualClock(BEGIN.plus(Duration.ofDays(3)));
            TableSpec spec = LegacyData.checkSpec()
                    .retention(RetentionRule.maxAge(Duration.ofDays(5)))
                    .adopt(take ? adoption.taken() : adoption)
                    .build();
            try (Store store = Levee.open(home, o -> o.clock(clock).asOf(BEGIN.plus(Duration.ofDays(3))))) {
                store.createTable(spec);
                assertThat(store.planRetention().drops()).isEmpty();
            }
            Instant later = BEGIN.plus(Duration.ofDays(9));
            try (Store store = Levee.open(
                    home, o -> o.clock(new ManualClock(later)).asOf(later).retentionEvery(Duration.ofMillis(100)))) {
                store.createTable(spec);
                org.awaitility.Awaitility.await()
                        .atMost(Duration.ofSeconds(60))
                        .until(() -> store.partitions().isEmpty() && Files.exists(file) != take);
                assertThat(store.count(Query.builder("checks").build())).isZero();
            }
            // Not adopted again, though the spec still names it and the file may still be there.
            try (Store store =
                    Levee.open(home, o -> o.clock(new ManualClock(later)).asOf(later))) {
                store.createTable(spec);
                assertThat(store.partitions()).isEmpty();
            }
            assertThat(Files.exists(file)).isEqualTo(!take);
        }
    }

    @Test
    void shouldSeeWhatAnotherProcessStillWritesAndNotDropIt() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.monitor(file, 1000, false);
        try (Store store = Levee.open(directory.resolve("store"));
                Connection foreign = LegacyData.open(file)) {
            store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", Adoption.of(file, "invocations").time("finished_at"));
            assertThat(store.count(
                            Query.builder("invocations").from(at(900_000)).build()))
                    .isZero();
            try (java.sql.Statement statement = foreign.createStatement()) {
                statement.executeUpdate(
                        "INSERT INTO invocations(task_id, task_name, state, finished_at) VALUES('late', 'x', 'OK', "
                                + seconds(at(1_000_000)) + ")");
            }
            // At once, before anybody looked at its index again.
            assertThat(store.count(
                            Query.builder("invocations").from(at(900_000)).build()))
                    .isEqualTo(1);
            assertThat(store.diagnose())
                    .filteredOn(f -> f.what().contains("old.db"))
                    .extracting(Finding::level)
                    .containsExactly(Finding.Level.WARNING);
        }
    }

    @Test
    void shouldTellAMissingDatabaseAsAGap() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.monitor(file, 1000, false);
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", Adoption.of(file, "invocations").time("finished_at"));
            Files.move(file, directory.resolve("elsewhere.db"));
            try (Result<Row> result = store.query(Query.builder("invocations").build())) {
                assertThat(result.toList()).isEmpty();
                assertThat(result.coverage().gaps())
                        .extracting(Gap::reason)
                        .containsExactly(LossReason.ADOPTED_MISSING);
            }
            Files.move(directory.resolve("elsewhere.db"), file);
            assertThat(store.count(Query.builder("invocations").build())).isEqualTo(1000);
        }
    }

    @Test
    void shouldRollNothingBackInADatabaseOfAProcessThatDied() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 2000);
        Path dead = directory.resolve("dead.db");
        try (Connection c = LegacyData.open(file);
                java.sql.Statement s = c.createStatement()) {
            s.executeUpdate("PRAGMA cache_size=1");
            c.setAutoCommit(false);
            s.executeUpdate("UPDATE check_history SET node_id = 'a longer text for each of the rows ' || id");
            Files.copy(file, dead);
            Files.copy(StorePaths.journal(file), StorePaths.journal(dead));
            c.rollback();
        }
        String before = sha(dead) + sha(StorePaths.journal(dead));
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(LegacyData.checkSpec().build());
            refused(store, Adoption.of(dead, "check_history"), ErrorCode.PARTITION_BUSY, "process that died");
        }
        assertThat(sha(dead) + sha(StorePaths.journal(dead))).isEqualTo(before);
        // Its own program opens it once: then it can be adopted.
        assertThat(LegacyData.ask(dead, "SELECT count(*) FROM check_history")).isEqualTo(List.of(List.of(2000L)));
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.adopt("checks", Adoption.of(dead, "check_history"));
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(2000);
        }
    }

    @Test
    void shouldKeepSeveralTablesOfOneDatabaseApart() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 2000);
        LegacyData.run(
                file,
                "CREATE TABLE state_changes(id INTEGER PRIMARY KEY, site_id INTEGER, checked_at DATETIME)",
                "INSERT INTO state_changes SELECT id, site_id, checked_at FROM check_history WHERE id % 100 = 0");
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(LegacyData.checkSpec().build());
            store.adopt("checks", Adoption.of(file, "check_history").map("up", "is_up"));
            store.adopt("checks", Adoption.of(file, "state_changes"));
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(2020);
            assertThat(store.count(Query.builder("checks")
                            .where(Expr.parse("latency_ns IS NULL", BEGIN))
                            .build()))
                    .isEqualTo(20);
            java.util.Set<Long> numbers = new java.util.HashSet<>();
            try (Result<Row> rows =
                    store.query(Query.builder("checks").newestFirst().build())) {
                rows.forEach(row -> numbers.add(row.seq()));
            }
            assertThat(numbers).hasSize(2020).allMatch(n -> n < 0);
        }
    }

    /** Most old databases write times into a column of texts, and nobody says a unit. */
    @Test
    void shouldTellTheUnitOfTimesInAColumnOfTexts() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 2000);
        LegacyData.run(
                file,
                "CREATE TABLE texts(id INTEGER PRIMARY KEY, site_id INTEGER, checked_at TEXT)",
                "CREATE INDEX by_time ON texts(checked_at)",
                "INSERT INTO texts SELECT id, site_id, checked_at FROM check_history");
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(LegacyData.checkSpec().build());
            store.adopt("checks", Adoption.of(file, "texts"));
            assertThat(store.count(Query.builder("checks")
                            .from(BEGIN.plusSeconds(100))
                            .to(BEGIN.plusSeconds(150))
                            .build()))
                    .isEqualTo(50);
        }
    }

    @Test
    void shouldRefuseByNameWhatCannotBeRead() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.run(
                file,
                "CREATE TABLE plain(a INTEGER)",
                "CREATE TABLE keyed(a TEXT PRIMARY KEY, checked_at TEXT) WITHOUT ROWID",
                "CREATE VIEW seen AS SELECT * FROM plain");
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(LegacyData.checkSpec().build());
            refused(store, Adoption.of(file, "nothing"), ErrorCode.BAD_SPEC, "has no table 'nothing'");
            refused(store, Adoption.of(file, "plain"), ErrorCode.BAD_SPEC, "no column for the event time");
            refused(store, Adoption.of(file, "keyed"), ErrorCode.BAD_SPEC, "WITHOUT ROWID");
            refused(store, Adoption.of(file, "seen"), ErrorCode.BAD_SPEC, "no plain table");
            refused(store, Adoption.of(directory.resolve("none.db"), "x"), ErrorCode.NOT_FOUND, "no database");
            assertThat(store.partitions()).isEmpty();
        }
    }

    private static void refused(Store store, Adoption adoption, ErrorCode code, String what) {
        assertThatThrownBy(() -> store.adopt("checks", adoption))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(code))
                .hasMessageContaining(what);
    }

    @Test
    void shouldFinishTheRetentionReportOfWhatItDropped() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.monitor(file, 1000, false);
        Instant later = BEGIN.plus(Duration.ofDays(30));
        try (Store store = Levee.open(
                directory.resolve("store"), o -> o.clock(new ManualClock(later)).asOf(later))) {
            store.createTable(LegacyData.invocations()
                    .retention(RetentionRule.maxAge(Duration.ofDays(7)))
                    .build());
            store.adopt("invocations", Adoption.of(file, "invocations").time("finished_at"));
            RetentionReport report = store.applyRetention(store.planRetention());
            assertThat(report.dropped()).hasSize(1);
            assertThat(report.bytesFreed()).isZero();
        }
    }
}
