package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.StoreStatus;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/** The file system that a store lies on: whether it is one that locks and syncs can be trusted on, and what the store takes. */
final class Volume {
    /** File systems whose locks or syncs another machine answers for. */
    private static final String[] NETWORK = {
        "nfs", "cifs", "smb", "afs", "9p", "fuse.sshfs", "fuse.gluster", "lustre", "ceph", "fuse.s3"
    };

    static final String FREE_SPACE = "free space on the volume; Levee goes on by itself";
    /** The part of what queries sort: SQLite's temporary files, which no directory shows. */
    static final String SORTS = "sorts";

    /** The part of dropped partitions that queries still read, in their places; {@link #UNLINKED} without a place. */
    static final String KEPT = "dropped";

    static final String UNLINKED = "unlinked";

    /** The part of files that the catalog does not know: see {@link Orphans}. */
    static final String ORPHANS = "orphans";

    static final String REMOUNT = "mount the volume writable again; Levee goes on by itself";

    /** What SQLite makes the shared memory of a database in WAL mode longer by. */
    private static final long SHM = 32 << 10;

    private Volume() {}

    /**
     * Refuses file systems and systems on which committed rows can be lost.
     *
     * @throws LeveeException {@link ErrorCode#UNSAFE_ENVIRONMENT}
     */
    static void requireSafe(Path root) {
        if (System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("windows")) {
            throw new LeveeException(
                            ErrorCode.UNSAFE_ENVIRONMENT,
                            "Windows is not supported: open files cannot be renamed there")
                    .hint("use Linux or macOS");
        }
        Path there = root.toAbsolutePath();
        while (there.getParent() != null && Files.notExists(there)) {
            there = there.getParent();
        }
        try {
            String type = Files.getFileStore(there).type().toLowerCase(Locale.ROOT);
            if (network(type)) {
                throw new LeveeException(
                                ErrorCode.UNSAFE_ENVIRONMENT,
                                root + " lies on a network file system (" + type
                                        + "), where locks and syncs cannot be trusted")
                        .hint("use a directory on a local disk");
            }
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the volume of " + root + " cannot be looked at: " + e, e)
                    .hint("choose a directory that this user may write to, with --store");
        }
    }

    /** What an error of a file that is no database is told as. */
    static LeveeException failure(String what, Path file, IOException e) {
        String text = what + " (" + file + "): " + e;
        String reason = String.valueOf(e.getMessage());
        if (Stream.of("No space left", "Disk quota", "File too large").anyMatch(reason::contains)) {
            return new LeveeException(ErrorCode.DISK_FULL, text, e).hint(FREE_SPACE);
        }
        if (reason.contains("Read-only file system")) {
            return new LeveeException(ErrorCode.VOLUME_READ_ONLY, text, e).hint(REMOUNT);
        }
        return new LeveeException(ErrorCode.IO_FAILED, text, e)
                .hint("look at the system's log for the volume's errors");
    }

    /** What keeps a store from being opened for writing: the volume, or what this user may do. */
    static LeveeException unusable(String what, Path file, IOException e) {
        LeveeException volume = failure(what, file, e);
        return volume.code() == ErrorCode.IO_FAILED
                ? new LeveeException(ErrorCode.IO_FAILED, volume.what(), e)
                        .hint("choose a directory that this user may write to, with --store")
                : volume;
    }

    /**
     * What an error of SQLite is told as. A full volume, or one without inodes, shows in several ways: SQLite cannot open a file,
     * cannot make its shm longer, or has a write refused by the limit of a file's size. So it is tried whether the volume takes a
     * small file.
     */
    static LeveeException failure(String what, Path file, StorePaths paths, SQLException e) {
        LeveeException told = Sqlite.failure(what, file, e);
        if (told.code() != ErrorCode.IO_FAILED) {
            return told;
        }
        if (atLimit(file)) {
            return new LeveeException(ErrorCode.DISK_FULL, told.what() + " (the limit of file sizes is reached)", e)
                    .with("limit", Reserve.fileLimit())
                    .hint("raise the limit (ulimit -f)");
        }
        IOException volume = Reserve.probe(paths);
        if (volume == null) {
            return told;
        }
        LeveeException why = failure(what, file, volume);
        return why.code() == ErrorCode.IO_FAILED ? told : why;
    }

    /** Whether there is no room for the memory that all users of a database share, which readers too have to make: SQLite says only that it failed. */
    static boolean lacksShm(SQLiteException e, Path database) {
        try {
            return e.getResultCode() == SQLiteErrorCode.SQLITE_IOERR_SHMSIZE
                    && Files.getFileStore(database).getUsableSpace() < SHM;
        } catch (IOException unknown) {
            return false;
        }
    }

    /** The size of the volume, or as good as endless where that cannot be read. */
    static long total(Path root) {
        try {
            return Files.getFileStore(root).getTotalSpace();
        } catch (IOException e) {
            return Long.MAX_VALUE;
        }
    }

    /** Whether a database or its WAL is as long as this process may make a file. */
    static boolean atLimit(Path database) {
        long limit = Reserve.fileLimit();
        long longest = Math.max(Partition.size(database), Partition.size(StorePaths.wal(database)));
        return longest > limit - 2 * 4096 - 64;
    }

    /** Whether that is the type of a file system whose locks or syncs another machine answers for. */
    static boolean network(String type) {
        return Stream.of(NETWORK).anyMatch(type.toLowerCase(Locale.ROOT)::startsWith);
    }

    /**
     * What the store takes, by part, in whole blocks. Java does not tell the blocks that a file has; SQLite's files have no
     * holes, so that their size rounded up to blocks is what they take.
     *
     * @param cap the store's; 0 for none
     * @param parts the parts of files that their place does not tell
     */
    static StoreStatus.Disk measure(StorePaths paths, long cap, Map<Path, String> parts) {
        Map<String, Long> byPart = new TreeMap<>();
        long free;
        try {
            FileStore volume = Files.getFileStore(paths.root());
            free = volume.getUsableSpace();
            long block = Math.max(512, volume.getBlockSize());
            Files.walkFileTree(paths.root(), new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    long blocks = (attributes.size() + block - 1) / block;
                    String part = parts.get(file);
                    byPart.merge(part == null ? part(paths, file) : part, blocks * block, Long::sum);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) {
                    // It went while we looked: it takes nothing any more.
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the size of " + paths.root() + " cannot be read: " + e, e);
        }
        Unlinked.below(paths).forEach((part, size) -> byPart.merge(part, size, Long::sum));
        long bytes = byPart.values().stream().mapToLong(Long::longValue).sum();
        return new StoreStatus.Disk(bytes, cap, free, byPart);
    }

    private static String part(StorePaths paths, Path file) {
        String name = String.valueOf(file.getFileName());
        if (file.startsWith(paths.trash())) {
            return "trash";
        }
        if (file.startsWith(paths.quarantine())) {
            return "quarantine";
        }
        if (file.startsWith(paths.tmp())) {
            return "tmp";
        }
        if (name.endsWith("-wal")) {
            return "wal";
        }
        if (name.endsWith("-shm")) {
            return "shm";
        }
        if (name.startsWith("ledger.")) {
            return "ledger";
        }
        if (name.equals("reserve.bin")) {
            return "reserve";
        }
        return name.startsWith("catalog.db") ? "catalog" : file.startsWith(paths.tables()) ? "partitions" : "other";
    }
}
