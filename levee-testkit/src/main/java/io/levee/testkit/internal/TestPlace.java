package io.levee.testkit.internal;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where tests have their directories: in memory, where the machine has room for that, else where temporary files are. A sync takes ten
 * milliseconds on a common disk and microseconds there, and a test run makes some ten thousand of them for the sake of nothing: no test can
 * cut the power, what a killed process had written is there in either, and whether each sync is made is asked by a shim and not by the
 * disk. {@code -Dlevee.tests.directory=…} names another place.
 *
 * <p>One directory for each JVM, which holds a lock in it: what a killed one left there is removed by the next, as memory does not come
 * back by itself.
 */
public final class TestPlace {
    private static final Path MEMORY = Path.of("/dev/shm");
    private static final String PREFIX = "levee-tests-";
    private static final String LOCK = "lock";
    /** Less than that may be a container's, or be needed otherwise: the tests of two JVMs have some hundred MiB at a time. */
    private static final long ENOUGH = 6L << 30;

    private static @Nullable Path place;
    /** Kept for as long as this JVM lives, with the channels of all that were looked at: to close one would let go of the lock. */
    private static final List<FileLock> HELD = new ArrayList<>();

    private TestPlace() {}

    /** The place; the first call makes it. */
    public static synchronized Path directory() throws IOException {
        Path known = place;
        if (known == null) {
            String named = System.getProperty("levee.tests.directory");
            known = named != null
                    ? Files.createDirectories(Path.of(named))
                    : hasRoom() ? inMemory() : Path.of(System.getProperty("java.io.tmpdir"));
            place = known;
        }
        return known;
    }

    private static boolean hasRoom() {
        try {
            // Where programs may not be run, SQLite's library and the fault shim cannot be loaded from.
            boolean fit = Files.readAllLines(Path.of("/proc/mounts"), StandardCharsets.UTF_8).stream()
                    .map(line -> line.split(" ", -1))
                    .anyMatch(mount -> mount[1].equals(MEMORY.toString())
                            && mount[2].equals("tmpfs")
                            && !List.of(mount[3].split(",", -1)).contains("noexec"));
            return fit
                    && Files.isWritable(MEMORY)
                    && Files.getFileStore(MEMORY).getUsableSpace() >= ENOUGH
                    && available() >= ENOUGH;
        } catch (IOException e) {
            return false;
        }
    }

    /** Bytes that programs can have without swapping; none where nobody says. */
    private static long available() throws IOException {
        return Files.readAllLines(Path.of("/proc/meminfo"), StandardCharsets.UTF_8).stream()
                .filter(line -> line.startsWith("MemAvailable:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
                .findFirst()
                .orElse(0);
    }

    private static Path inMemory() throws IOException {
        Path made = Files.createTempDirectory(MEMORY, PREFIX);
        Path file = made.resolve(LOCK);
        made.toFile().deleteOnExit();
        file.toFile().deleteOnExit();
        // Under its name only once it is locked: the other test JVM, which starts at the same moment, must not take it
        // for one that is left.
        Path making = made.resolve(LOCK + ".making");
        if (!lock(making)) {
            throw new IOException("another process has the lock of a file that it cannot know: " + making);
        }
        Files.move(making, file);
        List<Path> others = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(MEMORY, PREFIX + "*")) {
            all.forEach(others::add);
        }
        others.remove(made);
        for (Path other : others) {
            removeIfLeft(other);
        }
        return made;
    }

    /** Removes the directory of a JVM that is gone. One that is only being made has no lock file yet, and stays. */
    private static void removeIfLeft(Path other) {
        try {
            if (!Files.exists(other.resolve(LOCK)) || !lock(other.resolve(LOCK))) {
                return;
            }
            try (Stream<Path> tree = Files.walk(other)) {
                for (Path file : tree.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            // Another user's, or another JVM removes it too: neither keeps this one's tests from running.
            System.getLogger("io.levee.testkit").log(System.Logger.Level.DEBUG, "removing " + other, e);
        }
    }

    private static boolean lock(Path file) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock();
        if (lock == null) {
            channel.close();
            return false;
        }
        HELD.add(lock);
        return true;
    }
}
