package io.levee.testkit.fault;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A small file system of its own, to be filled up. Needs the right to mount (root); the unprivileged twins are a limit of file size
 * (RLIMIT_FSIZE), failing calls and SQLite's {@code max_page_count}. Closing unmounts it. Used by one thread.
 */
public final class SmallDisk implements AutoCloseable {
    private static final int PIECE = 4096;
    private static final int PIECES = 256 * PIECE;

    private final Path directory;
    private final List<Path> images = new ArrayList<>();

    private SmallDisk(Path directory) {
        this.directory = directory;
    }

    /** Where it is mounted. */
    public Path directory() {
        return directory;
    }

    /**
     * A file system in memory.
     *
     * @param directory an empty directory to mount it on
     * @param bytes its size
     * @throws MissingToolException where it cannot be mounted
     */
    public static SmallDisk tmpfs(Path directory, long bytes) {
        return tmpfs(directory, bytes, 0);
    }

    /**
     * A file system in memory with few names.
     *
     * @param inodes most files and directories that it takes, its root included; 0 for as many as fit
     */
    public static SmallDisk tmpfs(Path directory, long bytes, int inodes) {
        String options = "size=" + bytes + (inodes > 0 ? ",nr_inodes=" + inodes : "");
        mount(List.of("-t", "tmpfs", "-o", options, "levee-test"), directory);
        return new SmallDisk(directory);
    }

    /**
     * A real ext4 in a file beside the directory.
     *
     * @param directory an empty directory to mount it on
     * @param bytes its size, at least 1 MiB; its journal and tables take a part of it
     * @param inodes most files and directories; 0 for the default
     * @throws MissingToolException where {@code mkfs.ext4} or the right to mount is missing
     */
    public static SmallDisk ext4(Path directory, long bytes, int inodes) {
        Path image = directory.resolveSibling(directory.getFileName() + ".img");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException("the image " + image + " cannot be made", e);
        }
        List<String> make = new ArrayList<>(List.of(Tools.need("mkfs.ext4").toString(), "-q", "-F", "-m", "0"));
        if (inodes > 0) {
            make.addAll(List.of("-N", Integer.toString(inodes)));
        }
        make.add(image.toString());
        Tools.Ended made = Tools.run(make);
        if (made.status() != 0) {
            throw new MissingToolException("mkfs.ext4 refused a file system of " + bytes + " bytes: " + made.output());
        }
        mount(List.of("-o", "loop", image.toString()), directory);
        SmallDisk disk = new SmallDisk(directory);
        disk.images.add(image);
        return disk;
    }

    private static void mount(List<String> how, Path directory) {
        List<String> command = new ArrayList<>(List.of(Tools.need("mount").toString()));
        Tools.need("umount");
        command.addAll(how);
        command.add(directory.toString());
        Tools.Ended mounted = Tools.run(command);
        if (mounted.status() != 0) {
            throw new MissingToolException("cannot mount on " + directory + " (not root?): " + mounted.output());
        }
    }

    /** Mounts it read-only, as a kernel does after errors, or read-write again. */
    public void readOnly(boolean on) {
        Tools.Ended done = Tools.run(List.of("mount", "-o", "remount," + (on ? "ro" : "rw"), directory.toString()));
        if (done.status() != 0) {
            throw new IllegalStateException("cannot remount " + directory + ": " + done.output());
        }
    }

    /**
     * Fills what is left with one file, as another program would; delete the file to make room again.
     *
     * @param leave bytes to leave free, about
     * @return the file
     */
    public Path fill(long leave) {
        Path ballast = directory.resolve("ballast-" + System.identityHashCode(this));
        try (RandomAccessFile file = new RandomAccessFile(ballast.toFile(), "rw")) {
            file.seek(file.length());
            byte[] pieces = new byte[PIECES];
            long free = usable();
            while (free > leave) {
                // In large pieces as long as nobody could tell.
                file.write(pieces, 0, free - leave > 4L * PIECES ? PIECES : PIECE);
                free = usable();
            }
        } catch (IOException e) {
            if (!String.valueOf(e.getMessage()).contains("No space left")) {
                throw new UncheckedIOException("filling " + directory, e);
            }
        }
        return ballast;
    }

    private long usable() throws IOException {
        return Files.getFileStore(directory).getUsableSpace();
    }

    /** Takes all names that are left; delete the files to make room again. */
    public List<Path> fillNames() {
        List<Path> files = new ArrayList<>();
        try {
            while (true) {
                files.add(Files.createFile(directory.resolve("name-" + files.size())));
            }
        } catch (IOException e) {
            return files;
        }
    }

    @Override
    public void close() {
        // Lazily: a test that failed may still have files open on it.
        Tools.run(List.of("umount", "-l", directory.toString()));
        for (Path image : images) {
            try {
                Files.deleteIfExists(image);
            } catch (IOException e) {
                throw new UncheckedIOException("the image " + image + " stays", e);
            }
        }
    }
}
