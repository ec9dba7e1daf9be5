package io.levee.internal.write;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The directory of one store's spill files, locked while the store is open. */
final class SpillDirectory {
    private final Path path;
    private final FileChannel lockFile;

    /**
     * Makes and locks it.
     *
     * @throws LeveeException {@code STORE_LOCKED} where another store spills into it, {@code IO_FAILED}
     */
    SpillDirectory(Path path) {
        this.path = path;
        try {
            Files.createDirectories(path);
            // Closing it gives the lock back; it is opened once, or an early close would do so unnoticed (the law of
            // one door).
            FileChannel opened =
                    FileChannel.open(path.resolve("spill.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (lock(opened) == null) {
                opened.close();
                throw new LeveeException(ErrorCode.STORE_LOCKED, "another store spills into " + path)
                        .hint("give each store a directory of its own: Overflow.spill(limit, directory)");
            }
            lockFile = opened;
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "cannot spill into " + path + ": " + e, e);
        }
    }

    private static @Nullable FileLock lock(FileChannel file) throws IOException {
        try {
            return file.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    /** Whether an earlier life left records in a directory. */
    static boolean holdsRecords(Path path) {
        try {
            if (!Files.isDirectory(path)) {
                return false;
            }
            for (Path file : files(path)) {
                if (SpillSegment.holdsRecords(file)) {
                    return true;
                }
            }
            return false;
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "cannot list " + path + ": " + e, e);
        }
    }

    /** The files that are there, the oldest first. */
    List<Path> files() throws IOException {
        return files(path);
    }

    private static List<Path> files(Path path) throws IOException {
        try (Stream<Path> all = Files.list(path)) {
            return all.filter(file -> file.getFileName().toString().matches("spill-[0-9]{19}\\.log"))
                    .sorted()
                    .toList();
        }
    }

    /** Where the file whose first position this is goes. */
    Path file(long firstPosition) {
        return path.resolve(String.format(Locale.ROOT, "spill-%019d.log", firstPosition));
    }

    /** Gives the lock back. Returns the error, or null. */
    @Nullable
    IOException close() {
        try {
            lockFile.close();
            return null;
        } catch (IOException e) {
            return e;
        }
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
