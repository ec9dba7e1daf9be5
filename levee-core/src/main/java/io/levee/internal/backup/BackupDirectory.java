package io.levee.internal.backup;

import io.levee.BackupCheck;
import io.levee.BackupContent;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.backup.BackupManifest.Plain;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A directory that a backup is made in. The backup before it stays whole until the new manifest has taken the old one's name: files
 * never change under a name, which holds their checksum, and go only after that. One at a time, by a kernel lock.
 */
public final class BackupDirectory implements AutoCloseable {
    private static final String MANIFEST = "backup.json";
    private static final String LOCK = "backup.lock";
    private static final Pattern NAME = Pattern.compile(".*~[0-9a-f]{8}\\.\\w+");

    private final Path root;
    private final FileChannel lock;
    private final @Nullable BackupManifest before;

    private BackupDirectory(Path root, FileChannel lock, @Nullable BackupManifest before) {
        this.root = root;
        this.lock = lock;
        this.before = before;
    }

    /**
     * Takes a directory for a backup, making it where it is missing.
     *
     * @throws LeveeException {@code BAD_VALUE} for a directory that holds something else or another store's backup, {@code STORE_LOCKED}
     *     where another backup is made there, {@code CORRUPT} where its manifest is damaged, {@code IO_FAILED}
     */
    public static BackupDirectory take(Path directory, String incarnation) {
        Path root = directory.toAbsolutePath().normalize();
        FileChannel lock = null;
        boolean done = false;
        try {
            if (Files.exists(root) && !ours(root)) {
                throw new LeveeException(ErrorCode.BAD_VALUE, root + " is not empty, and no backup")
                        .with("directory", root.toString())
                        .hint("name an empty directory, a new one, or one with an earlier backup of this store");
            }
            Files.createDirectories(root);
            lock = FileChannel.open(root.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (lock.tryLock() == null) {
                throw inUse(root);
            }
            BackupManifest before = Files.exists(root.resolve(MANIFEST)) ? read(root) : null;
            if (before != null && !before.incarnation().equals(incarnation)) {
                throw new LeveeException(
                                ErrorCode.BAD_VALUE,
                                root + " holds a backup of another store (" + before.store()
                                        + "), or of what this store"
                                        + " was before it was restored or its catalog rebuilt")
                        .with("directory", root.toString())
                        .hint("name another directory");
            }
            done = true;
            return new BackupDirectory(root, lock, before);
        } catch (OverlappingFileLockException e) {
            throw inUse(root);
        } catch (IOException e) {
            throw failed("the backup's directory cannot be used", root, e);
        } finally {
            if (!done) {
                closeQuietly(lock);
            }
        }
    }

    private static boolean ours(Path root) throws IOException {
        try (Stream<Path> entries = Files.list(root)) {
            Set<String> names =
                    entries.map(p -> String.valueOf(p.getFileName())).collect(Collectors.toSet());
            return names.isEmpty() || names.contains(LOCK) || names.contains(MANIFEST);
        }
    }

    private static LeveeException inUse(Path root) {
        return new LeveeException(ErrorCode.STORE_LOCKED, "another backup is being made in " + root)
                .with("directory", root.toString())
                .hint("wait for it, or name another directory");
    }

    /** An input or output error as what callers get. */
    public static LeveeException failed(String what, Path where, IOException e) {
        String text = what + " (" + where + "): " + e;
        boolean full = String.valueOf(e.getMessage()).contains("No space left");
        return full
                ? new LeveeException(ErrorCode.DISK_FULL, text, e).hint("free space, and repeat it")
                : new LeveeException(ErrorCode.IO_FAILED, text, e).hint("check the directory, and repeat it");
    }

    /**
     * The manifest of a directory.
     *
     * @throws LeveeException {@code NOT_FOUND} where there is no whole backup, {@code CORRUPT}, {@code IO_FAILED}
     */
    public static BackupManifest read(Path directory) {
        Path file = directory.resolve(MANIFEST);
        try {
            return BackupManifest.parse(Files.readString(file));
        } catch (NoSuchFileException e) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no whole backup in " + directory, e)
                    .with("directory", directory.toString())
                    .hint("a backup that was killed has no " + MANIFEST + "; make it again");
        } catch (IllegalArgumentException | java.nio.charset.MalformedInputException e) {
            throw new LeveeException(ErrorCode.CORRUPT, file + " is damaged: " + e.getMessage(), e)
                    .hint(
                            "the files below it are ordinary SQLite databases, whose names tell their checksums; make a new"
                                    + " backup in another directory");
        } catch (IOException e) {
            throw failed("the backup cannot be read", file, e);
        }
    }

