package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ManualClock;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Following a table as server-sent events. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TailRoutesTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");
    private static final String TAIL = "/v1/tables/runs/tail";

    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = TestServer.inMemory(o -> o.asOf(NOW), o -> o.withMaxTails(2)).withRuns();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private void add(int... ids) throws Exception {
        StringBuilder body = new StringBuilder();
        for (int id : ids) {
            body.append(TestServer.line(id, "OK"));
        }
        assertThat(server.send("POST", "/v1/tables/runs/records", body.toString())
                        .statusCode())
                .isEqualTo(200);
    }

    /** A client as browsers are: blocks of lines, the last id remembered. */
    private final class Client implements AutoCloseable {
        private final InputStream body;
        private final BufferedReader lines;
        private String lastId = "";

        Client(String path, String... headers) throws Exception {
            HttpRequest.Builder request = server.request(path);
            if (headers.length > 0) {
                request.headers(headers);
            }
            HttpResponse<InputStream> answer =
                    server.client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.headers().firstValue("Content-Type")).contains("text/event-stream");
            body = answer.body();
            lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
        }

        /** The next event's name and data, or null at the end of the stream. */
        Map.Entry<String, String> next() throws IOException {
            Map<String, String> fields = new LinkedHashMap<>();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.isEmpty()) {
                    lastId = fields.getOrDefault("id", lastId);
                    if (fields.containsKey("data")) {
                        return Map.entry(fields.get("event"), fields.get("data"));
                    }
                    fields.clear();
                } else if (!line.startsWith(":")) {
                    int colon = line.indexOf(": ");
                    fields.put(line.substring(0, colon), line.substring(colon + 2));
                }
            }
            return null;
        }

        List<String> ids(int count) throws IOException {
            List<String> ids = new ArrayList<>();
            while (ids.size() < count) {
                Map.Entry<String, String> event = next();
                assertThat(event.getKey()).as(event.getValue()).isEqualTo("record");
                Map<String, Object> record = io.levee.internal.json.Json.object(event.getValue());
                assertThat(record.get("_number").toString()).isEqualTo(lastId);
                ids.add((String) record.get("id"));
            }
            return ids;
        }

        @Override
        public void close() throws IOException {
            body.close();
        }
    }

    private void awaitTails(int count) {
        Awaitility.await().until(() -> server.get("/metrics").body().contains("levee_http_tails " + count + "\n"));
    }

    @Test
    void shouldSendWhatIsThereAndThenWhatComes() throws Exception {
        add(1, 2);
        try (Client client = new Client(TAIL + "?after=0")) {
            assertThat(client.ids(2)).containsExactly("r1", "r2");
            add(3);
            assertThat(client.ids(1)).containsExactly("r3");
            assertThat(server.send("PATCH", "/v1/tables/runs/records/r1", "{\"state\":\"new\"}")
                            .statusCode())
                    .isEqualTo(200);
            Map.Entry<String, String> changed = client.next();
            assertThat(changed.getValue()).contains("\"id\":\"r1\"", "\"state\":\"new\"", "\"args\":\"[1]\"");
        }
    }

    @Test
    void shouldBeginWithNewRecordsUnlessToldOtherwise() throws Exception {
        add(1, 2);
        try (Client client = new Client(TAIL)) {
            add(3);
            assertThat(client.ids(1)).containsExactly("r3");
        }
    }

    @Test
    void shouldContinueAfterTheLastEventThatAClientHas() throws Exception {
        add(1, 2, 3);
        String last;
        try (Client client = new Client(TAIL + "?after=0")) {
            client.ids(2);
            last = client.lastId;
        }
        add(4);
        try (Client client = new Client(TAIL + "?after=0", "Last-Event-ID", last)) {
            assertThat(client.ids(2)).containsExactly("r3", "r4");
        }
        assertThat(server.get(TAIL, "Last-Event-ID", "x").statusCode()).isEqualTo(400);
        assertThat(server.get(TAIL + "?after=-1").statusCode()).isEqualTo(400);
        assertThat(server.get(TAIL + "?from=1").statusCode()).isEqualTo(400);
        assertThat(server.get("/v1/tables/none/tail").statusCode()).isEqualTo(404);
    }

    @Test
    void shouldTellAClientItsPlaceBeforeTheFirstRecord() throws Exception {
        add(1, 2);
        try (Socket socket = raw(TAIL)) {
            BufferedReader lines =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            String line = lines.readLine();
            while (!line.startsWith("id: ")) {
                line = lines.readLine();
            }
            add(3);
            try (Client client = new Client(TAIL, "Last-Event-ID", line.substring(4))) {
                assertThat(client.ids(1)).containsExactly("r3");
            }
        }
    }

    @Test
    void shouldTellWhatRetentionDroppedBeforeItWasRead() throws Exception {
        server.close();
        ManualClock clock = new ManualClock(NOW);
        server = TestServer.inMemory(o -> o.clock(clock), o -> o);
        String spec = TestServer.SPEC.replace("table: runs", "table: brief") + "retention: {maxAge: 1d}\n";
        assertThat(server.send("PUT", "/v1/tables/brief", spec).statusCode()).isEqualTo(201);
        for (int day = 20; day <= 22; day++) {
            String line = TestServer.line(day - 19, "OK").replace("2026-05-20", "2026-05-" + day);
            assertThat(server.send("POST", "/v1/tables/brief/records", line).body())
                    .contains("\"stored\":1");
            clock.advance(Duration.ofHours(day < 22 ? 24 : 0));
        }
        server.store.applyRetention(server.store.planRetention());
        assertThat(server.store.partitions()).extracting(p -> p.id().period()).containsExactly("2026-05-22");
        try (Client client = new Client("/v1/tables/brief/tail?after=0")) {
            Map.Entry<String, String> gap = client.next();
            assertThat(gap.getKey()).isEqualTo("gap");
            assertThat(gap.getValue()).isEqualTo("{\"after\":0,\"upTo\":2,\"reason\":\"EXPIRED\"}");
            assertThat(client.ids(1)).containsExactly("r3");
        }
    }

    @Test
    void shouldHoldNoMoreClientsThanItsLimitAndMakeRoomWhenOneLeaves() throws Exception {
        try (Socket first = raw(TAIL);
                Client second = new Client(TAIL)) {
            awaitTails(2);
            HttpResponse<String> third = server.get(TAIL);
            assertThat(third.statusCode()).isEqualTo(429);
            assertThat(third.headers().firstValue("Retry-After")).isPresent();
            assertThat(third.body()).contains("LEVEE-429 TOO_MANY_TAILS");
            leave(first);
            awaitTails(1);
            add(1);
            assertThat(second.ids(1)).containsExactly("r1");
        }
        awaitTails(0);
        assertThat(server.store.queries()).isEmpty();
    }

    @Test
    void shouldDropAClientThatTakesNothingAndServeTheOthers() throws Exception {
        StringBuilder body = new StringBuilder();
        String args = "x".repeat(20_000);
        for (int i = 1; i <= 1000; i++) {
            body.append(TestServer.line(i, args));
        }
        assertThat(server.send("POST", "/v1/tables/runs/records", body.toString())
                        .statusCode())
                .isEqualTo(200);
        try (Socket stalled = raw(TAIL + "?after=0")) {
            awaitTails(1);
            try (Client client = new Client(TAIL + "?after=0")) {
                assertThat(client.ids(1000)).hasSize(1000);
            }
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> server.get("/metrics").body().contains("levee_http_tails 0\n"));
            assertThat(stalled.isClosed()).isFalse();
        }
    }

    @Test
    void shouldEndTheStreamsCleanlyWithTheServer() throws Exception {
        add(1);
        try (Client client = new Client(TAIL + "?after=0")) {
            client.ids(1);
            server.server.close();
            // Anything but a clean end throws: a stream that is waited for in vain is cut off.
            assertThat(client.next()).isNull();
        }
    }

    @Test
    void shouldAnswerOtherRequestsBesideTailsThatWait() throws Exception {
        try (Client first = new Client(TAIL);
                Client second = new Client(TAIL)) {
            assertThat(server.get("/health").statusCode()).isEqualTo(200);
            add(1, 2);
            assertThat(first.ids(2)).isEqualTo(second.ids(2));
        }
    }

    private Socket raw(String path) throws IOException {
        URI uri = URI.create(server.server.url());
        Socket socket = new Socket();
        socket.setReceiveBufferSize(4096);
        socket.connect(new java.net.InetSocketAddress(uri.getHost(), uri.getPort()));
        socket.getOutputStream()
                .write(("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    /** A client that goes without a word. */
    private static void leave(Socket client) throws IOException {
        client.close();
    }
}
