package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.io.QuietException;
import org.jspecify.annotations.Nullable;

/** Turns every failure into one form: {@code application/problem+json} with a stable code. */
final class Problems {
    static final String CONTENT_TYPE = "application/problem+json";

    private static final System.Logger LOG = System.getLogger("io.levee.server");

    private Problems() {}

    /**
     * An error answer.
     *
     * @param status the HTTP status
     * @param body its members: {@code code, title, status, detail, hint} and the error's own values
     * @param headers headers that belong to it, such as {@code Allow}
     */
    record Answer(int status, Map<String, @Nullable Object> body, Map<String, String> headers) {}

    static Answer of(Throwable error) {
        if (error instanceof HttpProblem problem) {
            return new Answer(
                    problem.status(),
                    body(problem.code(), problem.status(), problem.detail(), problem.hint()),
                    problem.headers());
        }
        if (error instanceof LeveeException levee) {
            return of(levee);
        }
        if (error instanceof HttpException http) {
            return plain(http.getCode(), String.valueOf(http.getReason()));
        }
        LOG.log(System.Logger.Level.WARNING, "a request failed", error);
        return of(new LeveeException(ErrorCode.INTERNAL, "the request failed: " + error)
                .hint("see the server's log; please report it"));
    }

    /** An error answer for a status that the HTTP layer itself decided on. */
    static Answer plain(int status, String reason) {
        String name = status >= 500 ? "SERVER_ERROR" : "BAD_REQUEST";
        return new Answer(status, body("LEVEE-" + status + " " + name, status, reason, null), Map.of());
    }

    /** Whether nobody is left to answer: the client has gone, or its connection broke. */
    static boolean clientGone(Throwable error) {
        for (Throwable e = error; e != null; e = e.getCause()) {
            // A LeveeException tells of the store's own input and output, which is to be answered.
            if (e instanceof LeveeException) {
                return false;
            }
            if (e instanceof QuietException || e instanceof IOException) {
                return true;
            }
        }
        return false;
    }

    private static Answer of(LeveeException error) {
        int status = error.code().status();
        Map<String, @Nullable Object> body = body(error.code().text(), status, error.what(), error.hint());
        error.details().forEach(body::putIfAbsent);
        if (status >= 500 && !error.retryable()) {
            LOG.log(System.Logger.Level.WARNING, "a request failed", error);
        }
        boolean later = status == 429 || status == 503;
        return new Answer(status, body, later ? Map.of("Retry-After", "1") : Map.of());
    }

    private static Map<String, @Nullable Object> body(String code, int status, String detail, @Nullable String hint) {
        Map<String, @Nullable Object> body = new LinkedHashMap<>();
        body.put("code", code);
        body.put("title", title(code));
        body.put("status", status);
        body.put("detail", detail);
        if (hint != null) {
            body.put("hint", hint);
        }
        return body;
    }

    /** {@code LEVEE-429 QUEUE_FULL} becomes {@code Queue full}. */
    private static String title(String code) {
        String words = code.substring(code.indexOf(' ') + 1).replace('_', ' ').toLowerCase(Locale.ROOT);
        return Character.toUpperCase(words.charAt(0)) + words.substring(1);
    }
}