    /** See {@link io.levee.Levee#backupContent}. */
    public static BackupContent content(Path root) {
        BackupManifest manifest = read(root);
        return new BackupContent(
                manifest.store(),
                Micros.instant(manifest.atMicros()),
                manifest.partitions().stream().map(BackupManifest.Entry::id).toList());
    }

    /** See {@link io.levee.Levee#verifyBackup}. */
    public static BackupCheck verify(Path root, Consumer<String> progress) {
        BackupManifest manifest = read(root);
        Map<String, String> damaged = new TreeMap<>();
        for (Plain plain : manifest.all()) {
            String wrong = wrong(root.resolve(plain.file()), plain);
            if (!wrong.isEmpty()) {
                damaged.put(plain.file(), wrong);
                progress.accept(plain.file() + ": " + wrong);
            }
        }
        return new BackupCheck(
                root,
                Micros.instant(manifest.atMicros()),
                manifest.live().size(),
                manifest.all().size(),
                manifest.bytes(),
                damaged,
                manifest.missing());
    }

    private static String wrong(Path file, Plain plain) {
        try {
            String found = PlainFiles.checksum(file, bytes -> true);
            return found.equals(plain.checksum())
                    ? ""
                    : "its checksum is " + found + ", and was " + plain.checksum() + " when it was written";
        } catch (NoSuchFileException e) {
            return "it is missing";
        } catch (IOException e) {
            return "it cannot be read: " + e;
        }
    }

    /** Where it is. */
    public Path root() {
        return root;
    }

    /** The backup that is there now; null where there is none. */
    public @Nullable BackupManifest before() {
        return before;
    }

    /** Where a file lies until it is whole; what lay there goes. */
    public Path partial() throws IOException {
        Path partial = root.resolve("tmp").resolve("incoming.db");
        Files.createDirectories(partial.resolveSibling("."));
        for (String suffix : new String[] {"", "-wal", "-shm", "-journal"}) {
            Files.deleteIfExists(partial.resolveSibling(partial.getFileName() + suffix));
        }
        return partial;
    }

    /** The name of a file with this checksum. */
    public static String name(String path, String checksum) {
        int dot = path.lastIndexOf('.');
        String digits = checksum.substring(checksum.indexOf(':') + 1);
        return path.substring(0, dot) + "~" + digits + path.substring(dot);
    }

    /** Takes a partial file in, whoever wrote it. It is closed, and stays under a name of its own. */
    public Plain keep(Path partial, String path, PlainFiles.Pace pace) throws IOException {
        PlainFiles.force(partial);
        String checksum = PlainFiles.checksum(partial, pace);
        String name = name(path, checksum);
        long bytes = Files.size(partial);
        Path file = root.resolve(name);
        Files.createDirectories(file.resolveSibling("."));
        Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return new Plain(path, name, bytes, checksum);
    }

    /** Whether a file is there as it was written; reads all of it. */
    public boolean whole(Plain plain, PlainFiles.Pace pace) throws IOException {
        Path file = root.resolve(plain.file());
        return Files.exists(file)
                && Files.size(file) == plain.bytes()
                && PlainFiles.checksum(file, pace).equals(plain.checksum());
    }

    /** Whether a file is there, by its length. */
    public boolean there(Plain plain) {
        return root.resolve(plain.file()).toFile().length() == plain.bytes();
    }

    /** Makes the new manifest the directory's, after everything that it names is durable; then what it does not name goes. */
    public void finish(BackupManifest manifest) throws IOException {
        Set<Path> directories = new TreeSet<>();
        for (Plain plain : manifest.all()) {
            for (Path up = root.resolve(plain.file()).getParent();
                    up != null && up.startsWith(root);
                    up = up.getParent()) {
                directories.add(up);
            }
        }
        for (Path directory : directories) {
            PlainFiles.sync(directory);
        }
        PlainFiles.sync(root.resolveSibling("."));
        PlainFiles.write(root.resolve(MANIFEST), manifest.toJson());
        sweep(manifest);
    }

    private void sweep(BackupManifest manifest) throws IOException {
        Set<Path> named =
                manifest.all().stream().map(plain -> root.resolve(plain.file())).collect(Collectors.toSet());
        List<Path> all;
        try (Stream<Path> walk = Files.walk(root)) {
            all = walk.filter(Files::isRegularFile).toList();
        }
        for (Path file : all) {
            // What has no name of ours was put there by somebody, and is left alone.
            boolean ours =
                    NAME.matcher(String.valueOf(file.getFileName())).matches() || file.startsWith(root.resolve("tmp"));
            if (ours && !named.contains(file)) {
                Files.delete(file);
            }
        }
    }

    @Override
    public void close() {
        closeQuietly(lock);
    }

    private static void closeQuietly(@Nullable FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // The kernel drops the lock with the descriptor whatever close() says.
            System.getLogger("io.levee.backup").log(System.Logger.Level.DEBUG, "closing a lock", e);
        }
    }
}
