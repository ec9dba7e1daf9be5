package io.levee.testkit;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.opentest4j.TestAbortedException;

/**
 * What a test needs from its machine. A missing tool aborts the test with the reason; with {@code LEVEE_REQUIRE_TOOLS=1} in the
 * environment it fails it, so that a build that is meant to run everything cannot skip in silence.
 */
public final class Requirements {
    private Requirements() {}

    /**
     * A program on the PATH.
     *
     * @return its file
     */
    public static Path tool(String name) {
        String path = System.getenv("PATH");
        for (String directory : (path == null ? "" : path).split(File.pathSeparator, -1)) {
            Path file = Path.of(directory).resolve(name);
            if (!directory.isEmpty() && Files.isExecutable(file)) {
                return file;
            }
        }
        throw missing("the program '" + name + "' is not on the PATH");
    }

    /** The directory of full data sets. Only ever aborts: a user's clone has none. */
    public static Path sharedData() {
        return SharedData.directory()
                .orElseThrow(() -> new TestAbortedException("needs ../shared/data beside the repository"));
    }

    /** A set of {@link #sharedData}. Only ever aborts. */
    public static Path sharedData(String name) {
        return SharedData.find(name)
                .orElseThrow(() -> new TestAbortedException("needs ../shared/data/" + name + ".ndjson.gz"));
    }

    /**
     * A small file system of its own, to be filled up. Needs the right to mount.
     *
     * @param directory an empty directory
     * @param bytes its size
     */
    public static Mount tmpfs(Path directory, long bytes) {
        Path mount = tool("mount");
        tool("umount");
        if (run(mount.toString(), "-t", "tmpfs", "-o", "size=" + bytes, "levee-test", directory.toString()) != 0) {
            throw missing("a tmpfs cannot be mounted here (not root?)");
        }
        return new Mount(directory);
    }

    /** A mounted file system; closing unmounts it. */
    public record Mount(Path directory) implements AutoCloseable {
        @Override
        public void close() {
            run("umount", "-l", directory.toString());
        }
    }

    private static int run(String... command) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return process.waitFor(20, TimeUnit.SECONDS) ? process.exitValue() : -1;
        } catch (IOException e) {
            return -1;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return -1;
        }
    }

    private static RuntimeException missing(String what) {
        if ("1".equals(System.getenv("LEVEE_REQUIRE_TOOLS"))) {
            throw new AssertionError(what + ", and LEVEE_REQUIRE_TOOLS=1 forbids to skip");
        }
        return new TestAbortedException(what);
    }
}
