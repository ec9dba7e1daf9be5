package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.StorageEngine.DropOutcome;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Takes partitions out of the store and gives their space back, off the hot path and in steps: unlinking a large file at once
 * keeps the file system busy for seconds. One caller at a time.
 */
final class Trash {
    /** What one step frees. */
    private static final long STEP_BYTES = 64L << 20;

    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Clock wall;
    private final TableMarks marks;
    private final List<Partition> stillPinned = new ArrayList<>();
    private boolean leftoversMoved;
    private @Nullable Path cutting;

    Trash(StorePaths paths, Catalog catalog, Manifest manifest, ReadHandles readers, Clock wall, TableMarks marks) {
        this.marks = marks;
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.readers = readers;
        this.wall = wall;
    }

    /** See {@link io.levee.engine.StorageEngine#drop}. The partition is closed. */
    synchronized DropOutcome drop(Partition partition, String reason) {
        Partition.Held held = partition.held();
        long bytes = Partition.size(paths.partition(partition));
        if (!partition.dropped()) {
            return new DropOutcome(
                    0,
                    partition.state() == Partition.State.LENT
                            ? "it is being rewritten after an erasure"
                            : "it is still open for writing");
        }
        String table = partition.id().table();
        boolean done = false;
        try {
            // With the drop and not before it: where that fails nothing is missed.
            TableMarks.Marks gone = new TableMarks.Marks(Long.MIN_VALUE, highest(partition, held));
            catalog.change(c -> {
                TableMarks.write(c, table, gone);
                Catalog.markDropped(c, partition.id(), reason, wall.instant());
                return true;
            });
            marks.raised(table, gone);
            done = true;
        } finally {
            if (!done) {
                partition.closed(held, bytes);
            }
        }
        manifest.remove(partition.id());
        if (partition.pinned()) {
            // Queries that began before may not have opened it yet: it keeps its place until they end.
            stillPinned.add(partition);
        } else {
            move(partition);
        }
        return new DropOutcome(bytes, "");
    }

    /** The highest number that goes with a partition; 0 for one without rows: nobody misses anything. */
    private long highest(Partition partition, Partition.Held held) {
        Path file = paths.partition(partition);
        if (held.rows() == 0 || held.maxSeq() >= 0 || Files.notExists(file)) {
            return held.rows() == 0 ? 0 : Math.max(0, held.maxSeq());
        }
        try {
            ReadHandles.ReadHandle handle = readers.take(partition);
            boolean usable = false;
            try {
                long found = PartitionSchema.held(handle.connection()).maxSeq();
                usable = true;
                return Math.max(0, found);
            } finally {
                readers.giveBack(handle, usable);
            }
        } catch (SQLException e) {
            throw Sqlite.failure("what a partition holds cannot be read", file, e);
        }
    }

    /**
     * Frees at once whatever drops of one table left behind.
     *
     * @throws LeveeException {@code PARTITION_BUSY} where queries still read some of it
     */
    synchronized void purge(String table) {
        moveReleased();
        try {
            moveLeftovers();
            try (Stream<Path> files = Files.list(paths.trash())) {
                for (Path file : files.filter(
                                f -> String.valueOf(f.getFileName()).startsWith(table + "~"))
                        .toList()) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the trash cannot be emptied: " + e, e);
        }
        List<String> read = stillPinned.stream()
                .filter(p -> p.id().table().equals(table))
                .map(p -> p.id().toString())
                .toList();
        if (!read.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.PARTITION_BUSY, "queries that began before their drop still read " + read)
                    .hint("they are freed when the queries have ended");
        }
    }

    private void move(Partition partition) {
        readers.evict(paths.partition(partition));
        move(partition.file());
    }

    /** Moves a file by the path that the catalog has for it. */
    private void move(String known) {
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

    /** Frees one step; returns whether there is more. */
    synchronized boolean free() {
        moveReleased();
        try {
            moveLeftovers();
            Optional<Path> file = first();
            if (file.isPresent()) {
                freeStep(file.get());
            }
            return file.isPresent();
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the trash cannot be emptied: " + e, e);
        }
    }

    /** Moves what queries have given free since it was dropped. */
    private void moveReleased() {
        stillPinned.removeIf(partition -> {
            boolean moved = !partition.pinned();
            if (moved) {
                move(partition);
            }
            return moved;
        });
    }

    /** A crash between the catalog's word and the rename leaves a dropped file in its place. */
    private void moveLeftovers() {
        if (leftoversMoved) {
            return;
        }
        List<String> dropped = catalog.change(Catalog::droppedFiles);
        for (String file : dropped) {
            Path path = paths.root().resolve(file);
            if (Files.exists(path)
                    && stillPinned.stream().noneMatch(p -> p.file().equals(file))) {
                move(file);
            }
        }
        leftoversMoved = true;
    }

    private Optional<Path> first() throws IOException {
        try (Stream<Path> files = Files.list(paths.trash())) {
            return files.findFirst();
        }
    }

    private void freeStep(Path file) throws IOException {
        long size = Partition.size(file);
        if (size > STEP_BYTES && (file.equals(cutting) || nobodyReads(file))) {
            String name = String.valueOf(file.getFileName());
            int split = name.indexOf('~');
            Path before = split < 0
                    ? file
                    : paths.tables().resolve(name.substring(0, split)).resolve(name.substring(split + 1));
            boolean cut = Handles.visit(before, file, true, false, channel -> truncate(channel, size - STEP_BYTES))
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
