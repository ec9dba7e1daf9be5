package io.levee.testkit.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.Aggregation.Groups;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Groups with their figures, filter, order and limit, over the reference engine. */
class GroupsTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("at", ColumnType.TIMESTAMP)
            .column("task_name", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("r", ColumnType.REAL)
            .column("took", ColumnType.DURATION)
            .column("ok", ColumnType.BOOLEAN)
            .column("price", ColumnType.DECIMAL)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Store store = Levee.open("memory:", false, o -> o.asOf(NOW));
    private final Table<Row> table = store.createTable(SPEC);

    @AfterEach
    void close() {
        store.close();
    }

    private void put(@Nullable Object... pairs) {
        io.levee.RowBuilder row = Row.of(SPEC).set("at", NOW.minusSeconds(3600));
        for (int i = 0; i < pairs.length; i += 2) {
            row.set((String) pairs[i], pairs[i + 1]);
        }
        table.append(row.build(), Ack.COMMITTED).join();
    }

    private Groups groups(
            List<String> by, List<String> measures, @Nullable String having, List<String> order, long limit) {
        return store.aggregate(new Aggregation(
                Query.builder("runs").build(),
                by,
                measures.stream().map(Measure::parse).toList(),
                having == null ? null : Expr.parse(having, NOW),
                order.stream().map(Order::parse).toList(),
                limit));
    }

    private ErrorCode refused(Runnable call) {
        LeveeException e = catchThrowableOfType(LeveeException.class, call::run);
        assertThat(e).isNotNull();
        return e.code();
    }

    @Test
    void shouldTellPercentilesAndDifferentValuesWithTheirErrors() {
        for (int i = 1; i <= 100; i++) {
            put("task_name", "t" + i % 3, "n", i, "r", -i / 2.0, "took", Duration.ofMillis(i));
        }
        Groups all = groups(
                List.of(),
                List.of(
                        "median(n)",
                        "p95(n)",
                        "p99.9(r)",
                        "p50(took)",
                        "distinct(taskName)",
                        "count(distinct n)",
                        "count"),
                null,
                List.of(),
                Query.NO_LIMIT);
        assertThat(all.columns())
                .containsExactly(
                        "p50(n)", "p95(n)", "p99.9(r)", "p50(took)", "distinct(task_name)", "distinct(n)", "count");
        List<@Nullable Object> row = all.groups().get(0);
        assertThat((Double) row.get(0)).isBetween(50 * 0.99, 50 * 1.01);
        assertThat((Double) row.get(1)).isBetween(95 * 0.99, 95 * 1.01);
        assertThat((Double) row.get(2)).isBetween(-1 * 1.01, -0.5 * 0.99);
        assertThat(((Duration) row.get(3)).toNanos() / 1e6).isBetween(50 * 0.99, 50 * 1.01);
        assertThat(row.subList(4, 7)).containsExactly(3L, 100L, 100L);
        assertThat(all.errors())
                .containsOnlyKeys("p50(n)", "p95(n)", "p99.9(r)", "p50(took)")
                .containsValue(Measure.PERCENTILE_ERROR);
    }

    @Test
    void shouldHaveFiguresOfNothing() {
        put("task_name", "a");
        Groups groups = groups(
                List.of("task_name"),
                List.of("p95(n)", "distinct(n)", "distinct(ok)", "sum(n)"),
                null,
                List.of(),
                Query.NO_LIMIT);
        assertThat(groups.groups()).containsExactly(Arrays.asList("a", null, 0L, 0L, null));
    }

    @Test
    void shouldEstimateDifferentValuesPastTheExactOnesAndSaySo() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            rows.add(Row.of(SPEC)
                    .set("at", NOW.minusSeconds(i % 200_000))
                    .set("n", i)
                    .set("ok", i % 2 == 0)
                    .build());
        }
        table.appendAll(rows, Ack.COMMITTED).join();
        Groups groups = groups(List.of(), List.of("distinct(n)", "distinct(ok)"), null, List.of(), Query.NO_LIMIT);
        assertThat((double) (Long) groups.groups().get(0).get(0)).isBetween(5000 * 0.97, 5000 * 1.03);
        assertThat(groups.groups().get(0).get(1)).isEqualTo(2L);
        assertThat(groups.errors()).containsOnlyKeys("distinct(n)");
    }

    @Test
    void shouldFilterOrderAndLimitGroups() {
        put("task_name", "a", "n", 1, "took", Duration.ofSeconds(1));
        put("task_name", "b", "n", 2, "took", Duration.ofSeconds(2));
        put("task_name", "b", "n", 4, "took", Duration.ofSeconds(4));
        put("task_name", "c", "n", 2);
        put("task_name", null, "n", 9);
        List<String> figures = List.of("count", "avg(n)", "max(took)", "sum(took)");
        assertThat(groups(List.of("task_name"), figures, null, List.of("avg(n) desc", "taskName"), 3)
                        .groups())
                .extracting(g -> g.get(0))
                .containsExactly(null, "b", "c");
        assertThat(groups(List.of("task_name"), figures, "count > 1", List.of(), Query.NO_LIMIT)
                        .groups())
                .extracting(g -> g.get(0))
                .containsExactly("b");
        assertThat(groups(List.of("task_name"), figures, "avg(n) >= 2 AND NOT taskName = 'c'", List.of(), 9)
                        .groups())
                .extracting(g -> g.get(0))
                .containsExactly("b");
        assertThat(groups(List.of("task_name"), figures, "max(took) = '4s' OR sum(took) <= '1s'", List.of(), 9)
                        .groups())
                .extracting(g -> g.get(0))
                .containsExactly("a", "b");
        assertThat(groups(List.of("task_name"), figures, "max(took) IS NULL", List.of(), 9)
                        .groups())
                .extracting(g -> g.get(0))
                .containsExactly(null, "c");
        assertThat(groups(
                                List.of("task_name"),
                                figures,
                                "task_name NOT LIKE 'B%' AND task_name CONTAINS 'C'",
                                List.of(),
                                9)
                        .groups())
                .extracting(g -> g.get(0))
                .containsExactly("c");
        assertThat(groups(List.of("task_name"), figures, "count IN (2, 5)", List.of(), 9)
                        .groups())
                .hasSize(1);
        assertThat(refused(() -> groups(List.of("task_name"), figures, "n > 5", List.of(), 9)))
                .isEqualTo(ErrorCode.BAD_QUERY);
        assertThat(refused(() -> groups(List.of("task_name"), figures, null, List.of("min(n)"), 9)))
                .isEqualTo(ErrorCode.BAD_QUERY);
        assertThat(refused(() -> groups(List.of("task_name"), figures, "count > 'x'", List.of(), 9)))
                .isEqualTo(ErrorCode.BAD_QUERY);
    }

    @Test
    void shouldRefuseFiguresThatMakeNoSense() {
        for (String measure : List.of("p95(at)", "p95(task_name)", "median(ok)", "sum(task_name)", "avg(at)")) {
            assertThat(refused(() -> groups(List.of(), List.of(measure), null, List.of(), 1)))
                    .as(measure)
                    .isEqualTo(ErrorCode.BAD_QUERY);
        }
        assertThat(refused(() -> groups(List.of(), List.of("distinct(price)"), null, List.of(), 1)))
                .isEqualTo(ErrorCode.NOT_SUPPORTED);
        assertThat(refused(() -> groups(List.of(), List.of("p95(no)"), null, List.of(), 1)))
                .isEqualTo(ErrorCode.UNKNOWN_COLUMN);
        for (String text : List.of("p101(n)", "p95", "median", "x(n)", "p9999(n)", "distinct")) {
            assertThat(refused(() -> Measure.parse(text))).as(text).isEqualTo(ErrorCode.BAD_QUERY);
        }
    }
}
