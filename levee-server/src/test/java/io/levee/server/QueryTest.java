package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Levee;
import io.levee.internal.json.Json;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Records out over HTTP: pages, streams, counts, groups and SQL. */
class QueryTest {
    private static final int ROWS = 250;

    @TempDir
    Path directory;

    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = new TestServer(Levee.open(directory.resolve("history")), o -> o).withRuns();
        StringBuilder body = new StringBuilder();
        for (int i = 0; i < ROWS; i++) {
            body.append("{\"id\":\"r")
                    .append(i)
                    .append("\",\"at\":\"2026-05-")
                    .append(i < 100 ? "19" : "20")
                    .append('T');
            body.append(String.format("%02d:%02d:00Z", 10 + i / 60 % 10, i % 60))
                    .append("\",\"state\":\"");
            body.append(i % 5 == 0 ? "FAILURE" : "SUCCESS").append("\",\"ms\":").append(i);
            body.append(",\"job ID\":")
                    .append(i % 3)
                    .append(",\"args\":\"[")
                    .append(i)
                    .append("]\"}\n");
        }
        assertThat(server.send("POST", "/v1/tables/runs/records", body.toString())
                        .body())
                .contains("\"stored\":" + ROWS);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private Map<String, Object> records(String query) throws Exception {
        HttpResponse<String> answer = server.get("/v1/tables/runs/records?" + query);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(answer.headers().firstValue("Content-Type")).contains("application/json");
        return TestServer.json(answer);
    }

