package io.levee.internal.write;

import io.levee.ErrorCode;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What keeps records of one table from being written.
 *
 * @param table the table
 * @param code which error
 * @param what the error's text
 * @param hint what to do about it; null where nothing can be said
 * @param sinceMicros when it began, without a success since
 * @param partly whether other records of the table could be written with the same try
 * @param lastNanos when it was met last, by {@link io.levee.internal.time.MonotonicClock#SYSTEM}
 */
public record Trouble(
        String table,
        ErrorCode code,
        String what,
        @Nullable String hint,
        long sinceMicros,
        boolean partly,
        long lastNanos) {
    private static final Set<ErrorCode> OF_THE_STORE = Set.of(
            ErrorCode.DISK_FULL,
            ErrorCode.VOLUME_READ_ONLY,
            ErrorCode.SERVER_UNAVAILABLE,
            ErrorCode.IO_FAILED,
            ErrorCode.INTERNAL);

    /** What it is, and what to do about it, as in {@link io.levee.LeveeException#getMessage}. */
    public String text() {
        return what + (hint == null ? "" : " Do: " + hint);
    }

    /** Whether it is the whole store's, so that no record can be written while it lasts. */
    public boolean ofTheStore() {
        return !partly && OF_THE_STORE.contains(code);
    }
}
