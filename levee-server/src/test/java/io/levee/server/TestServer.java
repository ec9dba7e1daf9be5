package io.levee.server;

import io.levee.Levee;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.internal.json.Json;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** A server on a free port with its store, and a client. */
final class TestServer implements AutoCloseable {
    static final String SPEC = """
            table: runs
            time: at
            key: id
            partition: day
            columns:
              id: text
              at: timestamp
              state: text
              ms: real
              "job ID": integer
              args: {type: text, detail: true}
            """;

    final Store store;
    final LeveeServer server;
    final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    TestServer(Store store, UnaryOperator<ServerOptions> options) {
        this.store = store;
        this.server = LeveeServer.start(store, options.apply(ServerOptions.of("127.0.0.1", 0)));
    }

    /** On the engine that can be held. */
    static TestServer held(Consumer<StoreOptions.Builder> options) {
        return new TestServer(HeldEngine.open(options), UnaryOperator.identity());
    }

    /** On the reference engine. */
    static TestServer inMemory(Consumer<StoreOptions.Builder> store, UnaryOperator<ServerOptions> options) {
        return new TestServer(Levee.open("memory:", false, store), options);
    }

    /** With the table {@code runs}. */
    TestServer withRuns() throws Exception {
        HttpResponse<String> answer = send("PUT", "/v1/tables/runs", SPEC);
        if (answer.statusCode() != 201) {
            throw new AssertionError(answer.body());
        }
        return this;
    }

    URI uri(String path) {
        return URI.create(server.url() + path);
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(uri(path)).timeout(Duration.ofSeconds(30));
    }

    HttpResponse<String> get(String path, String... headers) throws Exception {
        HttpRequest.Builder request = request(path).GET();
        if (headers.length > 0) {
            request.headers(headers);
        }
        return text(request.build());
    }

    HttpResponse<String> send(String method, String path, String body, String... headers) throws Exception {
        return send(method, path, body.getBytes(StandardCharsets.UTF_8), headers);
    }

    HttpResponse<String> send(String method, String path, byte[] body, String... headers) throws Exception {
        HttpRequest.Builder request = request(path).method(method, HttpRequest.BodyPublishers.ofByteArray(body));
        if (headers.length > 0) {
            request.headers(headers);
        }
        return text(request.build());
    }

    HttpResponse<String> text(HttpRequest request) throws IOException, InterruptedException {
        return client.send(request, HttpResponse.BodyHandlers.ofString());
    }

    static Map<String, Object> json(HttpResponse<String> answer) {
        return Json.object(answer.body());
    }

    static String line(int id, String state) {
        return "{\"id\":\"r" + id + "\",\"at\":\"2026-05-20T10:00:" + String.format("%02d", id % 60)
                + "Z\",\"state\":\"" + state + "\",\"ms\":" + id + ".5,\"job ID\":" + id + ",\"args\":\"[" + id
                + "]\"}\n";
    }

    @Override
    public void close() {
        server.close();
        store.close();
    }
}
