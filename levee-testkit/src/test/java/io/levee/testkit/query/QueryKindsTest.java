package io.levee.testkit.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Estimate;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Histogram.Bin;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Histograms, time series, values, estimates, orders and places in json columns against plain Java. */
class QueryKindsTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("at", ColumnType.TIMESTAMP)
            .column("host", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("r", ColumnType.REAL)
            .column("took", ColumnType.DURATION)
            .column("price", ColumnType.DECIMAL)
            .column("extra", ColumnType.JSON)
            .column("xwf.id", ColumnType.JSON)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Store store = open(o -> {});
    private final Table<Row> table = store.createTable(SPEC);

    private static Store open(java.util.function.Consumer<StoreOptions.Builder> more) {
        return Levee.open("memory:", false, o -> {
            o.asOf(NOW);
            more.accept(o);
        });
    }

    @AfterEach
    void close() {
        store.close();
    }

    private static Row row(@Nullable Object... pairs) {
        io.levee.RowBuilder row = Row.of(SPEC).set("at", NOW.minusSeconds(3600));
        for (int i = 0; i < pairs.length; i += 2) {
            boolean json = pairs[i + 1] instanceof String text && text.startsWith("{");
            row.set((String) pairs[i], json ? io.levee.internal.json.Json.parse((String) pairs[i + 1]) : pairs[i + 1]);
        }
        return row.build();
    }

    private static void put(Table<Row> table, List<Row> rows) {
        assertThat(table.appendAll(rows, Ack.COMMITTED).join().rejected()).isEmpty();
    }

    private static ErrorCode refused(Runnable call) {
        LeveeException e = catchThrowableOfType(LeveeException.class, call::run);
        assertThat(e).isNotNull();
        return e.code();
    }

    @Test
    void shouldCountByBinsAsPlainJavaDoes() {
        Property.check("histograms count as plain Java does", 40, gen -> {
            try (Store own = open(o -> {})) {
                Table<Row> rows = own.createTable(SPEC);
                List<Row> written = new ArrayList<>();
                List<Double> values = new ArrayList<>();
                long[] nulls = {0};
                int count = gen.between(0, 4 * gen.size());
                for (int i = 0; i < count; i++) {
                    Double value = gen.oneIn(8) ? null : (Double) (gen.between(-400, 400) / 8.0);
                    written.add(row("r", value, "at", NOW.minusSeconds(gen.between(0, 400_000))));
                    nulls[0] += value == null ? 1 : 0;
                    if (value != null) {
                        values.add(value);
                    }
                }
                put(rows, written);
                Histogram.BinRule rule = rule(gen);
                Histogram.Bins bins = rows.query().histogram("r", rule);
                assertThat(bins.nulls()).isEqualTo(nulls[0]);
                for (Bin bin : bins.bins()) {
                    assertThat(bin.count())
                            .isEqualTo(values.stream()
                                    .filter(v -> v >= bin.from() && v < bin.to())
                                    .count());
                }
                if (bins.bins().isEmpty()) {
                    assertThat(values).isEmpty();
                    assertThat(rule).isInstanceOf(Histogram.Automatic.class);
                } else {
                    double first = bins.bins().get(0).from();
                    double end = bins.bins().get(bins.bins().size() - 1).to();
                    assertThat(bins.below())
                            .isEqualTo(values.stream().filter(v -> v < first).count());
                    assertThat(bins.above())
                            .isEqualTo(values.stream().filter(v -> v >= end).count());
                }
                if (rule instanceof Histogram.Automatic automatic) {
                    assertThat(bins.bins().size()).isLessThanOrEqualTo(automatic.most());
                    assertThat(bins.below() + bins.above()).isZero();
                    assertThat(bins.least())
                            .isEqualTo(values.stream().min(Double::compare).orElse(null));
                    assertThat(bins.greatest())
                            .isEqualTo(values.stream().max(Double::compare).orElse(null));
                }
            }
        });
    }

    private static Histogram.BinRule rule(Gen gen) {
        return switch (gen.between(0, 2)) {
            case 0 -> new Histogram.Automatic(gen.between(1, 30));
            case 1 -> new Histogram.Even(gen.between(-60, 60), gen.between(1, 40) / 4.0, gen.between(1, 20));
            default -> {
                List<Double> edges = new ArrayList<>(List.of((double) gen.between(-60, 0)));
                int count = gen.between(1, 8);
                for (int i = 0; i < count; i++) {
                    edges.add(edges.get(edges.size() - 1) + gen.between(1, 80) / 4.0);
                }
                yield new Histogram.Edges(edges);
            }
        };
    }

    @Test
    void shouldCountFarValuesWithoutAGroupForEach() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 3000; i++) {
            rows.add(row("n", i * 1_000_000_007L));
        }
        put(table, rows);
        Histogram.Bins bins = table.query().histogram("n", new Histogram.Even(0, 1, 3));
        assertThat(bins.bins()).extracting(Bin::count).containsExactly(1L, 0L, 0L);
        assertThat(bins.above()).isEqualTo(2999);
        assertThat(refused(() -> table.query().histogram("host", new Histogram.Automatic(5))))
                .isEqualTo(ErrorCode.BAD_QUERY);
        assertThat(refused(() -> table.query().histogram("no", new Histogram.Automatic(5))))
                .isEqualTo(ErrorCode.UNKNOWN_COLUMN);
    }

    @Test
    void shouldLeaveInfiniteValuesBesideAutomaticBins() {
        put(
                table,
                List.of(
                        row("r", 1.0),
                        row("r", 9.0),
                        row("r", Double.POSITIVE_INFINITY),
                        row("r", Double.NEGATIVE_INFINITY),
                        row()));
        Histogram.Bins bins = table.query().histogram("r", new Histogram.Automatic(3));
        assertThat(bins.bins().stream().mapToLong(Bin::count).sum()).isEqualTo(2);
        assertThat(List.of(bins.below(), bins.above(), bins.nulls())).containsExactly(1L, 1L, 1L);
    }

    @Test
    void shouldTellDurationsAndTimesInRoundBins() {
        put(table, List.of(row("took", Duration.ofMinutes(1)), row("took", Duration.ofMinutes(29))));
        Histogram.Bins bins = table.query().histogram("took", new Histogram.Automatic(10));
        assertThat(bins.bins())
                .hasSize(6)
                .allSatisfy(bin -> assertThat(bin.to() - bin.from()).isEqualTo(300e6));
        assertThat(table.query().histogram("at", new Histogram.Automatic(10)).bins())
                .hasSize(1);
    }

    @Test
    void shouldFillBucketsOfTime() {
        Property.check("time series as plain Java does", 40, gen -> {
            try (Store own = open(o -> {})) {
                Table<Row> rows = own.createTable(SPEC);
                List<Row> written = new ArrayList<>();
                int count = gen.between(0, gen.size());
                for (int i = 0; i < count; i++) {
                    written.add(row(
                            "host",
                            gen.of("a", "b", null),
                            "n",
                            (long) gen.between(0, 9),
                            "at",
                            NOW.minusSeconds(gen.between(0, 200_000))));
                }
                put(rows, written);
                Duration bucket =
                        gen.of(Duration.ofHours(1), Duration.ofHours(7), Duration.ofDays(1), Duration.ofDays(7));
                boolean open = gen.oneIn(3);
                Instant from = NOW.minusSeconds(gen.between(50_000, 250_000));
                Instant to = NOW.minusSeconds(gen.between(0, 40_000));
                List<String> by = gen.of(List.of(), List.of("host"));
                TimeSeries.Points points = (open ? rows.query() : rows.query().between(from, to))
                        .timeSeries(bucket, by, Measure.count(), Measure.sum("n"), Measure.max("n"));
                check(
                        points,
                        written.stream()
                                .filter(r -> open
                                        || (!r.time().isBefore(from) && r.time().isBefore(to)))
                                .toList(),
                        bucket,
                        by,
                        open ? null : from,
                        open ? null : to);
            }
        });
    }

    private static long bucket(Instant at, Duration bucket) {
        long origin =
                bucket.toDays() == 7 ? Instant.parse("1970-01-05T00:00:00Z").getEpochSecond() : 0;
        return Math.floorDiv(at.getEpochSecond() - origin, bucket.toSeconds()) * bucket.toSeconds() + origin;
    }

    private static void check(
            TimeSeries.Points points,
            List<Row> rows,
            Duration bucket,
            List<String> by,
            @Nullable Instant from,
            @Nullable Instant to) {
        List<@Nullable Object> series = new ArrayList<>();
        if (by.isEmpty()) {
            series.add("all");
        } else {
            rows.stream()
                    .map(r -> r.get("host"))
                    .distinct()
                    .sorted((a, b) -> a == null ? -1 : b == null ? 1 : ((String) a).compareTo((String) b))
                    .forEach(series::add);
        }
        long first = from == null
                ? rows.stream().mapToLong(r -> bucket(r.time(), bucket)).min().orElse(0)
                : bucket(from, bucket);
        long last = to == null
                ? rows.stream().mapToLong(r -> bucket(r.time(), bucket)).max().orElse(-1)
                : bucket(to.minusNanos(1000), bucket);
        List<TimeSeries.Point> wanted = new ArrayList<>();
        for (long at = first; at <= last; at += bucket.toSeconds()) {
            long begin = at;
            for (Object one : series) {
                List<Long> values = rows.stream()
                        .filter(r -> bucket(r.time(), bucket) == begin
                                && (by.isEmpty() || Objects.equals(r.get("host"), one)))
                        .map(r -> (Long) r.get("n"))
                        .toList();
                wanted.add(new TimeSeries.Point(
                        Instant.ofEpochSecond(at),
                        by.isEmpty() ? List.of() : Arrays.asList(one),
                        Arrays.asList(
                                (long) values.size(),
                                values.isEmpty()
                                        ? null
                                        : (Object) values.stream()
                                                .mapToLong(v -> v)
                                                .sum(),
                                values.stream().max(Long::compare).orElse(null))));
            }
        }
        assertThat(points.points()).isEqualTo(wanted);
    }

    @Test
    void shouldRefuseTooManyPoints() {
        put(table, List.of(row("at", NOW.minus(Duration.ofDays(2))), row()));
        assertThat(refused(() -> table.query().timeSeries(Duration.ofMillis(1), List.of(), Measure.count())))
                .isEqualTo(ErrorCode.LIMIT_EXCEEDED);
        assertThat(refused(() -> table.query()
                        .between(NOW.minus(Duration.ofDays(2000)), NOW)
                        .timeSeries(Duration.ofSeconds(1), List.of(), Measure.count())))
                .isEqualTo(ErrorCode.LIMIT_EXCEEDED);
        TimeSeries.Points weeks = table.query()
                .timeSeries(Duration.ofDays(14), List.of(), Measure.percentile(0.5, "n"), Measure.distinct("n"));
        assertThat(weeks.points().get(0).at().atZone(java.time.ZoneOffset.UTC).getDayOfWeek())
                .isEqualTo(java.time.DayOfWeek.MONDAY);
        assertThat(weeks.errors()).containsOnlyKeys("p50(n)");
    }

    @Test
    void shouldTellValuesMostFrequentFirst() {
        put(
                table,
                List.of(
                        row("host", "b"),
                        row("host", "b"),
                        row("host", "a"),
                        row("host", "c"),
                        row("host", "c"),
                        row()));
        assertThat(table.query().values("host", 3).groups())
                .containsExactly(List.of("b", 2L), List.of("c", 2L), Arrays.asList(null, 1L));
        assertThat(table.query().where(Expr.notNull("host")).values("host", 9).groups())
                .hasSize(3);
    }

    @Test
    void shouldTellTheOldestAndTheNewest() {
        assertThat(table.newest()).isEmpty();
        put(
                table,
                List.of(
                        row("at", NOW.minusSeconds(9), "host", "a"),
                        row("at", NOW.minusSeconds(5)),
                        row("at", NOW.minusSeconds(1))));
        assertThat(table.newest()).contains(NOW.minusSeconds(1));
        assertThat(table.oldest()).contains(NOW.minusSeconds(9));
        assertThat(table.query().where(Expr.eq("host", "a")).newest()).contains(NOW.minusSeconds(9));
        assertThat(table.query()
                        .between(NOW.minusSeconds(8), NOW.minusSeconds(2))
                        .oldest())
                .contains(NOW.minusSeconds(5));
    }

    @Test
    void shouldEstimateByStatisticsAndByCounting() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            rows.add(row("at", NOW.minusSeconds(i * 120L), "n", (long) i % 10));
        }
        put(table, rows);
        assertThat(table.query().estimate().rows()).isEqualTo(2000);
        assertThat(table.query().estimate().how()).isEqualTo("statistics");
        Estimate half = table.query()
                .between(NOW.minusSeconds(120_000), NOW.plusSeconds(1))
                .estimate();
        assertThat(half.exact()).isFalse();
        assertThat(half.rows()).isBetween(950L, 1050L);
        Estimate filtered = table.query().where(Expr.eq("n", 3)).estimate();
        assertThat(filtered.rows()).isEqualTo(200);
    }

    private List<@Nullable Object> pages(Query.Builder query, String column) {
        List<@Nullable Object> all = new ArrayList<>();
        String cursor = null;
        do {
            try (Result<Row> page = store.query(query.after(cursor).build())) {
                page.forEach(row -> all.add(row.get(column)));
                cursor = page.next();
            }
        } while (cursor != null);
        return all;
    }

    @Test
    void shouldPageByAnyOrder() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 23; i++) {
            rows.add(row(
                    "at",
                    NOW.minusSeconds(i * 40_000L % 100_000),
                    "n",
                    i % 5 == 0 ? null : (Object) (long) (i % 4),
                    "r",
                    i / 8.0,
                    "host",
                    "hé" + i % 3,
                    "trace",
                    "t" + i));
        }
        put(table, rows);
        Query.Builder query =
                Query.builder("runs").details().limit(4).orderBy(Order.desc("host"), Order.asc("n"), Order.desc("r"));
        List<@Nullable Object> wanted = new ArrayList<>(rows)
                .stream()
                        .sorted(java.util.Comparator.comparing((Row r) -> (String) r.get("host"))
                                .reversed()
                                .thenComparing(r -> (Long) r.get("n"), java.util.Comparator.nullsFirst(Long::compare))
                                .thenComparing(r -> (Double) r.get("r"), java.util.Comparator.reverseOrder()))
                        .map(r -> r.get("trace"))
                        .toList();
        assertThat(pages(query, "trace")).isEqualTo(wanted);
    }

    @Test
    void shouldRefuseACursorOfAnotherOrder() {
        put(table, List.of(row("host", "a"), row("host", "b"), row("host", "c")));
        List<Query.Builder> orders = List.of(
                Query.builder("runs").limit(1),
                Query.builder("runs").limit(1).oldestFirst(),
                Query.builder("runs").limit(1).orderBy(Order.asc("host")),
                Query.builder("runs").limit(1).orderBy(Order.desc("host")),
                Query.builder("runs").limit(1).newestPer("host"));
        for (Query.Builder one : orders) {
            String next;
            try (Result<Row> page = store.query(one.after(null).build())) {
                page.toList();
                next = page.next();
            }
            for (Query.Builder other : orders) {
                if (one != other) {
                    LeveeException e = catchThrowableOfType(
                            LeveeException.class,
                            () -> store.query(other.after(next).build()));
                    assertThat(e.code()).isEqualTo(ErrorCode.BAD_QUERY);
                    assertThat(e.getMessage()).contains("the cursor belongs to another query (table runs");
                }
            }
        }
        for (String text : List.of("x", "", "Mjp4", "MTpuOnJ1bnM6MTox")) {
            assertThat(refused(() -> store.query(orders.get(0).after(text).build())))
                    .isEqualTo(ErrorCode.BAD_QUERY);
        }
        assertThat(refused(() -> store.query(
                        Query.builder("runs").orderBy(Order.asc("price")).build())))
                .isEqualTo(ErrorCode.NOT_SUPPORTED);
    }

    @Test
    void shouldTakeTheNewestOfEachKey() {
        put(
                table,
                List.of(
                        row("host", "a", "n", 1L),
                        row("host", "b", "n", 2L),
                        row("host", "a", "n", 3L),
                        row("n", 4L),
                        row("n", 5L)));
        assertThat(pages(Query.builder("runs").newestPer("host").limit(2), "n")).containsExactly(5L, 3L, 2L);
    }

    private long count(String where) {
        return table.query().where(Expr.parse(where, NOW)).count();
    }

    @Test
    void shouldReadPlacesInJsonColumns() {
        put(
                table,
                List.of(
                        row(
                                "extra",
                                "{\"cpu\":{\"avg\":5.5},\"hosts\":[{\"name\":\"x\"},{\"name\":\"y\"}],\"ok\":true}",
                                "xwf.id",
                                "{\"a\":7}"),
                        row("extra", "{\"cpu\":{\"avg\":3},\"hosts\":[],\"ok\":false,\"odd key\":\"v\"}"),
                        row("extra", "{\"cpu\":{\"avg\":\"high\"},\"ok\":\"true\"}"),
                        row("extra", "{\"cpu\":null}"),
                        row()));
        assertThat(count("extra.cpu.avg > 5")).isEqualTo(1);
        assertThat(count("extra.cpu.avg >= 3")).isEqualTo(2);
        assertThat(count("NOT extra.cpu.avg >= 5")).isEqualTo(1);
        assertThat(count("extra.cpu.avg = 'high'")).isEqualTo(1);
        assertThat(count("extra.cpu.avg IS NOT NULL")).isEqualTo(3);
        assertThat(count("extra.hosts[1].name = 'y'")).isEqualTo(1);
        assertThat(count("extra.ok = true")).isEqualTo(2);
        assertThat(count("extra.\"odd key\" CONTAINS 'V'")).isEqualTo(1);
        assertThat(count("\"xwf.id\".a = 7 OR xwf.id.a = 8")).isEqualTo(1);
        assertThat(count("extra.cpu.avg IN (3, 5.5)")).isEqualTo(2);
        assertThat(refused(() -> count("extra.cpu.avg IN (3, 'x')"))).isEqualTo(ErrorCode.BAD_QUERY);
        assertThat(refused(() -> count("extra.a > now - 1h"))).isEqualTo(ErrorCode.BAD_QUERY);
        assertThat(refused(() -> count("host.a = 1"))).isEqualTo(ErrorCode.UNKNOWN_COLUMN);
        assertThat(refused(() -> count("extra.\"a.\" = 1"))).isEqualTo(ErrorCode.BAD_QUERY);
        List<@Nullable Object> figures = table.query()
                .aggregate(
                        List.of(),
                        Measure.parse("sum(extra.cpu.avg)"),
                        Measure.parse("avg(extra.cpu.avg)"),
                        Measure.parse("max(extra.cpu.avg)"),
                        Measure.parse("count(extra.cpu.avg)"),
                        Measure.parse("distinct(extra.cpu.avg)"),
                        Measure.parse("p100(extra.cpu.avg)"),
                        Measure.count())
                .groups()
                .get(0);
        assertThat(figures.subList(0, 5)).containsExactly(8.5, 4.25, 5.5, 3L, 3L);
        assertThat((Double) Objects.requireNonNull(figures.get(5))).isBetween(5.5 * 0.99, 5.5 * 1.01);
        assertThat(figures.get(6)).isEqualTo(5L);
        assertThat(table.query()
                        .aggregate(
                                List.of("extra.ok"), List.of(Measure.count()), Expr.eq("extra.ok", true), List.of(), 9)
                        .groups())
                .containsExactly(List.of("true", 2L));
        assertThat(table.query()
                        .histogram("extra.cpu.avg", new Histogram.Even(0, 2, 3))
                        .bins())
                .extracting(Bin::count)
                .containsExactly(0L, 1L, 1L);
    }

    private static void await(java.util.function.BooleanSupplier condition) {
        long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(end);
            Thread.onSpinWait();
        }
    }

    @Test
    void shouldKeepSlowQueriesWithTheirPlan() {
        try (Store own = open(o -> o.slowQuery(Duration.ofNanos(1)))) {
            Table<Row> rows = own.createTable(SPEC);
            put(rows, List.of(row("n", 1L), row("n", 2L)));
            rows.query().where(Expr.parse("n >= 1 AND host IS NULL", NOW)).run().toList();
            rows.query().count();
            // A query is noted when it has ended, which may be after its last row was read.
            await(() -> own.slowQueries().size() >= 2);
            assertThat(own.slowQueries()).anySatisfy(slow -> {
                assertThat(slow.what()).isEqualTo("query runs where n >= 1 AND host IS NULL");
                assertThat(slow.rows()).isEqualTo(2);
                assertThat(slow.end()).isEqualTo("DONE");
                assertThat(slow.plan()).contains("partition");
            });
            assertThat(own.slowQueries())
                    .anySatisfy(slow -> assertThat(slow.plan()).isEqualTo("1 parts, 0 of them cached"));
            for (int i = 0; i < 120; i++) {
                rows.query().count();
            }
            await(() ->
                    own.slowQueries().size() == 100 && own.slowQueries().get(0).id() > 100);
        }
    }
}
