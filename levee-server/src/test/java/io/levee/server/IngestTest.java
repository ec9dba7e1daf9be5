package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import io.levee.Bytes;
import io.levee.Levee;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Records in over HTTP. */
class IngestTest {
    private static final String ROUTE = "/v1/tables/runs/records";

    @TempDir
    Path directory;

    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = start(o -> o.withMaxBody(Bytes.mebi(2)).withMaxLineBytes(4096));
    }

    private TestServer start(UnaryOperator<ServerOptions> options) throws Exception {
        return new TestServer(Levee.open(directory.resolve("history")), options).withRuns();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static String lines(int from, int to) {
        return IntStream.rangeClosed(from, to)
                .mapToObj(i -> TestServer.line(i, "OK"))
                .collect(Collectors.joining());
    }

    private long rows() throws Exception {
        return (Long) TestServer.json(server.get("/v1/tables/runs/count")).get("count");
    }

    @Test
    void goodLinesAreKeptAndBadOnesNamed() throws Exception {
        String body = TestServer.line(1, "OK") + "{\"id\":\"x\",\n" + "\n" + TestServer.line(2, "OK")
                + "{\"id\":\"y\",\"at\":\"2026-05-20T10:00:00Z\",\"ms\":\"fast\"}\n"
                + "{\"id\":\"z\"}\n" + "{\"id\":\"q\",\"at\":\"2026-05-20T10:00:00Z\",\"nope\":1}\n";
        HttpResponse<String> answer = server.send("POST", ROUTE, body, "Content-Type", "application/x-ndjson");
        assertThat(answer.statusCode()).isEqualTo(200);
        Map<String, Object> counts = TestServer.json(answer);
        assertThat(counts)
                .containsEntry("stored", 2L)
                .containsEntry("updated", 0L)
                .containsEntry("rejected", 4L);
        List<Map<String, Object>> errors = errors(counts);
        assertThat(errors).extracting(e -> e.get("line")).containsExactly(2L, 5L, 6L, 7L);
        assertThat(errors)
                .extracting(e -> e.get("code"))
                .containsExactly(
                        "LEVEE-400 BAD_LINE", "LEVEE-400 BAD_VALUE", "LEVEE-400 NO_TIME", "LEVEE-400 UNKNOWN_COLUMN");
        assertThat(rows()).isEqualTo(2);
    }

    @Test
    void aKnownKeyIsUpdated() throws Exception {
        server.send("POST", ROUTE, lines(1, 10));
        Map<String, Object> counts = TestServer.json(server.send("POST", ROUTE, lines(6, 15)));
        assertThat(counts)
                .containsEntry("stored", 5L)
                .containsEntry("updated", 5L)
                .containsEntry("rejected", 0L);
        assertThat(rows()).isEqualTo(15);
    }

    @Test
    void errorsAreCappedAndCounted() throws Exception {
        Map<String, Object> counts = TestServer.json(server.send("POST", ROUTE, "broken\n".repeat(250)));
        assertThat(counts).containsEntry("rejected", 250L).containsEntry("errorsOmitted", 150L);
        assertThat(errors(counts)).hasSize(100);
    }

    @Test
    void aJsonArrayIsTakenByTypeOrFirstByte() throws Exception {
        String array = "\n [" + lines(1, 3).strip().replace("\n", ",\n") + "]";
        assertThat(TestServer.json(server.send("POST", ROUTE, array, "Content-Type", "application/json")))
                .containsEntry("stored", 3L);
        assertThat(TestServer.json(server.send("POST", ROUTE, array.replace("\"r", "\"s"))))
                .containsEntry("stored", 3L);
        assertThat(TestServer.json(server.send("POST", ROUTE, lines(1, 1), "Content-Type", "application/json")))
                .containsEntry("updated", 1L);
    }

    @Test
    void csvIsTakenToo() throws Exception {
        String csv = "id,at,state,ms,job ID,args\na,2026-05-20T10:00:00Z,OK,1.5,7,\"x, y\"\n";
        assertThat(TestServer.json(server.send("POST", ROUTE, csv, "Content-Type", "text/csv")))
                .containsEntry("stored", 1L);
    }

    @Test
    void gzipAndZstdAreDecoded() throws Exception {
        byte[] zipped = gzip(lines(1, 500));
        assertThat(TestServer.json(server.send("POST", ROUTE, zipped, "Content-Encoding", "gzip")))
                .containsEntry("stored", 500L);
        byte[] members = Arrays.copyOf(zipped, zipped.length * 2);
        System.arraycopy(zipped, 0, members, zipped.length, zipped.length);
        assertThat(TestServer.json(server.send("POST", ROUTE, members, "Content-Encoding", "gzip")))
                .containsEntry("updated", 1000L);
        byte[] zstd = Zstd.compress(lines(501, 600).getBytes(StandardCharsets.UTF_8));
        assertThat(TestServer.json(server.send("POST", ROUTE, zstd, "Content-Encoding", "zstd")))
                .containsEntry("stored", 100L);
    }

    @Test
    void unknownEncodingsAndTypesAre415() throws Exception {
        HttpResponse<String> brotli = server.send("POST", ROUTE, lines(1, 1), "Content-Encoding", "br");
        assertThat(brotli.statusCode()).isEqualTo(415);
        assertThat(brotli.headers().firstValue("Accept-Encoding")).contains("gzip, zstd, identity");
        assertThat(server.send("POST", ROUTE, lines(1, 1), "Content-Type", "application/xml")
                        .statusCode())
                .isEqualTo(415);
        HttpResponse<String> lie = server.send("POST", ROUTE, lines(1, 1), "Content-Encoding", "gzip");
        assertThat(lie.statusCode()).isEqualTo(400);
        assertThat(lie.body()).contains("BAD_ENCODING");
    }

    @Test
    void aCutOffGzipKeepsWhatCameBeforeAndSaysSo() throws Exception {
        byte[] whole = gzip(lines(1, 20_000));
        HttpResponse<String> answer =
                server.send("POST", ROUTE, Arrays.copyOf(whole, whole.length / 2), "Content-Encoding", "gzip");
        assertThat(answer.statusCode()).isEqualTo(400);
        Map<String, Object> problem = TestServer.json(answer);
        assertThat(problem).containsEntry("code", "LEVEE-400 BAD_LINE");
        assertThat((Long) problem.get("stored")).isPositive().isEqualTo(rows());
    }

    @Test
    void aBodyPastTheLimitIs413AlsoWhenOnlyDecodingShowsIt() throws Exception {
        HttpResponse<String> announced = server.send("POST", ROUTE, " ".repeat(3 << 20));
        assertThat(announced.statusCode()).isEqualTo(413);
        assertThat(announced.body()).contains("LEVEE-413 TOO_LARGE");
        byte[] bomb = gzip(lines(1, 100) + "\n".repeat(200 << 20));
        assertThat(bomb.length).isLessThan(1 << 20);
        HttpResponse<String> decoded = server.send("POST", ROUTE, bomb, "Content-Encoding", "gzip");
        assertThat(decoded.statusCode()).isEqualTo(413);
        assertThat(TestServer.json(decoded)).containsEntry("stored", 100L);
        HttpResponse<String> chunked = server.text(server.request(ROUTE)
                .POST(HttpRequest.BodyPublishers.ofInputStream(
                        () -> new java.io.ByteArrayInputStream(new byte[3 << 20])))
                .build());
        assertThat(chunked.statusCode()).isEqualTo(413);
    }

    @Test
    void aLineThatIsTooLongCostsOnlyItself() throws Exception {
        String longLine = "{\"id\":\"" + "x".repeat(5000) + "\"}\n";
        Map<String, Object> counts = TestServer.json(
                server.send("POST", ROUTE, TestServer.line(1, "OK") + longLine + TestServer.line(2, "OK")));
        assertThat(counts).containsEntry("stored", 2L).containsEntry("rejected", 1L);
        assertThat(errors(counts).get(0)).containsEntry("line", 2L).containsEntry("code", "LEVEE-413 TOO_LARGE");
    }

    @Test
    void everyAckLevelIsTakenAndOthersAreNamed() throws Exception {
        for (String ack : List.of("accepted", "committed", "DURABLE")) {
            assertThat(server.send("POST", ROUTE + "?ack=" + ack, lines(1, 5)).statusCode())
                    .isEqualTo(200);
        }
        HttpResponse<String> wrong = server.send("POST", ROUTE + "?ack=maybe", lines(1, 5));
        assertThat(wrong.statusCode()).isEqualTo(400);
        assertThat(wrong.body()).contains("accepted, committed or durable");
    }

    @Test
    void recordsAreStoredWhileTheBodyStillComes() throws Exception {
        PipedOutputStream sender = new PipedOutputStream();
        PipedInputStream body = new PipedInputStream(sender, 1 << 20);
        CompletableFuture<HttpResponse<String>> answer = server.client.sendAsync(
                server.request(ROUTE)
                        .POST(HttpRequest.BodyPublishers.ofInputStream(() -> body))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        sender.write(lines(1, 10_000).getBytes(StandardCharsets.UTF_8));
        sender.flush();
        Awaitility.await().until(() -> rows() >= 2000);
        assertThat(answer).isNotDone();
        sender.close();
        assertThat(TestServer.json(answer.join())).containsEntry("stored", 10_000L);
    }

    @Test
    void aClientThatBreaksOffKeepsWhatCameBefore() throws Exception {
        URI uri = URI.create(server.server.url());
        try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
            String head = "POST " + ROUTE + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
            socket.getOutputStream().write((head + lines(1, 50)).getBytes(StandardCharsets.UTF_8));
        }
        Awaitility.await().until(() -> rows() == 50);
        assertThat(server.get("/health").statusCode()).isEqualTo(200);
    }

    @SuppressWarnings("unchecked") // The contract's form.
    private static List<Map<String, Object>> errors(Map<String, Object> counts) {
        return (List<Map<String, Object>>) counts.get("errors");
    }

    private static byte[] gzip(String text) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream zip = new GZIPOutputStream(bytes)) {
            zip.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }
}
