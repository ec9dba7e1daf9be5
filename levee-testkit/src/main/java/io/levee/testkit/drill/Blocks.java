package io.levee.testkit.drill;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** What files take on the file system, as {@code find} tells it: allocated blocks, which Java cannot ask for. */
final class Blocks {
    private static final long UNIT = 512;

    private Blocks() {}

    /** A file: its inode, which a rename keeps, what it takes, and its path below the directory. */
    record Taken(String inode, long bytes, String path) {}

    /** All regular files below a directory. One that goes meanwhile is left out. */
    static List<Taken> of(Path directory) {
        try {
            Process process = new ProcessBuilder("find", directory.toString(), "-type", "f", "-printf", "%i %b %P\\n")
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            process.getOutputStream().close();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return said.lines()
                    .map(line -> line.split(" ", 3))
                    .map(words -> new Taken(words[0], Long.parseLong(words[1]) * UNIT, words[2]))
                    .toList();
        } catch (IOException e) {
            throw new IllegalStateException("this machine has no 'find', which tells what files take", e);
        }
    }

    /** What all take together. */
    static long sum(Path directory) {
        return of(directory).stream().mapToLong(Taken::bytes).sum();
    }

    /** By inode, those that a test of the path lets through. */
    static Map<String, Long> byInode(Path directory, Predicate<String> which) {
        Map<String, Long> files = new LinkedHashMap<>();
        of(directory).stream().filter(file -> which.test(file.path)).forEach(file -> files.put(file.inode, file.bytes));
        return files;
    }

    /** What files of before gave back: by shrinking, or by going. What has grown meanwhile is another matter. */
    static long freed(Map<String, Long> before, Map<String, Long> after) {
        long sum = 0;
        for (Map.Entry<String, Long> file : before.entrySet()) {
            sum += Math.max(0, file.getValue() - after.getOrDefault(file.getKey(), 0L));
        }
        return sum;
    }
}
