package io.levee.sqlite;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.TableSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The write connection of one open partition: its transactions, its statistics, and what of it is on the disk. What is written in them is
 * the work of its {@link RowStatements}. Owned by the writer thread.
 */
final class PartitionWriter {
    private final Partition partition;
    private TableSpec spec;
    private final Path file;
    private final Connection connection;
    private final RowStatements rows;
    private final PreparedStatement stats;
    private Ack synced = Ack.COMMITTED;
    private long lastUsedNanos;
    private boolean dirty;
    private boolean namesSynced;
    private @Nullable Point failing;
    private @Nullable SQLException toFail;
    private long unsyncedFrom = Long.MAX_VALUE;
    private long unsyncedTo = Long.MIN_VALUE;

    private PartitionWriter(Partition partition, TableSpec spec, Path file, Connection connection) throws SQLException {
        this.partition = partition;
        this.spec = spec;
        this.file = file;
        this.connection = connection;
        this.rows = new RowStatements(spec, connection);
        this.stats = connection.prepareStatement(
                "UPDATE levee_stats SET rows=?, min_time=?, max_time=?, max_seq=max(max_seq, ?4)"
                        + (FilledRows.kept(connection, "") ? ", filled_seq=max(max_seq, ?4)" : "") + " WHERE id=1");
    }

    /**
     * Opens a partition's file for writing, making or widening its tables. The catalog says {@code open} already.
     *
     * @throws SQLException busy where a reader keeps the file from going to WAL mode
     */
    static PartitionWriter open(Partition partition, TableSpec spec, StorePaths paths, Bytes cache, Instant now)
            throws SQLException {
        Path file = paths.partition(partition);
        Connection connection = Connections.writer(file, cache);
        boolean done = false;
        try {
            PartitionSchema.prepare(connection, spec, partition.id(), now);
            PartitionWriter writer = new PartitionWriter(partition, spec, file, connection);
            done = true;
            return writer;
        } finally {
            if (!done) {
                Connections.close(file, connection);
            }
        }
    }

    Partition partition() {
        return partition;
    }

    TableSpec spec() {
        return spec;
    }

    /**
     * Whether it writes rows of a spec as it is; it has that one from then on. How long rows are kept is no part of the file: to open it
     * anew for another rule would move its whole log while everybody waits.
     */
    @SuppressWarnings("ReferenceEquality") // Asked for each batch; a new spec is a new object.
    boolean takes(TableSpec wanted) {
        if (spec != wanted) {
            if (!layout(spec).equals(layout(wanted))) {
                return false;
            }
            spec = wanted;
        }
        return true;
    }

    private static Map<String, Object> layout(TableSpec spec) {
        Map<String, Object> layout = new LinkedHashMap<>(spec.toMap());
        layout.remove("retention");
        return layout;
    }

    Path file() {
        return file;
    }

    Connection connection() {
        return connection;
    }

    /** What writes and finds rows, within a transaction of this. */
    RowStatements rows() {
        return rows;
    }

    long lastUsedNanos() {
        return lastUsedNanos;
    }

    void used(long nanos) {
        lastUsedNanos = nanos;
    }

    /** Begins the transaction of a batch; DURABLE syncs at its commit. */
    void begin(Ack level) throws SQLException {
        if (level != synced) {
            Sqlite.run(connection, "PRAGMA synchronous=" + (level == Ack.DURABLE ? "FULL" : "NORMAL"));
            synced = level;
        }
        Sqlite.run(connection, "BEGIN IMMEDIATE");
    }

    /** Where a test has something fail: after the statistics, before the commit, and after it took effect. */
    enum Point {
        WRITTEN,
        COMMITTING,
        COMMITTED
    }

    /** Has the next transaction fail at a point, as SQLite would; for tests. */
    void failAt(Point point, SQLException failure) {
        failing = point;
        toFail = failure;
    }

    private void reached(Point point) throws SQLException {
        SQLException failure = toFail;
        if (failure != null && failing == point) {
            toFail = null;
            throw failure;
        }
    }

