package io.levee.sqlite;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The law of one door: nothing but SQLite opens a database, WAL or shm file that has a connection in this JVM.
 *
 * <p>POSIX drops all locks of a process on a file when the process closes any descriptor of it. So a Java open and close of a
 * file that SQLite has open takes SQLite's locks away; another process then believes that nobody has the file open, deletes
 * its WAL, and committed rows are gone. This registry counts the connections of each file, for all stores of the JVM, and is
 * the only place of this module that opens such a file from Java: when the count is zero, and holding off new connections
 * meanwhile. {@code ArchitectureTest} guards that, {@code OneDoorTest} loses rows without it. Thread-safe; static because the
 * law is the process's.
 */
final class Handles {
    /** Order the opens, closes and visits of a file; two files seldom share one. */
    private static final Object[] LOCKS =
            Stream.generate(Object::new).limit(256).toArray();

    /** The files that have connections, with their number, each guarded by the file's lock. */
    private static final Map<Path, Integer> OPEN = new ConcurrentHashMap<>();

    private Handles() {}

    @FunctionalInterface
    interface Opener<T, X extends Exception> {
        T open() throws X;
    }

    @FunctionalInterface
    interface Visit<T> {
        T to(FileChannel channel) throws IOException;
    }

    /** Opens a connection to a database and counts it, unless opening fails. */
    static <T, X extends Exception> T opening(Path database, Opener<T, X> opener) throws X {
        Path key = key(database);
        synchronized (lock(key)) {
            T opened = opener.open();
            OPEN.merge(key, 1, Integer::sum);
            return opened;
        }
    }

    /** Closes a connection and stops counting it, even if closing fails. */
    static <X extends Exception> void closing(Path database, Closer<X> closer) throws X {
        Path key = key(database);
        synchronized (lock(key)) {
            try {
                closer.close();
            } finally {
                OPEN.computeIfPresent(key, (path, open) -> open > 1 ? open - 1 : null);
            }
        }
    }

    @FunctionalInterface
    interface Closer<X extends Exception> {
        void close() throws X;
    }

    /** How many connections this JVM has to a database. */
    static int open(Path database) {
        return OPEN.getOrDefault(key(database), 0);
    }

    /** What a visit came to: {@code visited} is false where a connection is open and the file was left alone. */
    record Visited<T>(boolean visited, T value) {}

    /**
     * Opens a database file from Java if no connection is open, and keeps connections from being opened meanwhile: so a visit
     * has to be short.
     *
     * @param identity the path that its connections were opened by (a file in the trash has moved)
     * @param file where the file is now
     * @param fallback the value where the file was left alone
     */
    static <T> Visited<T> visit(Path identity, Path file, boolean write, T fallback, Visit<T> visit)
            throws IOException {
        Path key = key(identity);
        synchronized (lock(key)) {
            if (OPEN.containsKey(key)) {
                return new Visited<>(false, fallback);
            }
            StandardOpenOption mode = write ? StandardOpenOption.WRITE : StandardOpenOption.READ;
            try (FileChannel channel = FileChannel.open(file, mode)) {
                return new Visited<>(true, visit.to(channel));
            }
        }
    }

    /**
     * Reads a piece of a database file, as {@link #visit}.
     *
     * @return bytes read, -1 at the end of the file, -2 where a connection is open
     */
    static int read(Path file, long position, ByteBuffer into) throws IOException {
        return visit(file, file, false, -2, channel -> channel.read(into, position))
                .value();
    }

    private static Path key(Path database) {
        return database.toAbsolutePath().normalize();
    }

    private static Object lock(Path key) {
        return LOCKS[Math.floorMod(key.hashCode(), LOCKS.length)];
    }
}
