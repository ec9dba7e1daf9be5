package io.levee.sqlite;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

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
    private static final Map<Path, Entry> ENTRIES = new ConcurrentHashMap<>();

    private Handles() {}

    /** The connections of one file; its monitor orders their opens and Java's visits. */
    private static final class Entry {
        private int open;
    }

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
        Entry entry = entry(database);
        synchronized (entry) {
            T opened = opener.open();
            entry.open++;
            return opened;
        }
    }

    /** Closes a connection and stops counting it, even if closing fails. */
    static <X extends Exception> void closing(Path database, Closer<X> closer) throws X {
        Entry entry = entry(database);
        synchronized (entry) {
            try {
                closer.close();
            } finally {
                entry.open--;
            }
        }
    }

    @FunctionalInterface
    interface Closer<X extends Exception> {
        void close() throws X;
    }

    /** How many connections this JVM has to a database. */
    static int open(Path database) {
        Entry entry = entry(database);
        synchronized (entry) {
            return entry.open;
        }
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
        Entry entry = entry(identity);
        synchronized (entry) {
            if (entry.open > 0) {
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

    private static Entry entry(Path database) {
        return ENTRIES.computeIfAbsent(database.toAbsolutePath().normalize(), p -> new Entry());
    }
}
