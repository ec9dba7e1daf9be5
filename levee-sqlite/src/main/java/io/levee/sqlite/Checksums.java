package io.levee.sqlite;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import java.util.zip.CRC32C;

/** The CRC-32C of closed partitions: it finds every single flipped bit, of which SQLite's own check finds few. */
final class Checksums {
    private static final int PIECE = 1 << 20;

    private Checksums() {}

    /** Told between two pieces, so that reading keeps to a rate. */
    @FunctionalInterface
    interface Pace {
        Pace NONE = bytes -> true;

        /** Waits as long as so many bytes are worth; false where there is no time for more. */
        boolean after(int bytes);
    }

    /**
     * Reads a closed file piece by piece, through the one door.
     *
     * @return the checksum in hexadecimal; empty where a connection was opened meanwhile or the pace ended it, to be tried again later
     */
    static Optional<String> of(Path file, Pace pace) throws IOException {
        CRC32C crc = new CRC32C();
        ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
        for (long position = 0; ; position += piece.limit()) {
            piece.clear();
            int read = Handles.read(file, position, piece);
            if (read == -2) {
                return Optional.empty();
            }
            if (read == -1) {
                return Optional.of(String.format("crc32c:%08x", crc.getValue()));
            }
            piece.flip();
            crc.update(piece.duplicate());
            if (!pace.after(read)) {
                return Optional.empty();
            }
        }
    }
}
