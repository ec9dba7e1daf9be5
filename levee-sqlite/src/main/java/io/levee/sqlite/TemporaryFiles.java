package io.levee.sqlite;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What SQLite's temporary files take. They are unlinked as soon as they are made, so no directory shows them: the links of the process's
 * open descriptors do. Nothing is opened: see {@link Handles}.
 */
final class TemporaryFiles {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final String DELETED = " (deleted)";

    private TemporaryFiles() {}

    /** Bytes of the deleted files of a directory that this process has open; 0 where the system does not tell. */
    static long bytes(@Nullable Path directory) {
        if (directory == null || !Files.isDirectory(DESCRIPTORS)) {
            return 0;
        }
        long bytes = 0;
        try (DirectoryStream<Path> links = Files.newDirectoryStream(DESCRIPTORS)) {
            String prefix = real(directory) + "/";
            for (Path link : links) {
                bytes += size(link, prefix);
            }
        } catch (IOException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "open descriptors", e);
        }
        return bytes;
    }

    private static String real(Path directory) throws IOException {
        return directory.toRealPath().toString();
    }

    private static long size(Path link, String prefix) {
        try {
            String target = Files.readSymbolicLink(link).toString();
            return target.startsWith(prefix) && target.endsWith(DELETED) ? Files.size(link) : 0;
        } catch (IOException e) {
            // It was closed meanwhile.
            return 0;
        }
    }
}
