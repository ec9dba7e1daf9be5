package io.levee.sqlite;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What SQLite's temporary files take. They are unlinked as soon as they are made, so no directory shows them: the links of the process's
 * open descriptors do. Nothing is opened: see {@link Handles}.
 */
final class TemporaryFiles {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final String NAME = "/etilqs_";
    private static final String DELETED = " (deleted)";

    private TemporaryFiles() {}

    /**
     * Bytes of SQLite's deleted temporary files that this process has open; 0 where the system does not tell. By their names, not by their
     * directory: that is the first store's of the process, and SQLite takes another one where it is gone.
     */
    static long bytes() {
        if (!Files.isDirectory(DESCRIPTORS)) {
            return 0;
        }
        long bytes = 0;
        try (DirectoryStream<Path> links = Files.newDirectoryStream(DESCRIPTORS)) {
            for (Path link : links) {
                bytes += size(link);
            }
        } catch (IOException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "open descriptors", e);
        }
        return bytes;
    }

    private static long size(Path link) {
        try {
            String target = Files.readSymbolicLink(link).toString();
            return target.contains(NAME) && target.endsWith(DELETED) ? Files.size(link) : 0;
        } catch (IOException e) {
            // It was closed meanwhile.
            return 0;
        }
    }
}
