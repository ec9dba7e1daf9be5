package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Levee;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Backups of a store that is served: as by the command, with its codes. */
class BackupRoutesTest {
    @TempDir
    Path directory;

    private Path backup;

    @BeforeEach
    void name() {
        backup = directory.resolve("backup");
    }

    private TestServer serve() {
        return new TestServer(
                Levee.open(directory.resolve("store").toString(), false, o -> o.trashGrace(Duration.ZERO)),
                UnaryOperator.identity());
    }

    private static void take(TestServer server, String... days) throws Exception {
        for (int i = 0; i < days.length; i++) {
            HttpResponse<String> answer = server.send(
                    "POST",
                    "/v1/tables/runs/records",
                    "{\"id\":\"r" + i + "\",\"at\":\"" + days[i] + "T10:00:00Z\",\"state\":\"OK\"}\n");
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        }
    }

    private String body(String partition) {
        return "{\"directory\":\"" + backup + "\"" + (partition.isEmpty() ? "" : ",\"partition\":\"" + partition + "\"")
                + "}";
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> json(HttpResponse<String> answer) {
        return (Map<String, Object>) Json.parse(answer.body());
    }

    @Test
    void shouldBackUpAndPutAPartitionBack() throws Exception {
        try (TestServer server = serve().withRuns()) {
            take(server, "2026-05-19", "2026-05-20");
            assertThat(server.get("/v1/backups").body()).isEqualTo("{\"backups\":[]}");
            HttpResponse<String> made = server.send("POST", "/v1/backup?verify=true", body(""));
            assertThat(made.statusCode()).as(made.body()).isEqualTo(200);
            assertThat(json(made))
                    .containsEntry("directory", backup.toString())
                    .containsEntry("rows", 2L)
                    .containsEntry("missing", Map.of())
                    .containsKeys("at", "partitions", "copied", "unchanged", "bytes", "bytesCopied", "seconds");
            assertThat(Levee.verifyBackup(backup, line -> {}).damaged()).isEmpty();
            assertThat(server.get("/v1/backups").body()).contains("\"directory\":\"" + backup + "\",\"at\":\"");

            HttpResponse<String> live = server.send("POST", "/v1/backup/restore", body("runs/2026-05-19"));
            assertThat(live.statusCode()).as(live.body()).isEqualTo(404);
            assertThat(live.body()).contains("LEVEE-404 NOT_FOUND");
            drop(server);
            HttpResponse<String> back = server.send("POST", "/v1/backup/restore", body("runs/2026-05-19"));
            assertThat(back.body()).isEqualTo("{\"restored\":\"runs/2026-05-19\"}");
            assertThat(server.get("/v1/tables/runs/count").body()).contains("\"rows\":2");
        }
    }

    /** The older day goes, for good: there is no grace. */
    private static void drop(TestServer server) {
        TableSpec.Builder spec = TableSpec.builder("runs").time("at").key("id");
        TableSpec now = server.store.table("runs").spec();
        now.columns().forEach(spec::column);
        server.store.createTable(spec.partitionBy(now.partitionBy())
                .retention(RetentionRule.builder().keepNewest(1).build())
                .build());
        assertThat(server.store.applyRetention(server.store.planRetention()).dropped())
                .hasSize(1);
    }

    @Test
    void shouldRefuseWithTheCodesOfTheCommand() throws Exception {
        try (TestServer server = serve().withRuns()) {
            take(server, "2026-05-20");
            HttpResponse<String> relative = server.send("POST", "/v1/backup", "{\"directory\":\"backup\"}");
            assertThat(relative.statusCode()).isEqualTo(400);
            assertThat(relative.body()).contains("absolute");
            assertThat(server.send("POST", "/v1/backup", "{}").statusCode()).isEqualTo(400);
            assertThat(server.send("POST", "/v1/backup", "{\"directory\":\"/x\",\"verfiy\":1}")
                            .statusCode())
                    .isEqualTo(400);
            HttpResponse<String> none = server.send("POST", "/v1/backup/restore", body("runs/2026-05-20"));
            assertThat(none.statusCode()).as(none.body()).isEqualTo(404);
            Files.createDirectories(backup);
            Files.writeString(backup.resolve("holiday.jpg"), "mine");
            HttpResponse<String> other = server.send("POST", "/v1/backup", body(""));
            assertThat(other.statusCode()).as(other.body()).isEqualTo(400);
            assertThat(other.body()).contains("LEVEE-400 BAD_VALUE");
            try (var left = Files.list(backup)) {
                assertThat(left.toList()).isEqualTo(List.of(backup.resolve("holiday.jpg")));
            }
        }
    }

    @Test
    void shouldRefuseWhereTheEngineHasNoBackups() throws Exception {
        try (TestServer server =
                TestServer.inMemory(o -> {}, UnaryOperator.identity()).withRuns()) {
            HttpResponse<String> answer = server.send("POST", "/v1/backup", body(""));
            assertThat(answer.statusCode()).isEqualTo(501);
            assertThat(answer.body()).contains("LEVEE-501 NOT_SUPPORTED");
            assertThat(server.get("/v1/backups").body()).isEqualTo("{\"backups\":[]}");
        }
    }
}
