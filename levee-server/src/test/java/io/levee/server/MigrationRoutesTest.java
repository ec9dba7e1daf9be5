package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Levee;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Online schema changes through the server: what it takes and refuses, and where one sees how they do (guarantees G141, G143, G145). */
class MigrationRoutesTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final String REGION =
            "[{id: add-region, table: runs, addColumn: {name: region, type: text, default: eu}}]";
    /** Fails on rows, which no engine knows before it reads them. */
    private static final String BAD =
            "[{id: bad, table: runs, backfill: {set: {state: \"json_extract(state, '$.x')\"}}}]";

    @TempDir
    Path directory;

    private TestServer serve() throws Exception {
        TestServer server = new TestServer(
                Levee.open(directory.resolve("store").toString(), false, o -> {}), UnaryOperator.identity());
        server.withRuns();
        HttpResponse<String> answer = server.send(
                "POST", "/v1/tables/runs/records", TestServer.line(1, "OK") + TestServer.line(2, "FAILURE"));
        assertThat(answer.body()).contains("\"stored\":2");
        return server;
    }

    private static Map<String, Object> declare(TestServer server, String migrations) throws Exception {
        HttpResponse<String> answer = server.send("POST", "/v1/migrations", migrations);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return TestServer.json(answer);
    }

    private static String status(TestServer server, String id) throws Exception {
        HttpResponse<String> answer = server.get("/v1/migrations/" + id);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return String.valueOf(TestServer.json(answer).get("status"));
    }

    /** The status is a second old at most: it is asked until it says so. */
    private static void awaitIn(TestServer server, String path, String... texts) {
        await().atMost(LONG)
                .untilAsserted(() -> assertThat(server.get(path).body()).contains(texts));
    }

    @Test
    void shouldRefuseWhatIsWrongAndDeclareNothing() throws Exception {
        String all = "POST /v1/migrations";
        try (TestServer server = serve()) {
            refused(server, 400, "BAD_SPEC", all, "");
            refused(server, 400, "BAD_SPEC", all, "{a: [");
            refused(server, 400, "BAD_SPEC", all, "table: runs");
            refused(server, 400, "BAD_SPEC", all, "[{id: x, table: runs, addColum: {name: a}}]");
            refused(server, 400, "BAD_SPEC", all, "[{id: x, table: runs, addColumn: {name: a, type: txt}}]");
            refused(server, 400, "BAD_SPEC", all, "[{id: x, table: runs, backfill: {set: {at: '1'}}}]");
            refused(server, 404, "UNKNOWN_TABLE", all, "[{id: x, table: none, dropIndex: a}]");
            refused(server, 404, "UNKNOWN_TABLE", all + "/plan", "[{id: x, table: none, dropIndex: a}]");
            refused(server, 409, "SPEC_CONFLICT", all, "[{id: x, table: runs, dropIndex: a}]");
            refused(server, 400, "BAD_REQUEST", all + "?approve=maybe", "[]");
            refused(server, 400, "BAD_REQUEST", all + "?aprove=true", "[]");
            refused(server, 404, "NOT_FOUND", all + "/nobody/pause", "");
            refused(server, 404, "NOT_FOUND", all + "/nobody/resume", "");
            refused(server, 404, "NOT_FOUND", "GET /v1/migrations/nobody", "");
            refused(server, 400, "BAD_REQUEST", "GET /v1/migrations?id=x", "");
            refused(server, 405, "METHOD_NOT_ALLOWED", "DELETE /v1/migrations", "");
            refused(server, 413, "TOO_LARGE", all, "#".repeat((1 << 20) + 1));
            assertThat(TestServer.json(server.get("/v1/migrations"))).containsEntry("migrations", List.of());
        }
    }

    private static void refused(TestServer server, int status, String code, String request, String body)
            throws Exception {
        int space = request.indexOf(' ');
        HttpResponse<String> answer = server.send(request.substring(0, space), request.substring(space + 1), body);
        assertThat(answer.statusCode()).as("%s: %s", request, answer.body()).isEqualTo(status);
        assertThat(answer.body()).contains(code).doesNotContain("Exception");
    }

    @Test
    void shouldPlanMakeAndTellEverywhere() throws Exception {
        try (TestServer server = serve()) {
            HttpResponse<String> plan = server.send("POST", "/v1/migrations/plan", REGION);
            assertThat(plan.body()).contains("\"undo\":\"dropColumn: region\"", "\"needsApproval\":false");
            assertThat(declare(server, REGION)).containsKeys("migrations", "running", "paused", "settled");
            await().atMost(LONG).until(() -> status(server, "add-region").equals("done"));
            awaitIn(server, "/metrics", "levee_migrations{state=\"done\"} 1\n", "levee_migrations_readable 1\n");
            awaitIn(server, "/v1/status", "\"id\":\"add-region\",\"status\":\"done\"");
            assertThat(server.get("/v1/tables/runs/records").body()).contains("\"region\":\"eu\"");
            // The same again does nothing; another step under its name is refused.
            assertThat(declare(server, REGION).toString()).contains("status=done");
            assertThat(server.send("POST", "/v1/migrations", REGION.replace("eu", "us"))
                            .statusCode())
                    .isEqualTo(409);
        }
    }

    @Test
    void shouldShowAFailedOneUntilSomebodyTakesItUp() throws Exception {
        try (TestServer server = serve()) {
            declare(server, BAD);
            await().atMost(LONG).until(() -> status(server, "bad").equals("failed"));
            awaitIn(server, "/health", "\"status\":\"DEGRADED\"", "bad", "\"status\":\"failed\"", "\"error\":\"");
            assertThat(server.get("/health").statusCode()).isEqualTo(200);
            assertThat(server.get("/health/ready").statusCode())
                    .as("records are taken")
                    .isEqualTo(200);
            assertThat(server.get("/metrics").body())
                    .contains("levee_migrations{state=\"failed\"} 1\n", "levee_health{state=\"DEGRADED\"} 1\n")
                    .contains("levee_migration_rows_per_second{migration=\"bad\",table=\"runs\"} 0\n")
                    .doesNotContain("levee_migration_eta_seconds{migration=\"bad\"");
            assertThat(server.get("/v1/migrations/bad").body()).contains("\"rate\":0.0", "\"etaSeconds\":null");
        }
        // Also the next process says so.
        try (TestServer server = new TestServer(
                Levee.open(directory.resolve("store").toString(), false, o -> {}), UnaryOperator.identity())) {
            assertThat(server.get("/health").body()).contains("DEGRADED", "bad");
            assertThat(server.send("POST", "/v1/migrations/bad/resume", "").statusCode())
                    .isEqualTo(200);
            await().atMost(LONG).until(() -> status(server, "bad").equals("failed"));
        }
    }

    @Test
    void shouldPauseAllAndGoOn() throws Exception {
        try (TestServer server = serve()) {
            assertThat(TestServer.json(server.send("POST", "/v1/migrations/pause", "")))
                    .containsEntry("paused", true);
            assertThat(declare(server, REGION).toString()).contains("status=paused");
            awaitIn(server, "/metrics", "levee_migrations_paused 1\n", "levee_migrations{state=\"paused\"} 1\n");
            awaitIn(server, "/v1/status", "\"migrationsPaused\":true");
            assertThat(TestServer.json(server.send("POST", "/v1/migrations/resume", "")))
                    .containsEntry("paused", false);
            await().atMost(LONG).until(() -> status(server, "add-region").equals("done"));
        }
    }
}
