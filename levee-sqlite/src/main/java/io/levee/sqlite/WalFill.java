package io.levee.sqlite;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * How full a write-ahead log is. Its file keeps its size when it begins from the front again, so the size tells only how full it ever was.
 *
 * <p>Each beginning gives its frames another salt, which the head of the file has too: what lies behind the newest frame has an older one.
 * SQLite locks nothing in this file, so it may be opened and closed beside it.
 */
final class WalFill {
    private static final int HEAD = 32;
    private static final int FRAME_HEAD = 24;
    private static final int PAGE_SIZE_AT = 8;
    private static final int SALT_AT = 16;
    private static final int FRAME_SALT_AT = 8;
    private static final int SALT = 8;

    private WalFill() {}

    /**
     * Whether the frames since it began last take at least so many bytes. Where the file cannot be told, its size counts: a checkpoint too
     * many costs syncs, one too few costs space.
     *
     * @param size of the file, as it is known
     */
    static boolean reaches(Path wal, long size, long bytes) {
        if (size < bytes) {
            return false;
        }
        try (FileChannel file = FileChannel.open(wal, StandardOpenOption.READ)) {
            ByteBuffer head = read(file, 0, HEAD);
            long page = Integer.toUnsignedLong(head.getInt(PAGE_SIZE_AT));
            // The last frame that ends within the bytes.
            long frame = (bytes - HEAD) / (FRAME_HEAD + page) - 1;
            if (page < 512 || frame < 0) {
                return true;
            }
            ByteBuffer salt = read(file, HEAD + frame * (FRAME_HEAD + page) + FRAME_SALT_AT, SALT);
            return salt.getLong(0) == head.getLong(SALT_AT);
        } catch (IOException e) {
            return true;
        }
    }

    private static ByteBuffer read(FileChannel file, long at, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, at + bytes.position()) < 0) {
                throw new IOException("the log ends before " + (at + length));
            }
        }
        return bytes;
    }
}
