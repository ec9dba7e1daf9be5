package io.levee.ingest;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Opens inputs, plain or compressed: told from their first bytes, never from a name. */
public final class Compression {
    private static final int ZSTD_MAGIC = 0xFD2FB528;

    private Compression() {}

    /**
     * Opens a file.
     *
     * @param file its path
     * @return its content, uncompressed
     * @throws LeveeException {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#IO_FAILED}
     */
    public static InputStream open(Path file) {
        try {
            if (Files.isDirectory(file)) {
                throw new LeveeException(ErrorCode.IO_FAILED, file + " is a directory").with("file", file.toString());
            }
            return open(Files.newInputStream(file));
        } catch (NoSuchFileException e) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no file " + file, e).with("file", file.toString());
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, file + " cannot be read: " + e, e)
                    .with("file", file.toString());
        }
    }

    /**
     * Uncompresses a stream where it begins as gzip (of one or many members) or zstd.
     *
     * @param in the stream; closing the result closes it
     * @return its content
     * @throws LeveeException {@link ErrorCode#IO_FAILED}
     */
    public static InputStream open(InputStream in) {
        try {
            PushbackInputStream whole = new PushbackInputStream(in, 4);
            byte[] head = new byte[4];
            int count = 0;
            // A gzip header ends the question at its second byte: a pipe may not have more yet.
            while (count < 4 && mayBeMagic(head, count)) {
                int b = whole.read();
                if (b < 0) {
                    break;
                }
                head[count++] = (byte) b;
            }
            whole.unread(head, 0, count);
            if (count >= 2 && head[0] == 0x1f && head[1] == (byte) 0x8b) {
                return new GzipMembers(whole);
            }
            return count == 4 && littleEndian(head) == ZSTD_MAGIC ? new ZstdInputStreamNoFinalizer(whole) : whole;
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the input cannot be read: " + e, e);
        }
    }

    /** Whether the bytes so far may begin a gzip or zstd stream that is not recognised yet. */
    private static boolean mayBeMagic(byte[] head, int count) {
        return switch (count) {
            case 0 -> true;
            case 1 -> head[0] == 0x1f || head[0] == 0x28;
            default -> head[0] == 0x28 && head[1] == (byte) 0xB5;
        };
    }

    private static int littleEndian(byte[] b) {
        return (b[0] & 0xFF) | (b[1] & 0xFF) << 8 | (b[2] & 0xFF) << 16 | (b[3] & 0xFF) << 24;
    }
}
