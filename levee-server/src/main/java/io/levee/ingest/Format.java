package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.util.Locale;

/** How records are written in an input. */
public enum Format {
    /** One JSON object a line. */
    NDJSON,
    /** Comma-separated values with a header line. */
    CSV,
    /** One JSON array of objects. */
    JSON,
    /** One of the above, told from the first byte that is not blank. */
    AUTO;

    /** Blanks that are looked past before the first record. */
    private static final int LOOK_AHEAD = 256;

    /**
     * A format and the input to read it from.
     *
     * @param format never {@link #AUTO}
     * @param input the whole input
     */
    public record Detected(Format format, InputStream input) {}

    /**
     * The format of that name.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for any other than ndjson, csv, json and auto
     */
    public static Format of(String name) {
        for (Format format : values()) {
            if (format.name().equals(name.toUpperCase(Locale.ROOT))) {
                return format;
            }
        }
        throw new LeveeException(ErrorCode.BAD_VALUE, "there is no input format '" + name + "'")
                .hint("use ndjson, csv, json or auto");
    }

    /** Tells the format of a file by its first bytes, as {@link #detect} does; {@link #AUTO} where they are all blank. */
    static Format ofHead(byte[] head) {
        for (int i = 0; i < head.length; i++) {
            byte b = head[i];
            boolean mark = i < 3 && (b == (byte) 0xEF || b == (byte) 0xBB || b == (byte) 0xBF);
            if (!mark && !Frames.blank(b)) {
                return b == '{' ? NDJSON : b == '[' ? JSON : CSV;
            }
        }
        return AUTO;
    }

    /**
     * Tells the format: <code>{</code> begins NDJSON, {@code [} an array, anything else CSV.
     *
     * @param in the input, uncompressed
     * @throws LeveeException {@link ErrorCode#IO_FAILED}, {@link ErrorCode#BAD_LINE} for a broken compressed input
     */
    public static Detected detect(InputStream in) {
        PushbackInputStream whole = new PushbackInputStream(in, LOOK_AHEAD);
        byte[] head = new byte[LOOK_AHEAD];
        int count = 0;
        Format format = NDJSON;
        try {
            // Byte by byte, because a pipe may hold back all but the first record.
            for (int b = whole.read(); b >= 0; b = count < LOOK_AHEAD ? whole.read() : -1) {
                head[count++] = (byte) b;
                boolean mark = count <= 3 && (b == 0xEF || b == 0xBB || b == 0xBF);
                if (!mark && !Frames.blank((byte) b)) {
                    format = b == '{' ? NDJSON : b == '[' ? JSON : CSV;
                    break;
                }
            }
            whole.unread(head, 0, count);
        } catch (IOException e) {
            throw Frames.broken(e, 1);
        }
        return new Detected(format, whole);
    }
}
