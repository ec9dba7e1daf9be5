package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.ingest.Compression;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The files of an ingest, {@code -} being standard input: opened one after another, counted as they lie on disk. */
final class Inputs {
    static final String STDIN = "-";

    private final Console console;
    private volatile boolean stopped;
    private volatile @Nullable InputStream open;
    private volatile long bytes;

    Inputs(Console console) {
        this.console = console;
    }

    /** The size of all files, or -1 where one has none. */
    static long size(List<String> files) {
        long sum = 0;
        for (String file : files) {
            try {
                if (file.equals(STDIN) || !Files.isRegularFile(Path.of(file))) {
                    return -1;
                }
                sum += Files.size(Path.of(file));
            } catch (IOException e) {
                // Opening it names the error; for a progress bar the size is only nice to have.
                return -1;
            }
        }
        return sum;
    }

    /** Whether the input can be read a second time. */
    static boolean repeatable(String file) {
        return !file.equals(STDIN) && Files.isRegularFile(Path.of(file));
    }

    /** Opens an input, uncompressed. */
    InputStream open(String file) {
        InputStream raw;
        try {
            if (file.equals(STDIN)) {
                raw = console.in();
            } else if (Files.isDirectory(Path.of(file))) {
                throw new LeveeException(ErrorCode.IO_FAILED, file + " is a directory").hint("name the files in it");
            } else {
                raw = Files.newInputStream(Path.of(file));
            }
        } catch (NoSuchFileException e) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no file " + file, e);
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, file + " cannot be read: " + e, e);
        }
        InputStream counted = new Counted(raw);
        open = raw;
        return Compression.open(counted);
    }

    /** Bytes read so far, as they lie on disk. */
    long bytes() {
        return bytes;
    }

    boolean stopped() {
        return stopped;
    }

    /** Ends reading, also where it waits for a pipe. From any thread. */
    void stop() {
        stopped = true;
        InputStream reading = open;
        if (reading != null) {
            try {
                reading.close();
            } catch (IOException e) {
                // It was to end, and it ends at its next read.
                console.say("levee: " + e);
            }
        }
    }

    private final class Counted extends FilterInputStream {
        Counted(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
        }

        @Override
        @SuppressWarnings("NonAtomicVolatileUpdate") // Written by the reading thread alone.
        public int read(byte[] target, int offset, int length) throws IOException {
            try {
                int count = stopped ? -1 : in.read(target, offset, length);
                bytes += Math.max(0, count);
                return count;
            } catch (ClosedChannelException e) {
                if (stopped) {
                    return -1;
                }
                throw e;
            }
        }
    }
}
