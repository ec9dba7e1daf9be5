package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.testkit.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code serve --migrations}: the first start of a new release brings its store up, beside its requests. */
class ServeMigrationsTest {
    private static final String SPEC = "{table: runs, time: at, partition: day, columns: {id: integer, at: timestamp}}";
    private static final String MIGRATIONS =
            "[{id: add-region, table: runs, addColumn: {name: region, type: text, default: eu}}]";

    @TempDir
    private Path dir;

    @Test
    void shouldMakeThoseOfItsFileAndFindThemDoneAtTheNextStart() throws Exception {
        String store = store();
        String file =
                Files.writeString(dir.resolve("migrations.yaml"), MIGRATIONS).toString();
        for (int start = 0; start < 2; start++) {
            try (ChildJvm server = ChildJvm.start(
                    CommandProcess.class, "serve", "--store", store, "--listen", "127.0.0.1:0", "--migrations", file)) {
                String said = server.line();
                assertThat(said).startsWith("Levee serves ");
                String url = said.substring(said.indexOf("http://"));
                Run waited = Run.levee("migrate", "status", "--wait", "--url", url, "--json");
                assertThat(waited.status()).as(waited.err()).isZero();
                assertThat(waited.json().get("migrations"))
                        .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.LIST)
                        .singleElement(org.assertj.core.api.InstanceOfAssertFactories.MAP)
                        .containsEntry("status", "done");
                // A second process is told who has the store, and how to reach it.
                Run second = Run.levee("migrate", "apply", file, "--store", store);
                assertThat(second.status()).isEqualTo(1);
                assertThat(second.err()).contains("STORE_LOCKED", "pid " + server.pid());
                server.terminate();
                assertThat(server.rest()).anySatisfy(line -> assertThat(line).startsWith("closed cleanly"));
                assertThat(server.await(Duration.ofSeconds(60))).isIn(0, 143);
            }
        }
        assertThat(Run.levee("query", "runs", "--store", store).out()).contains("eu");
    }

    /** What is declared is as it should be, or the server does not begin to serve: a deployment has to fail where it is looked at. */
    @Test
    void shouldNotServeWithAFileThatIsWrong() throws Exception {
        String store = store();
        Path file = dir.resolve("migrations.yaml");
        for (String wrong :
                List.of("[{id: x", "[{id: x, table: none, dropIndex: a}]", "[{id: x, table: runs, drop: a}]")) {
            Files.writeString(file, wrong);
            Run run = Run.levee("serve", "--store", store, "--listen", "127.0.0.1:0", "--migrations", file);
            assertThat(run.status()).as(run.err()).isEqualTo(1);
            assertThat(run.err()).contains("LEVEE-4").doesNotContain("serves", "Exception");
        }
        Run env =
                Run.withEnv(Map.of("LEVEE_MIGRATIONS", dir.resolve("none.yaml").toString()), "serve", "--store", store);
        assertThat(env.status()).isEqualTo(1);
        assertThat(env.err()).contains("NOT_FOUND", "none.yaml");
        assertThat(Run.levee("migrate", "status", "--store", store).out()).contains("no migrations");
    }

    private String store() throws Exception {
        String store = dir.resolve("history").toString();
        Path spec = Files.writeString(dir.resolve("runs.yaml"), SPEC);
        Run made = Run.withInput(
                "{\"id\":1,\"at\":\"2026-05-20T10:00:00Z\"}\n",
                "ingest",
                "runs",
                "-",
                "--spec",
                spec,
                "--store",
                store);
        assertThat(made.status()).as(made.err()).isZero();
        return store;
    }
}
