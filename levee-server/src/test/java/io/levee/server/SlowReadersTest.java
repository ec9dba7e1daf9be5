package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Levee;
import io.levee.Row;
import io.levee.Table;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clients that take their answers slowly, not at all, or vanish: real sockets, a real store (guarantees G44–G48). */
class SlowReadersTest {
    private static final int ROWS = 3000;
    /** 200 in the long form: {@code -Dlevee.slow.clients=200}. */
    private static final int MANY = Integer.getInteger("levee.slow.clients", 60);

    private static final Duration SOON = Duration.ofSeconds(60);

    /** Long enough for what is looked at here, on a machine that has other things to do. */
    private static final String PATIENT = "Levee-Deadline: 5m\r\n";

    private static final String ALL = "/v1/tables/runs/records?details=true&order=oldest";

    @TempDir
    Path directory;

    private TestServer server;
    private final List<Socket> sockets = new ArrayList<>();

    private void start(UnaryOperator<ServerOptions> options) throws Exception {
        server = new TestServer(Levee.open(directory.resolve("history"), o -> o.queryThreads(2)), options).withRuns();
        Table<Row> runs = server.store.table("runs");
        CompletableFuture<?> last = CompletableFuture.completedFuture(null);
        Instant begin = Instant.now().minusSeconds(ROWS);
        for (int i = 0; i < ROWS; i++) {
            last = runs.append(
                    Row.of(runs.spec())
                            .set("id", "r" + i)
                            .set("at", begin.plusSeconds(i))
                            .set("args", "x".repeat(1000))
                            .build(),
                    Ack.COMMITTED);
        }
        last.join();
    }

