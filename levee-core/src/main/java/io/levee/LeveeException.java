package io.levee;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What went wrong, with which values, and what to do: the only exception type that Levee throws on purpose.
 *
 * <p>Immutable but for {@link #with}, which is called while it is built.
 */
public class LeveeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final ErrorCode code;
    private final transient Map<String, Object> details = new LinkedHashMap<>();
    private @Nullable String hint;

    /**
     * An error without a cause.
     *
     * @param code the stable code
     * @param what what happened, with the values that matter
     */
    public LeveeException(ErrorCode code, String what) {
        this(code, what, null);
    }

    /**
     * An error that another one caused.
     *
     * @param code the stable code
     * @param what what happened, with the values that matter
     * @param cause the error underneath, or null
     */
    public LeveeException(ErrorCode code, String what, @Nullable Throwable cause) {
        super(what, cause);
        this.code = code;
    }

    /**
     * Adds a value that machines may read (a line number, a column, a limit).
     *
     * @param name the detail's name
     * @param value its value: text, a number or a boolean
     * @return this
     */
    public LeveeException with(String name, Object value) {
        details.put(name, value);
        return this;
    }

    /**
     * Says what the reader can do about it.
     *
     * @param hint one sentence
     * @return this
     */
    public LeveeException hint(String hint) {
        this.hint = hint;
        return this;
    }

    /** The stable code. */
    public ErrorCode code() {
        return code;
    }

    /** The values that matter, by name, in the order they were given. */
    public Map<String, Object> details() {
        return Collections.unmodifiableMap(details);
    }

    /** What to do about it, or null where nothing can be said. */
    public @Nullable String hint() {
        return hint;
    }

    /** What happened, without the code and the hint. */
    public String what() {
        return String.valueOf(super.getMessage());
    }

    /** Whether the same call may succeed later without being changed. */
    public boolean retryable() {
        return switch (code) {
            case QUEUE_FULL, PARTITION_BUSY, SERVER_UNAVAILABLE, DISK_FULL, VOLUME_READ_ONLY, DEADLINE, STORE_LOCKED ->
                true;
            default -> false;
        };
    }

    /** Code, what happened and what to do, in one line: {@code LEVEE-409 STORE_LOCKED: … Do: …}. */
    @Override
    public String getMessage() {
        return code.text() + ": " + what() + (hint == null ? "" : " Do: " + hint);
    }
}
