package io.levee.sqlite;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How many file descriptors this process may have. */
final class Descriptors {
    /** Where the system does not tell: what it gives at least, by custom. */
    private static final long USUAL = 1024;

    private Descriptors() {}

    /** The limit that counts for this process now. */
    static long limit() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/limits"))) {
                if (line.startsWith("Max open files")) {
                    String soft =
                            line.substring("Max open files".length()).strip().split("\\s+", -1)[0];
                    return soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(soft);
                }
            }
        } catch (IOException | NumberFormatException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "the limit of open files", e);
        }
        return USUAL;
    }
}
