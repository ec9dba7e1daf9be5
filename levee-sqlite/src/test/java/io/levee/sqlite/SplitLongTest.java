package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Aggregation;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A splitting at its own pace, of as many rows as {@code LEVEE_SPLIT_ROWS} says: 20,000,000 is the long run of the issue (about 5 GB, and
 * as much again), the default only keeps this class in use.
 */
class SplitLongTest {
    @TempDir
    Path directory;

    @Test
    @Timeout(value = 6, unit = TimeUnit.HOURS) // The long run; await() bounds it by its rows.
    void shouldAnswerAsTheOriginalOnceAllHasMoved() throws Exception {
        String size = System.getenv("LEVEE_SPLIT_ROWS");
        int rows = size == null ? 5_000 : Integer.parseInt(size);
        Path file = directory.resolve("monitor.db");
        LegacyData.monitor(file, rows, true);
        List<List<@Nullable Object>> groups = LegacyData.ask(
                file, "SELECT state, count(*), max(runtime_ms), count(queue) FROM invocations GROUP BY state");
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(LegacyData.invocations().build());
            PartitionId adopted = store.adopt(
                            "invocations",
                            Adoption.of(file, "invocations")
                                    .time("finished_at")
                                    .details("invocation_details", "task_id"))
                    .partition();
            compare(store, file, rows, groups);
            long begun = System.nanoTime();
            store.split(adopted);
            int[] during = new int[1];
            Awaitility.await()
                    .pollInterval(Duration.ofMillis(Math.max(200, rows / 200)))
                    .atMost(Duration.ofMinutes(2).plusSeconds(rows / 1000))
                    .until(() -> {
                        compare(store, file, rows, groups);
                        during[0]++;
                        return store.splits().get(0).state() == SplitStatus.State.DONE;
                    });
            double seconds = (System.nanoTime() - begun) / 1e9;
            assertThat(store.splits().get(0).rowsMoved()).isEqualTo(rows);
            compare(store, file, rows, groups);
            long bytes = store.partitions().stream().mapToLong(p -> p.bytes()).sum();
            System.out.printf(
                    "%,d rows, %,d bytes, moved in %.1f s into %d partitions of %,d bytes; compared %d times meanwhile%n",
                    rows, Files.size(file), seconds, store.partitions().size(), bytes, during[0]);
        }
    }

    /** What the store answers against the original: all of it in groups, the newest, a range with its details, one record. */
    private static void compare(Store store, Path file, int rows, List<List<@Nullable Object>> groups)
            throws SQLException {
        assertThat(store.aggregate(new Aggregation(
                                all().build(),
                                List.of("state"),
                                List.of(Measure.count(), Measure.max("runtime_ms"), Measure.parse("count(queue)"))))
                        .groups())
                .containsExactlyInAnyOrderElementsOf(groups);
        String columns = "SELECT i.task_id, i.finished_at, d.args_preview FROM invocations i LEFT JOIN"
                + " invocation_details d USING (task_id) WHERE i.";
        assertThat(rows(store, all().newestFirst().limit(100)))
                .isEqualTo(LegacyData.ask(
                        file, columns + "finished_at IS NOT NULL ORDER BY i.finished_at DESC, i.rowid DESC LIMIT 100"));
        Instant from = LegacyData.BEGIN.plusMillis(rows / 2 * LegacyData.STEP_MILLIS);
        Instant to = from.plusSeconds(3_600);
        assertThat(rows(store, all().from(from).to(to).oldestFirst()))
                .isEqualTo(LegacyData.ask(
                        file,
                        columns + "finished_at >= " + from.getEpochSecond() + " AND i.finished_at < "
                                + to.getEpochSecond() + " ORDER BY i.finished_at, i.rowid"));
        String key = String.format(Locale.ROOT, "task-%08d", rows / 3);
        assertThat(rows(store, all().where(Expr.parse("task_id = '" + key + "'", LegacyData.BEGIN))))
                .isEqualTo(LegacyData.ask(file, columns + "task_id = '" + key + "'"));
    }

    private static Query.Builder all() {
        return Query.builder("invocations").details().deadline(Duration.ofMinutes(5));
    }

    private static List<List<@Nullable Object>> rows(Store store, Query.Builder query) {
        List<List<@Nullable Object>> rows = new ArrayList<>();
        try (Result<Row> result = store.query(query.build())) {
            result.forEach(row -> {
                Instant at = (Instant) row.get("finished_at");
                rows.add(Arrays.asList(
                        row.get("task_id"), at == null ? null : at.toEpochMilli() / 1000.0, row.get("args_preview")));
            });
        }
        return rows;
    }
}
