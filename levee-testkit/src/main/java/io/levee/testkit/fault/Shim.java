package io.levee.testkit.fault;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Faults in one process, by a small C library that is loaded before all others (LD_PRELOAD) and reads what it shall do from a page of
 * shared memory. So a JVM that was started with {@link #environment} can arm faults against itself, in a loop, and another process can
 * arm them from outside. Only calls on files below {@link #watch} count. Linux with gcc; needs no rights.
 *
 * <p>The library is {@code shim.c} beside this class, compiled when it is first needed. Thread-safe, but one thread should arm.
 */
public final class Shim {
    /** What can be made to fail. */
    public enum Call {
        /** {@code write, pwrite64}. */
        WRITE(1),
        /** {@code fsync, fdatasync}, of files and directories. */
        SYNC(2),
        /** {@code ftruncate, fallocate}. */
        TRUNCATE(4),
        /** {@code unlink, rmdir}. */
        UNLINK(8),
        /** {@code rename}. */
        RENAME(16),
        /** {@code open, openat}. */
        OPEN(32),
        /** {@code mkdir}. */
        MKDIR(64);

        private final int bit;

        Call(int bit) {
            this.bit = bit;
        }
    }

    /** What a call that fails says. */
    public enum Errno {
        /** Input/output error. */
        EIO(5),
        /** No space left on device. */
        ENOSPC(28),
        /** Read-only file system. */
        EROFS(30);

        private final int number;

        Errno(int number) {
            this.number = number;
        }
    }

    /** Every kind of call. */
    public static final Set<Call> ALL = Set.copyOf(EnumSet.allOf(Call.class));

    private static final String VARIABLE = "LEVEE_SHIM";
    private static final int MAGIC = 0x4C565348;
    private static final int PAGE = 4096;
    private static final int FAIL = 1;
    private static final int SHORT = 2;
    private static final int DELAY = 3;

    // The fields of struct control.
    private static final int ARMED = 4;
    private static final int CALLS = 8;
    private static final int MODE = 12;
    private static final int ERROR = 16;
    private static final int CHANCE = 20;
    private static final int FIRST = 24;
    private static final int TIMES = 32;
    private static final int COUNTED = 40;
    private static final int HITS = 48;
    private static final int RANDOM = 56;
    private static final int DELAY_US = 64;
    private static final int REMEMBER = 68;
    private static final int SKIP_SYNC = 72;
    private static final int LAST = 80;
    private static final int LAST_LENGTH = 440;
    private static final int STORE = 520;
    private static final int UNDO = 1544;
    private static final int PATH_LENGTH = 1024;

    private final Path library;
    private final Path page;
    private final MappedByteBuffer control;

    private Shim(Path library, Path page, MappedByteBuffer control) {
        this.library = library;
        this.page = page;
        this.control = control;
    }

    /**
     * Compiles the library and makes its page.
     *
     * @param directory where both go, outside of the store
     * @throws MissingToolException where there is no gcc, or it cannot build the library
     */
    public static Shim build(Path directory) {
        Path library = directory.resolve("levee-shim.so");
        try (InputStream source = Shim.class.getResourceAsStream("shim.c")) {
            if (source == null) {
                throw new IllegalStateException("shim.c is not on the class path");
            }
            Files.createDirectories(directory);
            Path file = directory.resolve("levee-shim.c");
            Files.copy(source, file, StandardCopyOption.REPLACE_EXISTING);
            Tools.Ended built = Tools.run(List.of(
                    Tools.need("gcc").toString(),
                    "-O1",
                    "-shared",
                    "-fPIC",
                    "-o",
                    library.toString(),
                    file.toString(),
                    "-ldl"));
            if (built.status() != 0) {
                throw new MissingToolException("gcc cannot build the fault shim: " + built.output());
            }
            Path page = directory.resolve("levee-shim.page");
            Files.write(page, new byte[PAGE]);
            MappedByteBuffer control = map(page);
            control.putInt(0, MAGIC);
            return new Shim(library, page, control);
        } catch (IOException e) {
            throw new UncheckedIOException("the fault shim cannot be made in " + directory, e);
        }
    }

    /** The shim that this process was started with, if it was. */
    public static Optional<Shim> ofProcess() {
        String page = System.getenv(VARIABLE);
        String library = System.getenv("LD_PRELOAD");
        if (page == null || library == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(new Shim(Path.of(library), Path.of(page), map(Path.of(page))));
        } catch (IOException e) {
            throw new UncheckedIOException("the fault shim's page " + page + " cannot be mapped", e);
        }
    }

    private static MappedByteBuffer map(Path page) throws IOException {
        try (FileChannel channel = FileChannel.open(page, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MappedByteBuffer control = channel.map(FileChannel.MapMode.READ_WRITE, 0, PAGE);
            control.order(ByteOrder.LITTLE_ENDIAN);
            return control;
        }
    }

    /** What a process needs in its environment. */
    public Map<String, String> environment() {
        return Map.of("LD_PRELOAD", library.toString(), VARIABLE, page.toString());
    }

    /** Which files count: those below this directory, by the path that they are opened by. Disarms first. */
    public Shim watch(Path store) {
        disarm();
        text(STORE, PATH_LENGTH, store.toAbsolutePath().toString());
        return this;
    }

    /**
     * Makes calls fail by number.
     *
     * @param calls which are counted
     * @param first the first that fails, from 1
     * @param times how many in a row; {@link Long#MAX_VALUE} for all that follow, until {@link #disarm}
     * @param error what they say
     */
    public void fail(Set<Call> calls, long first, long times, Errno error) {
        disarm();
        control.putInt(ERROR, error.number);
        control.putInt(CHANCE, 0);
        arm(FAIL, calls, first, times);
    }

    /** Makes some calls fail at random: {@code perMillion} of a million, drawn from the seed. */
    public void failSome(Set<Call> calls, int perMillion, long seed, Errno error) {
        disarm();
        control.putInt(ERROR, error.number);
        random(perMillion, seed);
        arm(FAIL, calls, 1, Long.MAX_VALUE);
    }

    /** Makes some writes end half-way (T31): {@code perMillion} of a million, drawn from the seed. */
    public void shorten(int perMillion, long seed) {
        disarm();
        random(perMillion, seed);
        arm(SHORT, EnumSet.of(Call.WRITE), 1, Long.MAX_VALUE);
    }

    /** Makes some calls slow (T14): {@code perMillion} of a million, drawn from the seed, each by this much. */
    public void delay(Set<Call> calls, Duration length, int perMillion, long seed) {
        disarm();
        control.putInt(DELAY_US, (int) (length.toNanos() / 1000));
        random(perMillion, seed);
        arm(DELAY, calls, 1, Long.MAX_VALUE);
    }

    private void random(int perMillion, long seed) {
        control.putInt(CHANCE, perMillion);
        control.putLong(RANDOM, seed);
    }

    private void arm(int mode, Set<Call> calls, long first, long times) {
        control.putInt(MODE, mode);
        control.putInt(CALLS, calls.stream().mapToInt(c -> c.bit).sum());
        control.putLong(FIRST, first);
        control.putLong(TIMES, times);
        control.putLong(COUNTED, 0);
        control.putLong(HITS, 0);
        text(LAST, LAST_LENGTH, "");
        control.putInt(ARMED, 1);
    }

    /** Ends the fault: every call is what it is. */
    public void disarm() {
        control.putInt(ARMED, 0);
    }

    /** How many calls were counted since the fault was armed. */
    public long counted() {
        return control.getLong(COUNTED);
    }

    /** How many calls were hit since the fault was armed. */
    public long hits() {
        return control.getLong(HITS);
    }

    /** The call that was hit last, and its file; empty for none. */
    public String lastHit() {
        byte[] text = new byte[LAST_LENGTH];
        control.get(LAST, text);
        int end = 0;
        while (end < text.length && text[end] != 0) {
            end++;
        }
        return new String(text, 0, end, StandardCharsets.UTF_8);
    }

    /**
     * Keeps from now on what a power cut would undo, for {@link PowerCut}.
     *
     * @param undo an empty directory on the store's volume, outside of the store; made where it is missing
     */
    public Shim remember(Path undo) {
        try {
            Files.createDirectories(undo);
        } catch (IOException e) {
            throw new UncheckedIOException("the undo log's directory " + undo, e);
        }
        text(UNDO, PATH_LENGTH, undo.toAbsolutePath().toString());
        control.putInt(REMEMBER, 1);
        return this;
    }

    /** Keeps no longer what a power cut would undo. */
    public void forget() {
        control.putInt(REMEMBER, 0);
        skipSyncs(false);
    }

    /** Answers syncs without doing them: for tests whose machine does not really lose power. */
    public void skipSyncs(boolean skip) {
        control.putInt(SKIP_SYNC, skip ? 1 : 0);
    }

    private void text(int at, int length, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= length) {
            throw new IllegalArgumentException(
                    "at most " + (length - 1) + " bytes (got " + bytes.length + "): " + text);
        }
        byte[] padded = new byte[length];
        System.arraycopy(bytes, 0, padded, 0, bytes.length);
        control.put(at, padded);
    }
}
