package io.levee.server;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A refusal that only HTTP knows (no such route, wrong method, foreign origin). What the store refuses is a
 * {@link io.levee.LeveeException}; both become the same form of answer.
 */
final class HttpProblem extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String name;
    private final @Nullable String hint;
    private final transient Map<String, String> headers = new LinkedHashMap<>();

    /**
     * A refusal.
     *
     * @param status the HTTP status
     * @param name the stable name that follows {@code LEVEE-status}
     * @param detail what happened, with the values that matter
     * @param hint what to do about it
     */
    HttpProblem(int status, String name, String detail, @Nullable String hint) {
        super(detail, null, false, false);
        this.status = status;
        this.name = name;
        this.hint = hint;
    }

    HttpProblem header(String header, String value) {
        headers.put(header, value);
        return this;
    }

    static HttpProblem badRequest(String detail, @Nullable String hint) {
        return new HttpProblem(400, "BAD_REQUEST", detail, hint);
    }

    int status() {
        return status;
    }

    String code() {
        return "LEVEE-" + status + " " + name;
    }

    String detail() {
        return String.valueOf(getMessage());
    }

    @Nullable
    String hint() {
        return hint;
    }

    Map<String, String> headers() {
        return headers;
    }
}
