package io.levee.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * The words behind a benchmark's name: {@code --name value} pairs.
 *
 * @param words all of them
 */
record Options(List<String> words) {
    static Options of(String[] words) {
        return new Options(List.copyOf(Arrays.asList(words)));
    }

    String text(String name, String fallback) {
        int at = words.indexOf(name);
        return at < 0 || at + 1 == words.size() ? fallback : words.get(at + 1);
    }

    int number(String name, int fallback) {
        return Integer.parseInt(text(name, String.valueOf(fallback)));
    }

    /** Numbers between commas. */
    int[] numbers(String name, String fallback) {
        return Arrays.stream(text(name, fallback).split(",", -1))
                .mapToInt(Integer::parseInt)
                .toArray();
    }

    /** Where stores are made: of {@code --dir}, else the temporary directory. */
    Path directory() throws IOException {
        return Files.createDirectories(Path.of(text("--dir", System.getProperty("java.io.tmpdir"))));
    }

    /** A directory of its own. */
    Path fresh() throws IOException {
        return Files.createTempDirectory(directory(), "bench");
    }

    static void delete(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
