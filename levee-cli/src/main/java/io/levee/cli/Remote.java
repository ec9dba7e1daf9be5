package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscribers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import org.jspecify.annotations.Nullable;

/** A running server, asked over HTTP. Answers have the same keys as the local commands' JSON. */
final class Remote {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT_TIMEOUT)
            .build();
    private final String base;
    private final @Nullable String token;
    private @Nullable String deadline;

    Remote(String base, @Nullable String token) {
        this.base = base.endsWith("/") ? base.substring(0, base.length() - 1) : base;
        this.token = token;
    }

    /** A path of these parts, each encoded. */
    static String path(String... parts) {
        StringBuilder path = new StringBuilder();
        for (String part : parts) {
            path.append('/').append(encode(part));
        }
        return path.toString();
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** Sends the deadline of the command with every request from now on. */
    void deadline(String text) {
        deadline = text;
    }

    Map<String, @Nullable Object> get(String path, Map<String, ? extends @Nullable Object> params)
            throws InterruptedException {
        return send("GET", path, params, null);
    }

    /** Sends a request and reads the JSON object that answers it. */
    Map<String, @Nullable Object> send(
            String method, String path, Map<String, ? extends @Nullable Object> params, @Nullable String body)
            throws InterruptedException {
        BodyPublisher publisher = body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body);
        return object(exchange(request(path, params)
                .method(method, publisher)
                .header("Content-Type", "application/json")
                .build()));
    }

    /** Sends a stream of records. */
    Map<String, @Nullable Object> upload(
            String path, Map<String, ? extends @Nullable Object> params, String type, InputStream in)
            throws InterruptedException {
        return object(exchange(request(path, params)
                .POST(BodyPublishers.ofInputStream(() -> in))
                .header("Content-Type", type)
                .build()));
    }

    /** Hands an answer on to standard output as it comes. */
    void copy(String path, Map<String, ? extends @Nullable Object> params, Console console)
            throws InterruptedException {
        try (InputStream in = exchange(request(path, params).GET().build()).body()) {
            in.transferTo(console.out());
            console.print("");
        } catch (IOException e) {
            throw unreachable(e);
        }
    }

    /**
     * Begins to read an event stream.
     *
     * @param lines gets its lines as they come; nothing, when the server refuses
     * @return ends with the stream, or at once with the refusal: see {@link #check}
     */
    CompletableFuture<HttpResponse<InputStream>> follow(
            String path, Map<String, ? extends @Nullable Object> params, Flow.Subscriber<String> lines) {
        HttpRequest request =
                request(path, params).setHeader("Accept", "text/event-stream").build();
        return client.sendAsync(
                request,
                info -> info.statusCode() >= 400
                        ? BodySubscribers.ofInputStream()
                        : BodySubscribers.fromLineSubscriber(
                                lines, end -> InputStream.nullInputStream(), StandardCharsets.UTF_8, null));
    }

    private HttpRequest.Builder request(String path, Map<String, ? extends @Nullable Object> params) {
        StringBuilder uri = new StringBuilder(base).append(path);
        char before = '?';
        for (Map.Entry<String, ? extends @Nullable Object> param : params.entrySet()) {
            if (param.getValue() != null) {
                uri.append(before)
                        .append(param.getKey())
                        .append('=')
                        .append(encode(param.getValue().toString()));
                before = '&';
            }
        }
        HttpRequest.Builder request;
        try {
            request = HttpRequest.newBuilder(URI.create(uri.toString())).header("Accept", "application/json");
        } catch (IllegalArgumentException e) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "'" + base + "' is no address of a server", e)
                    .hint("give it as --url http://127.0.0.1:7311");
        }
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        return deadline == null ? request : request.header("Levee-Deadline", deadline);
    }

    private HttpResponse<InputStream> exchange(HttpRequest request) throws InterruptedException {
        try {
            HttpResponse<InputStream> response = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
            check(response);
            return response;
        } catch (IOException e) {
            throw unreachable(e);
        }
    }

    /** Throws the error that an answer is, if it is one. */
    static void check(HttpResponse<InputStream> response) {
        if (response.statusCode() >= 400) {
            throw problem(response);
        }
    }

    LeveeException unreachable(IOException e) {
        String why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return new LeveeException(ErrorCode.IO_FAILED, "no answer from " + base + ": " + why, e)
                .with("url", base)
                .hint("is the server running? levee serve starts one; --store DIR works on files");
    }

    private static Map<String, @Nullable Object> object(HttpResponse<InputStream> response) {
        try (InputStream in = response.body()) {
            return Json.object(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException | IllegalArgumentException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the answer of " + response.uri() + " is no JSON object", e);
        }
    }

    /** The server's error as the same error here. */
    private static LeveeException problem(HttpResponse<InputStream> response) {
        Map<String, @Nullable Object> problem;
        try {
            problem = object(response);
        } catch (LeveeException e) {
            return new LeveeException(ErrorCode.IO_FAILED, response.uri() + " answered " + response.statusCode(), e)
                    .hint("is that address a Levee server?");
        }
        return problem(problem);
    }

    /** An error in its JSON form. */
    static LeveeException problem(Map<String, @Nullable Object> problem) {
        String code = String.valueOf(problem.get("code"));
        String name = code.substring(code.indexOf(' ') + 1);
        ErrorCode known = ErrorCode.BAD_VALUE;
        for (ErrorCode candidate : ErrorCode.values()) {
            if (candidate.name().equals(name)) {
                known = candidate;
            }
        }
        LeveeException error = new LeveeException(known, String.valueOf(problem.get("detail")));
        for (Map.Entry<String, @Nullable Object> entry : problem.entrySet()) {
            Object value = entry.getValue();
            if (value != null
                    && !java.util.Set.of("type", "code", "title", "status", "detail", "hint")
                            .contains(entry.getKey())) {
                error.with(entry.getKey(), value);
            }
        }
        return problem.get("hint") instanceof String hint ? error.hint(hint) : error;
    }
}
