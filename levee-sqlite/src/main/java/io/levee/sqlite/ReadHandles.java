package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Read-only connections to partitions, kept for the next query: at most {@value #MAX_IDLE} idle ones, none for longer than ten
 * minutes (guarantee G39). Thread-safe; a handle that is out belongs to the query that took it.
 */
final class ReadHandles {
    /** Most idle handles kept. */
    static final int MAX_IDLE = 64;

    /** Page cache of one handle. */
    static final Bytes CACHE = Bytes.kibi(512);

    private static final Duration KEEP = Duration.ofMinutes(10);

    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final StorePaths paths;
    private final Suspects suspects;
    private final int maxIdle;
    private final Deque<ReadHandle> idle = new ArrayDeque<>();
    private final Map<Path, Integer> replacedAt = new HashMap<>();
    private int replacements;
    private int out;
    private boolean closed;

    /**
     * Handles of one store.
     *
     * @param suspects told of files that are damaged
     * @param maxIdle how many are kept for the next query. None where another process writes: even an idle one keeps the writer
     *     from closing the partition, and with it from dropping it
     */
    ReadHandles(StorePaths paths, Suspects suspects, int maxIdle) {
        this.paths = paths;
        this.suspects = suspects;
        this.maxIdle = maxIdle;
    }

    /** Whether this process writes to the store. */
    boolean live() {
        return suspects.live();
    }

    /** One read-only connection with what it knows of its file's tables. */
    static final class ReadHandle {
        private final Path file;
        private final Connection connection;
        private final int replacementsBefore;
        private final Map<String, Set<String>> columns = new LinkedHashMap<>();
        private long idleSinceNanos;

        ReadHandle(Path file, Connection connection, int replacementsBefore) {
            this.replacementsBefore = replacementsBefore;
            this.file = file;
            this.connection = connection;
        }

        Path file() {
            return file;
        }

        Connection connection() {
            return connection;
        }

        /** The columns of one of the file's tables; looked up again when one is missing, since tables only grow. */
        Set<String> columns(String table, Set<String> needed) throws SQLException {
            Set<String> known = columns.get(table);
            if (known == null || !known.containsAll(needed)) {
                known = PartitionSchema.columns(connection, table);
                columns.put(table, known);
            }
            return known;
        }
    }

    /**
     * A handle on a partition's file, which has to be given back.
     *
     * @throws io.levee.LeveeException {@code CORRUPT} where the file is damaged or another one: it is reported
     */
    ReadHandle take(Partition partition) throws SQLException {
        Path file = paths.partition(partition);
        suspects.requireAlone(partition, file);
        suspects.requireThere(partition, file);
        ReadHandle found = takeIdle(file);
        if (found != null) {
            return found;
        }
        int before;
        synchronized (this) {
            before = replacements;
        }
        ReadHandle opened = new ReadHandle(file, open(partition, file), before);
        synchronized (this) {
            out++;
        }
        return opened;
    }

    private Connection open(Partition partition, Path file) throws SQLException {
        try {
            return openOnce(partition, file);
        } catch (SQLException e) {
            if (!Sqlite.needsRollback(e) || !suspects.live()) {
                throw e;
            }
            Connections.rollBackLeftover(file);
            return openOnce(partition, file);
        }
    }

    private Connection openOnce(Partition partition, Path file) throws SQLException {
        Connection connection = null;
        boolean done = false;
        try {
            connection = Connections.reader(file, CACHE);
            suspects.requireIdentity(partition, file, connection, "main");
            done = true;
            return connection;
        } catch (SQLException e) {
            suspects.met(partition, file, e);
            throw e;
        } finally {
            if (!done && connection != null) {
                Connections.closeQuietly(file, connection);
            }
        }
    }

    /** Where an error while reading means damage, reports it and throws what callers get; else does nothing. */
    void met(Partition partition, SQLException e) {
        suspects.met(partition, paths.partition(partition), e);
    }

    private synchronized @Nullable ReadHandle takeIdle(Path file) {
        for (Iterator<ReadHandle> handles = idle.iterator(); handles.hasNext(); ) {
            ReadHandle handle = handles.next();
            if (handle.file.equals(file)) {
                handles.remove();
                out++;
                return handle;
            }
        }
        return null;
    }

    /**
     * Takes a handle back.
     *
     * @param usable false after a cancel or an error: such a handle is closed, so that nothing of it reaches the next query
     */
    void giveBack(ReadHandle handle, boolean usable) {
        synchronized (this) {
            out--;
            boolean current = replacedAt.getOrDefault(handle.file, 0) <= handle.replacementsBefore;
            if (usable && current && !closed && maxIdle > 0) {
                handle.idleSinceNanos = clock.nanos();
                idle.addFirst(handle);
                while (idle.size() > maxIdle) {
                    close(idle.removeLast());
                }
                return;
            }
        }
        close(handle);
    }

    /** Closes the idle handles of a file, so that it can be closed, dropped or read by Java. */
    synchronized void evict(Path file) {
        idle.removeIf(handle -> {
            if (handle.file.equals(file)) {
                close(handle);
                return true;
            }
            return false;
        });
    }

    /** Another file has the name now: handles that are out read the old one to its end, and are not kept. */
    synchronized void replaced(Path file) {
        replacedAt.put(file, ++replacements);
        evict(file);
    }

    /** Closes what has been idle for too long. */
    synchronized void closeOld() {
        long now = clock.nanos();
        while (!idle.isEmpty() && now - idle.peekLast().idleSinceNanos > KEEP.toNanos()) {
            close(idle.removeLast());
        }
    }

    /** Closes all idle handles; those that are out are closed when they come back. */
    synchronized void closeAll() {
        closed = true;
        idle.forEach(ReadHandles::close);
        idle.clear();
    }

    /** What the caches of all handles may take together. */
    synchronized long cacheBytes() {
        return (idle.size() + out) * CACHE.value();
    }

    private static void close(ReadHandle handle) {
        try {
            Connections.close(handle.file, handle.connection);
        } catch (SQLException e) {
            // A reader has nothing to lose; the handle is counted off all the same.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.WARNING, "closing a reader failed", e);
        }
    }
}