    @AfterEach
    void stop() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
        if (server != null) {
            server.close();
        }
    }

    /** A client with a small window of its own, which has read the beginning of its answer. */
    private Socket ask(String path, String... headers) throws IOException {
        Socket socket = new Socket();
        sockets.add(socket);
        socket.setReceiveBufferSize(4096);
        socket.setSoTimeout(60_000);
        URI uri = URI.create(server.server.url());
        socket.connect(new InetSocketAddress(uri.getHost(), uri.getPort()));
        String head = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + String.join("", headers)
                + "\r\n";
        socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private Socket lines(String... headers) throws IOException {
        List<String> all = new ArrayList<>(List.of("Accept: application/x-ndjson\r\n"));
        all.addAll(List.of(headers));
        return ask(ALL, all.toArray(String[]::new));
    }

    /** Ends a connection as a crash or an impatient proxy does: with a reset. */
    private static void vanish(Socket socket) throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    private long http(String key) throws Exception {
        Map<?, ?> http = (Map<?, ?>) TestServer.json(server.get("/v1/status")).get("http");
        return (Long) http.get(key);
    }

    private static BufferedReader reader(Socket socket) throws IOException {
        return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
    }

    private static long rows(BufferedReader reader) throws IOException {
        // What the transfer coding puts between the lines is no record.
        return reader.lines()
                .filter(line -> line.contains("\"id\":\"r") || line.contains("\"_seq\":"))
                .count();
    }

    @Test
    void manyClientsThatDoNotReadHoldNoThreadNoSlotAndNobodyUp() throws Exception {
        start(o -> o);
        List<Socket> slow = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            slow.add(i % 4 == 0 ? ask(ALL + "&limit=3000", PATIENT) : lines());
        }
        Awaitility.await().atMost(SOON).until(() -> http("readers") == MANY);
        Awaitility.await().atMost(SOON).until(() -> http("working") == 0);
        assertThat(answeringThreads()).as("threads that make answers").isZero();

        // Everybody else goes on: a query, an aggregate and a write.
        assertThat(server.get("/v1/tables/runs/records?limit=5", "Levee-Deadline", "30s")
                        .statusCode())
                .isEqualTo(200);
        HttpResponse<String> count = server.get("/v1/tables/runs/count", "Levee-Deadline", "30s");
        assertThat(count.body()).contains("\"count\":" + ROWS);
        HttpResponse<String> written =
                server.send("POST", "/v1/tables/runs/records", "{\"id\":\"new\",\"at\":\"" + Instant.now() + "\"}");
        assertThat(written.body()).contains("\"stored\":1");

        for (Socket socket : slow.subList(4, MANY)) {
            vanish(socket);
        }
        Awaitility.await().atMost(SOON).until(() -> http("readers") == 4);
        Awaitility.await().atMost(SOON).until(() -> server.store.queries().size() <= 4);
        // Those that stayed get what they asked for, whole.
        try (BufferedReader page = reader(slow.get(0))) {
            String text = String.join("", page.lines().toList());
            assertThat(text).contains("\"coverage\"");
        }
        try (BufferedReader second = reader(slow.get(1))) {
            assertThat(rows(second)).isGreaterThanOrEqualTo(ROWS);
        }
        Awaitility.await().atMost(SOON).until(() -> http("readers") == 2);
    }

    private static long answeringThreads() {
        return Thread.getAllStackTraces().values().stream()
                .filter(frames -> List.of(frames).stream()
                        .anyMatch(frame -> frame.getClassName().contains("AnswerStreams")))
                .count();
    }

    @Test
    void aClientThatReadsAFewLinesAtATimeGetsThemAllAndOthersAreNotHeldUp() throws Exception {
        start(o -> o);
        try (BufferedReader slow = reader(lines())) {
            long rows = 0;
            for (int step = 0; step < 10; step++) {
                String line = slow.readLine();
                while (!line.contains("\"id\":\"r")) {
                    line = slow.readLine();
                }
                rows++;
                // Between two lines of the slow one, another one is answered.
                assertThat(server.get("/v1/tables/runs/records?limit=1").statusCode())
                        .isEqualTo(200);
            }
            Awaitility.await().atMost(SOON).until(() -> http("working") == 0);
            assertThat(rows + rows(slow)).isGreaterThanOrEqualTo(ROWS);
        }
        Awaitility.await().atMost(SOON).until(() -> server.store.queries().isEmpty() && http("readers") == 0);
    }

    @Test
    void aClientThatVanishesEndsItsQueryWhetherItWasWaitedForOrNot() throws Exception {
        start(o -> o);
        for (boolean waitedFor : new boolean[] {true, false}) {
            Socket socket = lines();
            assertThat(socket.getInputStream().read()).isEqualTo('H');
            if (waitedFor) {
                Awaitility.await().atMost(SOON).until(() -> http("readers") == 1 && http("working") == 0);
            }
            vanish(socket);
            Awaitility.await().atMost(SOON).until(() -> server.store.queries().isEmpty() && http("readers") == 0);
        }
    }

    @Test
    void aClientThatTakesNothingIsCutOffWhenItsDeadlineIsOver() throws Exception {
        start(o -> o);
        Socket socket = lines("Levee-Deadline: 500ms\r\n");
        // The beginning has come, and may be cut off before anybody can look at how many readers there are.
        Awaitility.await().atMost(SOON).until(() -> socket.getInputStream().available() > 0);
        Awaitility.await().atMost(SOON).until(() -> server.store.queries().isEmpty() && http("readers") == 0);
        assertCutOff(socket);
    }

    /** It ends early, or with a reset. */
    private static void assertCutOff(Socket socket) throws IOException {
        try (BufferedReader reader = reader(socket)) {
            assertThat(rows(reader)).as("cut off").isLessThan(ROWS);
        } catch (java.io.UncheckedIOException e) {
            assertThat(e.getCause()).hasMessageContaining("reset");
        }
    }

    @Test
    void pastTheLimitLongAnswersAreRefusedAndShortOnesGoOn() throws Exception {
        start(o -> o.withMaxReaders(2));
        Socket first = lines();
        lines();
        Awaitility.await().atMost(SOON).until(() -> http("readers") == 2);
        assertThat(http("limitReaders")).isEqualTo(2);
        HttpResponse<String> refused = server.get(ALL, "Accept", "application/x-ndjson");
        assertThat(refused.statusCode()).isEqualTo(503);
        assertThat(refused.headers().firstValue("Retry-After")).contains("1");
        assertThat(TestServer.json(refused))
                .containsEntry("code", "LEVEE-503 TOO_MANY_READERS")
                .containsKey("hint");
        assertThat(server.get("/v1/tables/runs/records?limit=3").statusCode()).isEqualTo(200);
        assertThat(server.store.queries()).hasSize(2);
        vanish(first);
        Awaitility.await()
                .atMost(SOON)
                .until(() -> server.get(ALL, "Accept", "application/x-ndjson").statusCode() == 200);
    }

    @Test
    void aCancelledQueryCutsOffItsAnswer() throws Exception {
        start(o -> o);
        Socket socket = lines();
        Awaitility.await().atMost(SOON).until(() -> http("readers") == 1 && http("working") == 0);
        long id = server.store.queries().get(0).id();
        assertThat(server.send("DELETE", "/v1/queries/" + id, "").statusCode()).isEqualTo(200);
        assertThat(server.send("DELETE", "/v1/queries/999999", "").statusCode()).isEqualTo(404);
        assertCutOff(socket);
        Awaitility.await().atMost(SOON).until(() -> http("readers") == 0);
    }
}