    /** The earliest event time that is committed and not synced; later than {@link #unsyncedTo} where everything is. */
    long unsyncedFrom() {
        return unsyncedFrom;
    }

    /** The latest. */
    long unsyncedTo() {
        return unsyncedTo;
    }

    private void allSynced() {
        unsyncedFrom = Long.MAX_VALUE;
        unsyncedTo = Long.MIN_VALUE;
    }

    /** Writes the statistics, which every commit has: an empty one would sync nothing. */
    void statistics(Partition.Held held, long maxSeq) throws SQLException {
        stats.setLong(1, held.rows());
        stats.setLong(2, held.minMicros());
        stats.setLong(3, held.maxMicros());
        stats.setLong(4, maxSeq);
        stats.executeUpdate();
        reached(Point.WRITTEN);
    }

    /** Writes the statistics and commits; no row was written. */
    void commit(Partition.Held held, long maxSeq) throws SQLException {
        statistics(held, maxSeq);
        commit(Long.MAX_VALUE, Long.MIN_VALUE);
    }

    /**
     * Commits the statistics once more, and a page for sure: where an update changes nothing SQLite writes no page, and a commit without
     * pages leaves the WAL as it is, with whatever lies behind its end.
     */
    void commitAnew(Partition.Held held) throws SQLException {
        Sqlite.run(
                connection,
                "INSERT INTO levee_partition(key, value) VALUES('doubts', '1')"
                        + " ON CONFLICT(key) DO UPDATE SET value = value + 1");
        commit(held, held.maxSeq());
    }

    /**
     * Commits.
     *
     * @param from the earliest event time that was written
     * @param to the latest; an earlier one where nothing was
     */
    void commit(long from, long to) throws SQLException {
        reached(Point.COMMITTING);
        Sqlite.run(connection, "COMMIT");
        reached(Point.COMMITTED);
        dirty = true;
        if (synced == Ack.DURABLE) {
            // The sync of the WAL reaches what was committed before, too.
            allSynced();
        } else {
            unsyncedFrom = Math.min(unsyncedFrom, from);
            unsyncedTo = Math.max(unsyncedTo, to);
        }
    }

    /** Undoes the batch. The connection may have done so itself. */
    void rollback() {
        try {
            rows.forget();
            Sqlite.run(connection, "ROLLBACK");
        } catch (SQLException e) {
            // SQLite ends the transaction itself after some errors; then there is nothing to undo.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "nothing to roll back in " + file, e);
        }
    }

    /** Whether something was committed since the last checkpoint that got everything. */
    boolean dirty() {
        return dirty;
    }

    /** Moves committed pages into the database as far as readers allow, without waiting; returns whether all were moved. */
    boolean checkpoint() throws SQLException {
        return checkpoint("PASSIVE");
    }

    /** The same, and gives the space of the WAL back where nobody reads it; returns whether that could be done. */
    boolean truncateLog() throws SQLException {
        return checkpoint("TRUNCATE");
    }

    private boolean checkpoint(String how) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("PRAGMA wal_checkpoint(" + how + ")")) {
            boolean all = rows.next() && rows.getInt(1) == 0 && rows.getInt(2) == rows.getInt(3);
            dirty = !all;
            if (all && namesSynced) {
                allSynced();
            }
            return all;
        }
    }

    /** Syncs the names of the file and of its directories, once: the first DURABLE commit needs them. */
    void syncNames(StorePaths paths) throws IOException {
        if (!namesSynced) {
            StorePaths.sync(paths.directory(spec.name()));
            StorePaths.sync(paths.tables());
            StorePaths.sync(paths.root());
            namesSynced = true;
        }
    }

    /** Checkpoints everything and turns the file into one plain file without WAL and shm; returns whether that could be done. */
    boolean leaveWal() throws SQLException {
        return "delete".equals(Sqlite.value(connection, "PRAGMA journal_mode=DELETE"));
    }

    /** Closes statements and connection; what was committed stays. */
    void close() throws SQLException {
        rows.close();
        stats.close();
        Connections.close(file, connection);
    }
}
