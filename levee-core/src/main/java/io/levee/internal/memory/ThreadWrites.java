package io.levee.internal.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What one thread has written to files since this was made on it, as the kernel counts it: for a query thread that is what its statement
 * put into temporary files, which have no names that would tell whose they are. Any thread may ask.
 */
public final class ThreadWrites {
    private static final Path SELF = Path.of("/proc/thread-self");
    private static final byte[] WORD = "wchar: ".getBytes(StandardCharsets.US_ASCII);
    private static final ThreadLocal<ThreadWrites.Counters> COUNTERS = ThreadLocal.withInitial(Counters::new);

    private final Counters counters;
    private final long before;

    private ThreadWrites(Counters counters) {
        this.counters = counters;
        this.before = counters.written();
    }

    /** Begins to count what the calling thread writes. */
    public static ThreadWrites begin() {
        return new ThreadWrites(COUNTERS.get());
    }

    /** Bytes; 0 where the system does not tell. */
    public long bytes() {
        return Math.max(0, counters.written() - before);
    }

    /** A thread's counters, which stay open: each query looks at them twice, and may take less than a millisecond itself. */
    private static final class Counters {
        private @Nullable Path file;
        private volatile @Nullable FileChannel open;

        Counters() {
            try {
                file = Path.of("/proc").resolve(Files.readSymbolicLink(SELF)).resolve("io");
            } catch (IOException | UnsupportedOperationException e) {
                // Not Linux, or no /proc: nobody tells.
                file = null;
            }
            open = reopened();
        }

        private @Nullable FileChannel reopened() {
            try {
                return file == null ? null : FileChannel.open(file, StandardOpenOption.READ);
            } catch (IOException e) {
                // The thread is gone, or others may not look.
                return null;
            }
        }

        long written() {
            FileChannel channel = open;
            if (channel == null) {
                return 0;
            }
            ByteBuffer text = ByteBuffer.allocate(256);
            try {
                channel.read(text, 0);
            } catch (ClosedChannelException e) {
                // Whoever was interrupted in here closed it.
                open = reopened();
                return 0;
            } catch (IOException e) {
                // A thread that is gone has none.
                return 0;
            }
            return number(text.array(), text.position());
        }

        private static long number(byte[] text, int length) {
            int at = 0;
            while (at < length && !Arrays.equals(text, at, Math.min(length, at + WORD.length), WORD, 0, WORD.length)) {
                at++;
            }
            long number = 0;
            for (at += WORD.length; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
                number = number * 10 + text[at] - '0';
            }
            return number;
        }
    }
}
