package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.spec.Durations;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.NanoTime;
import org.jspecify.annotations.Nullable;

/** One request and its answer. Used by the one thread that handles it. */
final class Exchange {
    static final String JSON = "application/json";

    /** Answers are sent once this much is ready, so that an error before it is still a whole error answer. */
    private static final int LATE_COMMIT_BYTES = 64 << 10;

    private final Request request;
    private final Response response;
    private final Map<String, String> variables;
    private final List<String> rest;
    private boolean answered;
    private @Nullable Callback detached;
    private final Callback callback;

    Exchange(Request request, Response response, Callback callback, Map<String, String> variables, List<String> rest) {
        this.request = request;
        this.response = response;
        this.callback = callback;
        this.variables = variables;
        this.rest = rest;
    }

    Request request() {
        return request;
    }

    Response response() {
        return response;
    }

    /** A value out of the path, such as the table of {@code /v1/tables/{t}}. */
    String variable(String name) {
        String value = variables.get(name);
        if (value == null) {
            throw new IllegalStateException("the route has no {" + name + "}");
        }
        return value;
    }

    /** The segments that {@code {...}} stands for, decoded. */
    List<String> rest() {
        return rest;
    }

    Params params(String... known) {
        return Params.of(request, known);
    }

    @Nullable
    String header(String name) {
        return request.getHeaders().get(name);
    }

    /**
     * What is left of the deadline that the client asked for by {@code Levee-Deadline}, where it is shorter than the server's: waiting for
     * a turn counts.
     */
    Duration deadline(Duration longest) {
        Duration left = asked(longest).minusNanos(NanoTime.since(request.getBeginNanoTime()));
        if (left.isZero() || left.isNegative()) {
            throw new LeveeException(ErrorCode.DEADLINE, "the deadline passed before the request had its turn")
                    .hint("GET /v1/status says under http what the server works on");
        }
        return left;
    }

    private Duration asked(Duration longest) {
        String asked = header("Levee-Deadline");
        if (asked == null) {
            return longest;
        }
        Duration deadline = Durations.parse(asked);
        if (deadline.isZero() || deadline.isNegative()) {
            throw HttpProblem.badRequest("Levee-Deadline must be longer than 0 (got '" + asked + "')", null);
        }
        return deadline.compareTo(longest) < 0 ? deadline : longest;
    }

    /** Answers with a JSON value. */
    void json(int status, @Nullable Object value) throws IOException {
        bytes(status, JSON, Json.bytes(value));
    }

    /** Answers with bytes. */
    void bytes(int status, String contentType, byte[] body) throws IOException {
        answered = true;
        response.setStatus(status);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, contentType);
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
        Content.Sink.write(response, true, ByteBuffer.wrap(body));
    }

    /** Answers without a body. */
    void empty(int status) throws IOException {
        answered = true;
        response.setStatus(status);
        Content.Sink.write(response, true, ByteBuffer.allocate(0));
    }

    /** Begins an answer of unknown length that is written to {@link #response} piece by piece. */
    void start(String contentType) {
        answered = true;
        response.setStatus(200);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, contentType);
    }

    /**
     * Starts an answer of unknown length. Writing waits for the client, so a slow one holds back the query and not memory.
     * To be closed when the answer is whole, and left open when it is not: the client then sees that it was cut off.
     */
    OutputStream stream(String contentType) {
        start(contentType);
        return new BufferedOutputStream(Content.Sink.asOutputStream(response), LATE_COMMIT_BYTES);
    }

    /** Ends an answer that was written to {@link #response} piece by piece. */
    void end() throws IOException {
        answered = true;
        Content.Sink.write(response, true, ByteBuffer.allocate(0));
    }

    /** Closes the connection of a client that does not take its answer; a write that waits for it then fails. */
    void cut(String why) {
        request.getConnectionMetaData().getConnection().getEndPoint().close(new TimeoutException(why));
    }

    /** Takes the answer out of the handler's hands: whoever gets the callback has to complete it. */
    Callback detach() {
        detached = callback;
        answered = true;
        return callback;
    }

    boolean isDetached() {
        return detached != null;
    }

    boolean isAnswered() {
        return answered;
    }
}
