package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.cli.Place.Way;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Orders, newest per key, groups and text search from the command line, wherever the store is. */
class GroupCommandsTest {
    static final String SPEC = """
            time: at
            key: id
            partition: day
            columns:
              id: integer
              at: timestamp
              node: text
              state: text
              ms: real
              took: duration
              extra: json
              args: {type: text, detail: true}
            """;

    @TempDir
    private Path dir;

    /** 24 records in three days: node a to c, ms 0 to 23, one in four failed, took i minutes. */
    static Place place(Way way, Path dir) throws Exception {
        Place place = Place.of(way, dir);
        place.create("jobs", SPEC);
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 24; i++) {
            lines.append("{\"id\":" + i + ",\"at\":\"2026-01-0" + (1 + i / 8) + "T0" + i % 8 + ":30:00Z\",\"node\":\""
                    + (char) ('a' + i % 3) + "\",\"state\":\"" + (i % 4 == 0 ? "FAILED" : "DONE") + "\",\"ms\":"
                    + (i == 23 ? "null" : i) + ",\"took\":\"PT" + i + "M\",\"extra\":{\"retries\":" + i % 5
                    + ",\"region\":\"r" + i % 2 + "\"},\"args\":\"Invoice " + i + " of 100%\"}\n");
        }
        place.take("jobs", lines.toString());
        return place;
    }

    private static List<Object> ids(Map<String, Object> answer) {
        return ((List<?>) answer.get("rows"))
                .stream().map(row -> (Object) ((Map<?, ?>) row).get("id")).toList();
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldOrderRowsByColumnsAndPageThrough(Way way) throws Exception {
        try (Place place = place(way, dir)) {
            Object[] first = {"query", "jobs", "--order", "node desc, ms", "--limit", 5};
            Map<String, Object> page = place.json(0, first);
            // Null comes first in rising order.
            assertThat(ids(page)).containsExactly(23L, 2L, 5L, 8L, 11L);
            Map<String, Object> next = place.json(
                    0, "query", "jobs", "--order", "node desc, ms", "--limit", 5, "--after", page.get("next"));
            assertThat(ids(next)).containsExactly(14L, 17L, 20L, 1L, 4L);
            assertThat(ids(place.json(0, "query", "jobs", "--order", "oldest", "--limit", 2)))
                    .containsExactly(0L, 1L);
            assertThat(ids(place.json(0, "query", "jobs", "--order", "extra.retries desc,id", "--limit", 2)))
                    .containsExactly(4L, 9L);
            Run wrong = place.levee("query", "jobs", "--order", "sideways");
            assertThat(wrong.status()).isEqualTo(1);
            assertThat(wrong.err()).contains("LEVEE-400 UNKNOWN_COLUMN", "sideways", "\nDo: ");
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldFindTheNewestOfEachKeyAndTextInDetails(Way way) throws Exception {
        try (Place place = place(way, dir)) {
            assertThat(ids(place.json(0, "query", "jobs", "--newest-per", "node")))
                    .containsExactly(23L, 22L, 21L);
            assertThat(ids(place.json(
                            0,
                            "query",
                            "jobs",
                            "--newest-per",
                            "node,state",
                            "--where",
                            "id < 12",
                            "--order",
                            "oldest")))
                    .containsExactly(0L, 4L, 8L, 9L, 10L, 11L);
            assertThat(ids(place.json(0, "query", "jobs", "--where", "args CONTAINS 'invoice 2 OF 100%'")))
                    .containsExactly(2L);
            assertThat(ids(place.json(0, "query", "jobs", "--where", "extra.retries >= 4 AND extra.region = 'r1'")))
                    .containsExactly(19L, 9L);
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldGroupWithHavingOrderAndLimit(Way way) throws Exception {
        try (Place place = place(way, dir)) {
            Map<String, Object> answer = place.json(
                    0,
                    "aggregate",
                    "jobs",
                    "--by",
                    "node,extra.region",
                    "--fn",
                    "count,avg(ms),p50(ms),distinct(state)",
                    "--having",
                    "count >= 4 AND avg(ms) > 11",
                    "--order",
                    "avg(ms) desc",
                    "--limit",
                    2);
            assertThat(answer).containsKeys("columns", "groups", "errors", "coverage");
            assertThat(answer.get("columns"))
                    .isEqualTo(List.of("node", "extra.region", "count", "avg(ms)", "p50(ms)", "distinct(state)"));
            List<?> groups = (List<?>) answer.get("groups");
            assertThat(groups).hasSize(2);
            assertThat(groups.get(0).toString()).startsWith("{node=b, extra.region=r0, count=4, avg(ms)=13.0");
            assertThat(groups.get(1).toString()).startsWith("{node=a, extra.region=r1, count=4, avg(ms)=12.0");
            assertThat((Map<?, ?>) answer.get("errors")).extracting("p50(ms)").hasToString("0.01");
            Run table = place.levee("aggregate", "jobs", "--by", "node", "--fn", "p95(ms)", "--format", "csv");
            assertThat(table.out().lines().findFirst()).contains("node,p95(ms)");
            assertThat(table.err()).contains("p95(ms) is not exact: within 1 %");
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldPrintTimesInTheZoneThatWasAskedFor(Way way) throws Exception {
        try (Place place = place(way, dir)) {
            for (List<String> command : List.of(
                    List.of("query", "jobs", "--limit", "1", "--order", "oldest", "--columns", "at"),
                    List.of("aggregate", "jobs", "--fn", "min(at)"),
                    List.of("values", "jobs", "at", "--where", "id = 0"),
                    List.of(
                            "histogram",
                            "jobs",
                            "at",
                            "--width",
                            "30m",
                            "--from-value",
                            "2026-01-01T00:30:00Z",
                            "--count",
                            "1"),
                    List.of("timeseries", "jobs", "--bucket", "30m", "--to", "2026-01-01T01:00:00Z"))) {
                List<Object> all = new java.util.ArrayList<>(command);
                all.addAll(List.of("--zone", "Asia/Tokyo", "--format", "csv"));
                Run run = place.levee(all.toArray());
                assertThat(run.out())
                        .as(command + run.err())
                        .contains("2026-01-01T09:30:00+09:00")
                        .doesNotContain("Z,");
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldListValuesAndCountRows(Way way) throws Exception {
        try (Place place = place(way, dir)) {
            Map<String, Object> values = place.json(0, "values", "jobs", "state");
            assertThat(values.get("values"))
                    .isEqualTo(List.of(Map.of("value", "DONE", "count", 18L), Map.of("value", "FAILED", "count", 6L)));
            assertThat(values).containsEntry("more", false).containsKey("coverage");
            assertThat(place.json(0, "values", "jobs", "extra.retries", "--limit", 1))
                    .containsEntry("more", true);
            assertThat(place.levee("values", "jobs", "node", "--limit", 1).err())
                    .contains("--limit N shows more");
            Map<String, Object> count = place.json(0, "count", "jobs", "--where", "state = 'FAILED'");
            assertThat(count)
                    .containsEntry("rows", 6L)
                    .containsEntry("count", 6L)
                    .containsEntry("exact", true)
                    .containsKeys("how", "coverage");
            assertThat(place.levee("count", "jobs").out()).isEqualTo("24\n");
            assertThat(place.json(1, "values", "jobs", "nope").toString()).contains("UNKNOWN_COLUMN");
        }
    }
}
