package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Estimate;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Histogram.Bin;
import io.levee.Histogram.Bins;
import io.levee.Measure;
import io.levee.TimeSeries;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Histograms and time series with their empty bins, and estimates, against the same computed from the plain list of rows. */
abstract class DistributionConformance extends KindConformance {
    DistributionConformance(EngineConformance kit) {
        super(kit);
    }

    private static long between(List<Double> values, double from, double to) {
        return values.stream().filter(v -> v >= from && v < to).count();
    }

    private static void assertCounted(Bins got, List<Double> values, int rows) {
        for (Bin bin : got.bins()) {
            assertThat(bin.count()).as("%s", bin).isEqualTo(between(values, bin.from(), bin.to()));
        }
        for (int i = 1; i < got.bins().size(); i++) {
            assertThat(got.bins().get(i).from()).isEqualTo(got.bins().get(i - 1).to());
        }
        assertThat(got.nulls()).isEqualTo(rows - values.size());
        long binned = got.bins().stream().mapToLong(Bin::count).sum();
        assertThat(binned + got.below() + got.above()).isEqualTo(values.size());
    }

    @Test
    void shouldCountByBinsEmptyOnesIncluded() {
        with("histograms", gen -> {
            fill(gen);
            List<Double> n = runs.stream()
                    .map(Run::n)
                    .filter(Objects::nonNull)
                    .map(Long::doubleValue)
                    .toList();
            Bins even = store.histogram(new Histogram(all().build(), "n", new Histogram.Even(-7, 2.5, 40)));
            assertThat(even.bins()).hasSize(40).anyMatch(bin -> bin.count() == 0);
            assertThat(even.below()).isEqualTo(n.stream().filter(v -> v < -7).count());
            assertCounted(even, n, runs.size());

            List<Double> r = runs.stream().map(Run::r).filter(Objects::nonNull).toList();
            List<Double> edges = List.of(-1e3, -0.5, 0.0, 1.0, 10.0, 1e5);
            Bins edged = store.histogram(new Histogram(all().build(), "r", new Histogram.Edges(edges)));
            assertThat(edged.bins()).extracting(Bin::from).isEqualTo(edges.subList(0, 5));
            assertThat(edged.above()).isEqualTo(r.stream().filter(v -> v >= 1e5).count());
            assertCounted(edged, r, runs.size());

            List<Double> took = runs.stream()
                    .map(Run::took)
                    .filter(Objects::nonNull)
                    .map(d -> d.toNanos() / 1000.0)
                    .toList();
            Bins seconds = store.histogram(
                    new Histogram(all().build(), "took", Histogram.even(Duration.ZERO, Duration.ofSeconds(10), 9)));
            assertCounted(seconds, took, runs.size());

            List<Double> retries = runs.stream()
                    .map(run -> run.extra().get("retries"))
                    .filter(Objects::nonNull)
                    .map(v -> ((Long) v).doubleValue())
                    .toList();
            assertCounted(
                    store.histogram(new Histogram(all().build(), "extra.retries", new Histogram.Even(0, 1, 10))),
                    retries,
                    runs.size());
        });
    }

    @Test
    void shouldChooseBinsByItself() {
        with("automatic bins", gen -> {
            assertThat(store.histogram(new Histogram(all().build(), "r", new Histogram.Automatic(10)))
                            .bins())
                    .as("of nothing")
                    .isEmpty();
            fill(gen);
            for (int most : new int[] {1, 7, 20}) {
                Bins got = store.histogram(new Histogram(
                        all().where(Expr.lt("i", 300L)).build(), gen.of("n", "n"), new Histogram.Automatic(most)));
                List<Run> some = runs.stream().filter(run -> run.i() < 300).toList();
                List<Double> n = some.stream()
                        .map(Run::n)
                        .filter(Objects::nonNull)
                        .map(Long::doubleValue)
                        .toList();
                assertThat(got.bins().size()).isBetween(1, most);
                assertThat(got.below()).isZero();
                assertThat(got.above()).isZero();
                assertThat(got.least())
                        .isEqualTo(n.stream().min(Comparator.naturalOrder()).orElseThrow());
                assertThat(got.greatest())
                        .isEqualTo(n.stream().max(Comparator.naturalOrder()).orElseThrow());
                assertCounted(got, n, some.size());
            }
        });
    }

