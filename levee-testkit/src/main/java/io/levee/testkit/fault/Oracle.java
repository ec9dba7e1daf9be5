package io.levee.testkit.fault;

import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * A process that outlives the writing processes and keeps what they said: it reads lines from a pipe and appends them to a file. What a
 * process wrote into the pipe is kept, whatever kills the process one instruction later; limits and faults of that process do not reach
 * the file. Its pipe is opened by {@code /proc}, so that many processes can write to it, one after another. Linux. Used by one thread.
 */
public final class Oracle implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final ChildProcess process;
    private final Path log;
    private final OutputStream own;
    private long position;
    private long marks;

    private Oracle(ChildProcess process, Path log) {
        this.process = process;
        this.log = log;
        this.own = process.standardInput();
    }

    /** Starts one that appends to this file. */
    public static Oracle start(Path log) {
        ChildProcess process = ChildProcess.java(Oracle.class, log.toString())
                .options("-Xmx16m")
                .start();
        Oracle oracle = new Oracle(process, log);
        waitFor(() -> Files.exists(log) || !process.alive());
        return oracle;
    }

    /** What writing processes redirect their standard output to. */
    public Path pipe() {
        return Path.of("/proc/" + process.pid() + "/fd/0");
    }

    /**
     * Everything that was said since the last call, once the writing process is dead.
     *
     * @param into takes the lines
     */
    public void collect(Receipts into) {
        String mark = "P mark " + ++marks;
        say(mark);
        byte[] end = ("\n" + mark + "\n").getBytes(StandardCharsets.UTF_8);
        waitFor(() -> endsWith(end));
        for (String line : lines()) {
            if (!line.isEmpty() && !line.equals(mark)) {
                into.take(line);
            }
        }
    }

    /** Bytes said so far: they grow while a process writes. */
    public long size() {
        try {
            return Files.size(log);
        } catch (IOException e) {
            throw new UncheckedIOException("the oracle's log " + log, e);
        }
    }

    private void say(String line) {
        try {
            // A line of its own, also after one that a kill cut off.
            own.write(("\n" + line + "\n").getBytes(StandardCharsets.UTF_8));
            own.flush();
        } catch (IOException e) {
            throw new UncheckedIOException("the oracle does not listen", e);
        }
    }

    private boolean endsWith(byte[] end) {
        try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
            if (file.length() < position + end.length) {
                return false;
            }
            byte[] tail = new byte[end.length];
            file.seek(file.length() - end.length);
            file.readFully(tail);
            return java.util.Arrays.equals(tail, end);
        } catch (IOException e) {
            throw new UncheckedIOException("the oracle's log " + log, e);
        }
    }

    private List<String> lines() {
        try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
            byte[] bytes = new byte[Math.toIntExact(file.length() - position)];
            file.seek(position);
            file.readFully(bytes);
            position += bytes.length;
            return new String(bytes, StandardCharsets.UTF_8).lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("the oracle's log " + log, e);
        }
    }

    /** Looks again and again until it holds, for a minute. */
    static void waitFor(BooleanSupplier condition) {
        if (!within(PATIENCE, condition)) {
            throw new IllegalStateException("did not come true within " + PATIENCE);
        }
    }

    /** Looks again and again until it holds; false where it does not in time. */
    static boolean within(Duration time, BooleanSupplier condition) {
        long end = System.nanoTime() + time.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                return false;
            }
            LockSupport.parkNanos(1_000_000);
        }
        return true;
    }

    /** Ends the process. */
    @Override
    public void close() {
        try {
            own.close();
        } catch (IOException e) {
            System.getLogger("io.levee.testkit").log(System.Logger.Level.DEBUG, "closing the oracle's pipe", e);
        }
        process.await(Duration.ofSeconds(10));
        process.close();
    }

    /** The process: from the pipe to the file, until nobody holds the pipe's other end. */
    public static void main(String[] arguments) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        try (ReadableByteChannel in = Channels.newChannel(System.in);
                FileChannel out =
                        FileChannel.open(Path.of(arguments[0]), StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            while (in.read(buffer) >= 0) {
                buffer.flip();
                while (buffer.hasRemaining()) {
                    out.write(buffer);
                }
                buffer.clear();
            }
        }
    }
}
