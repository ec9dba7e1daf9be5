package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How the demo runs.
 *
 * @param port the port on this machine, 0 for any free one
 * @param duration how long it runs; null: until the process is told to end
 * @param directory an absent or empty directory for the store, which stays; null: a temporary one, deleted at the end
 * @param messages hears what happens, a line each, the address first; called by the thread that runs the demo
 */
public record DemoOptions(
        int port, @Nullable Duration duration, @Nullable Path directory, Consumer<String> messages) {
    /**
     * Checks the duration.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for one that is not longer than 0
     */
    public DemoOptions {
        if (duration != null && (duration.isZero() || duration.isNegative())) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "the demo must run longer than 0 (got " + duration + ")");
        }
    }

    /** On the default port, in a temporary directory, until the process is told to end. */
    public static DemoOptions defaults(Consumer<String> messages) {
        return new DemoOptions(ServerOptions.DEFAULT_PORT, null, null, messages);
    }
}