    @SuppressWarnings("unchecked") // The contract's form.
    private static List<Map<String, Object>> rows(Map<String, Object> page) {
        return (List<Map<String, Object>>) page.get("rows");
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    @Test
    void pagesFollowOneAnotherUntilAllRowsWereSeenOnce() throws Exception {
        List<Object> seen = new ArrayList<>();
        String next = "";
        int pages = 0;
        while (next != null) {
            Map<String, Object> page = records("limit=60" + (next.isEmpty() ? "" : "&after=" + encoded(next)));
            rows(page).forEach(row -> seen.add(row.get("id")));
            assertThat(page.get("coverage")).asString().contains("complete=true");
            next = (String) page.get("next");
            pages++;
        }
        assertThat(pages).isEqualTo(5);
        assertThat(seen).hasSize(ROWS).doesNotHaveDuplicates();
        assertThat(seen.get(0)).isEqualTo("r249");
    }

    @Test
    void theDefaultPageHasAHundredRowsWithoutDetails() throws Exception {
        Map<String, Object> page = records("");
        assertThat(rows(page)).hasSize(100);
        assertThat(rows(page).get(0))
                .containsKeys("_seq", "id", "at", "state", "ms", "job ID")
                .doesNotContainKey("args");
        assertThat(rows(records("details=true&limit=1")).get(0)).containsEntry("args", "[249]");
        assertThat(rows(records("columns=id,%22job%20ID%22&limit=1")).get(0)).containsOnlyKeys("_seq", "id", "job ID");
    }

    @Test
    void columnsMayBeNamedAsInARecordAndTwice() throws Exception {
        assertThat(rows(records("columns=State,id,state&limit=1")).get(0)).containsOnlyKeys("_seq", "state", "id");
    }

    @Test
    void rangeFilterAndOrderWork() throws Exception {
        Map<String, Object> page = records("order=oldest&limit=1000&from=2026-05-20&to="
                + encoded("2026-05-20T12:00:00Z") + "&where=" + encoded("state = 'FAILURE' AND \"job ID\" = 1"));
        assertThat(rows(page)).isNotEmpty().allSatisfy(row -> {
            assertThat(row).containsEntry("state", "FAILURE").containsEntry("job ID", 1L);
            assertThat(row.get("at").toString()).startsWith("2026-05-20T1");
        });
        assertThat(rows(page)).extracting(row -> row.get("at").toString()).isSorted();
    }

    @Test
    void linesAreStreamedWhenAskedFor() throws Exception {
        HttpResponse<String> answer = server.get("/v1/tables/runs/records", "Accept", "application/x-ndjson");
        assertThat(answer.headers().firstValue("Content-Type")).contains("application/x-ndjson");
        assertThat(answer.headers().firstValue("Levee-Coverage")).contains("complete");
        List<String> lines = answer.body().lines().toList();
        assertThat(lines)
                .hasSize(ROWS)
                .allSatisfy(line -> assertThat(Json.object(line)).containsKey("id"));
        assertThat(server.get("/v1/tables/runs/records?limit=7", "Accept", "application/x-ndjson")
                        .body()
                        .lines())
                .hasSize(7);
    }

    @Test
    void groupsAreObjectsWithTheirFigures() throws Exception {
        HttpResponse<String> answer = server.get(
                "/v1/tables/runs/aggregate?by=state,%22job%20ID%22&fn=" + encoded("count,avg(ms),max(\"job ID\")"));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        Map<String, Object> groups = TestServer.json(answer);
        assertThat(groups.get("columns")).isEqualTo(List.of("state", "job ID", "count", "avg(ms)", "max(job ID)"));
        assertThat((List<?>) groups.get("groups")).hasSize(6);
        assertThat(server.get("/v1/tables/runs/count?where=" + encoded("ms >= 200"))
                        .body())
                .contains("\"count\":50");
        assertThat(server.get("/v1/tables/runs/aggregate?fn=mode(ms)").statusCode())
                .isEqualTo(400);
    }

    @Test
    void sqlIsTakenAsJsonAndAsText() throws Exception {
        String sql = "SELECT state, count(*) AS n FROM runs GROUP BY state ORDER BY state";
        HttpResponse<String> json =
                server.send("POST", "/v1/sql", "{\"sql\":\"" + sql + "\"}", "Content-Type", "application/json");
        assertThat(json.statusCode()).as(json.body()).isEqualTo(200);
        assertThat(TestServer.json(json))
                .containsEntry("columns", List.of("state", "n"))
                .containsEntry("rows", List.of(List.of("FAILURE", 50L), List.of("SUCCESS", 200L)))
                .containsKey("coverage");
        assertThat(server.send("POST", "/v1/sql", sql, "Content-Type", "text/plain")
                        .body())
                .isEqualTo(json.body());
    }

    @Test
    void badSqlAndWritesAreRefused() throws Exception {
        for (String sql : List.of("SELEC 1", "DELETE FROM runs", "SELECT 1; SELECT 2", "ATTACH 'x' AS y")) {
            HttpResponse<String> answer = server.send("POST", "/v1/sql", sql, "Content-Type", "text/plain");
            assertThat(answer.statusCode()).as(sql + ": " + answer.body()).isEqualTo(400);
        }
        assertThat(server.send("POST", "/v1/sql", "{\"query\":\"SELECT 1\"}").statusCode())
                .isEqualTo(400);
        assertThat(server.send("POST", "/v1/sql", "{\"sql\":1}").statusCode()).isEqualTo(400);
        assertThat(server.send("POST", "/v1/sql", "{\"sql\":").statusCode()).isEqualTo(400);
    }

    @Test
    void aDeadlineEndsAQueryWithAWholeError() throws Exception {
        String sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        HttpResponse<String> answer =
                server.send("POST", "/v1/sql", sql, "Content-Type", "text/plain", "Levee-Deadline", "300ms");
        assertThat(answer.statusCode()).isEqualTo(504);
        assertThat(answer.body()).contains("LEVEE-504 DEADLINE");
        Awaitility.await().until(() -> server.store.queries().isEmpty());
    }

    @Test
    void partitionsAndRetentionAreShownAndApplied() throws Exception {
        assertThat(server.get("/v1/partitions?table=runs").body())
                .contains("runs/2026-05-19")
                .contains("runs/2026-05-20");
        assertThat(server.get("/v1/partitions?table=nope").statusCode()).isEqualTo(404);
        Map<String, Object> plan = TestServer.json(server.get("/v1/retention/plan"));
        assertThat(plan).containsKeys("plan", "drop", "keepReason");
        assertThat(server.send("POST", "/v1/retention/apply?plan=other", "").statusCode())
                .isEqualTo(404);
        HttpResponse<String> applied = server.send(
                "POST", "/v1/retention/apply?plan=" + encoded(plan.get("plan").toString()), "");
        assertThat(applied.statusCode()).as(applied.body()).isEqualTo(200);
        assertThat(TestServer.json(applied)).containsKey("bytesFreed");
    }
}
