package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ManualClock;
import io.levee.internal.json.Json;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Single records by key, and what erases many. */
class RecordRoutesTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");
    private static final String PAIRS = """
            table: pairs
            time: at
            key: [n, id]
            columns: {n: integer, id: text, at: timestamp, note: text, j: json, d: decimal}
            """;

    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = TestServer.inMemory(o -> o.asOf(NOW), o -> o).withRuns();
        assertThat(server.send("PUT", "/v1/tables/pairs", PAIRS).statusCode()).isEqualTo(201);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private void runs(int count) throws Exception {
        StringBuilder body = new StringBuilder();
        for (int i = 1; i <= count; i++) {
            body.append(TestServer.line(i, i % 2 == 0 ? "OK" : "FAILURE"));
        }
        assertThat(server.send("POST", "/v1/tables/runs/records", body.toString())
                        .statusCode())
                .isEqualTo(200);
    }

    private static Map<?, ?> record(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        Map<String, Object> json = TestServer.json(answer);
        assertThat(json).containsEntry("found", true);
        return (Map<?, ?>) json.get("record");
    }

    private static String encoded(String key) {
        return URLEncoder.encode(key, StandardCharsets.UTF_8).replace("+", "%20");
    }

    @Test
    void shouldFindARecordWithItsDetails() throws Exception {
        runs(3);
        Map<?, ?> found = record(server.get("/v1/tables/runs/records/r2"));
        assertThat(found.keySet().stream().map(String::valueOf))
                .containsExactly("_seq", "id", "at", "state", "ms", "job ID", "args");
        assertThat(found.get("args")).isEqualTo("[2]");
        assertThat(found.get("at")).isEqualTo("2026-05-20T10:00:02Z");
    }

    @Test
    void shouldChangeSomeColumnsAndLeaveTheOthers() throws Exception {
        runs(2);
        for (String ack : List.of("", "?ack=committed", "?ack=durable")) {
            String body = "{\"state\":\"" + ack + "\",\"ms\":null,\"job ID\":77}";
            HttpResponse<String> answer = server.send("PATCH", "/v1/tables/runs/records/r1" + ack, body);
            assertThat(answer.body()).isEqualTo("{\"updated\":true}");
            Map<?, ?> found = record(server.get("/v1/tables/runs/records/r1"));
            assertThat(found.get("state")).isEqualTo(ack);
            assertThat(found.get("ms")).isNull();
            assertThat(found.get("job ID")).isEqualTo(77L);
            assertThat(found.get("args")).isEqualTo("[1]");
        }
        assertThat(record(server.get("/v1/tables/runs/records/r2")).get("state"))
                .isEqualTo("OK");
    }

    @Test
    void shouldDeleteARecordOnce() throws Exception {
        runs(2);
        assertThat(server.send("DELETE", "/v1/tables/runs/records/r1", "").body())
                .isEqualTo("{\"deleted\":1}");
        HttpResponse<String> again = server.send("DELETE", "/v1/tables/runs/records/r1", "");
        assertThat(again.statusCode()).isEqualTo(404);
        assertThat(server.get("/v1/tables/runs/count").body()).contains("\"count\":1,");
    }

    @Test
    void shouldAnswer404ForARecordThatIsNotThere() throws Exception {
        runs(1);
        for (String method : List.of("GET", "PATCH", "DELETE")) {
            HttpResponse<String> answer = method.equals("GET")
                    ? server.get("/v1/tables/runs/records/none")
                    : server.send(method, "/v1/tables/runs/records/none", "{\"state\":\"x\"}");
            assertThat(answer.statusCode()).as(method).isEqualTo(404);
            assertThat(TestServer.json(answer))
                    .containsEntry("code", "LEVEE-404 NOT_FOUND")
                    .containsKeys("hint", "engine");
            assertThat(answer.body()).contains("none");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a/b",
                "/",
                "a b",
                "100%",
                "%2F",
                "50%25",
                "grüße 🟥",
                "a+b",
                "a;b=c",
                "?x=1#y",
                ".",
                "..",
                "a\\b",
                "",
                " ",
                "a\tb",
                "'\"",
                "a//b",
                "[x]",
                "&=",
                "é"
            })
    void shouldTakeAnyTextAsAKey(String id) throws Exception {
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("n", 7);
        record.put("id", id);
        record.put("at", "2026-05-20T10:00:00Z");
        record.put("note", "first");
        assertThat(server.send("POST", "/v1/tables/pairs/records", Json.write(record))
                        .body())
                .contains("\"stored\":1");
        String path = "/v1/tables/pairs/records/7/" + encoded(id).replace(".", "%2E");
        assertThat(record(server.get(path)).get("id")).isEqualTo(id);
        assertThat(server.send("PATCH", path, "{\"note\":\"second\"}").statusCode())
                .isEqualTo(200);
        assertThat(record(server.get(path)).get("note")).isEqualTo("second");
        assertThat(server.send("DELETE", path, "").body()).isEqualTo("{\"deleted\":1}");
        assertThat(server.get(path).statusCode()).isEqualTo(404);
    }

    @Test
    void shouldKeepEveryDigitAndNestedValue() throws Exception {
        server.send("POST", "/v1/tables/pairs/records", "{\"n\":1,\"id\":\"a\",\"at\":\"2026-05-20T10:00:00Z\"}");
        String body = "{\"d\":12345678901234567890.123456789,\"j\":{\"a\":[1,{\"b\":null}],\"é\":\"x\"}}";
        assertThat(server.send("PATCH", "/v1/tables/pairs/records/1/a", body).statusCode())
                .isEqualTo(200);
        assertThat(server.get("/v1/tables/pairs/records/1/a").body())
                .contains("\"d\":12345678901234567890.123456789")
                .contains("\"j\":{\"a\":[1,{\"b\":null}],\"é\":\"x\"}");
    }

    @Test
    void shouldRefuseWhatCannotBeAKeyOrAChange() throws Exception {
        runs(1);
        assertThat(server.send("PUT", "/v1/tables/plain", "{time: at, columns: {at: timestamp}}")
                        .statusCode())
                .isEqualTo(201);
        assertThat(server.get("/v1/tables/plain/records/x").body()).contains("LEVEE-400 BAD_QUERY", "has no key");
        assertThat(server.get("/v1/tables/pairs/records/1").body()).contains("LEVEE-400 BAD_QUERY", "[n, id]");
        assertThat(server.get("/v1/tables/pairs/records/x/a").body()).contains("LEVEE-400 BAD_VALUE", "'n'");
        assertThat(server.get("/v1/tables/none/records/x").body()).contains("LEVEE-404 UNKNOWN_TABLE");
        String path = "/v1/tables/runs/records/r1";
        Map<String, String> refused = new LinkedHashMap<>();
        refused.put("{\"id\":\"r9\"}", "part of the key");
        refused.put("{\"nope\":1}", "LEVEE-400 UNKNOWN_COLUMN");
        refused.put("{\"ms\":\"fast\"}", "LEVEE-400 BAD_VALUE");
        refused.put("{\"at\":null}", "LEVEE-400 NO_TIME");
        refused.put("{}", "names no column");
        refused.put("[1]", "not a JSON object");
        refused.put("{\"state\":", "not a JSON object");
        for (Map.Entry<String, String> entry : refused.entrySet()) {
            HttpResponse<String> answer = server.send("PATCH", path, entry.getKey());
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
            assertThat(answer.body()).contains(entry.getValue());
        }
        assertThat(server.send("PATCH", path + "?ack=maybe", "{\"state\":\"x\"}")
                        .statusCode())
                .isEqualTo(400);
        HttpResponse<String> wrong = server.send("PUT", path, "{}");
        assertThat(wrong.statusCode()).isEqualTo(405);
        assertThat(wrong.headers().firstValue("Allow")).contains("DELETE, GET, PATCH");
        assertThat(record(server.get(path)).get("state")).isEqualTo("FAILURE");
    }

    @Test
    void shouldEraseWhatAFilterFinds() throws Exception {
        runs(1200);
        HttpResponse<String> answer =
                server.send("POST", "/v1/tables/runs/erase", "{\"where\":\"state = 'FAILURE' AND ms > 100\"}");
        assertThat(answer.body()).isEqualTo("{\"deleted\":550,\"pending\":[]}");
        assertThat(server.get("/v1/tables/runs/count").body()).contains("\"count\":650,");
        assertThat(server.send("POST", "/v1/tables/runs/erase", "{\"where\":\"state = 'FAILURE' AND ms > 100\"}")
                        .body())
                .contains("\"deleted\":0");
        for (String body :
                List.of("{}", "{\"where\":\"\"}", "{\"where\":1}", "{\"were\":\"x\"}", "{\"where\":\"ms >\"}")) {
            assertThat(server.send("POST", "/v1/tables/runs/erase", body).statusCode())
                    .as(body)
                    .isEqualTo(400);
        }
        assertThat(server.get("/v1/tables/runs/count").body()).contains("\"count\":650,");
    }

    @Test
    void shouldKeepPagesOfOtherSitesFromWriting() throws Exception {
        runs(1);
        String foreign = "https://evil.example";
        assertThat(server.send("DELETE", "/v1/tables/runs/records/r1", "", "Origin", foreign)
                        .statusCode())
                .isEqualTo(403);
        assertThat(server.send("PATCH", "/v1/tables/runs/records/r1", "{\"state\":\"x\"}", "Origin", foreign)
                        .statusCode())
                .isEqualTo(403);
        assertThat(server.send("POST", "/v1/tables/runs/erase", "{\"where\":\"ms > 0\"}", "Origin", foreign)
                        .statusCode())
                .isEqualTo(403);
        assertThat(server.send("POST", "/v1/trash/x/restore", "", "Origin", foreign)
                        .statusCode())
                .isEqualTo(403);
        assertThat(record(server.get("/v1/tables/runs/records/r1")).get("state"))
                .isEqualTo("FAILURE");
    }

    @Test
    void shouldListTheTrashAndNameWhatIsNotInIt() throws Exception {
        assertThat(server.get("/v1/trash").body()).isEqualTo("{\"trash\":[]}");
        HttpResponse<String> none = server.send("POST", "/v1/trash/runs%2F2026-05-20/restore", "");
        assertThat(none.statusCode()).isEqualTo(404);
        assertThat(none.body()).contains("LEVEE-404 NOT_FOUND", "runs/2026-05-20");
    }

    @Test
    void shouldBringADroppedPartitionBack() throws Exception {
        server.close();
        ManualClock clock = new ManualClock(NOW);
        server = TestServer.inMemory(o -> o.clock(clock), o -> o);
        server.send("PUT", "/v1/tables/runs", TestServer.SPEC + "retention: {maxAge: 1d}\n");
        runs(3);
        clock.advance(Duration.ofDays(3));
        assertThat(server.send("POST", "/v1/retention/apply", "").body()).contains("runs/2026-05-20");
        assertThat(server.get("/v1/tables/runs/count").body()).contains("\"count\":0,");
        assertThat(server.get("/v1/trash").body()).contains("\"partition\":\"runs/2026-05-20\"", "\"rows\":3");
        assertThat(server.send("POST", "/v1/trash/runs%2F2026-05-20/restore", "")
                        .body())
                .isEqualTo("{\"restored\":\"runs/2026-05-20\"}");
        assertThat(server.get("/v1/tables/runs/count").body()).contains("\"count\":3,");
    }

    @Test
    void shouldTellWarningsAndOnDemandAllFindings() throws Exception {
        Map<String, Object> warnings = TestServer.json(server.get("/v1/warnings"));
        assertThat(warnings).containsOnlyKeys("engine", "findings").containsEntry("engine", server.store.engine());
        int all =
                ((List<?>) TestServer.json(server.get("/v1/warnings?all=true")).get("findings")).size();
        assertThat(all).isEqualTo(server.store.diagnose().size());
    }
}
