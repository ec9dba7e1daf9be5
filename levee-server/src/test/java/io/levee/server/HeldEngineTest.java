package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.time.Instant;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What needs an engine that stands still at a chosen moment. */
class HeldEngineTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");

    @Test
    void aFullQueueAnswers429AndSaysWhereToGoOn() throws Exception {
        try (TestServer server = TestServer.held(o -> o.asOf(NOW).queueRecords(2500)).withRuns()) {
            HeldEngine.last().hold();
            StringBuilder body = new StringBuilder();
            for (int i = 1; i <= 6000; i++) {
                body.append(TestServer.line(i, "OK"));
            }
            var waiting = server.client.sendAsync(
                    server.request("/v1/tables/runs/records")
                            .POST(java.net.http.HttpRequest.BodyPublishers.ofString(body.toString()))
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
}
