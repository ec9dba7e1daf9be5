package io.levee.sqlite;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * What unlinked files of a store still take, because somebody of this process has them open: the temporary files of sorts, and partitions
 * that went while a query read them. No directory shows them; the links of the process's open descriptors do. Nothing is opened: see
 * {@link Handles}.
 */
final class Unlinked {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    /** In the name of a temporary file of SQLite. */
    private static final String SORT = "/etilqs_";

    private static final String DELETED = " (deleted)";

    private Unlinked() {}

    /** Bytes by part of the disk figure; empty where the system does not tell. */
    static Map<String, Long> below(StorePaths paths) {
        Map<String, Long> byPart = new TreeMap<>();
        String root = paths.root().toAbsolutePath().normalize() + "/";
        deleted(target -> target.startsWith(root))
                .forEach((target, bytes) ->
                        byPart.merge(target.contains(SORT) ? Volume.SORTS : Volume.UNLINKED, bytes, Long::sum));
        return byPart;
    }

    /** The files themselves, by the names that they had, without sorts; empty where the system does not tell. */
    static Set<Path> files(StorePaths paths) {
        String root = paths.root().toAbsolutePath().normalize() + "/";
        return deleted(target -> target.startsWith(root) && !target.contains(SORT)).keySet().stream()
                .map(target -> Path.of(target.substring(0, target.length() - DELETED.length())))
                .collect(Collectors.toSet());
    }

    /**
     * Bytes of the temporary files of all sorts of this process; 0 where the system does not tell. By their names, not by their directory:
     * that is the first store's of the process, and SQLite takes another one where it is gone.
     */
    static long sorts() {
        return deleted(target -> target.contains(SORT)).values().stream()
                .mapToLong(bytes -> bytes)
                .sum();
    }

    /** Those wanted, by the name that each had, with their bytes: once, however often one is open. */
    private static Map<String, Long> deleted(Predicate<String> wanted) {
        Map<String, Long> files = new HashMap<>();
        if (!Files.isDirectory(DESCRIPTORS)) {
            return files;
        }
        try (DirectoryStream<Path> links = Files.newDirectoryStream(DESCRIPTORS)) {
            for (Path link : links) {
                String target = target(link);
                if (target.endsWith(DELETED) && wanted.test(target) && !files.containsKey(target)) {
                    files.put(target, size(link));
                }
            }
        } catch (IOException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "open descriptors", e);
        }
        return files;
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
