package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What needs an engine that stands still at a chosen moment. */
class HeldEngineTest {
    private static final String SQL =
            head("POST /v1/sql", "Content-Type: text/plain", "Content-Length: 8") + "SELECT 1";
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");

    @Test
    void aFullQueueAnswers429AndSaysWhereToGoOn() throws Exception {
        try (TestServer server =
                TestServer.held(o -> o.asOf(NOW).queueRecords(2500)).withRuns()) {
            HeldEngine.last().hold();
            StringBuilder body = new StringBuilder();
            for (int i = 1; i <= 6000; i++) {
                body.append(TestServer.line(i, "OK"));
            }
            var waiting = server.client.sendAsync(
                    server.request("/v1/tables/runs/records")
                            .POST(HttpRequest.BodyPublishers.ofString(body.toString()))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            Awaitility.await().until(() -> server.store.status().queue().records() >= 2000);
            HeldEngine.last().release();
            HttpResponse<String> answer = waiting.join();
            // Either the writer was quick enough after its release, or the queue was full: then the counts must add up.
            if (answer.statusCode() == 429) {
                assertThat(answer.headers().firstValue("Retry-After")).contains("1");
                var problem = TestServer.json(answer);
                assertThat(problem.get("code")).isEqualTo("LEVEE-429 QUEUE_FULL");
                long line = (Long) problem.get("line");
                assertThat((Long) problem.get("stored")).isEqualTo(line - 1);
                assertThat(problem.get("hint").toString()).contains("from line " + line);
            } else {
                assertThat(TestServer.json(answer).get("stored")).isEqualTo(6000L);
            }
        }
    }

    /** A request that is larger than the whole queue is no request that is too large: what fits is taken, the rest is told to come again. */
    @Test
    void aSmallQueueTakesALargeRequestInParts() throws Exception {
        try (TestServer server =
                TestServer.held(o -> o.asOf(NOW).queueRecords(100)).withRuns()) {
            HeldEngine.last().hold();
            StringBuilder body = new StringBuilder();
            for (int i = 1; i <= 500; i++) {
                body.append(TestServer.line(i, "OK"));
            }
            String path = "/v1/tables/runs/records?ack=accepted";
            HttpResponse<String> answer = server.send("POST", path, body.toString());
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(429);
            assertThat(answer.headers().firstValue("Retry-After")).contains("1");
            assertThat(TestServer.json(answer))
                    .containsEntry("code", "LEVEE-429 QUEUE_FULL")
                    .containsEntry("stored", 100L)
                    .containsEntry("line", 101L);
            HttpResponse<String> nothing = server.send("POST", path, TestServer.line(1, "OK"));
            assertThat(nothing.statusCode()).isEqualTo(429);
            assertThat(nothing.body()).contains("nothing of this request was kept");
            HeldEngine.last().release();
            assertThat(server.store.flush(java.time.Duration.ofSeconds(20))).isTrue();
            assertThat(server.store.status().stored()).isEqualTo(100);
            assertThat(server.store.status().lost()).as("rejected is not lost").isZero();
        }
    }

    /** What could not be written is mostly followed by more of it: a request ends at its first loss, and says where (G130). */
    @Test
    void aLossEndsARequestAndSaysWhichLinesAndWhere() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW)).withRuns()) {
            HeldEngine.last().refusedAfter = 99;
            StringBuilder body = new StringBuilder();
            for (int i = 1; i <= 20_000; i++) {
                // A blank line is a line and no record.
                body.append(TestServer.line(i, "OK")).append(i == 1 ? "\n" : "");
            }
            HttpResponse<String> answer = server.send("POST", "/v1/tables/runs/records", body.toString());
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(500);
            assertThat(TestServer.json(answer))
                    .containsEntry("code", "LEVEE-500 RECORD_LOST")
                    .containsEntry("lost", 1L)
                    .containsEntry("read", 16_000L)
                    .containsEntry("stored", 15_999L)
                    .containsEntry("endedAfterLine", 16_001L);
            assertThat(answer.body()).contains("1 of lines 1 to 2001", "after line 16001 was not taken");
        }
    }

    /** Each level is answered when it is reached, and not before; the level reaches the engine. */
    @Test
    void anAnswerWaitsForTheLevelThatWasAskedFor() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW)).withRuns()) {
            String path = "/v1/tables/runs/records";
            HeldEngine engine = HeldEngine.last();
            engine.hold();
            HttpResponse<String> accepted = server.send("POST", path + "?ack=accepted", TestServer.line(1, "OK"));
            assertThat(accepted.statusCode())
                    .as("while the writer stands still")
                    .isEqualTo(200);
            assertThat(server.store.status().stored()).isZero();
            engine.release();
            Awaitility.await().until(() -> server.store.status().stored() == 1);

            for (Ack level : new Ack[] {Ack.COMMITTED, Ack.DURABLE}) {
                engine.hold();
                String query = level == Ack.COMMITTED ? "" : "?ack=durable";
                var waiting = server.client.sendAsync(
                        server.request(path + query)
                                .POST(HttpRequest.BodyPublishers.ofString(TestServer.line(2, "OK")))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
                Awaitility.await().until(() -> server.store.status().queue().records() == 1);
                assertThat(waiting).as(level.name()).isNotDone();
                engine.release();
                assertThat(waiting.join().statusCode()).isEqualTo(200);
                assertThat(engine.level).isEqualTo(level);
            }
            assertThat(server.send("POST", path + "?ack=perhaps", TestServer.line(1, "OK"))
                            .body())
                    .contains("there is no ack level 'perhaps'");
        }
    }

    @Test
    void aClientThatLeavesWhileItsQueryRunsEndsTheQuery() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW)).withRuns()) {
            try (Socket socket = raw(server, SQL)) {
                Awaitility.await().until(() -> !server.store.queries().isEmpty());
                assertThat(socket.isConnected()).isTrue();
            }
            Awaitility.await().until(() -> server.store.queries().isEmpty());
            // The pool's thread that was interrupted serves on.
            assertThat(server.get("/health").statusCode()).isEqualTo(200);
        }
    }

    @Test
    void aClientThatSendsAheadKeepsItsQueryAndItsNextRequest() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW)).withRuns()) {
            String sql = head("POST /v1/sql", "Content-Type: text/plain", "Content-Length: 8", "Levee-Deadline: 3s")
                    + "SELECT 1";
            try (Socket socket = raw(server, sql)) {
                Awaitility.await().until(() -> !server.store.queries().isEmpty());
                String next = head("GET /health/live", "Connection: close");
                socket.getOutputStream().write(next.getBytes(StandardCharsets.US_ASCII));
                String answers = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                assertThat(answers)
                        .startsWith("HTTP/1.1 504")
                        .contains("LEVEE-504 DEADLINE")
                        .contains("{\"status\":\"UP\"}");
            }
        }
    }

    @Test
    void aClientThatLeavesAStreamOfRowsEndsTheQuery() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW))) {
            server.send("PUT", "/v1/tables/endless", TestServer.SPEC.replace("runs", "endless"));
            server.send("POST", "/v1/tables/endless/records", TestServer.line(1, "OK"));
            try (Socket socket = raw(server, head("GET /v1/tables/endless/records", "Accept: application/x-ndjson"))) {
                assertThat(socket.getInputStream().readNBytes(100_000)).hasSize(100_000);
                assertThat(server.store.queries()).hasSize(1);
            }
            Awaitility.await().until(() -> server.store.queries().isEmpty());
        }
    }

    @Test
    void aDeadlineInTheMiddleOfAStreamCutsItOff() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW))) {
            server.send("PUT", "/v1/tables/endless", TestServer.SPEC.replace("runs", "endless"));
            server.send("POST", "/v1/tables/endless/records", TestServer.line(1, "OK"));
            HttpResponse<String> early = null;
            // As long as this machine needs for a beginning: before that, the answer is a status of its own.
            for (int seconds = 1; seconds < 60; seconds *= 3) {
                String deadline = seconds + "s";
                try {
                    early = server.get(
                            "/v1/tables/endless/records", "Accept", "application/x-ndjson", "Levee-Deadline", deadline);
                    assertThat(early.statusCode()).as(early.body()).isEqualTo(504);
                } catch (IOException e) {
                    return;
                }
            }
            throw new AssertionError("no stream began: " + early);
        }
    }

    @Test
    void aQueryIsListedAndCancelled() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW)).withRuns()) {
            var answer = server.client.sendAsync(
                    server.request("/v1/sql")
                            .header("Content-Type", "text/plain")
                            .POST(HttpRequest.BodyPublishers.ofString("SELECT 1"))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            Awaitility.await().until(() -> server.get("/v1/queries").body().contains("\"what\""));
            long id = server.store.queries().get(0).id();
            assertThat(server.send("DELETE", "/v1/queries/" + id, "").statusCode())
                    .isEqualTo(200);
            assertThat(answer.join().statusCode()).isEqualTo(499);
            assertThat(answer.join().body()).contains("LEVEE-499 CANCELLED");
        }
    }

    @Test
    @SuppressWarnings("try") // The client goes before the end of the test.
    void tooManyRequestsAtOnceAreTurnedAwayOrWaitAndHealthStillAnswers() throws Exception {
        try (TestServer server = new TestServer(HeldEngine.open(o -> o.asOf(NOW)), o -> o.withMaxRequests(1))) {
            try (Socket socket = raw(server, SQL)) {
                Awaitility.await().until(() -> !server.store.queries().isEmpty());
                HttpResponse<String> turnedAway =
                        server.send("POST", "/v1/tables/runs/records", TestServer.line(1, "OK"));
                assertThat(turnedAway.statusCode()).isEqualTo(503);
                assertThat(turnedAway.headers().firstValue("Retry-After")).contains("1");
                assertThat(server.get("/health/live").statusCode()).isEqualTo(200);
                var waiting = server.client.sendAsync(
                        server.request("/v1/tables/none/records").build(), HttpResponse.BodyHandlers.ofString());
                Awaitility.await().until(() -> server.get("/v1/status").body().contains("\"waiting\":1"));
                assertThat(waiting).isNotDone();
                socket.close();
                assertThat(waiting.join().statusCode()).as("its turn came").isEqualTo(404);
            }
        }
    }

    @Test
    void closingTheServerCutsOffWhatDoesNotEndByItself() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW)).withRuns();
                Socket socket = raw(server, SQL)) {
            Awaitility.await().until(() -> !server.store.queries().isEmpty());
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> {
                server.server.close();
                return true;
            });
            Awaitility.await().until(() -> server.store.queries().isEmpty());
            assertThat(socket.getInputStream().readAllBytes()).isNotNull();
            server.server.close();
        }
    }

    private static String head(String methodAndPath, String... headers) {
        String lines = String.join("\r\n", headers);
        return methodAndPath + " HTTP/1.1\r\nHost: localhost\r\n" + lines + "\r\n\r\n";
    }

    private static Socket raw(TestServer server, String request) throws IOException {
        URI uri = URI.create(server.server.url());
        Socket socket = new Socket(uri.getHost(), uri.getPort());
        socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }
}
