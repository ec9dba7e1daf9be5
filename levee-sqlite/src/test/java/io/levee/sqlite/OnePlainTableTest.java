package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.Estimate;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.internal.json.Json;
import io.levee.testkit.Samples;
import io.levee.testkit.SharedData;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every kind of query over partitions says what plain SQL, written by hand, says about the same real records in one big SQLite table. That
 * table is filled from the lines by SQLite itself: nothing of Levee has a part in it.
 */
class OnePlainTableTest {
    /** When the trace began: its times are microseconds since then. */
    private static final long ORIGIN = 1_304_290_800_000_000L;

    /** The whole trace is 328,561 lines: each twentieth has all its hours and users. */
    private static final int EACH = 20;

    private static final TableSpec SPEC = TableSpec.builder("tasks")
            .column("n", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("job", ColumnType.INTEGER)
            .column("type", ColumnType.INTEGER)
            .column("machine", ColumnType.INTEGER)
            .column("user", ColumnType.TEXT)
            .column("cpu", ColumnType.REAL)
            .column("raw", ColumnType.JSON)
            .time("at")
            .index("user")
            .index("cpu")
            .fulltext("user")
            .partitionBy(PartitionBy.HOUR)
            .build();

    @TempDir
    private static Path dir;

    private static @Nullable Store opened;
    private static @Nullable Connection plain;

    private static Store store() {
        return java.util.Objects.requireNonNull(opened);
    }

    @BeforeAll
    static void load() throws Exception {
        List<String> lines = lines();
        Connection connection = DriverManager.getConnection("jdbc:sqlite:" + dir.resolve("plain.db"));
        plain = connection;
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA synchronous = OFF");
            statement.execute("CREATE TABLE lines(n INTEGER PRIMARY KEY, raw TEXT)");
            connection.setAutoCommit(false);
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO lines VALUES(?, ?)")) {
                for (int i = 0; i < lines.size(); i++) {
                    insert.setInt(1, i);
                    insert.setString(2, lines.get(i));
                    insert.addBatch();
                }
                insert.executeBatch();
            }
            connection.commit();
            connection.setAutoCommit(true);
            statement.execute("CREATE TABLE big AS SELECT n, json_extract(raw, '$.time') + " + ORIGIN
                    + " AS at, json_extract(raw, '$.job ID') AS job, json_extract(raw, '$.event type') AS type,"
                    + " json_extract(raw, '$.machine ID') AS machine, json_extract(raw, '$.user') AS user,"
                    + " json_extract(raw, '$.CPU request') AS cpu, raw FROM lines");
        }
        Store store = Levee.open(
                dir.resolve("history").toString(), false, o -> o.asOf(Instant.parse("2011-05-03T00:00:00Z")));
        opened = store;
        Table<Row> table = store.createTable(SPEC);
        // In three passes: two thirds of the records come late, to partitions of before.
        for (int pass = 0; pass < 3; pass++) {
            List<Row> rows = new ArrayList<>();
            for (int i = pass; i < lines.size(); i += 3) {
                rows.add(row(i, lines.get(i)));
            }
            assertThat(table.appendAll(rows, Ack.COMMITTED).join().stored()).isEqualTo(rows.size());
        }
        assertThat(store.partitions().size()).isGreaterThan(1);
    }

    private static Row row(long n, String line) {
        Map<String, @Nullable Object> record = Json.object(line);
        return Row.of(SPEC)
                .set("n", n)
                .set("at", Instant.EPOCH.plus(Duration.ofNanos(((Long) record.get("time") + ORIGIN) * 1000)))
                .set("job", record.get("job ID"))
                .set("type", record.get("event type"))
                .set("machine", record.get("machine ID"))
                .set("user", record.get("user"))
                .set("cpu", record.get("CPU request"))
                .set("raw", record)
                .build();
    }

    private static List<String> lines() throws IOException {
        Optional<Path> file = SharedData.find("borg_task_events");
        if (file.isEmpty()) {
            return Samples.BORG_TASK_EVENTS.lines();
        }
        List<String> lines = new ArrayList<>();
        try (BufferedReader reader = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(file.get())), StandardCharsets.UTF_8))) {
            String line = reader.readLine();
            for (int i = 0; line != null; i++) {
                if (i % EACH == 0) {
                    lines.add(line);
                }
                line = reader.readLine();
            }
        }
        return lines;
    }

    @AfterAll
    static void close() throws SQLException {
        if (opened != null) {
            opened.close();
        }
        if (plain != null) {
            plain.close();
        }
    }

    private static List<List<@Nullable Object>> sql(String sql) throws SQLException {
        List<List<@Nullable Object>> rows = new ArrayList<>();
        try (Statement statement = java.util.Objects.requireNonNull(plain).createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            int columns = result.getMetaData().getColumnCount();
            while (result.next()) {
                List<@Nullable Object> row = new ArrayList<>();
                for (int i = 1; i <= columns; i++) {
                    Object value = result.getObject(i);
                    row.add(value instanceof Integer whole ? (Object) whole.longValue() : value);
                }
                rows.add(row);
            }
        }
        return rows;
    }

    private static Query.Builder all() {
        return Query.builder("tasks");
    }

    private static List<List<@Nullable Object>> pages(Query.Builder query, int page, long most) {
        List<List<@Nullable Object>> rows = new ArrayList<>();
        String cursor = null;
        do {
            try (Result<Row> result = store().query(query.limit(Math.min(page, most - rows.size()))
                    .after(cursor)
                    .columns(List.of("n", "user", "cpu"))
                    .build())) {
                result.forEach(row -> rows.add(Arrays.asList(row.get("n"), row.get("user"), row.get("cpu"))));
                cursor = result.next();
            }
        } while (cursor != null && rows.size() < most);
        return rows;
    }

    @Test
    void rowsInOtherOrders() throws SQLException {
        assertThat(pages(all().orderBy(Order.desc("cpu"), Order.asc("n")), 97, 400))
                .isEqualTo(sql("SELECT n, user, cpu FROM big ORDER BY cpu DESC, n LIMIT 400"));
        assertThat(pages(all().orderBy(Order.asc("user"), Order.desc("at"), Order.desc("n")), 501, 2000))
                .isEqualTo(sql("SELECT n, user, cpu FROM big ORDER BY user, at DESC, n DESC LIMIT 2000"));
        assertThat(pages(all().where(Expr.eq("type", 5L)).orderBy(Order.asc("machine"), Order.asc("n")), 333, 1500))
                .isEqualTo(sql("SELECT n, user, cpu FROM big WHERE type = 5 ORDER BY machine, n LIMIT 1500"));
    }

    @Test
    void groupsWithSeveralFigures() throws SQLException {
        Aggregation.Groups got = store().aggregate(new Aggregation(
                all().where(Expr.parse("cpu > 0.01 AND NOT type IN (0, 1)", Instant.EPOCH))
                        .build(),
                List.of("user", "type"),
                List.of(
                        Measure.count(),
                        Measure.sum("job"),
                        Measure.max("cpu"),
                        Measure.min("machine"),
                        Measure.distinct("job")),
                Expr.gt("count", 3L),
                List.of(Order.desc("count"), Order.asc("user"), Order.asc("type")),
                25));
        assertThat(got.groups())
                .isEqualTo(
                        sql(
                                "SELECT user, type, count(*), sum(job), max(cpu), min(machine), count(DISTINCT job) FROM big WHERE"
                                        + " cpu > 0.01 AND NOT type IN (0, 1) GROUP BY user, type HAVING count(*) > 3 ORDER BY 3 DESC, 1, 2 LIMIT 25"));
        Aggregation.Groups means = store().aggregate(new Aggregation(
                all().build(), List.of("type"), List.of(Measure.avg("cpu"), Measure.sum("cpu"))));
        List<List<@Nullable Object>> wanted = sql("SELECT type, avg(cpu), sum(cpu) FROM big GROUP BY type ORDER BY 1");
        assertThat(means.groups()).hasSameSizeAs(wanted);
        for (int i = 0; i < wanted.size(); i++) {
            for (int j = 1; j < 3; j++) {
                double exact = (Double) wanted.get(i).get(j);
                assertThat((Double) means.groups().get(i).get(j)).isBetween(exact * (1 - 1e-9), exact * (1 + 1e-9));
            }
        }
    }

    @Test
    void percentilesByRank() throws SQLException {
        for (double quantile : new double[] {0, 0.1, 0.5, 0.95, 1}) {
            Aggregation.Groups got = store().aggregate(new Aggregation(
                    all().build(), List.of("type"), List.of(Measure.percentile(quantile, "cpu"))));
            for (List<@Nullable Object> group : got.groups()) {
                // The value of that rank, and the next one.
                List<List<@Nullable Object>> ranks = sql("SELECT cpu FROM big WHERE type = " + group.get(0)
                        + " AND cpu IS NOT NULL ORDER BY cpu LIMIT 2 OFFSET (SELECT CAST(" + quantile
                        + " * (count(cpu) - 1) AS INTEGER) FROM big WHERE type = " + group.get(0) + ")");
                double told = (Double) group.get(1);
                assertThat(ranks)
                        .as("p%s of type %s, told as %s", quantile * 100, group.get(0), told)
                        .anyMatch(r -> Math.abs(told - (Double) r.get(0))
                                <= Measure.PERCENTILE_ERROR * (Double) r.get(0) * (1 + 1e-9));
            }
        }
    }

    @Test
    void histogramsAndTimeSeries() throws SQLException {
        Histogram.Bins bins =
                store().histogram(new Histogram(all().build(), "cpu", new Histogram.Even(0.01, 0.03125, 10)));
        List<List<@Nullable Object>> counts =
                sql("SELECT CAST(floor((cpu - 0.01) / 0.03125) AS INTEGER), count(*) FROM big WHERE cpu"
                        + " >= 0.01 GROUP BY 1 ORDER BY 1");
        for (int i = 0; i < 10; i++) {
            long bin = i;
            long wanted = counts.stream()
                    .filter(c -> c.get(0).equals(bin))
                    .mapToLong(c -> (Long) c.get(1))
                    .sum();
            assertThat(bins.bins().get(i).count()).as("bin %s", i).isEqualTo(wanted);
        }
        assertThat(List.of(bins.below(), bins.nulls()))
                .isEqualTo(
                        sql("SELECT sum(cpu < 0.01), sum(cpu IS NULL) FROM big").get(0));

        TimeSeries.Points points = store().timeSeries(new TimeSeries(
                all().build(), Duration.ofMinutes(10), List.of("type"), List.of(Measure.count(), Measure.max("job"))));
        List<List<@Nullable Object>> told = new ArrayList<>();
        for (TimeSeries.Point point : points.points()) {
            if (!point.figures().get(0).equals(0L)) {
                told.add(Arrays.asList(
                        point.at().getEpochSecond(),
                        point.by().get(0),
                        point.figures().get(0),
                        point.figures().get(1)));
            }
        }
        assertThat(told)
                .isEqualTo(sql(
                        "SELECT at / 600000000 * 600, type, count(*), max(job) FROM big GROUP BY 1, 2 ORDER BY 1, 2"));
    }

    @Test
    void newestOfEachKey() throws SQLException {
        List<List<@Nullable Object>> got = new ArrayList<>();
        try (Result<Row> rows = store().query(all().where(Expr.eq("type", 4L))
                .newestPer("user")
                .orderBy(Order.asc("user"))
                .build())) {
            rows.forEach(row -> got.add(Arrays.asList(row.get("user"), row.timeMicros())));
        }
        assertThat(got).isEqualTo(sql("SELECT user, max(at) FROM big WHERE type = 4 GROUP BY user ORDER BY user"));
    }

    @Test
    void placesAndTexts() throws SQLException {
        assertThat(store().count(all().where(Expr.parse("raw.priority >= 9 AND raw.machine IS NULL", Instant.EPOCH))
                        .build()))
                .isEqualTo(number("SELECT count(*) FROM big WHERE json_extract(raw, '$.priority') >= 9"));
        assertThat(store().aggregate(new Aggregation(
                                all().build(),
                                List.of("raw.scheduling class"),
                                List.of(Measure.count(), Measure.max("raw.priority"))))
                        .groups())
                .isEqualTo(sql(
                        "SELECT CAST(json_extract(raw, '$.scheduling class') AS TEXT), count(*), CAST(max(json_extract(raw,"
                                + " '$.priority')) AS REAL) FROM big GROUP BY 1 ORDER BY 1"));
        for (String text : List.of("sWt", "/", "ab", "z", "+Q=")) {
            assertThat(store().count(all().where(Expr.contains("user", text)).build()))
                    .as("contains %s", text)
                    .isEqualTo(number("SELECT count(*) FROM big WHERE instr(lower(user), lower('" + text + "'))"));
        }
    }

    @Test
    void countsEstimatesAndEnds() throws SQLException {
        long rows = number("SELECT count(*) FROM big");
        assertThat(store().count(all().build())).isEqualTo(rows);
        Estimate estimate = store().estimate(all().build());
        assertThat(estimate.rows()).isBetween(rows * 9 / 10, rows * 11 / 10);
        assertThat(store().count(all().where(Expr.parse("machine IS NULL OR cpu < 0.02", Instant.EPOCH))
                        .build()))
                .isEqualTo(number("SELECT count(*) FROM big WHERE machine IS NULL OR cpu < 0.02"));
        try (Result<Row> oldest = store().query(all().oldestFirst().limit(1).build());
                Result<Row> newest = store().query(all().newestFirst().limit(1).build())) {
            assertThat(List.of(
                            oldest.toList().get(0).timeMicros(),
                            newest.toList().get(0).timeMicros()))
                    .isEqualTo(sql("SELECT min(at), max(at) FROM big").get(0));
        }
    }

    private static long number(String sql) throws SQLException {
        return (Long) sql(sql).get(0).get(0);
    }
}
