package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Aggregation;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.Query;
import io.levee.SplitStatus;
import io.levee.Store;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A splitting at its own pace, of as many rows as {@code LEVEE_SPLIT_ROWS} says: 20,000,000 is the long run of the issue (about 5 GB, and
 * as much again), the default only keeps this class in use.
 */
class SplitLongTest {
    @TempDir
    Path directory;

    @Test
    void shouldAnswerAsTheOriginalOnceAllHasMoved() throws Exception {
        String size = System.getenv("LEVEE_SPLIT_ROWS");
        int rows = size == null ? 5_000 : Integer.parseInt(size);
        Path file = directory.resolve("monitor.db");
        LegacyData.monitor(file, rows, true);
        List<List<@Nullable Object>> wanted = LegacyData.ask(
                file, "SELECT state, count(*), max(runtime_ms), count(queue) FROM invocations GROUP BY state");
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(LegacyData.invocations().build());
            long begun = System.nanoTime();
            store.split(store.adopt(
                            "invocations",
                            Adoption.of(file, "invocations")
                                    .time("finished_at")
                                    .details("invocation_details", "task_id"))
                    .partition());
            Awaitility.await()
                    .pollInterval(Duration.ofMillis(200))
                    .atMost(Duration.ofMinutes(2).plusSeconds(rows / 1000))
                    .until(() -> {
                        // While it goes on, too.
                        assertThat(store.count(Query.builder("invocations")
                                        .deadline(Duration.ofMinutes(2))
                                        .build()))
                                .isEqualTo(rows);
                        return store.splits().get(0).state() == SplitStatus.State.DONE;
                    });
            double seconds = (System.nanoTime() - begun) / 1e9;
            assertThat(store.splits().get(0).rowsMoved()).isEqualTo(rows);
            assertThat(store.aggregate(new Aggregation(
                                    Query.builder("invocations")
                                            .deadline(Duration.ofMinutes(2))
                                            .build(),
                                    List.of("state"),
                                    List.of(Measure.count(), Measure.max("runtime_ms"), Measure.parse("count(queue)"))))
                            .groups())
                    .containsExactlyInAnyOrderElementsOf(wanted);
            long bytes = store.partitions().stream().mapToLong(p -> p.bytes()).sum();
            System.out.printf(
                    "%,d rows, %,d bytes, moved in %.1f s into %d partitions of %,d bytes%n",
                    rows, Files.size(file), seconds, store.partitions().size(), bytes);
        }
    }
}
