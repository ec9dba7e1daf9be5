package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.levee.internal.json.Json;
import io.levee.testkit.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All at once: a query that sorts every row, a client that reads a line now and then, many that read nothing, one after another that
 * vanishes. The process stays within the store's memory budget, nobody else waits, records are written, and no slot is left behind
 * (G33–G48). In full: {@code -Dlevee.crowd.rows=5000000 -Dlevee.crowd.clients=200 -Dlevee.crowd.memory=256 -Dlevee.crowd.pause=1000}.
 */
class CrowdTest {
    private static final int ROWS = Integer.getInteger("levee.crowd.rows", 60_000);
    private static final int CLIENTS = Integer.getInteger("levee.crowd.clients", 30);
    private static final int MEBIBYTES = Integer.getInteger("levee.crowd.memory", 64);
    private static final Duration PAUSE = Duration.ofMillis(Integer.getInteger("levee.crowd.pause", 100));
    private static final Duration LONGEST = Duration.ofMinutes(60);
    private static final Duration SOON = Duration.ofSeconds(60);

    /** Clients are cut off at their deadline, half a minute: before that they are asked anew. */
    private static final long ANEW_NANOS = Duration.ofSeconds(25).toNanos();

    private static final String ALL = "/v1/tables/runs/records";
    private static final String SHORT = ALL + "?limit=1&order=oldest";

    @TempDir
    Path directory;

    private final List<Socket> crowd = new ArrayList<>();
    private URI server;
    private @Nullable Socket vanishing;
    private @Nullable BufferedReader slow;
    private long slowLines;
    private long askedNanos;
    private long answered;
    private long sentAway;
    private long longestNanos;

    @AfterEach
    void leave() throws IOException {
        for (Socket socket : crowd) {
            socket.close();
        }
    }

    private static long resident(long pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        return 0;
    }

    private Socket ask(String path, String accept) throws IOException {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(4096);
        socket.setSoTimeout((int) SOON.toMillis());
        socket.connect(new InetSocketAddress(server.getHost(), server.getPort()));
        socket.getOutputStream()
                .write(("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: " + accept
                                + "\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private Socket lines(String path) throws IOException {
        return ask(path, "application/x-ndjson");
    }

    private static void vanish(Socket socket) throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    private String answer(String path) throws IOException {
        try (Socket socket = ask(path, "application/json");
                InputStream in = socket.getInputStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private long http(String key) throws IOException {
        String status = answer("/v1/status");
        Map<?, ?> http = (Map<?, ?>)
                Json.object(status.substring(status.indexOf("\r\n\r\n") + 4)).get("http");
        return (Long) http.get(key);
    }

    private void gather() throws IOException {
        for (Socket socket : crowd) {
            vanish(socket);
        }
        crowd.clear();
        for (int i = 0; i < CLIENTS; i++) {
            crowd.add(lines(ALL));
        }
        askedNanos = System.nanoTime();
    }

    private void vanishOne() throws IOException {
        Socket before = vanishing;
        if (before != null) {
            vanish(before);
        }
        // Some while they wait for a sort, some while they are sent rows.
        vanishing = lines(slowLines % 2 == 0 ? ALL : ALL + "?order=text");
    }

    /** The next line of the one who reads slowly; from the beginning again where its deadline was over. */
    private void readLine() throws IOException {
        BufferedReader reader = slow;
        String line = null;
        try {
            line = reader == null ? null : reader.readLine();
        } catch (IOException e) {
            // It was cut off.
            slow = null;
        }
        if (line == null) {
            Socket socket = lines(ALL);
            crowd.add(socket);
            slow = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        }
        slowLines++;
    }

    private void round() throws IOException {
        readLine();
        vanishOne();
        if (System.nanoTime() - askedNanos > ANEW_NANOS) {
            gather();
            slow = null;
        }
        others();
    }

    /** Somebody with a short question. Where a whole crowd has come at the same moment, he may be told to come again. */
    private void others() throws IOException {
        long began = System.nanoTime();
        String answer = answer(SHORT);
        while (answer.startsWith("HTTP/1.1 503")
                && answer.contains("Retry-After")
                && System.nanoTime() - began < ANEW_NANOS) {
            sentAway++;
            answer = answer(SHORT);
        }
        assertThat(answer).startsWith("HTTP/1.1 200");
        answered++;
        longestNanos = Math.max(longestNanos, System.nanoTime() - began);
    }

    private void nobody() throws IOException {
        for (Socket socket : crowd) {
            vanish(socket);
        }
        crowd.clear();
        slow = null;
        Socket last = vanishing;
        if (last != null) {
            vanish(last);
            vanishing = null;
        }
        await().atMost(SOON).until(() -> http("readers") == 0 && http("working") <= 1);
        await().atMost(SOON).until(() -> answer("/v1/queries").contains("[]"));
    }

    @Test
    void shouldKeepItsBudgetAndItsPromisesInACrowd() throws Exception {
        assumeTrue(Files.exists(Path.of("/proc/self/status")), "only Linux tells what a process takes");
        List<String> options = List.of("-Xms128m", "-Xmx128m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC");
        try (ChildJvm child =
                ChildJvm.start(options, CrowdServer.class, directory.toString(), "" + ROWS, "" + MEBIBYTES)) {
            server = URI.create(String.valueOf(child.line()));
            // What a server needs for its first clients is idle's, and not the crowd's.
            gather();
            for (int i = 0; i < 5; i++) {
                round();
            }
            nobody();
            child.send("written");
            child.line();
            long idle = resident(child.pid());
            long[] most = {0};
            answered = 0;
            sentAway = 0;
            longestNanos = 0;

            gather();
            child.send("sort");
            CompletableFuture<@Nullable String> sorted = CompletableFuture.supplyAsync(child::line);
            await().atMost(LONGEST).pollInterval(PAUSE).until(() -> {
                round();
                most[0] = Math.max(most[0], resident(child.pid()) - idle);
                return sorted.isDone();
            });
            String[] words = String.valueOf(sorted.join()).split(" ", -1);
            child.send("written");
            String[] written = String.valueOf(child.line()).split(" ", -1);
            nobody();
            System.out.printf(
                    "sorted %s rows in %s ms beside %d clients; the process grew by at most %d MiB of a budget of %d, to %d after it%n",
                    words[0], words[2], CLIENTS, most[0] >> 20, MEBIBYTES, (resident(child.pid()) - idle) >> 20);
            System.out.printf(
                    "records written meanwhile %s, the longest wait %s ms; others answered %d times, the longest wait %d ms, sent away"
                            + " %d times; lines read slowly %d%n",
                    written[0], written[1], answered, longestNanos / 1_000_000, sentAway, slowLines);
            assertThat(words[0]).as("rows").isEqualTo("" + ROWS);
            assertThat(words[1]).as("rows that came before their place").isEqualTo("0");
            assertThat(most[0]).as("bytes that the process grew by").isLessThan((MEBIBYTES << 20) / 10L * 11);
            assertThat(Long.parseLong(written[0]))
                    .as("records written meanwhile")
                    .isGreaterThan(20);
            assertThat(Long.parseLong(written[1])).as("longest commit in ms").isLessThan(5000);
        }
    }
}
