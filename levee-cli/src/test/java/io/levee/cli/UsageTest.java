package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Wrong usage is status 2, failures are 1, and neither shows a stack trace. */
class UsageTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "nonsense",
                "query",
                "query t --bogus",
                "query t --limit -1",
                "query t --limit many",
                "query t --from yesterday-ish",
                "query t --zone Europe/Nowhere",
                "query t --deadline soon",
                "query t --order ,",
                "aggregate t --limit -1",
                "count t --format csv",
                "count",
                "histogram t",
                "histogram t c --bins 5 --width 3",
                "histogram t c --width 3 --count 5",
                "histogram t c --count 5",
                "histogram t c --from-value 1 --edges 1,2",
                "timeseries t",
                "timeseries t --bucket 0s",
                "timeseries t --bucket often",
                "values t",
                "values t c --limit -1",
                "queries cancel",
                "queries cancel first",
                "query t --format xml",
                "ingest t",
                "ingest t f --ack sometimes",
                "ingest t f --spec a --infer",
                "ingest t - -",
                "ingest t f --max-errors -1",
                "table",
                "table create t",
                "retention",
                "demo --for ever",
                "demo --port 70000",
                "serve --listen nowhere",
                "serve --listen 127.0.0.1:99999",
                "migrate",
                "migrate nowhere",
                "migrate apply",
                "migrate plan a b",
                "migrate status a b",
                "adopt --table t",
                "backup",
                "restore",
                "export",
                "export t --format xml",
                "get",
                "get t",
                "update t k",
                "update k --set a=1",
                "delete t",
                "erase t",
                "erase --where x",
                "tail",
                "tail t --after -1",
                "tail t --after soon",
                "tail t --limit 0",
                "tail t --for ever",
                "trash",
                "trash restore",
                "quarantine",
                "clock",
                "gaps t --from soon",
                "verify a b",
                "doctor now",
                "torture",
                "torture --dir . --minutes 0",
                "torture --dir . --cycles -1",
                "torture --dir . --minutes 1 --cycles 1",
                "torture --dir . --seed first",
            })
    void wrongUsageIsStatusTwo(String line) {
        Run run = Run.levee((Object[]) (line.isEmpty() ? new String[0] : line.split(" ")));
        assertThat(run.status()).as(run.err()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("levee: ").contains("Do: levee").doesNotContain("\tat ");
    }

    @Test
    void wrongUsageIsOneObjectWhereJsonWasAsked() {
        Run run = Run.levee("query", "t", "--bogus", "--json");
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.json().get("error"))
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.MAP)
                .containsEntry("code", "LEVEE-400 WRONG_USAGE");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "demo",
                "serve",
                "ingest",
                "query",
                "aggregate",
                "histogram",
                "timeseries",
                "values",
                "count",
                "sql",
                "status",
                "table create",
                "table list",
                "table show",
                "retention plan",
                "retention apply",
                "retention events",
                "partitions",
                "queries",
                "queries cancel",
                "get",
                "update",
                "delete",
                "erase",
                "tail",
                "trash list",
                "trash restore",
                "gaps",
                "verify",
                "quarantine list",
                "clock accept",
                "doctor",
                "migrate plan",
                "migrate apply",
                "migrate status",
                "migrate pause",
                "migrate resume",
                "adopt",
                "backup",
                "restore",
                "export"
            })
    void everyCommandHasHelpWithExamples(String command) {
        Run run = Run.levee((Object[]) (command + " --help").split(" "));
        assertThat(run.status()).isZero();
        assertThat(run.out()).contains("Usage: levee " + command, "Example", "--json", "--store", "--url");
    }

    @Test
    void failuresNameTheCodeAndWhatToDo(@TempDir Path dir) {
        Run run = Run.levee("query", "t", "--store", dir.resolve("none"), "--json");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("LEVEE-404 NOT_FOUND: ")
                .contains("\nDo: ")
                .doesNotContain("\tat ");
        assertThat(run.json()).containsOnlyKeys("error");
        assertThat((Map<?, ?>) run.json().get("error")).extracting("code").isEqualTo("LEVEE-404 NOT_FOUND");
    }

    /** What a newcomer mistypes: each is said in words, without an exception's name, and leaves nothing behind. */
    @Test
    void wrongPlacesAreSaidInWords(@TempDir Path dir) throws Exception {
        Path file = Files.writeString(dir.resolve("runs.ndjson"), "{\"id\":1,\"at\":\"2026-05-20T10:00:00Z\"}\n");
        Path store = dir.resolve("history");
        refused("which is a file", "status", "--store", file);
        refused("which is a file", "serve", "--listen", "127.0.0.1:0", "--store", file);
        refused("others can reach it", "serve", "--listen", "0.0.0.0:0", "--store", store);
        assertThat(store).as("refused before a store is made").doesNotExist();

        assertThat(Run.levee("ingest", "runs", file, "--infer", "--store", store)
                        .status())
                .isZero();
        refused("no SQLite database", "adopt", file, "--table", "runs", "--source", "runs", "--store", store);
        refused("no file or directory", "export", "runs", "--out", dir.resolve("nowhere/x.csv"), "--store", store);
        if (Files.isWritable(Path.of("/dev/full"))) {
            Path full = Files.createSymbolicLink(dir.resolve("full.csv.part"), Path.of("/dev/full"));
            refused("No space left", "export", "runs", "--out", dir.resolve("full.csv"), "--store", store);
            assertThat(full).doesNotExist();
        }
        refused("it is a directory", "migrate", "plan", dir, "--store", store);
        Run gaps = Run.levee("gaps", "--store", store);
        assertThat(gaps.err()).contains("nothing is known to be missing");
    }

    private static void refused(String why, Object... command) {
        Run run = Run.levee(command);
        assertThat(run.status()).as(run.err()).isEqualTo(1);
        assertThat(run.err()).contains(why).doesNotContain("INTERNAL", "Exception", "\tat ");
        assertThat(run.out()).isEmpty();
    }

    @Test
    void aServerThatIsNotThereIsSaidSo() {
        Run run = Run.levee("status", "--url", "http://127.0.0.1:1");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("LEVEE-500 IO_FAILED", "levee serve");
    }
}
