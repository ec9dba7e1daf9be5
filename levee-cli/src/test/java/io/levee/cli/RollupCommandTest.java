package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.cli.Place.Way;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A time series that goes on where its rows are gone. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RollupCommandTest {
    private static final String SPEC = "{time: at, columns: {at: timestamp, state: text, ms: real}, partition: day,"
            + " rollups: [{name: hourly, every: 1h, by: [state], measures: [count, 'p95(ms)'], keep: 2y}]";

    @TempDir
    private Path dir;

    @ParameterizedTest
    @EnumSource(value = Way.class, names = "SERVER", mode = EnumSource.Mode.EXCLUDE)
    void shouldAnswerFromARollupWhereRowsAreGone(Way way) throws Exception {
        try (Place place = Place.of(way, dir)) {
            place.create("jobs", SPEC + "}");
            StringBuilder lines = new StringBuilder();
            for (int day = 1; day <= 9; day++) {
                lines.append("{\"at\":\"2026-01-0").append(day).append("T10:20:00Z\",\"state\":\"OK\",\"ms\":7}\n");
            }
            place.take("jobs", lines.toString());
            Object[] ask = {
                "timeseries",
                "jobs",
                "--bucket",
                "1d",
                "--from",
                "2026-01-01",
                "--to",
                "2026-01-10",
                "--fn",
                "count,p50(ms)"
            };
            Map<String, Object> before = place.json(0, ask);
            assertThat(before).containsEntry("rawFrom", null);
            place.create("jobs", SPEC + ", retention: {maxAge: 3d}}");
            assertThat(place.json(0, "retention", "apply").get("dropped").toString())
                    .contains("jobs/2026-01-01");
            Map<String, Object> after = place.json(0, ask);
            assertThat(after.get("points")).isEqualTo(before.get("points"));
            assertThat(after.get("coverage").toString()).contains("complete=true");
            assertThat(after.get("rawFrom").toString()).startsWith("2026-01-0");
            assertThat(place.levee(ask).err()).contains("come from a rollup");
            assertThat(place.levee("table", "show", "jobs").out()).contains("hourly", "p95(ms)", "730d");
            assertThat(place.json(0, "table", "list").get("tables"))
                    .isInstanceOf(List.class)
                    .asString()
                    .doesNotContain("rollupOf");
        }
    }
}
