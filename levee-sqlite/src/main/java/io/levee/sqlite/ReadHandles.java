package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.Column;
import io.levee.Expr;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.internal.memory.Budget;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Read-only connections to partitions, kept for the next query: at most {@value #MAX_IDLE} idle ones, none for longer than ten
 * minutes (guarantee G39). Thread-safe; a handle that is out belongs to the query that took it.
 */
final class ReadHandles {
    /** Most idle handles kept. */
    static final int MAX_IDLE = 448;

    /** Least page cache of one handle, where there are many. */
    private static final Bytes LEAST_CACHE = Bytes.kibi(32);

    /** A handle gets at most this part of the share, as divisor, and of what is left of it. */
    private static final int HANDLES = 64;

    private static final int OF_THE_REST = 16;

    /** Handles with a large cache: those of the partitions that are asked most, which mostly are the newest. */
    private static final int HOT = 2;

    /** A hot handle that rests for longer makes room for another one. */
    private static final Duration COOLS = Duration.ofSeconds(1);

    /** What the caches of one query take together: half of it in hot handles, half in all the others. */
    private static final long ONE_QUERY = Budget.LARGEST_CACHE.value();

    /** What a statement sorts in memory before it goes on in a file: SQLite takes no less. */
    private static final Bytes SORTER = Bytes.mebi(1);

    private static final long DEFAULT_SHARE = Bytes.mebi(32).value();

    /** File descriptors that are left to others; of the rest, idle handles get half. */
    private static final long OTHER_DESCRIPTORS = 128;

    private static final int MAX_STATEMENTS = 3;

    private static final Duration KEEP = Duration.ofMinutes(10);

    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final StorePaths paths;
    private final Suspects suspects;
    private final int maxIdle;
    /** What statistics may take of the share, as divisor. */
    private static final int FACTS = 16;

    private final long share;
    private final @Nullable SortRoom sorts;
    private final PartitionFacts facts;
    private final Bytes large;
    private final List<ReadHandle> hot = new ArrayList<>();
    private long cached;
    private long shrunkNanos;
    private final IdleHandles idle = new IdleHandles();
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
        this(paths, suspects, maxIdle, DEFAULT_SHARE, new DiskFigure(paths, null, null, () -> -1, 0));
    }

    /**
     * Handles within a budget.
     *
     * @param share bytes that the page caches of all handles may take together; past it idle ones are closed, and new ones get the least
     * @param figure keeps sorts below a cap
     */
    ReadHandles(StorePaths paths, Suspects suspects, int maxIdle, long share, DiskFigure figure) {
        this.sorts = figure.sorts();
        this.facts = new PartitionFacts(share / FACTS);
        this.share = share - share / FACTS;
        this.large = figure.cache(new Bytes(Math.min(ONE_QUERY / 2 / HOT, this.share / 4 / HOT)));
        this.shrunkNanos = clock.nanos();
        this.paths = paths;
        this.suspects = suspects;
        // No more than the descriptors that this process may have either (T23).
        this.maxIdle = (int) Math.max(0, Math.min(maxIdle, (Descriptors.limit() - OTHER_DESCRIPTORS) / 2));
    }

    /** What is known of closed partitions. */
    PartitionFacts facts() {
        return facts;
    }

    /** Whether what is known of a closed partition tells that no row of it passes a filter. */
    boolean ruledOut(Partition partition, @Nullable Expr filter) {
        return live() && facts.ruleOut(partition, filter);
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
        private final SortRoom.@Nullable Guard guard;
        private Bytes cache;
        private final Map<Adopted, AdoptedTable> adoptedTables = new HashMap<>();
        private long adoptedSchema = -1;
        /** By adopted table, what its overridden rows are kept under; none where none were found yet. */
        private final Map<PartitionId, Long> overridden = new HashMap<>();

        private boolean overridesAttached;
        private @Nullable AdoptedTable adopted;
        private final Map<String, Set<String>> columns = new LinkedHashMap<>();
        private final Map<String, PreparedStatement> statements = new LinkedHashMap<>();
        private Execution.@Nullable Lease lease;
        private @Nullable Boolean utf8;
        private @Nullable FileColumns shape;
        private long idleSinceNanos;
        /** What it was taken for last. */
        private @Nullable Partition partition;

        private boolean begun;
        private String leftOut = "";

        ReadHandle(
                Path file, Connection connection, int replacementsBefore, Bytes cache, SortRoom.@Nullable Guard guard) {
            this.guard = guard;
            this.cache = cache;
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

        /** Whether the file keeps its texts in UTF-8: ours all do, an adopted one need not. It never changes. */
        boolean utf8() throws SQLException {
            Boolean known = utf8;
            if (known == null) {
                known = "UTF-8".equals(Sqlite.value(connection, "PRAGMA encoding"));
                utf8 = known;
            }
            return known;
        }

        private void runs(@Nullable Execution execution) {
            if (guard != null) {
                guard.runs(execution);
            }
        }

        /** Has all statements until it is given back read the file as it is now. */
        void begin() throws SQLException {
            Sqlite.run(connection, "BEGIN");
            begun = true;
            Sqlite.value(connection, "SELECT count(*) FROM main.sqlite_master");
            if (overridesAttached) {
                Overrides.begin(connection);
            }
        }

        /** Whether a transaction of it was ended, or there was none. */
        private boolean ended() {
            leftOut = "";
            if (begun) {
                begun = false;
                try {
                    Sqlite.run(connection, "COMMIT");
                } catch (SQLException e) {
                    return false;
                }
            }
            return true;
        }

        /** Which rows its statements leave out, by number. */
        void leaveOut(Set<Long> numbers) {
            leftOut = numbers.isEmpty() ? "" : Sight.json(numbers);
        }

        /** The numbers of the rows that are left out, as json; empty for none. */
        String leftOut() {
            return leftOut;
        }

        /** How an adopted database is read; null for a partition of our own. */
        @Nullable
        AdoptedTable adopted() {
            return adopted;
        }

        /** Whether its partition was dropped: nobody asks for it any more, and its file may have no name but this handle. */
        private boolean ofDropped() {
            Partition last = partition;
            return last != null && last.state() == Partition.State.DROPPED;
        }

        /** It is taken for a partition: several may be tables of one adopted database. */
        private void takenFor(Partition taken, StorePaths paths) throws SQLException {
            partition = taken;
            Adopted wanted = taken.adopted();
            if (wanted == null) {
                adopted = null;
                return;
            }
            long overrides = overrides(taken.id(), paths);
            // Its own program may have given it a column or its details since.
            long schema = Sqlite.number(connection, "PRAGMA main.schema_version");
            if (schema != adoptedSchema) {
                adoptedTables.clear();
                adoptedSchema = schema;
            }
            adopted = adoptedTables.get(wanted);
            if (adopted == null) {
                adopted = AdoptedTable.read(connection, "main", wanted, overrides);
                adoptedTables.put(wanted, adopted);
            }
        }

        /** Asked each time until there are some: then every statement has to leave them out. */
        private long overrides(PartitionId id, StorePaths paths) throws SQLException {
            Long known = overridden.get(id);
            if (known != null) {
                return known;
            }
            if (!overridesAttached) {
                overridesAttached = Overrides.attach(paths, connection);
            }
            long found = overridesAttached ? Overrides.attachedPart(connection, id) : 0;
            if (found != 0) {
                overridden.put(id, found);
                adoptedTables.clear();
            }
            return found;
        }

        /** Whether rows of what it was taken for may have been overridden. */
        boolean overridden(PartitionId id) {
            return overridden.containsKey(id);
        }

        /** A compiled statement: one that was run before, or a new one. To be given back by {@link #done}, or closed. */
        PreparedStatement statement(String sql) throws SQLException {
            PreparedStatement known = statements.remove(sql);
            return known != null ? known : connection.prepareStatement(sql);
        }

        /** Keeps a statement that was run to its end, or whose rows were closed, for the next query. */
        void done(String sql, PreparedStatement statement) throws SQLException {
            PreparedStatement twin = statements.put(sql, statement);
            if (twin != null) {
                twin.close();
            }
            Iterator<PreparedStatement> oldest = statements.values().iterator();
            while (statements.size() > MAX_STATEMENTS) {
                oldest.next().close();
                oldest.remove();
            }
        }

        /** Where the file has the columns of a table. */
        @SuppressWarnings(
                "ReferenceEquality") // The same spec, as nearly always: comparing two is longer than looking again.
        FileColumns shape(TableSpec spec) throws SQLException {
            FileColumns known = shape;
            if (known == null || known.spec() != spec) {
                Set<String> hot = columns(spec.name(), names(PartitionSchema.hot(spec)));
                List<Column> details = PartitionSchema.detail(spec);
                Set<String> detail =
                        details.isEmpty() ? Set.of() : columns(PartitionSchema.details(spec), names(details));
                known = FileColumns.of(spec, connection, "", hot, detail);
                shape = known.whole() ? known : null;
            }
            return known;
        }

        private static Set<String> names(List<Column> columns) {
            Set<String> names = new LinkedHashSet<>();
            columns.forEach(c -> names.add(c.name()));
            return names;
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
     * A handle on a partition's file for a statement of a query, which has to be given back. Where the partition is being written that is
     * a lease: an open statement keeps its WAL from being reset.
     *
     * @throws io.levee.LeveeException {@code CORRUPT} where the file is damaged or another one: it is reported
     */
    ReadHandle take(Partition partition, Execution execution) throws SQLException {
        ReadHandle handle = take(partition);
        if (partition.state() == Partition.State.OPEN) {
            handle.lease = execution.lease();
        }
        handle.runs(execution);
        return handle;
    }

    /**
     * As {@link #take(Partition, Execution)}; null where the partition went before it could be opened: for space a file is unlinked although
     * queries have it in their lists, and the coverage tells of it.
     */
    @Nullable
    ReadHandle takeUnlessGone(Partition partition, Execution execution) throws SQLException {
        try {
            return take(partition, execution);
        } catch (SQLException e) {
            if (gone(paths, partition)) {
                return null;
            }
            throw e;
        }
    }

    /** Whether a partition was dropped and has no file in its place any more. */
    static boolean gone(StorePaths paths, Partition partition) {
        return partition.state() == Partition.State.DROPPED && Files.notExists(paths.partition(partition));
    }

    /**
     * A handle on a partition's file, which has to be given back.
     *
     * @throws io.levee.LeveeException {@code CORRUPT} where the file is damaged or another one: it is reported
     */
    ReadHandle take(Partition partition) throws SQLException {
        ReadHandle handle = takeAny(partition);
        boolean done = false;
        try {
            handle.takenFor(partition, paths);
            done = true;
            return handle;
        } finally {
            if (!done) {
                giveBack(handle, false);
            }
        }
    }

    private ReadHandle takeAny(Partition partition) throws SQLException {
        Path file = paths.partition(partition);
        suspects.requireAlone(partition, file);
        suspects.requireThere(partition, file);
        ReadHandle found = takeIdle(file);
        if (found != null) {
            return warmed(found);
        }
        int before;
        synchronized (this) {
            before = replacements;
        }
        Bytes cache = reserve();
        boolean done = false;
        try {
            Connection connection = open(partition, file, cache);
            ReadHandle opened = new ReadHandle(file, connection, before, cache, guard(file, connection));
            done = true;
            return warmed(opened);
        } finally {
            if (!done) {
                synchronized (this) {
                    out--;
                    cached -= cache.value();
                }
            }
        }
    }

    private SortRoom.@Nullable Guard guard(Path file, Connection connection) throws SQLException {
        boolean done = false;
        try {
            SortRoom.Guard guard = sorts == null ? null : sorts.guard(connection);
            done = true;
            return guard;
        } finally {
            if (!done) {
                Connections.closeQuietly(file, connection);
            }
        }
    }

    /** Gives a handle a large cache where there is room for another hot one. */
    private ReadHandle warmed(ReadHandle handle) throws SQLException {
        synchronized (this) {
            boolean fits = cached + large.value() - handle.cache.value() <= share;
            if (hot.contains(handle) || !fits || large.value() <= handle.cache.value() || !roomForHot()) {
                return handle;
            }
            hot.add(handle);
            cached += large.value() - handle.cache.value();
            handle.cache = large;
        }
        boolean done = false;
        try {
            Sqlite.run(handle.connection, "PRAGMA cache_size=-" + large.value() / 1024);
            done = true;
            return handle;
        } finally {
            if (!done) {
                giveBack(handle, false);
            }
        }
    }

    private boolean roomForHot() {
        if (hot.size() < HOT) {
            return true;
        }
        long now = clock.nanos();
        for (ReadHandle resting : idle.all()) {
            if (hot.contains(resting) && now - resting.idleSinceNanos > COOLS.toNanos()) {
                idle.remove(resting);
                close(resting);
                return true;
            }
        }
        return false;
    }

    /** Takes a new handle's cache off the share, for which idle ones are closed; there is always a small one. */
    private synchronized Bytes reserve() {
        while (cached + LEAST_CACHE.value() > share && idle.size() > 0) {
            close(idle.removeOldest());
        }
        // The least of all that may be idle at once is kept back: a query of many partitions must not close what the
        // next one needs.
        long later = Math.max(0, maxIdle - idle.size() - out) * LEAST_CACHE.value();
        // Those of one query together are no more than the largest, on any host: it may have that many out at once.
        long most = Math.min(
                ONE_QUERY / 2 / RowScan.MAX_AT_ONCE, Math.min(share / HANDLES, (share - cached - later) / OF_THE_REST));
        Bytes cache = new Bytes(Math.max(LEAST_CACHE.value(), most));
        cached += cache.value();
        out++;
        return cache;
    }

    private Connection open(Partition partition, Path file, Bytes cache) throws SQLException {
        try {
            return openOnce(partition, file, cache);
        } catch (SQLException e) {
            if (partition.adopted() != null) {
                if (Sqlite.needsRollback(e)) {
                    throw AdoptedProbe.unreadable(file, e);
                }
                throw e;
            }
            if (!Sqlite.needsRollback(e) || !suspects.live()) {
                throw e;
            }
            Connections.rollBackLeftover(file);
            return openOnce(partition, file, cache);
        }
    }

    private Connection openOnce(Partition partition, Path file, Bytes cache) throws SQLException {
        Connection connection = null;
        boolean done = false;
        try {
            connection = Connections.reader(file, cache);
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
        ReadHandle handle = idle.take(file);
        if (handle != null) {
            out++;
        }
        return handle;
    }

    /**
     * Takes a handle back.
     *
     * @param usable false after a cancel or an error: such a handle is closed, so that nothing of it reaches the next query
     */
    void giveBack(ReadHandle handle, boolean usable) {
        boolean whole = handle.ended();
        handle.runs(null);
        Execution.Lease lease = handle.lease;
        handle.lease = null;
        if (lease != null) {
            lease.close();
        }
        synchronized (this) {
            out--;
            // Whoever drops a partition says so before he evicts its handles: one that comes back later is seen here.
            boolean current =
                    replacedAt.getOrDefault(handle.file, 0) <= handle.replacementsBefore && !handle.ofDropped();
            if (usable && whole && current && !closed && maxIdle > 0) {
                handle.idleSinceNanos = clock.nanos();
                idle.add(handle);
                while (idle.size() > maxIdle) {
                    close(idle.removeOldest());
                }
                return;
            }
        }
        close(handle);
    }

    /** Closes the idle handles of a file, so that it can be closed, dropped or read by Java. */
    synchronized void evict(Path file) {
        for (ReadHandle handle = idle.take(file); handle != null; handle = idle.take(file)) {
            close(handle);
        }
    }

    /** Another file has the name now: handles that are out read the old one to its end, and are not kept. */
    synchronized void replaced(Path file) {
        replacedAt.put(file, ++replacements);
        evict(file);
    }

    /** Closes what has been idle for too long. */
    synchronized void closeOld() {
        long now = clock.nanos();
        while (idle.size() > 0 && now - idle.oldest().idleSinceNanos > KEEP.toNanos()) {
            close(idle.removeOldest());
        }
    }

    /** Closes all idle handles; those that are out are closed when they come back. */
    synchronized void closeAll() {
        closed = true;
        while (idle.size() > 0) {
            close(idle.removeOldest());
        }
    }

    /** What the caches of all handles may take together, with what is known of partitions. */
    synchronized long cacheBytes() {
        return cached + facts.bytes();
    }

    /** What the statements that run may sort in memory. */
    synchronized long sorterBytes() {
        return out * SORTER.value();
    }

    /** Empties the caches of idle handles that were used since the last call. */
    synchronized void shrink() {
        long since = shrunkNanos;
        shrunkNanos = clock.nanos();
        for (ReadHandle handle : idle.all()) {
            if (handle.idleSinceNanos - since < 0) {
                continue;
            }
            try {
                Sqlite.run(handle.connection, "PRAGMA shrink_memory");
            } catch (SQLException e) {
                idle.remove(handle);
                close(handle);
            }
        }
    }

    private synchronized void close(ReadHandle handle) {
        hot.remove(handle);
        cached -= handle.cache.value();
        try {
            Connections.close(handle.file, handle.connection);
        } catch (SQLException e) {
            // A reader has nothing to lose; the handle is counted off all the same.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.WARNING, "closing a reader failed", e);
        }
        if (handle.overridesAttached) {
            Overrides.detached(paths);
        }
    }
}
