package io.levee.ingest;

import com.github.luben.zstd.ZstdIOException;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a stream of bytes into records without copying them: the bytes of the present one are
 * {@code buffer[start .. end)}, valid until the next call. One buffer, which grows to at most the longest record allowed.
 *
 * <p>Subclasses say where a record ends. Not thread-safe.
 */
abstract class Frames implements AutoCloseable {
    /** Enough for thousands of ordinary lines a read; a longer record doubles it. */
    private static final int FIRST_BUFFER = 1 << 18;

    private final InputStream in;
    private final int maxBytes;
    private long consumed;

    byte[] buffer;
    int start;
    int end;
    /** Where scanning goes on. */
    int at;
    /** End of what was read. */
    int limit;

    boolean ended;
    /** The line at which the present record begins, from 1. */
    long line;
    /** Line ends passed so far. */
    long linesPassed;
    /** What is wrong with the present record as a whole; its bytes are not to be looked at then. */
    @Nullable
    LeveeException error;
    /** The input's own error, when it broke off. */
    @Nullable
    LeveeException failure;

    Frames(InputStream in, int maxBytes) {
        this.in = in;
        this.maxBytes = maxBytes;
        this.buffer = new byte[Math.min(FIRST_BUFFER, Math.max(64, maxBytes + 8))];
    }

    /** Goes to the next record. A broken input shows as one last record with {@link #error}. */
    final boolean next() {
        error = null;
        LeveeException before = failure;
        if (consumed == 0 && at == 0 && limit == 0) {
            skipByteOrderMark();
        }
        boolean found = find();
        if (failure != null && before == null) {
            // Half a record is not a record: what was read of it is named by the failure, together with its place.
            line = linesPassed + 1;
            failure.with("line", line);
            error = failure;
            at = limit;
            return true;
        }
        return found;
    }

    /** Sets {@link #start}, {@link #end} and {@link #line}, or answers false at the end of the input. */
    abstract boolean find();

    /** Bytes taken from the (uncompressed) input so far. */
    final long bytesRead() {
        return consumed - (limit - at);
    }

    /** What was wrong with the input as a whole, or null. */
    final @Nullable LeveeException failure() {
        return failure;
    }

    /** Whether the record that begins at {@link #start} is longer than allowed, so far. */
    final boolean tooLong() {
        return limit - start > maxBytes;
    }

    final LeveeException tooLongError() {
        return new LeveeException(
                        ErrorCode.TOO_LARGE, "line " + line + " is longer than " + maxBytes + " bytes and was skipped")
                .with("limitBytes", maxBytes);
    }

    /** Gives up what was read of an over-long record, so that it takes no memory. */
    final void discard() {
        start = limit;
        at = limit;
    }

    /** Reads more behind {@link #limit}, keeping the bytes from {@link #start}. Answers false at the end. */
    final boolean fill() {
        if (ended) {
            return false;
        }
        if (start > 0 && limit == buffer.length) {
            System.arraycopy(buffer, start, buffer, 0, limit - start);
            at -= start;
            limit -= start;
            start = 0;
        }
        if (limit == buffer.length) {
            int size = (int) Math.min((long) buffer.length * 2, (long) maxBytes + 64);
            byte[] larger = new byte[Math.max(size, buffer.length + 64)];
            System.arraycopy(buffer, 0, larger, 0, limit);
            buffer = larger;
        }
        try {
            int count = in.read(buffer, limit, buffer.length - limit);
            if (count < 0) {
                ended = true;
                return false;
            }
            limit += count;
            consumed += count;
            return true;
        } catch (IOException e) {
            ended = true;
            failure = broken(e, linesPassed + 1);
            return false;
        }
    }

    static LeveeException broken(IOException e, long where) {
        if (e instanceof EOFException || e instanceof ZipException || e instanceof ZstdIOException) {
            return new LeveeException(
                            ErrorCode.BAD_LINE,
                            "the compressed input breaks off in line " + where + ": " + e.getMessage(),
                            e)
                    .hint("what came before line " + where + " was read; get a whole copy of the file");
        }
        return new LeveeException(ErrorCode.IO_FAILED, "the input cannot be read past line " + where + ": " + e, e);
    }

    private void skipByteOrderMark() {
        while (limit < 3 && fill()) {
            // Reads until there are three bytes or no more.
        }
        if (limit >= 3 && buffer[0] == (byte) 0xEF && buffer[1] == (byte) 0xBB && buffer[2] == (byte) 0xBF) {
            at = 3;
        }
    }

    static boolean blank(byte b) {
        return b == ' ' || b == '\t' || b == '\r' || b == '\n';
    }

    @Override
    public void close() {
        try {
            in.close();
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the input cannot be closed: " + e.getMessage(), e);
        }
    }
}
