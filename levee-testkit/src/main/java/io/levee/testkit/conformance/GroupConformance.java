package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Aggregation;
import io.levee.Aggregation.Groups;
import io.levee.Expr;
import io.levee.Measure;
import io.levee.Order;
import io.levee.Query;
import io.levee.Row;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Groups with several figures, against the same computed from the plain list of rows: percentiles by rank, different values by a set. */
abstract class GroupConformance extends KindConformance {
    GroupConformance(EngineConformance kit) {
        super(kit);
    }

    private Groups groups(
            Query query,
            List<String> by,
            List<Measure> measures,
            @Nullable Expr having,
            List<Order> order,
            long limit) {
        return store.aggregate(new Aggregation(query, by, measures, having, order, limit));
    }

    private Map<String, List<Run>> byName() {
        return runs.stream()
                .collect(Collectors.groupingBy(
                        run -> Objects.requireNonNullElse(run.name(), "null"), TreeMap::new, Collectors.toList()));
    }

    @Test
    void shouldMeasureManyFiguresOfAGroupAtOnce() {
        with("figures", gen -> {
            fill(gen);
            Groups got = groups(
                    all().build(),
                    List.of("name"),
                    List.of(
                            Measure.count(),
                            Measure.sum("n"),
                            Measure.avg("n"),
                            Measure.min("took"),
                            Measure.distinct("n"),
                            Measure.percentile(0.5, "r"),
                            Measure.distinct("extra.on.host"),
                            Measure.avg("extra.retries")),
                    null,
                    List.of(),
                    Query.NO_LIMIT);
            Map<String, List<Run>> wanted = byName();
            assertThat(got.groups()).hasSameSizeAs(wanted.keySet());
            for (List<@Nullable Object> group : got.groups()) {
                List<Run> rows = Objects.requireNonNull(wanted.get(String.valueOf(group.get(0))));
                List<Long> n =
                        rows.stream().map(Run::n).filter(Objects::nonNull).toList();
                assertThat(group.get(1)).isEqualTo((long) rows.size());
                assertThat(group.get(2))
                        .isEqualTo(
                                n.isEmpty()
                                        ? null
                                        : n.stream().mapToLong(x -> x).sum());
                assertThat((Double) group.get(3))
                        .isEqualTo(
                                n.isEmpty()
                                        ? null
                                        : n.stream().mapToLong(x -> x).sum() / (double) n.size());
                assertThat(group.get(4))
                        .isEqualTo(rows.stream()
                                .map(Run::took)
                                .filter(Objects::nonNull)
                                .min(Comparator.naturalOrder())
                                .orElse(null));
                assertThat(group.get(5)).isEqualTo((long) new HashSet<>(n).size());
                assertPercentile(
                        0.5, rows.stream().map(Run::r).filter(Objects::nonNull).toList(), (Double) group.get(6));
                List<Map<String, Object>> extras =
                        rows.stream().map(Run::extra).filter(e -> !e.isEmpty()).toList();
                assertThat(group.get(7))
                        .isEqualTo(
                                extras.stream().map(e -> e.get("on")).distinct().count());
                Double retries = (Double) group.get(8);
                assertThat(retries == null).isEqualTo(extras.isEmpty());
                if (retries != null) {
                    double sum = extras.stream()
                            .mapToLong(e -> (Long) e.get("retries"))
                            .sum();
                    assertThat(retries).isCloseTo(sum / extras.size(), org.assertj.core.data.Offset.offset(1e-9));
                }
            }
        });
    }

    /** Within the stated error of a value of that rank, over all partitions and none. */
    @Test
    void shouldTellPercentilesWithinTheStatedError() {
        with("percentiles", gen -> {
            fill(gen);
            List<Double> quantiles = List.of(0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0);
            List<Measure> measures = new ArrayList<>();
            quantiles.forEach(q -> measures.add(Measure.percentile(q, "r")));
            quantiles.forEach(q -> measures.add(Measure.percentile(q, "took")));
            Groups got = groups(all().build(), List.of(), measures, null, List.of(), Query.NO_LIMIT);
            List<Double> r = runs.stream().map(Run::r).filter(Objects::nonNull).toList();
            List<Double> took = runs.stream()
                    .map(Run::took)
                    .filter(Objects::nonNull)
                    .map(d -> d.toNanos() / 1000.0)
                    .toList();
            for (int i = 0; i < quantiles.size(); i++) {
                assertPercentile(
                        quantiles.get(i), r, (Double) got.groups().get(0).get(i));
                Duration length = (Duration) got.groups().get(0).get(i + quantiles.size());
                assertPercentile(quantiles.get(i), took, length == null ? null : length.toNanos() / 1000.0);
            }
            assertThat(got.errors()).containsEntry(measures.get(0).name(), Measure.PERCENTILE_ERROR);
            Query nothing = all().where(Expr.gt("n", 1000L)).build();
            assertThat(groups(nothing, List.of(), measures, null, List.of(), 1)
                            .groups()
                            .get(0))
                    .containsOnlyNulls();
        });
    }

