package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Aggregation;
import io.levee.Bytes;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Figures and groups: exact where numbers are whole, in the order of their columns, and bounded. */
abstract class AggregateConformance extends Conformance {
    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("name", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("r", ColumnType.REAL)
            .column("ok", ColumnType.BOOLEAN)
            .column("took", ColumnType.DURATION)
            .column("id", ColumnType.UUID)
            .column("bl", ColumnType.BLOB)
            .column("price", ColumnType.DECIMAL)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Store store;
    private final Table<Row> table;

    AggregateConformance(EngineConformance kit) {
        super(kit);
        // An eighth of it is for groups: enough for the greatest number of plain ones.
        store = open(engine().newStore(), false, o -> o.memory(Bytes.mebi(256)));
        table = store.createTable(SPEC);
    }

    private List<List<@Nullable Object>> groups(Query query, List<String> by, Measure... measures) {
        return store.aggregate(new Aggregation(query, by, List.of(measures))).groups();
    }

    private List<@Nullable Object> figures(Measure... measures) {
        return groups(all(SPEC), List.of(), measures).get(0);
    }

    private void fill(String column, @Nullable Object... values) {
        List<Row> rows = new ArrayList<>();
        for (Object value : values) {
            rows.add(row(SPEC, "at", NOW.minus(Duration.ofDays(rows.size() % 3)), column, value));
        }
        append(table, rows);
    }

    @Test
    void shouldCountAndMeasure() {
        fill("n", 3L, null, -5L, 10L, null);
        assertThat(figures(
                        Measure.count(),
                        new Measure(Measure.Function.COUNT, "n"),
                        Measure.sum("n"),
                        Measure.avg("n"),
                        Measure.min("n"),
                        Measure.max("n"),
                        Measure.min("at")))
                .containsExactly(5L, 3L, 8L, 8 / 3.0, -5L, 10L, NOW.minus(Duration.ofDays(2)));
    }

    @Test
    void shouldHaveFiguresOfNothing() {
        Measure[] measures = {
            Measure.count(), Measure.sum("n"), Measure.avg("r"), Measure.min("name"), Measure.max("at")
        };
        assertThat(figures(measures)).containsExactly(0L, null, null, null, null);
        assertThat(groups(all(SPEC), List.of("name"), measures)).isEmpty();
        fill("n", (Object) null);
        assertThat(figures(measures)).containsExactly(1L, null, null, null, NOW);
        assertThat(groups(all(SPEC), List.of("name"), measures))
                .containsExactly(Arrays.asList(null, 1L, null, null, null, NOW));
    }

    @Test
    void shouldKeepWholeSumsExact() {
        fill("n", 9_007_199_254_740_993L, 1L, 1L, 9_007_199_254_740_993L);
        assertThat(figures(Measure.sum("n"))).containsExactly(18_014_398_509_481_988L);
    }

    @Test
    void shouldRefuseSumsPast64Bits() {
        fill("n", Long.MAX_VALUE, 1L);
        assertThat(refused(ErrorCode.LIMIT_EXCEEDED, () -> figures(Measure.sum("n")))
                        .getMessage())
                .contains("sum(n)");
        assertThat(figures(Measure.max("n"), Measure.count())).containsExactly(Long.MAX_VALUE, 2L);
        // Both in one partition, too.
        append(table, row(SPEC, "at", NOW, "n", Long.MAX_VALUE), row(SPEC, "at", NOW, "n", 2L));
        refused(ErrorCode.LIMIT_EXCEEDED, () -> figures(Measure.sum("n")));
    }

    @Test
    void shouldMeasureBooleansAndDurations() {
        append(
                table,
                row(SPEC, "at", NOW, "ok", true, "took", Duration.ofNanos(1000)),
                row(SPEC, "at", NOW, "ok", false, "took", Duration.ofSeconds(2)),
                row(SPEC, "at", NOW, "ok", true));
        assertThat(figures(Measure.sum("ok"), Measure.sum("took"), Measure.max("ok"), Measure.min("took")))
                .containsExactly(2L, 2_000_001L, true, Duration.ofNanos(1000));
        refused(ErrorCode.BAD_QUERY, () -> figures(Measure.sum("name")));
        refused(ErrorCode.BAD_QUERY, () -> figures(Measure.avg("at")));
        refused(ErrorCode.UNKNOWN_COLUMN, () -> figures(Measure.max("no")));
        refused(ErrorCode.NOT_SUPPORTED, () -> figures(Measure.max("price")));
    }

    @Test
    void shouldAddInfinitiesAsFloatingPointDoes() {
        fill("r", 1.5, Double.POSITIVE_INFINITY, -3.0);
        assertThat(figures(Measure.sum("r"), Measure.avg("r"), Measure.max("r"), Measure.min("r")))
                .containsExactly(Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY, -3.0);
    }

    /** Null first, then by the binary order of text, numbers by value, bytes without sign. */
    @Test
    void shouldOrderGroupsByTheirColumns() {
        fill("name", "b", "A", null, "a", "😀", "\uFFFD", "é", "", "a");
        assertThat(groups(all(SPEC), List.of("name"), Measure.count()))
                .containsExactly(
                        Arrays.asList(null, 1L),
                        List.of("", 1L),
                        List.of("A", 1L),
                        List.of("a", 2L),
                        List.of("b", 1L),
                        List.of("é", 1L),
                        List.of("\uFFFD", 1L),
                        List.of("😀", 1L));
    }

    @Test
    void shouldGroupBytesAndZeros() {
        List<Row> rows = new ArrayList<>();
        for (byte[] bytes : new byte[][] {{1}, {}, {-1}, {1}, {1, 0}}) {
            rows.add(row(
                    SPEC,
                    "at",
                    NOW.minus(Duration.ofDays(rows.size() % 2)),
                    "bl",
                    bytes,
                    "r",
                    rows.size() % 2 == 0 ? -0.0 : 0.0));
        }
        append(table, rows);
        List<Object> counts = new ArrayList<>();
        groups(all(SPEC), List.of("bl"), Measure.count()).forEach(g -> counts.add(plain(g.get(0)) + "=" + g.get(1)));
        assertThat(counts).containsExactly("0x=1", "0x01=2", "0x0100=1", "0xff=1");
        assertThat(groups(all(SPEC), List.of("r"), Measure.count())).containsExactly(List.of(0.0, 5L));
    }

    @Test
    void shouldGroupOnlyTheRowsOfTheQuery() {
        fill("n", 1L, 2L, 3L, 4L, 5L);
        Query query = Query.builder("runs")
                .from(NOW.minus(Duration.ofDays(1)))
                .to(NOW)
                .where(Expr.gt("n", 2L))
                .limit(1)
                .build();
        assertThat(groups(query, List.of("n"), Measure.count())).containsExactly(List.of(5L, 1L));
    }

    @Test
    void shouldRefuseMoreGroupsThanThereMayBe() {
        List<Row> rows = new ArrayList<>();
        for (long i = 0; i <= Aggregation.MAX_GROUPS; i++) {
            rows.add(row(SPEC, "at", NOW.minus(Duration.ofDays(i % 2)), "i", i));
            if (rows.size() == 10_000 || i == Aggregation.MAX_GROUPS) {
                append(table, rows);
                rows.clear();
            }
        }
        refused(ErrorCode.LIMIT_EXCEEDED, () -> groups(all(SPEC), List.of("i"), Measure.count()));
        Query fewer = Query.builder("runs").where(Expr.ne("i", 7L)).build();
        List<List<@Nullable Object>> most = groups(fewer, List.of("i"), Measure.count());
        assertThat(most).hasSize(Aggregation.MAX_GROUPS);
        assertThat(most.get(7)).containsExactly(8L, 1L);
    }

    @Test
    void shouldAnswerAnyAggregationAsTheOracle() {
        Store oracle = newOracle();
        Table<Row> expected = oracle.createTable(SPEC);
        Property.check("aggregation = oracle", 60, gen -> {
            if (gen.oneIn(3)) {
                List<Row> rows = gen.list(1, () -> random(gen));
                append(table, rows);
                append(expected, rows);
            }
            List<String> by = gen.of(
                    List.of(),
                    List.of("name"),
                    List.of("ok", "n"),
                    List.of("bl", "id"),
                    List.of("trace"),
                    List.of("r", "took", "name"));
            List<Measure> measures = List.of(
                    Measure.count(),
                    new Measure(Measure.Function.COUNT, gen.of("name", "trace", "bl", "price")),
                    Measure.sum(gen.of("n", "took", "ok")),
                    Measure.sum("r"),
                    Measure.avg(gen.of("n", "r", "took", "ok")),
                    Measure.min(gen.of("name", "n", "bl", "trace", "at")),
                    Measure.max(gen.of("name", "r", "id", "took", "ok")));
            Query query = Query.builder("runs")
                    .where(gen.oneIn(2) ? null : Expr.ne("n", gen.between(0L, 3L)))
                    .build();
            Aggregation asked = new Aggregation(query, by, measures);
            Answers.assertSameGroups(store.aggregate(asked), oracle.aggregate(asked));
        });
    }

    private static Row random(Gen gen) {
        return row(
                SPEC,
                "at",
                NOW.minus(Duration.ofHours(gen.between(0, 100))),
                "name",
                orNull(gen, "a", "A", "b", "", "é", "😀"),
                "n",
                orNull(gen, 0L, 1L, 2L, 3L, -7L),
                "r",
                orNull(gen, 0.0, -0.0, 0.1, 1e9, -2.5),
                "ok",
                orNull(gen, true, false),
                "took",
                orNull(gen, Duration.ZERO, Duration.ofMillis(7)),
                "id",
                gen.oneIn(3) ? null : new UUID(0, gen.between(0, 3)),
                "bl",
                gen.oneIn(3) ? null : new byte[] {(byte) gen.between(-1, 1)},
                "trace",
                orNull(gen, "Traceback", ""));
    }

    @SafeVarargs
    @SuppressWarnings("varargs") // Handed on to a method that only reads.
    private static <T> @Nullable T orNull(Gen gen, T... values) {
        return gen.oneIn(5) ? null : gen.of(values);
    }
}
