package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.testkit.PostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ingest} where something cannot be written: it ends at its first loss, and says what is not there. */
class IngestLossTest {
    private static final String SPEC = "{table: runs, time: at, partition: day, columns: {n: integer, at: timestamp}}";

    @TempDir
    private Path directory;

    private static String lines(int from, int to) {
        return IntStream.rangeClosed(from, to)
                .mapToObj(n -> "{\"n\":" + n + ",\"at\":\"2026-05-20T10:00:00Z\"}\n")
                .collect(Collectors.joining());
    }

    private Path file(String name, String content) throws IOException {
        return Files.writeString(directory.resolve(name), content);
    }

    /** A server that refuses a row stands for what else cannot be written: a full disk is waited for, for half a minute each time. */
    @Test
    void shouldEndAtTheFirstLossAndSayWhichLinesAreNotThere() throws IOException {
        PostgresServer server = PostgresServer.shared();
        String store = server.newStore();
        String schema = PostgresServer.schema(store);
        Path spec = file("runs.yaml", SPEC);
        Run made = Run.levee(
                "ingest", "runs", file("0.ndjson", lines(-1, -1)), "--spec", spec, "--store", store, "--json");
        assertThat(made.status()).as(made.err()).isZero();
        assertThat(made.json()).containsEntry("lostLines", List.of()).containsEntry("endedAfter", null);
        server.run("CREATE FUNCTION \"" + schema + "\".trouble() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN"
                + " IF NEW.n = 100 THEN RAISE ''bad'' USING ERRCODE = ''22000''; END IF; RETURN NEW; END';"
                + " CREATE TRIGGER trouble BEFORE INSERT ON \"" + schema + "\".\"runs-2026-05-20\" FOR EACH ROW EXECUTE"
                + " FUNCTION \"" + schema + "\".trouble()");
        String first = file("1.ndjson", lines(1, 20_000)).toString();
        String second = file("2.ndjson", lines(20_001, 20_010)).toString();
        Run run = Run.levee("ingest", "runs", first, second, "--store", store, "--json");
        assertThat(run.status()).isEqualTo(1);
        // Eight batches of 2,000 are on their way when the first one is looked at.
        assertThat(run.json())
                .containsEntry("read", 16_000L)
                .containsEntry("stored", 15_999L)
                .containsEntry("lost", 1L)
                .containsEntry("lostLines", List.of(Map.of("file", first, "from", 1L, "to", 2000L, "count", 1L)))
                .containsEntry("endedAfter", Map.of("file", first, "line", 16_000L))
                .containsEntry("leftOut", List.of(second));
        assertThat(run.err())
                .contains(
                        "lost 1 records of lines 1 to 2000 of " + first,
                        "records were lost (WRITE_FAILED) since ",
                        "failed: nothing after line 16000 of " + first + " was taken",
                        "failed: not begun: " + second);
        Run count = Run.levee("count", "runs", "--store", store, "--json");
        assertThat(count.json()).containsEntry("count", 16_000L);
    }
}