    private static void assertPercentile(double quantile, List<Double> values, @Nullable Double got) {
        if (values.isEmpty()) {
            assertThat(got).isNull();
            return;
        }
        List<Double> sorted = values.stream().sorted().toList();
        double rank = quantile * (sorted.size() - 1);
        // The last digit is that of two logarithms, and a duration's microsecond.
        boolean near = false;
        for (int at : new int[] {(int) Math.floor(rank), (int) Math.ceil(rank)}) {
            double exact = sorted.get(at);
            near |= got != null
                            && Math.abs(got - exact) <= Measure.PERCENTILE_ERROR * Math.abs(exact) * (1 + 1e-9) + 0.5e-9
                    || got != null
                            && Math.abs(exact) >= 1
                            && Math.abs(got - exact) <= Measure.PERCENTILE_ERROR * Math.abs(exact) + 0.5;
        }
        assertThat(near)
                .as(
                        "p%s of %s values is %s, told as %s",
                        quantile * 100, sorted.size(), sorted.get((int) Math.floor(rank)), got)
                .isTrue();
    }

    @Test
    void shouldEstimateDifferentValuesPastTheExactOnes() {
        List<Row> rows = new ArrayList<>();
        for (long i = 0; i < 3 * Measure.EXACT_DISTINCT; i++) {
            rows.add(row(SPEC, "i", i, "at", NOW.minus(Duration.ofHours(i % 70)), "n", i % Measure.EXACT_DISTINCT));
        }
        append(table, rows);
        Groups got = groups(
                all().build(), List.of(), List.of(Measure.distinct("i"), Measure.distinct("n")), null, List.of(), 1);
        assertThat(got.groups().get(0).get(1)).as("exact up to a bound").isEqualTo((long) Measure.EXACT_DISTINCT);
        double error = Math.abs((Long) got.groups().get(0).get(0) / (double) rows.size() - 1);
        assertThat(error).as("four standard errors").isLessThan(4 * Measure.DISTINCT_ERROR);
        assertThat(got.errors()).containsOnlyKeys("distinct(i)");
    }

    @Test
    void shouldFilterOrderAndLimitGroups() {
        with("having, order, limit", gen -> {
            fill(gen);
            long least = gen.between(20, 40);
            int limit = gen.between(1, 6);
            Groups got = groups(
                    all().build(),
                    List.of("name"),
                    List.of(Measure.count(), Measure.max("n")),
                    Expr.and(Expr.ge("count", least), Expr.notNull("name")),
                    List.of(Order.desc("count"), Order.asc("name")),
                    limit);
            List<String> wanted = byName().entrySet().stream()
                    .filter(e -> !e.getKey().equals("null") && e.getValue().size() >= least)
                    .sorted(Comparator.comparingInt((Map.Entry<String, List<Run>> e) ->
                                    -e.getValue().size())
                            .thenComparing(Map.Entry::getKey, KindConformance::compareText))
                    .limit(limit)
                    .map(Map.Entry::getKey)
                    .toList();
            assertThat(got.groups()).extracting(g -> g.get(0)).isEqualTo(new ArrayList<Object>(wanted));
        });
    }

    /** The values of a column with their counts, as a menu of filters shows them. */
    @Test
    void shouldTellTheValuesOfAColumnWithTheirCounts() {
        with("values", gen -> {
            fill(gen);
            Groups got = groups(
                    all().where(Expr.notNull("extra.on.host")).build(),
                    List.of("extra.on.host"),
                    List.of(Measure.count()),
                    null,
                    List.of(Order.desc("count")),
                    2);
            Map<Object, Long> counts = runs.stream()
                    .filter(run -> !run.extra().isEmpty())
                    .collect(Collectors.groupingBy(
                            run -> Objects.requireNonNull(((Map<?, ?>)
                                            Objects.requireNonNull(run.extra().get("on")))
                                    .get("host")),
                            Collectors.counting()));
            List<Long> most = counts.values().stream()
                    .sorted(Comparator.reverseOrder())
                    .limit(2)
                    .toList();
            assertThat(got.groups()).extracting(g -> g.get(1)).isEqualTo(new ArrayList<Object>(most));
            got.groups().forEach(g -> assertThat(counts).containsEntry(g.get(0), (Long) g.get(1)));
        });
    }

    /** A repeated question is answered as the rows are now, whatever is kept of the last answer. */
    @Test
    void shouldAnswerARepeatedQuestionAsTheRowsAreNow() {
        with("repeated", gen -> {
            fill(gen);
            List<Measure> measures =
                    List.of(Measure.count(), Measure.sum("n"), Measure.percentile(0.9, "took"), Measure.distinct("i"));
            for (int i = 0; i < 4; i++) {
                List<@Nullable Object> group = groups(all().build(), List.of(), measures, null, List.of(), 1)
                        .groups()
                        .get(0);
                assertThat(group.subList(0, 2))
                        .isEqualTo(Arrays.asList(
                                (long) runs.size(),
                                runs.stream()
                                        .map(Run::n)
                                        .filter(Objects::nonNull)
                                        .mapToLong(x -> x)
                                        .sum()));
                assertThat(group.get(3)).isEqualTo((long) runs.size());
                assertThat(groups(all().build(), List.of(), measures, null, List.of(), 1)
                                .groups()
                                .get(0))
                        .isEqualTo(group);
                Run late = run(gen, runs.size());
                runs.add(late);
                append(table, late.row());
            }
        });
    }
}
