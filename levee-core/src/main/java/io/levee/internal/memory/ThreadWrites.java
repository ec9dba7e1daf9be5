package io.levee.internal.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What one thread has written to files since this was made on it, as the kernel counts it: for a query thread that is what its statement
 * put into temporary files, which have no names that would tell whose they are. Any thread may ask.
 */
public final class ThreadWrites {
    private static final Path SELF = Path.of("/proc/thread-self");
    private static final ThreadLocal<@Nullable Path> COUNTERS = ThreadLocal.withInitial(ThreadWrites::counters);

    private final @Nullable Path counters;
    private final long before;

    private ThreadWrites(@Nullable Path counters) {
        this.counters = counters;
        this.before = read(counters);
    }

    /** Begins to count what the calling thread writes. */
    public static ThreadWrites begin() {
        return new ThreadWrites(COUNTERS.get());
    }

    private static @Nullable Path counters() {
        try {
            return Path.of("/proc").resolve(Files.readSymbolicLink(SELF)).resolve("io");
        } catch (IOException | UnsupportedOperationException e) {
            return null;
        }
    }

    /** Bytes; 0 where the system does not tell. */
    public long bytes() {
        return Math.max(0, read(counters) - before);
    }

    private static long read(@Nullable Path counters) {
        if (counters == null) {
            return 0;
        }
        try {
            for (String line : Files.readAllLines(counters)) {
                if (line.startsWith("wchar: ")) {
                    return Long.parseLong(line.substring(7).trim());
                }
            }
        } catch (IOException | NumberFormatException e) {
            return 0;
        }
        return 0;
    }
}
