package io.levee.sqlite;

import io.levee.Bytes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * {@code reserve.bin}: zeros that are given up when the volume is full, so that what frees space (the catalog's word, checkpoints, a
 * close in order) has room. Made again when there is room; nobody misses it where it was deleted by hand. Thread-safe.
 */
final class Reserve {
    private static final long LARGEST = 64L << 20;
    private static final long SMALLEST = 64L << 10;

    /** Of the volume, as divisor. */
    private static final int SHARE = 100;

    /** What it has at most here: tests make thousands of stores, and need room for none of them for long. */
    private static final long MOST = Long.getLong("levee.reserve.most", LARGEST);

    private static final int PIECE = 1 << 20;
    private static final String LIMITS = "/proc/self/limits";

    private final StorePaths paths;
    private final long cap;
    private long givenUp;

    /**
     * The reserve of a store.
     *
     * @param cap the cap of the store's size, which the reserve counts against; null for none
     */
    Reserve(StorePaths paths, @Nullable Bytes cap) {
        this.paths = paths;
        this.cap = cap == null ? Long.MAX_VALUE : cap.value();
    }

    /** What it should have: a hundredth of the volume or the cap, at most 64 MiB. */
    static long size(long volume) {
        return Math.max(SMALLEST, Math.min(volume / SHARE, LARGEST)) / SMALLEST * SMALLEST;
    }

    /** Makes it where it is missing and there is four times the room; returns whether it is there. */
    synchronized boolean keep() throws IOException {
        FileStore volume = Files.getFileStore(paths.root());
        long size = Math.min(Math.min(size(Math.min(cap, volume.getTotalSpace())), MOST), fileLimit());
        long present = Partition.size(paths.reserve());
        if (present >= size) {
            if (present > size && present > cap / SHARE) {
                // Made without a cap, or with a larger one: alone it might be more than all may take now.
                shrink(size);
            }
            return true;
        }
        if (volume.getUsableSpace() < 4 * size) {
            return false;
        }
        boolean done = false;
        try (FileChannel channel = FileChannel.open(
                paths.reserve(),
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            for (long left = size; left > 0; left -= PIECE) {
                channel.write(ByteBuffer.allocate((int) Math.min(PIECE, left)));
            }
            done = true;
        } finally {
            if (!done) {
                Files.deleteIfExists(paths.reserve());
            }
        }
        return true;
    }

    private void shrink(long size) throws IOException {
        try (FileChannel channel = FileChannel.open(paths.reserve(), StandardOpenOption.WRITE)) {
            channel.truncate(size);
        }
    }

    /** Gives it up; returns what that freed. */
    synchronized long release() {
        long size = Partition.size(paths.reserve());
        if (size == 0) {
            return 0;
        }
        try {
            Files.deleteIfExists(paths.reserve());
            givenUp++;
            return size;
        } catch (IOException e) {
            System.getLogger("io.levee.sqlite")
                    .log(System.Logger.Level.WARNING, "the reserve " + paths.reserve() + " cannot be given up", e);
            return 0;
        }
    }

    /** How often it was given up. */
    synchronized long givenUp() {
        return givenUp;
    }

    /** Why the volume does not take a small file; null where it does. */
    static @Nullable IOException probe(StorePaths paths) {
        Path file = paths.tmp().resolve("probe");
        try {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.allocate((int) SMALLEST));
            } finally {
                Files.deleteIfExists(file);
            }
            return null;
        } catch (IOException e) {
            return e;
        }
    }

    /** The largest file that this process may write (RLIMIT_FSIZE), in bytes. */
    static long fileLimit() {
        return Limit.BYTES;
    }

    private static final class Limit {
        private static final long BYTES = read();

        private static long read() {
            try {
                for (String line : Files.readAllLines(Path.of(LIMITS))) {
                    if (line.startsWith("Max file size")) {
                        String soft =
                                line.substring("Max file size".length()).strip().split("\\s+", 2)[0];
                        return soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(soft);
                    }
                }
            } catch (IOException | NumberFormatException e) {
                // Not Linux: a write over the limit is told as it comes.
                return Long.MAX_VALUE;
            }
            return Long.MAX_VALUE;
        }
    }
}
