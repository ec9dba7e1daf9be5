package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Health, metrics, status and its stream. */
class StatusTest {
    private static final Pattern SAMPLE =
            Pattern.compile("[a-z_]+(\\{[a-z_]+=\"[^\"]*\"(,[a-z_]+=\"[^\"]*\")*})? -?[0-9.E]+");

    @Test
    void healthIsLiveAndReady() throws Exception {
        try (TestServer server = TestServer.held(o -> {})) {
            assertThat(server.get("/health/live").body()).isEqualTo("{\"status\":\"UP\"}");
            assertThat(server.get("/health/ready").statusCode()).isEqualTo(200);
            assertThat(TestServer.json(server.get("/health")))
                    .containsEntry("status", "UP")
                    .containsKey("reasons");
        }
    }

    @Test
    void statusHasTheKeysOfTheContract() throws Exception {
        try (TestServer server = TestServer.held(o -> {}).withRuns()) {
            assertThat(TestServer.json(server.get("/v1/status")))
                    .containsKeys(
                            "store",
                            "engine",
                            "version",
                            "owner",
                            "pragmas",
                            "health",
                            "reasons",
                            "queue",
                            "accepted",
                            "stored",
                            "lost",
                            "disk",
                            "memory",
                            "tables",
                            "migrations",
                            "tasks",
                            "lastShutdown");
        }
    }

    @Test
    void metricsAreWellFormed() throws Exception {
        try (TestServer server = TestServer.held(o -> {}).withRuns()) {
            server.send("POST", "/v1/tables/runs/records", TestServer.line(1, "OK"));
            HttpResponse<String> answer = server.get("/metrics");
            assertThat(answer.headers().firstValue("Content-Type"))
                    .contains("text/plain; version=0.0.4; charset=utf-8");
            List<String> typed = new ArrayList<>();
            for (String line : answer.body().lines().toList()) {
                if (line.startsWith("# TYPE ")) {
                    typed.add(line.substring("# TYPE ".length(), line.lastIndexOf(' ')));
                } else if (!line.startsWith("# HELP ")) {
                    assertThat(line).matches(SAMPLE);
                    assertThat(typed).anyMatch(line::startsWith);
                }
            }
            assertThat(typed).doesNotHaveDuplicates();
            assertThat(answer.body())
                    .contains("levee_records_stored_total 1\n")
                    .contains("levee_records_lost_total{reason=\"OVERFLOW\"} 0\n")
                    .contains("levee_table_rows{table=\"runs\"} ")
                    .contains("levee_health{state=\"UP\"} 1\n");
        }
    }

    @Test
    void theStreamSendsTheStatusEverySecondAndEndsWithTheServer() throws Exception {
        TestServer server = TestServer.held(o -> {});
        HttpResponse<InputStream> answer = server.client.send(
                server.request("/v1/status/stream").build(), HttpResponse.BodyHandlers.ofInputStream());
        assertThat(answer.headers().firstValue("Content-Type")).contains("text/event-stream");
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8))) {
            int events = 0;
            while (events < 3) {
                String line = lines.readLine();
                if (line.startsWith("data: ")) {
                    assertThat(line).contains("\"health\":\"UP\"");
                    events++;
                }
            }
            server.close();
            while (lines.readLine() != null) {
                // Reads to the end, which has to be a clean one: anything else throws.
            }
        }
        server.close();
    }

    @Test
    void theStreamHasALimitAndAClientThatLeavesMakesRoom() throws Exception {
        try (TestServer server = new TestServer(HeldEngine.open(o -> {}), o -> o.withMaxStreams(1))) {
            URI uri = URI.create(server.server.url());
            try (Socket first = new Socket(uri.getHost(), uri.getPort())) {
                first.getOutputStream()
                        .write("GET /v1/status/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                .getBytes(StandardCharsets.US_ASCII));
                assertThat(first.getInputStream().read()).isEqualTo('H');
                HttpResponse<String> second = server.get("/v1/status/stream");
                assertThat(second.statusCode()).isEqualTo(503);
                assertThat(second.body()).contains("LEVEE-503 TOO_MANY_STREAMS");
            }
            Awaitility.await().until(() -> server.get("/metrics").body().contains("levee_http_status_streams 0\n"));
        }
    }
}
