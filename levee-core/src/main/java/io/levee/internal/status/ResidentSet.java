package io.levee.internal.status;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The memory that the operating system counts for this process: heap, native caches and code together. */
final class ResidentSet {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ResidentSet() {}

    /** Bytes, or 0 where the system does not tell. */
    static long bytes() {
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith("VmRSS:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
                }
            }
        } catch (IOException | NumberFormatException e) {
            return 0;
        }
        return 0;
    }
}
