package io.levee.internal.backup;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * Files of backups, read and written whole and durably. Never a database that SQLite may have open in this process: closing it would
 * give SQLite's locks away.
 */
public final class PlainFiles {
    private static final int PIECE = 1 << 20;

    private PlainFiles() {}

    /** Told between two pieces, so that copying keeps to a rate. */
    @FunctionalInterface
    public interface Pace {
        /** Waits as long as so many bytes are worth; false where the copy has to end. */
        boolean after(long bytes);
    }

    /** A file that is being written; {@link #close} without {@link #finish} leaves nothing. */
    public static final class Incoming implements AutoCloseable {
        private final Path partial;
        private final FileChannel channel;
        private final CRC32C crc = new CRC32C();
        private long bytes;
        private boolean finished;

        /** Begins a file. */
        public Incoming(Path partial) throws IOException {
            this.partial = partial;
            Files.createDirectories(partial.resolveSibling("."));
            this.channel = FileChannel.open(
                    partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING);
        }

        /** Writes what remains in the buffer. */
        public void write(ByteBuffer piece) throws IOException {
            bytes += piece.remaining();
            crc.update(piece.duplicate());
            while (piece.hasRemaining()) {
                channel.write(piece);
            }
        }

        /** The checksum of what was written. */
        public String checksum() {
            return BackupManifest.text(crc);
        }

        /** How much was written. */
        public long bytes() {
            return bytes;
        }

        /** Makes it durable and gives it its name, in the place of an older one. The directory is for the caller to sync. */
        public void finish(Path file) throws IOException {
            channel.force(true);
            channel.close();
            Files.createDirectories(file.resolveSibling("."));
            Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            finished = true;
        }

        @Override
        public void close() throws IOException {
            channel.close();
            if (!finished) {
                Files.deleteIfExists(partial);
            }
        }
    }

    /**
     * Copies a file.
     *
     * @param partial where it lies until it is whole
     * @return its checksum; empty where the pace ended it
     */
    public static String copy(Path from, Path partial, Path to, Pace pace) throws IOException {
        try (FileChannel channel = FileChannel.open(from, StandardOpenOption.READ);
                Incoming incoming = new Incoming(partial)) {
            ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
            for (int read = channel.read(piece); read >= 0; read = channel.read(piece)) {
                piece.flip();
                incoming.write(piece);
                piece.clear();
                if (!pace.after(read)) {
                    return "";
                }
            }
            incoming.finish(to);
            return incoming.checksum();
        }
    }

    /** The checksum of a file; empty where the pace ended it. */
    public static String checksum(Path file, Pace pace) throws IOException {
        CRC32C crc = new CRC32C();
        byte[] piece = new byte[PIECE];
        try (InputStream in = Files.newInputStream(file)) {
            for (int read = in.read(piece); read >= 0; read = in.read(piece)) {
                crc.update(piece, 0, read);
                if (!pace.after(read)) {
                    return "";
                }
            }
        }
        return BackupManifest.text(crc);
    }

    /** Puts a small text in a file, durably and at once. */
    public static void write(Path file, String text) throws IOException {
        Path partial = file.resolveSibling(
                file.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
        try (Incoming incoming = new Incoming(partial)) {
            incoming.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
            incoming.finish(file);
        }
        sync(file.resolveSibling("."));
    }

    /** Deletes a file that is no database of a store, durably; nothing where it is missing. */
    public static void delete(Path file) throws IOException {
        if (Files.deleteIfExists(file)) {
            sync(file.resolveSibling("."));
        }
    }

    /** A small file's text. */
    public static String read(Path file) throws IOException {
        return Files.readString(file);
    }

    /** Makes a file's bytes durable. */
    static void force(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    /** Makes a directory's entries durable. */
    public static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
