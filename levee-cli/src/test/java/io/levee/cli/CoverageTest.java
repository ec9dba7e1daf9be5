package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Levee;
import io.levee.Store;
import io.levee.cli.Place.Way;
import io.levee.server.LeveeServer;
import io.levee.server.ServerOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever is asked about a range of which something is known to be missing, the answer says so, on every surface. */
class CoverageTest {
    private static final List<List<Object>> QUESTIONS = List.of(
            List.of("query", "events"),
            List.of("query", "events", "--order", "i desc"),
            List.of("query", "events", "--newest-per", "i"),
            List.of("query", "events", "--format", "csv"),
            List.of("count", "events"),
            List.of("count", "events", "--estimate"),
            List.of("aggregate", "events", "--fn", "count,p50(i)"),
            List.of("histogram", "events", "i", "--bins", "3"),
            List.of("timeseries", "events", "--bucket", "1d"),
            List.of("values", "events", "i"),
            List.of("sql", "SELECT * FROM events"));

    @TempDir
    private Path dir;

    @Test
    void everyAnswerTellsOfAGapInItsRangeAndOfNoOther() throws Exception {
        try (Place place = Place.of(Way.DIRECTORY, dir)) {
            place.create("events", "{time: at, columns: {at: timestamp, i: integer}, partition: day}");
            place.take(
                    "events", "{\"at\":\"2026-01-01T00:00:00Z\",\"i\":1}\n{\"at\":\"2026-01-02T00:00:00Z\",\"i\":2}\n");
            await().untilAsserted(() -> assertThat(place.json(0, "verify")).containsEntry("ok", 2L));
            Path file = dir.resolve("history/tables/events/2026-01-01.db");
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length - 10] ^= 1;
            Files.write(file, bytes);
            place.json(1, "verify");
        }
        Path store = dir.resolve("history");
        check("--store", store);
        try (Store served = Levee.openReadOnly(store);
                LeveeServer server = LeveeServer.start(served, ServerOptions.of("127.0.0.1", 0))) {
            check("--url", server.url());
        }
    }

    private static void check(Object... target) {
        for (List<Object> question : QUESTIONS) {
            String what = question + " " + target[0];
            List<Object> all = new ArrayList<>(question);
            all.addAll(List.of(target));
            Run table = Run.levee(all.toArray());
            assertThat(table.status()).as(what + ": " + table.err()).isZero();
            assertThat(table.err()).as(what).contains("incomplete: 1 gap", "QUARANTINED");
            Run later = Run.levee(with(all, "--from", "2026-01-02"));
            assertThat(later.err()).as(what).doesNotContain("incomplete");
            Map<?, ?> coverage =
                    (Map<?, ?>) Run.levee(with(all, "--json")).json().get("coverage");
            assertThat(coverage.get("complete")).as(what).isEqualTo(false);
            assertThat((List<?>) coverage.get("gaps")).as(what).hasSize(1);
            coverage = (Map<?, ?>) Run.levee(with(all, "--json", "--from", "2026-01-02"))
                    .json()
                    .get("coverage");
            assertThat(coverage.get("complete")).as(what).isEqualTo(true);
        }
    }

    private static Object[] with(List<Object> words, Object... more) {
        List<Object> all = new ArrayList<>(words);
        all.addAll(List.of(more));
        return all.toArray();
    }
}
