package io.levee.ingest;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import java.util.zip.ZipException;

/**
 * The content of a gzip stream of one or many members.
 *
 * <p>Not {@link java.util.zip.GZIPInputStream}: that one asks {@code available()} whether another member follows, so it ends
 * early on pipes and sockets, and takes broken bytes after a member for the end. Here a stream ends where its input does.
 */
final class GzipMembers extends InputStream {
    private static final int HEADER_CRC = 2;
    private static final int EXTRA = 4;
    private static final int NAME = 8;
    private static final int COMMENT = 16;

    private final InputStream in;
    private final Inflater inflater = new Inflater(true);
    private final CRC32 crc = new CRC32();
    private final byte[] input = new byte[1 << 16];
    private int at;
    private int limit;
    private boolean inMember;
    private boolean first = true;

    GzipMembers(InputStream in) {
        this.in = in;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        while (true) {
            if (!inMember && !beginMember()) {
                return -1;
            }
            int count = inflate(target, offset, length);
            if (count > 0) {
                crc.update(target, offset, count);
                return count;
            }
            if (inflater.finished()) {
                endMember();
            } else if (inflater.needsDictionary()) {
                throw new ZipException("a preset dictionary is needed");
            } else if (!fill()) {
                throw new EOFException("unexpected end of gzip data");
            } else {
                inflater.setInput(input, at, limit - at);
            }
        }
    }

    private int inflate(byte[] target, int offset, int length) throws IOException {
        try {
            int count = inflater.inflate(target, offset, length);
            at = limit - inflater.getRemaining();
            return count;
        } catch (DataFormatException e) {
            ZipException named =
                    new ZipException("damaged gzip data" + (e.getMessage() == null ? "" : ": " + e.getMessage()));
            named.initCause(e);
            throw named;
        }
    }

    /** Reads a member's header; false where the input ends instead. Zeros after a member are padding. */
    private boolean beginMember() throws IOException {
        int magic = next();
        while (!first && magic == 0) {
            magic = next();
        }
        if (magic < 0) {
            return false;
        }
        if (magic != 0x1f || need() != 0x8b || need() != 8) {
            throw new ZipException(first ? "no gzip data" : "bytes after the gzip data that are none");
        }
        first = false;
        int flags = need();
        skip(6);
        if ((flags & EXTRA) != 0) {
            skip(need() | need() << 8);
        }
        if ((flags & NAME) != 0) {
            skipText();
        }
        if ((flags & COMMENT) != 0) {
            skipText();
        }
        if ((flags & HEADER_CRC) != 0) {
            skip(2);
        }
        crc.reset();
        inflater.reset();
        inflater.setInput(input, at, limit - at);
        inMember = true;
        return true;
    }

    private void endMember() throws IOException {
        long size = inflater.getBytesWritten() & 0xFFFF_FFFFL;
        if (unsignedInt() != crc.getValue() || unsignedInt() != size) {
            throw new ZipException("damaged gzip data: the checksum differs");
        }
        inMember = false;
    }

    private long unsignedInt() throws IOException {
        return need() | need() << 8 | need() << 16 | (long) need() << 24;
    }

    private void skipText() throws IOException {
        while (need() != 0) {
            // A zero ends the text.
        }
    }

    private void skip(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            need();
        }
    }

    private int need() throws IOException {
        int b = next();
        if (b < 0) {
            throw new EOFException("unexpected end of gzip data");
        }
        return b;
    }

    private int next() throws IOException {
        return at < limit || fill() ? input[at++] & 0xFF : -1;
    }

    private boolean fill() throws IOException {
        at = 0;
        limit = Math.max(0, in.read(input, 0, input.length));
        return limit > 0;
    }

    @Override
    public void close() throws IOException {
        inflater.end();
        in.close();
    }
}
