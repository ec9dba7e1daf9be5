package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Levee;
import io.levee.Store;
import io.levee.cli.Place.Way;
import io.levee.server.LeveeServer;
import io.levee.server.ServerOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code migrate}: the same on files, in PostgreSQL and through a server. */
class MigrateCommandTest {
    private static final String RUNS = """
            time: at
            partition: day
            columns:
              id: integer
              at: timestamp
              state: text
              ms: integer
            indexes: [[state, at]]
            retention: {unbounded: true}
            """;

    private static final String MIGRATIONS = """
            - {id: add-region, table: runs, addColumn: {name: region, type: text, default: eu}}
            - {id: add-seconds, table: runs, addColumn: {name: seconds, type: real, expression: 'ms / 1000.0'}}
            - {id: by-ms, table: runs, addIndex: {name: by_ms, on: [ms], where: "state = 'FAILURE'"}}
            - {id: shout, table: runs, backfill: {set: {state: upper(state)}, where: id < 3}}
            """;

    @TempDir
    private Path dir;

    private static String lines() {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 6; i++) {
            lines.append("{\"id\":" + i + ",\"at\":\"2026-05-1" + i / 2 + "T10:00:0" + i
                    + "Z\",\"state\":\"ok\",\"ms\":" + (1000 + i) + "}\n");
        }
        return lines.toString();
    }

    private Path file(String text) throws Exception {
        return Files.writeString(dir.resolve("migrations.yaml"), text);
    }

    private static Map<?, ?> one(Map<String, Object> answer, String id) {
        return ((List<?>) answer.get("migrations"))
                .stream()
                        .map(m -> (Map<?, ?>) m)
                        .filter(m -> m.get("id").equals(id))
                        .findFirst()
                        .orElseThrow();
    }

    @ParameterizedTest
    @EnumSource(
            value = Way.class,
            names = {"DIRECTORY", "POSTGRES"})
    void shouldPlanMakeAndTell(Way way) throws Exception {
        try (Place place = Place.of(way, dir)) {
            place.create("runs", RUNS);
            place.take("runs", lines());
            Path file = file(MIGRATIONS);
            Map<String, Object> plan = place.json(0, "migrate", "plan", file);
            assertThat(plan).containsEntry("needsApproval", false);
            assertThat(one(plan, "shout").keySet().stream().map(String::valueOf))
                    .contains("id", "status", "rowsDone", "rowsTotal", "rate", "etaSeconds", "error")
                    .contains("what", "partitions", "rows", "bytes", "diskNeeded", "untouched", "undo");
            assertThat(place.levee("migrate", "plan", file).out())
                    .contains("by-ms (addIndex of runs): pending", "touches", "dropIndex: by_ms");
            assertThat(place.json(0, "migrate", "status").get("migrations")).isEqualTo(List.of());

            Run run = place.levee("migrate", "apply", file);
            assertThat(run.status()).as(run.err()).isZero();
            assertThat(run.err()).containsOnlyOnce("shout of runs: done");
            assertThat(run.out()).contains("add-region", "done");
            assertThat(place.json(0, "sql", "SELECT id, region, seconds, state FROM runs ORDER BY id")
                            .get("rows")
                            .toString())
                    .startsWith("[[0, eu, 1.000, OK]".replace("1.000", "1.0"))
                    .contains("[2, eu, 1.002, OK], [3, eu, 1.003, ok]");
            Map<String, Object> status = place.json(0, "migrate", "status");
            assertThat(one(status, "shout").get("status")).isEqualTo("done");
            assertThat(one(status, "shout").get("etaSeconds").toString()).startsWith("0");
            assertThat(status).containsEntry("settled", true).containsEntry("running", false);
            assertThat(((List<?>) place.json(0, "migrate", "status", "shout").get("migrations")))
                    .hasSize(1);
            assertThat(place.levee("migrate", "status", "nobody").err()).contains("NOT_FOUND", "nobody");
            assertThat(place.levee("migrate", "status", "nobody", "--wait").err())
                    .contains("NOT_FOUND", "nobody");

            // The same again does nothing; another step under a known name is refused.
            assertThat(place.levee("migrate", "apply", file).status()).isZero();
            Run other = place.levee("migrate", "apply", file(MIGRATIONS.replace("default: eu", "default: us")));
            assertThat(other.status()).isEqualTo(1);
            assertThat(other.err()).contains("SPEC_CONFLICT", "add-region");
            assertThat(place.levee("migrate", "plan", file(MIGRATIONS)).out()).contains("add-region");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Way.class,
            names = {"DIRECTORY", "POSTGRES"})
    void shouldSayWhatFailedAndKeepSayingIt(Way way) throws Exception {
        try (Place place = Place.of(way, dir)) {
            place.create("runs", RUNS);
            place.take("runs", lines());
            // Fails on rows, not on the declaration: no engine knows the rows before it reads them.
            Path file = file("[{id: bad, table: runs, backfill: {set: {ms: \"" + failing(way) + "\"}}}]");
            Run run = place.levee("migrate", "apply", file);
            assertThat(run.status()).as(run.out() + run.err()).isEqualTo(1);
            assertThat(run.err()).containsOnlyOnce("bad of runs: failed").contains("levee migrate resume bad");
            Map<String, Object> status = place.json(0, "migrate", "status");
            assertThat(one(status, "bad").get("status")).isEqualTo("failed");
            assertThat(one(status, "bad").get("error").toString()).isNotBlank();
            assertThat(place.json(0, "status").get("health")).isEqualTo("DEGRADED");
            assertThat(place.levee("status").out()).contains("bad of runs: failed");
            assertThat(place.levee("migrate", "resume", "bad").status()).isEqualTo(1);
            assertThat(place.levee("migrate", "resume", "bad", "--accept-gaps").status())
                    .isEqualTo(1);
            assertThat(place.levee("migrate", "resume", "--accept-gaps").status())
                    .isEqualTo(2);
        }
    }

    private static String failing(Way way) {
        return way == Way.POSTGRES ? "1 / (ms - 1003)" : "json_extract(state, '$.x')";
    }

    @Test
    void shouldPauseAndGoOn() throws Exception {
        try (Place place = Place.of(Way.DIRECTORY, dir)) {
            place.create("runs", RUNS);
            place.take("runs", lines());
            // Also where nothing is there to be paused yet: who declares something tomorrow has to know why it waits.
            assertThat(place.levee("migrate", "pause").out()).contains("no migrations", "is paused until");
            assertThat(place.levee("migrate", "status").out()).contains("is paused until levee migrate resume");
            assertThat(place.json(0, "migrate", "status")).containsEntry("paused", true);
            assertThat(place.json(0, "status")).containsEntry("migrationsPaused", true);
            Run paused = place.levee("migrate", "apply", file(MIGRATIONS));
            assertThat(paused.status()).isEqualTo(1);
            assertThat(paused.err()).contains("levee migrate resume");
            assertThat(place.json(0, "status")).containsEntry("migrationsPaused", true);
            Map<String, Object> resumed = place.json(0, "migrate", "resume");
            assertThat(one(resumed, "shout").get("status")).isEqualTo("done");
            assertThat(resumed).containsEntry("paused", false);
            assertThat(place.levee("migrate", "pause", "nobody").err()).contains("NOT_FOUND");
        }
    }

    @Test
    void shouldTellAServerAndWaitForIt() throws Exception {
        try (Store store = Levee.open(dir.resolve("served"));
                LeveeServer server = LeveeServer.start(store, ServerOptions.of("127.0.0.1", 0))) {
            Path spec = Files.writeString(dir.resolve("runs.yaml"), RUNS);
            assertThat(levee(server, "table", "create", "runs", "--spec", spec).status())
                    .isZero();
            post(server, "/v1/tables/runs/records", lines());
            Run plan = levee(server, "migrate", "plan", file(MIGRATIONS), "--json");
            assertThat(plan.status()).as(plan.err()).isZero();
            assertThat(one(plan.json(), "by-ms").get("kind")).isEqualTo("addIndex");
            Run run = levee(server, "migrate", "apply", file(MIGRATIONS), "--wait", "--json");
            assertThat(run.status()).as(run.err()).isZero();
            assertThat(one(run.json(), "shout").get("status")).isEqualTo("done");
            assertThat(levee(server, "migrate", "apply", file(MIGRATIONS)).status())
                    .isZero();
            assertThat(levee(server, "migrate", "status").out()).contains("add-seconds");
            assertThat(levee(server, "migrate", "pause", "shout").status()).isZero();
            assertThat(levee(server, "migrate", "pause", "nobody").err()).contains("NOT_FOUND");
            assertThat(levee(server, "migrate", "plan").status()).isZero();
        }
    }

    /** A new release brings its store up by the spec that it declares; in a new store it finds everything there. */
    @Test
    void shouldMakeThoseOfASpecInOldStoresAndFindThemDoneInNewOnes() throws Exception {
        String newest = RUNS.replace("  ms: integer", "  millis: integer\n  region: text") + """
                migrations:
                  - {id: add-region, addColumn: {name: region, type: text, default: eu}}
                  - {id: rename, renameColumn: {from: ms, to: millis}}
                """;
        try (Place place = Place.of(Way.DIRECTORY, dir)) {
            place.create("runs", RUNS);
            place.take("runs", lines());
            // The renaming waits for the column before it, whose work ends with the command.
            place.create("runs", newest);
            assertThat(place.json(0, "sql", "SELECT min(region), max(region) FROM runs")
                            .get("rows")
                            .toString())
                    .isEqualTo("[[eu, eu]]");
            assertThat(place.levee("migrate", "resume").status()).isZero();
            place.create("runs", newest);
            assertThat(place.json(0, "sql", "SELECT max(millis), min(region) FROM runs")
                            .get("rows")
                            .toString())
                    .isEqualTo("[[1005, eu]]");
            assertThat(place.json(0, "migrate", "status").toString()).doesNotContain("status=pending", "status=failed");
        }
        Path fresh = Files.createDirectory(dir.resolve("fresh"));
        try (Place place = Place.of(Way.DIRECTORY, fresh)) {
            place.create("runs", newest);
            assertThat(place.levee("migrate", "resume").status()).isZero();
            assertThat(place.levee("migrate", "status", "--wait").status()).isZero();
            assertThat(place.json(0, "table", "show", "runs").toString())
                    .contains("millis")
                    .doesNotContain("ms=");
        }
    }

    @Test
    void shouldRefuseWrongUsage() throws Exception {
        assertThat(Run.levee("migrate").status()).isEqualTo(2);
        assertThat(Run.levee("migrate", "apply").status()).isEqualTo(2);
        Run none = Run.levee("migrate", "apply", dir.resolve("none.yaml"), "--store", dir.resolve("history"));
        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).contains("NOT_FOUND", "none.yaml");
        assertThat(Files.exists(dir.resolve("history")))
                .as("a store is made of nothing")
                .isFalse();
        Run noStore = Run.levee("migrate", "apply", file(MIGRATIONS), "--store", dir.resolve("history"));
        assertThat(noStore.err()).contains("NOT_FOUND");
        assertThat(Files.exists(dir.resolve("history"))).isFalse();
    }

    private static Run levee(LeveeServer server, Object... args) {
        List<Object> all = new ArrayList<>(Arrays.asList(args));
        all.addAll(List.of("--url", server.url()));
        return Run.levee(all.toArray());
    }

    private static void post(LeveeServer server, String path, String body) throws Exception {
        var answer = java.net.http.HttpClient.newHttpClient()
                .send(
                        java.net.http.HttpRequest.newBuilder(java.net.URI.create(server.url() + path))
                                .POST(java.net.http.HttpRequest.BodyPublishers.ofString(body))
                                .build(),
                        java.net.http.HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    }
}
