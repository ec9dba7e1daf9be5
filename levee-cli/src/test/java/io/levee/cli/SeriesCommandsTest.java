package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.cli.Place.Way;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Histograms, time series, estimates and plans from the command line, wherever the store is. */
class SeriesCommandsTest {
    @TempDir
    private Path dir;

    private Place place(Way way) throws Exception {
        return GroupCommandsTest.place(way, dir);
    }

    private static List<Object> counts(Object list) {
        List<Object> counts = new ArrayList<>();
        ((List<?>) list).forEach(one -> counts.add(((Map<?, ?>) one).get("count")));
        return counts;
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldCountByBins(Way way) throws Exception {
        try (Place place = place(way)) {
            Map<String, Object> even =
                    place.json(0, "histogram", "jobs", "ms", "--width", 5, "--from-value", 5, "--count", 2);
            assertThat(even)
                    .containsEntry("below", 5L)
                    .containsEntry("above", 8L)
                    .containsEntry("nulls", 1L)
                    .containsKey("coverage");
            assertThat(counts(even.get("bins"))).containsExactly(5L, 5L);
            assertThat(counts(place.json(0, "histogram", "jobs", "ms", "--edges", "0,1,10,100")
                            .get("bins")))
                    .containsExactly(1L, 9L, 13L);
            List<?> automatic = (List<?>)
                    place.json(0, "histogram", "jobs", "ms", "--bins", 5).get("bins");
            assertThat(automatic).hasSizeBetween(2, 5);
            assertThat(counts(automatic).stream()
                            .mapToLong(count -> (Long) count)
                            .sum())
                    .isEqualTo(23);
            Map<String, Object> durations =
                    place.json(0, "histogram", "jobs", "took", "--width", "10m", "--from-value", "0s", "--count", 3);
            assertThat(counts(durations.get("bins"))).containsExactly(10L, 10L, 4L);
            assertThat(((List<?>) durations.get("bins")).get(1)).hasToString("{from=PT10M, to=PT20M, count=10}");
            Map<String, Object> days = place.json(
                    0, "histogram", "jobs", "at", "--width", "1d", "--from-value", "2026-01-01", "--count", 3);
            assertThat(counts(days.get("bins"))).containsExactly(8L, 8L, 8L);
            assertThat(days.get("bins").toString()).startsWith("[{from=2026-01-01T00:00:00Z,");
            Run table = place.levee("histogram", "jobs", "ms", "--edges", "0,10,20");
            assertThat(table.out()).contains("█");
            assertThat(table.err()).contains("rows above the last bin: 3, without a value: 1");
            Run wrong = place.levee("histogram", "jobs", "ms", "--edges", "1,two");
            assertThat(wrong.status()).isEqualTo(1);
            assertThat(wrong.err()).contains("LEVEE-400 BAD_VALUE", "edges must be a number (got 'two')");
            assertThat(place.levee("histogram", "jobs", "node").status()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldCountByBucketsOfTime(Way way) throws Exception {
        try (Place place = place(way)) {
            Map<String, Object> answer = place.json(
                    0,
                    "timeseries",
                    "jobs",
                    "--bucket",
                    "1d",
                    "--fn",
                    "count,max(ms)",
                    "--from",
                    "2025-12-31",
                    "--to",
                    "2026-01-03");
            List<?> points = (List<?>) answer.get("points");
            assertThat(points).hasSize(3);
            assertThat(points.get(0)).hasToString("{at=2025-12-31T00:00:00Z, count=0, max(ms)=null}");
            assertThat(points.get(1)).hasToString("{at=2026-01-01T00:00:00Z, count=8, max(ms)=7.0}");
            assertThat(answer).containsEntry("rawFrom", null).containsKeys("columns", "errors", "coverage");
            List<?> series = (List<?>) place.json(
                            0,
                            "timeseries",
                            "jobs",
                            "--bucket",
                            "12h",
                            "--by",
                            "state",
                            "--from",
                            "2026-01-01",
                            "--to",
                            "2026-01-02")
                    .get("points");
            assertThat(series).hasSize(4);
            assertThat(counts(series)).containsExactlyInAnyOrder(6L, 2L, 0L, 0L);
            Run csv = place.levee("timeseries", "jobs", "--bucket", "1d", "--format", "csv");
            assertThat(csv.out()).startsWith("at,count\n2026-01-01T00:00:00Z,8\n");
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldEstimate(Way way) throws Exception {
        try (Place place = place(way)) {
            Map<String, Object> estimate = place.json(0, "count", "jobs", "--estimate");
            assertThat(estimate).containsKeys("rows", "exact", "how", "coverage");
            assertThat((Long) estimate.get("rows")).isBetween(20L, 28L);
        }
    }

    @ParameterizedTest
    @EnumSource(value = Way.class, names = "POSTGRES")
    void shouldExplain(Way way) throws Exception {
        try (Place place = place(way)) {
            Map<String, Object> plan = place.json(
                    0, "query", "jobs", "--explain", "--from", "2026-01-02", "--to", "2026-01-03", "--where", "ms > 5");
            assertThat(plan)
                    .containsKeys("query", "steps", "notes")
                    .containsEntry("partitions", 3L)
                    .containsEntry("touched", 1L);
            assertThat(((List<?>) plan.get("steps")).get(0).toString()).contains("statement=SELECT", "fullScan=");
            Run text = place.levee("query", "jobs", "--explain", "--where", "ms > 5");
            assertThat(text.status()).as(text.err()).isZero();
            assertThat(text.out()).contains("reads  3 of 3 partitions", "  plan  ", "  statement  SELECT");
            Run scan = place.levee("aggregate", "jobs", "--by", "node", "--explain");
            assertThat(scan.out()).contains("  FULL SCAN: reads every row", "note: full scan of ");
            for (List<String> command : List.of(
                    List.of("aggregate", "jobs", "--by", "node"),
                    List.of("histogram", "jobs", "ms", "--edges", "0,1"),
                    List.of("timeseries", "jobs", "--bucket", "1h"))) {
                List<Object> all = new ArrayList<>(command);
                all.add("--explain");
                assertThat((List<?>) place.json(0, all.toArray()).get("steps"))
                        .as(command.toString())
                        .isNotEmpty();
            }
        }
    }
}
