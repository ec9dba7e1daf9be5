package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The files in the trash: how they come there, and how their space is given back in steps. Guarded by the {@link Trash}. */
final class TrashFiles {
    /** What one step frees: with {@code discard} a virtual disk is busy with it for 2 to 5 ms (ext4, 2026-11). */
    private static final long STEP_BYTES = 16L << 20;

    /** However much waits is freed in so many steps. */
    private static final int MOST_STEPS = 2048;

    /** Most files that one step unlinks. */
    private static final int STEP_FILES = 100;

    private final StorePaths paths;
    private final ReadHandles readers;
    private @Nullable Path cutting;

    TrashFiles(StorePaths paths, ReadHandles readers) {
        this.paths = paths;
        this.readers = readers;
    }

    /** Moves the file of a partition that nobody reads there any more. */
    void move(Partition partition) {
        readers.evict(paths.partition(partition));
        move(partition.file());
    }

    /** Moves a file by the path that the catalog has for it. */
    void move(String known) {
        Path file = paths.root().resolve(known);
        Path target = paths.trash().resolve(StorePaths.flat(known));
        try {
            if (Files.exists(file)) {
                Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
            }
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, file + " cannot be moved to the trash: " + e, e)
                    .hint("check the directory's permissions; it is tried again");
        }
    }

    /**
     * What is in the trash, by name.
     *
     * @param taken the names of what is in somebody's hands
     */
    List<Path> all(Set<String> taken) throws IOException {
        try (Stream<Path> files = Files.list(paths.trash())) {
            // The rest of a file that is being cut goes first.
            return files.filter(file -> !taken.contains(name(file)))
                    .sorted(Comparator.comparing((Path file) -> !file.equals(cutting))
                            .thenComparing(TrashFiles::name))
                    .toList();
        }
    }

    static String name(Path file) {
        return String.valueOf(file.getFileName());
    }

    /** Frees one step of these files, the first ones first. */
    void freeStep(List<Path> due) throws IOException {
        long waiting = due.stream().mapToLong(Partition::size).sum();
        long left = Math.max(STEP_BYTES, waiting / MOST_STEPS);
        for (Path file : due.subList(0, Math.min(STEP_FILES, due.size()))) {
            long size = Partition.size(file);
            if (size > left) {
                cutOrUnlink(file, size - left);
                return;
            }
            Files.deleteIfExists(file);
            left -= size;
        }
    }

    /** Cuts a file to a length where nobody can miss the rest of it; else all of it goes. */
    private void cutOrUnlink(Path file, long length) throws IOException {
        if (file.equals(cutting) || nobodyReads(file)) {
            String name = name(file);
            int split = name.indexOf('~');
            Path before = split < 0
                    ? file
                    : paths.tables().resolve(name.substring(0, split)).resolve(name.substring(split + 1));
            boolean cut = Handles.visit(before, file, true, false, channel -> truncate(channel, length))
                    .value();
            if (cut) {
                // From now on it is no database: nobody can open it, and SQLite need not be asked again.
                cutting = file;
                return;
            }
        }
        Files.deleteIfExists(file);
    }

    private static boolean truncate(FileChannel channel, long size) throws IOException {
        channel.truncate(size);
        return true;
    }

    /** A reader of another process would meet a cut file: only one whom SQLite gives an exclusive lock may cut. */
    private static boolean nobodyReads(Path file) {
        try {
            if (links(file) != 1) {
                return false;
            }
            Connection connection = Connections.exclusive(file);
            try {
                Sqlite.run(connection, "BEGIN EXCLUSIVE");
                Sqlite.run(connection, "ROLLBACK");
                return true;
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException | IOException e) {
            // Locked, or cut already so that it is no database any more; a plain unlink is right for both.
            return false;
        }
    }

    private static int links(Path file) throws IOException {
        return Files.getAttribute(file, "unix:nlink") instanceof Integer links ? links : 0;
    }
}
