package io.levee.sqlite;

import com.sun.management.UnixOperatingSystemMXBean;
import io.levee.Bytes;
import io.levee.engine.Finding;
import io.levee.internal.memory.NativeHeap;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What an operator should know about the machine below a store of files. */
final class Surroundings {
    private static final Bytes LITTLE_SPACE = Bytes.gibi(1);

    /** Writers, idle readers and the partitions of one wide query, with their WAL and shm files. */
    private static final long FEW_FILES = 1024;

    private Surroundings() {}

    static List<Finding> look(StorePaths paths, Map<String, Object> pragmas) {
        List<Finding> findings = new ArrayList<>();
        findings.add(Finding.ok("SQLite " + Connections.version() + "; at least " + Connections.OLDEST_SQLITE
                + " is needed, older ones can lose committed data"));
        findings.add(volume(paths));
        pragmas.forEach((connection, settings) -> findings.add(Finding.ok(connection + ": " + settings)));
        if (!NativeHeap.canTrim()) {
            findings.add(Finding.warning(
                    "this JVM cannot give free native memory back to the system after a heavy query",
                    "use a JDK from 17.0.9 or 21.0.1 on, on Linux with glibc; else set MALLOC_TRIM_THRESHOLD_=131072"));
        }
        Finding files = openFiles();
        if (files != null) {
            findings.add(files);
        }
        return findings;
    }

    private static Finding volume(StorePaths paths) {
        try {
            FileStore volume = Files.getFileStore(paths.root());
            Bytes free = new Bytes(volume.getUsableSpace());
            String what = "the store lies on " + volume.type() + " with " + free + " free";
            if (Volume.network(volume.type())) {
                return Finding.problem(
                        what + ": locks and syncs of a network file system cannot be trusted",
                        "use a directory on a local disk");
            }
            return free.value() < LITTLE_SPACE.value()
                    ? Finding.warning(what, "free space, or set maxBytes: a full disk holds the writer up")
                    : Finding.ok(what);
        } catch (IOException e) {
            return Finding.problem(
                    "the volume of " + paths.root() + " cannot be looked at: " + e,
                    "check the directory's permissions");
        }
    }

    /** The limit of open files, where the system tells it. */
    private static @Nullable Finding openFiles() {
        if (!(ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system)) {
            return null;
        }
        long limit = system.getMaxFileDescriptorCount();
        String what = "this process may open " + limit + " files and has " + system.getOpenFileDescriptorCount();
        return limit < FEW_FILES
                ? Finding.warning(what, "raise the limit with ulimit -n " + FEW_FILES)
                : Finding.ok(what);
    }
}
