package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Levee;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every kind of question over HTTP, its errors, and deadlines that hold for all of them. */
class GroupRoutesTest {
    private static final String TABLE = "/v1/tables/runs/";
    private static final String ENDLESS =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

    /** One of each reading route. */
    private static final List<String> READING = List.of(
            "records?limit=2",
            "records?order=ms%20desc&newestPer=state",
            "records/r1",
            "count",
            "count?estimate=true&where=ms%20%3E%201",
            "aggregate?by=state&fn=count,p50(ms),distinct(id)",
            "histogram?column=ms&bins=5",
            "timeseries?bucket=1m",
            "values?column=state");

    @TempDir
    Path directory;

    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = new TestServer(
                        Levee.open(
                                directory.resolve("history"),
                                o -> o.queryThreads(1).slowQuery(Duration.ofMillis(300))),
                        o -> o)
                .withRuns();
        StringBuilder body = new StringBuilder();
        for (int i = 0; i < 50; i++) {
            body.append(TestServer.line(i, i % 5 == 0 ? "FAILURE" : "SUCCESS"));
        }
        assertThat(server.send("POST", TABLE + "records", body.toString()).statusCode())
                .isEqualTo(200);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private Map<String, Object> get(String query) throws Exception {
        HttpResponse<String> answer = server.get(TABLE + query);
        assertThat(answer.statusCode()).as(query + ": " + answer.body()).isEqualTo(200);
        return TestServer.json(answer);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    @Test
    void everyQuestionIsAnsweredWithItsCoverage() throws Exception {
        for (String query : READING) {
            Map<String, Object> answer = get(query);
            if (!query.equals("records/r1")) {
                assertThat(answer.get("coverage")).as(query).hasToString("{complete=true, gaps=[]}");
            }
        }
        assertThat(get("aggregate?by=state&fn=" + encoded("count,max(\"job ID\")") + "&having=" + encoded("count > 10")
                                + "&order=" + encoded("max(\"job ID\") desc") + "&limit=5")
                        .get("groups"))
                .hasToString("[{state=SUCCESS, count=40, max(job ID)=49}]");
        Map<String, Object> bins = get("histogram?column=ms&width=10&fromValue=5&count=4");
        assertThat(bins.get("bins").toString()).startsWith("[{from=5.0, to=15.0, count=10}, {");
        assertThat(bins).containsEntry("below", 5L).containsEntry("above", 5L).containsEntry("nulls", 0L);
        assertThat(get("histogram?column=" + encoded("\"job ID\"") + "&edges=0,25,50")
                        .get("bins"))
                .hasToString("[{from=0, to=25, count=25}, {from=25, to=50, count=25}]");
        assertThat(((List<?>) get("timeseries?bucket=10s&from=2026-05-20T10:00:00Z&to=2026-05-20T10:02:00Z")
                        .get("points")))
                .hasSize(12);
        assertThat(get("values?column=state&limit=1"))
                .containsEntry("values", List.of(Map.of("value", "SUCCESS", "count", 40L)))
                .containsEntry("more", true);
        assertThat(get("records?order=ms%20desc&newestPer=state&columns=id")
                        .get("rows")
                        .toString())
                .contains("id=r49", "id=r45");
        assertThat(get("records?where=" + encoded("args CONTAINS '[4'") + "&details=true&limit=50")
                        .get("rows"))
                .asInstanceOf(InstanceOfAssertFactories.LIST)
                .hasSize(11);
    }

    @Test
    void wrongQuestionsAreToldWhatIsWrongAndWhatToDo() throws Exception {
        Map<String, String> wrong = Map.ofEntries(
                Map.entry("records?order=", "200"),
                Map.entry("records?order=nope", "UNKNOWN_COLUMN"),
                Map.entry("records?order=a%20b%20c", "there is no order 'a b c'"),
                Map.entry("records?newestPer=nope", "UNKNOWN_COLUMN"),
                Map.entry("records?explain=perhaps", "explain must be true or false"),
                Map.entry("aggregate?fn=mode(ms)", "'mode(ms)' is no figure"),
                Map.entry("aggregate?fn=p101(ms)", "p0 to p100"),
                Map.entry("aggregate?having=" + encoded("avg(ms) > 1"), "avg(ms)"),
                Map.entry("aggregate?order=ms", "'ms'"),
                Map.entry("aggregate?limit=-1", "limit must be a whole number"),
                Map.entry("histogram", "histogram needs one column"),
                Map.entry("histogram?column=ms&bins=5&width=3", "exclude one another"),
                Map.entry("histogram?column=ms&width=3", "width needs fromValue"),
                Map.entry("histogram?column=ms&bins=0", "bins must be a whole number from 1"),
                Map.entry("histogram?column=ms&bins=20000", "LIMIT_EXCEEDED"),
                Map.entry("histogram?column=ms&edges=3,2", "rise"),
                Map.entry("histogram?column=ms&edges=1,many", "edges must be a number (got 'many')"),
                Map.entry("histogram?column=at&width=often&fromValue=now&count=3", "width must be a length of time"),
                Map.entry("histogram?column=at&width=1h&fromValue=soon&count=3", "fromValue"),
                Map.entry("histogram?column=state", "state"),
                Map.entry("timeseries", "a time series needs a bucket"),
                Map.entry("timeseries?bucket=often", "bucket: 'often' is no length of time"),
                Map.entry("timeseries?bucket=0s", "bucket must be longer than 0"),
                Map.entry("timeseries?bucket=1ms&from=2020-01-01&to=2026-01-01", "LIMIT_EXCEEDED"),
                Map.entry("values", "values needs one column"),
                Map.entry("values?column=nope", "UNKNOWN_COLUMN"),
                Map.entry("count?estimate=maybe", "estimate must be true or false"),
                Map.entry("count?bogus=1", "unknown query parameters: bogus"));
        for (Map.Entry<String, String> entry : wrong.entrySet()) {
            HttpResponse<String> answer = server.get(TABLE + entry.getKey());
            if (entry.getValue().equals("200")) {
                assertThat(answer.statusCode()).isEqualTo(200);
                continue;
            }
            assertThat(answer.statusCode())
                    .as(entry.getKey() + ": " + answer.body())
                    .isIn(400, 413);
            assertThat(answer.headers().firstValue("Content-Type")).contains("application/problem+json");
            assertThat(answer.body()).as(entry.getKey()).contains(entry.getValue(), "\"code\":\"LEVEE-4");
        }
    }

    /** With the one query thread taken, nothing is answered; each route gives up when its own deadline is over, and not later. */
    @Test
    void everyReadingRouteHasADeadlineAndOnlyDownwards() throws Exception {
        var holder = sql();
        for (String query : READING) {
            HttpResponse<String> late = server.get(TABLE + query, "Levee-Deadline", "150ms");
            assertThat(late.statusCode()).as(query + ": " + late.body()).isEqualTo(504);
            assertThat(late.body()).contains("LEVEE-504 DEADLINE");
        }
        for (String never : List.of("0s", "soon", "-1s")) {
            assertThat(server.get(TABLE + "count", "Levee-Deadline", never).statusCode())
                    .as(never)
                    .isEqualTo(400);
        }
        var longer = server.client.sendAsync(
                server.request(TABLE + "count").header("Levee-Deadline", "1h").build(), BodyHandlers.ofString());
        Awaitility.await()
                .until(() -> server.store.queries().size() == 2
                        && server.store.queries().get(1).remaining().toSeconds() > 5);
        assertThat(server.store.queries())
                .allSatisfy(query -> assertThat(query.remaining()).isLessThanOrEqualTo(Duration.ofSeconds(30)));
        Map<?, ?> waiting = (Map<?, ?>)
                ((List<?>) TestServer.json(server.get("/v1/queries")).get("queries")).get(1);
        assertThat(waiting.get("state")).isEqualTo("waiting");
        assertThat(waiting.keySet().toString()).contains("id", "what", "ageMs", "remainingMs", "waitedMs", "plan");
        assertThat(server.send("DELETE", "/v1/queries/" + waiting.get("id"), "").statusCode())
                .isEqualTo(200);
        assertThat(longer.join().statusCode()).isEqualTo(499);
        assertThat(TestServer.json(longer.join())).containsEntry("code", "LEVEE-499 CANCELLED");
        cancelAll();
        holder.join();
    }

    @Test
    void slowQueriesAreKept() throws Exception {
        assertThat(TestServer.json(server.get("/v1/queries/slow")))
                .containsEntry("queries", List.of())
                .containsEntry("slowerThanMs", 300L);
        HttpResponse<String> late =
                server.send("POST", "/v1/sql", ENDLESS, "Content-Type", "text/plain", "Levee-Deadline", "500ms");
        assertThat(late.statusCode()).isEqualTo(504);
        Awaitility.await().until(() -> !server.store.slowQueries().isEmpty());
        Map<?, ?> slow = (Map<?, ?>)
                ((List<?>) TestServer.json(server.get("/v1/queries/slow")).get("queries")).get(0);
        assertThat(slow.keySet().toString()).contains("id", "what", "at", "waitedMs", "ranMs", "rows", "end", "plan");
        assertThat(slow.get("what").toString()).contains("WITH RECURSIVE");
        assertThat(slow.get("end").toString()).contains("DEADLINE");
    }

    private CompletableFuture<HttpResponse<String>> sql() {
        var running = server.client.sendAsync(
                server.request("/v1/sql")
                        .header("Content-Type", "text/plain")
                        .POST(java.net.http.HttpRequest.BodyPublishers.ofString(ENDLESS))
                        .build(),
                BodyHandlers.ofString());
        Awaitility.await()
                .until(() ->
                        server.store.queries().stream().anyMatch(q -> q.state().equals("running")));
        return running;
    }

    private void cancelAll() {
        server.store.queries().forEach(query -> server.store.cancelQuery(query.id()));
    }
}