    @Test
    void shouldTellFiguresByTimeEmptyBucketsIncluded() {
        with("time series", gen -> {
            fill(gen);
            Instant from = NOW.minus(Duration.ofDays(3));
            Duration bucket = gen.of(Duration.ofMinutes(17), Duration.ofHours(6), Duration.ofDays(1));
            TimeSeries.Points one = store.timeSeries(new TimeSeries(
                    all().from(from).to(NOW).build(), bucket, List.of(), List.of(Measure.count(), Measure.sum("n"))));
            Map<Instant, List<Run>> wanted = new HashMap<>();
            List<Run> inRange = runs.stream()
                    .filter(run -> !run.at().isBefore(from) && run.at().isBefore(NOW))
                    .toList();
            inRange.forEach(run -> wanted.merge(begin(run.at(), bucket), List.of(run), (a, b) -> {
                List<Run> both = new java.util.ArrayList<>(a);
                both.addAll(b);
                return both;
            }));
            Instant at = begin(from, bucket);
            for (TimeSeries.Point point : one.points()) {
                assertThat(point.at()).as("each bucket, in order").isEqualTo(at);
                List<Run> rows = wanted.getOrDefault(at, List.of());
                List<Long> n =
                        rows.stream().map(Run::n).filter(Objects::nonNull).toList();
                @Nullable
                Object sum = n.isEmpty()
                        ? null
                        : (Object) n.stream().mapToLong(x -> x).sum();
                assertThat(point.figures()).containsExactly((long) rows.size(), sum);
                at = at.plus(bucket);
            }
            assertThat(at).as("up to the end of the range").isAfterOrEqualTo(NOW);

            TimeSeries.Points several = store.timeSeries(new TimeSeries(
                    all().from(from).to(NOW).where(Expr.notNull("name")).build(),
                    Duration.ofDays(1),
                    List.of("name"),
                    List.of(Measure.count())));
            assertThat(several.columns()).containsExactly("name", "count");
            TreeSet<String> names = new TreeSet<>(KindConformance::compareText);
            inRange.stream().map(Run::name).filter(Objects::nonNull).forEach(names::add);
            TreeSet<Instant> buckets = new TreeSet<>();
            several.points().forEach(p -> buckets.add(p.at()));
            assertThat(several.points()).as("every series has every bucket").hasSize(names.size() * buckets.size());
            for (TimeSeries.Point point : several.points()) {
                assertThat(point.figures().get(0))
                        .isEqualTo(inRange.stream()
                                .filter(run -> point.by().get(0) instanceof String name
                                        && name.equals(run.name())
                                        && begin(run.at(), Duration.ofDays(1)).equals(point.at()))
                                .count());
            }
        });
    }

    private static Instant begin(Instant at, Duration bucket) {
        return Instant.ofEpochSecond(Math.floorDiv(at.getEpochSecond(), bucket.toSeconds()) * bucket.toSeconds());
    }

    /** G52: without reading the rows, and near where it is not exact. */
    @Test
    void shouldEstimateHowManyRowsThereAre() {
        with("estimates", gen -> {
            fill(gen);
            Estimate all = store.estimate(all().build());
            assertThat(all.rows()).isBetween(runs.size() * 9L / 10, runs.size() * 11L / 10);
            assertThat(store.count(all().build())).isEqualTo(runs.size());
            Expr some = Expr.ge("n", 20L);
            Estimate filtered = store.estimate(all().where(some).build());
            assertThat(filtered.rows()).isBetween(0L, (long) runs.size());
            assertThat(filtered.how()).isNotEmpty();
            long exact = runs.stream()
                    .filter(run -> run.n() != null && run.n() >= 20)
                    .count();
            assertThat(!filtered.exact() || filtered.rows() == exact).isTrue();
            assertThat(store.count(all().where(some).build())).isEqualTo(exact);
        });
    }
}
