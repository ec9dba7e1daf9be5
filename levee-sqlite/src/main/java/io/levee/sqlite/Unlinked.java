package io.levee.sqlite;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What unlinked files of a store still take, because somebody of this process has them open: the temporary files of sorts, and partitions
 * that went while a query read them. No directory shows them; the links of the process's open descriptors do. Nothing is opened: see
 * {@link Handles}.
 */
final class Unlinked {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final String DELETED = " (deleted)";

    private Unlinked() {}

    /** Bytes by part of the disk figure; empty where the system does not tell. */
    static Map<String, Long> below(StorePaths paths) {
        Map<String, Long> byPart = new TreeMap<>();
        if (!Files.isDirectory(DESCRIPTORS)) {
            return byPart;
        }
        String root = paths.root().toAbsolutePath().normalize() + "/";
        Set<String> seen = new HashSet<>();
        try (DirectoryStream<Path> links = Files.newDirectoryStream(DESCRIPTORS)) {
            for (Path link : links) {
                String target = target(link);
                if (target.startsWith(root) && target.endsWith(DELETED) && seen.add(target)) {
                    byPart.merge(target.contains("/etilqs_") ? Volume.SORTS : Volume.UNLINKED, size(link), Long::sum);
                }
            }
        } catch (IOException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "open descriptors", e);
        }
        return byPart;
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            // It was closed meanwhile.
            return "";
        }
    }

    private static long size(Path link) {
        try {
            return Files.size(link);
        } catch (IOException e) {
            return 0;
        }
    }
}
