package io.levee.sqlite;

import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.Slot;
import io.levee.internal.json.Json;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Waits;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The catalog database for its one writer: every change is a command that the thread {@code levee-catalog} runs and syncs;
 * callers wait for it. After {@link #close} commands are refused.
 */
final class Catalog {
    private final Path file;
    private final Connection connection;
    private final LinkedBlockingQueue<Runnable> commands = new LinkedBlockingQueue<>();
    private boolean closed;

    private Catalog(Path file, Connection connection) {
        this.file = file;
        this.connection = connection;
    }

    @FunctionalInterface
    interface Command<T> {
        T on(Connection connection) throws SQLException;
    }

    /** Opens or creates the catalog. The caller's thread owns it until {@link #start}. */
    static Catalog open(Path file, Instant now) {
        try {
            Connection connection = Connections.catalog(file);
            boolean done = false;
            try {
                CatalogSchema.prepare(connection, now);
                done = true;
                return new Catalog(file, connection);
            } finally {
                if (!done) {
                    Connections.close(file, connection);
                }
            }
        } catch (SQLException e) {
            throw Sqlite.failure("the catalog cannot be opened", file, e);
        }
    }

    /** Hands the catalog over to its thread. */
    void start(Supervisor supervisor) {
        supervisor.start("levee-catalog", task -> {
            task.alarm(() -> commands.add(() -> {}));
            while (!task.stopping() || !commands.isEmpty()) {
                Runnable command = commands.poll(100, TimeUnit.MILLISECONDS);
                if (command != null) {
                    command.run();
                    task.ran("");
                }
            }
            List<Runnable> last = new ArrayList<>();
            synchronized (commands) {
                closed = true;
                commands.drainTo(last);
            }
            last.forEach(Runnable::run);
        });
    }

    /** Runs a change in one synced transaction and waits for it. */
    <T> T change(Command<T> command) {
        return await(() -> Sqlite.transaction(connection, () -> command.on(connection)));
    }

    /** Runs something that belongs to the catalog's thread and is no transaction, as an entry of the ledger, and waits for it. */
    <T> T aside(Sqlite.Body<T> body) {
        return await(body);
    }

    private <T> T await(Sqlite.Body<T> body) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        Runnable step = () -> {
            try {
                answer.complete(body.run());
            } catch (LeveeException e) {
                answer.completeExceptionally(e);
            } catch (SQLException e) {
                answer.completeExceptionally(Sqlite.failure("the catalog cannot be written", file, e));
            } catch (RuntimeException | Error e) {
                // Whatever it is, the caller waits for an answer.
                answer.completeExceptionally(e);
            }
        };
        synchronized (commands) {
            if (closed) {
                throw new LeveeException(ErrorCode.CLOSED, "the catalog is closed");
            }
            commands.add(step);
        }
        try {
            return answer.get();
        } catch (InterruptedException e) {
            throw Waits.interrupted("interrupted while waiting for the catalog", e);
        } catch (ExecutionException e) {
            throw Waits.failed("the catalog failed", e);
        }
    }

    /** Keeps the report of a close, and moves everything into the one file. The thread has ended, the caller owns the catalog. */
    void finish(@Nullable CloseReport report) {
        try {
            if (report != null) {
                Sqlite.transaction(connection, () -> {
                    put(connection, "last_report", Json.write(Reports.toMap(report)));
                    if (report.clean()) {
                        put(connection, "last_shutdown", "CLEAN");
                    }
                    return true;
                });
            }
            Sqlite.run(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        } catch (SQLException e) {
            throw Sqlite.failure("the catalog cannot be written", file, e);
        }
    }

    /** Ends the catalog, after {@link #finish}. */
    void close() {
        try {
            Connections.close(file, connection);
        } catch (SQLException e) {
            throw Sqlite.failure("the catalog cannot be closed", file, e);
        }
    }

    /** Marks the store as in use; returns whether the last writer closed it in order. Before {@link #start}. */
    boolean begin() {
        try {
            boolean clean = "CLEAN".equals(value(connection, "last_shutdown"));
            put(connection, "last_shutdown", "RUNNING");
            return clean;
        } catch (SQLException e) {
            throw Sqlite.failure("the catalog cannot be written", file, e);
        }
    }

    /** The catalog's connection, for reading before {@link #start}. */
    Connection beforeStart() {
        return connection;
    }

    static @Nullable Object value(Connection connection, String key) throws SQLException {
        return Sqlite.value(connection, "SELECT value FROM store WHERE key = " + Sqlite.literal(key));
    }

    static void put(Connection connection, String key, String value) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT OR REPLACE INTO store(key, value) VALUES(?, ?)")) {
            statement.setString(1, key);
            statement.setString(2, value);
            statement.executeUpdate();
        }
    }

    // What the catalog holds, read through any connection to it.

    static List<Partition> partitions(Connection connection) throws SQLException {
        List<Partition> partitions = new ArrayList<>();
        String numbers = CatalogSchema.has(connection, "partitions", "max_seq") ? "min_seq, max_seq" : "NULL, NULL";
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT table_name, class, period, n, file, state, min_time,"
                        + " max_time, row_count, bytes, " + numbers
                        + " FROM partitions WHERE state <> 'dropped'")) {
            while (rows.next()) {
                partitions.add(partition(rows));
            }
        }
        Apart.read(connection, partitions);
        return partitions;
    }

    private static Partition partition(ResultSet rows) throws SQLException {
        PartitionId id = new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4));
        boolean closed = rows.getString(6).equals("closed");
        Partition.Held held = Partition.Held.UNKNOWN;
        if (closed) {
            long maxSeq = rows.getObject(12) == null ? -1 : rows.getLong(12);
            held = new Partition.Held(rows.getLong(7), rows.getLong(8), rows.getLong(9), rows.getLong(11), maxSeq);
        }
        Partition.State state = closed ? Partition.State.CLOSED : Partition.State.OPEN;
        return new Partition(id, rows.getString(5), state, held, rows.getLong(10));
    }

    /** The files of those that are dropped. What was set aside is not among them: it is kept. */
    static List<String> droppedFiles(Connection connection, List<PartitionId> ids) throws SQLException {
        List<String> files = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT file FROM partitions p WHERE table_name = ? AND class = ? AND period = ? AND n = ? AND state ="
                        + " 'dropped' AND NOT EXISTS(SELECT 1 FROM quarantine q WHERE q.table_name = p.table_name AND"
                        + " q.class = p.class AND q.period = p.period AND q.n = p.n)")) {
            for (PartitionId id : ids) {
                statement.setString(1, id.table());
                statement.setString(2, id.retentionClass());
                statement.setString(3, id.period());
                statement.setInt(4, id.n());
                try (ResultSet rows = statement.executeQuery()) {
                    if (rows.next()) {
                        files.add(rows.getString(1));
                    }
                }
            }
        }
        return files;
    }

    static List<String> files(Connection connection, String sql) throws SQLException {
        List<String> files = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                files.add(rows.getString(1));
            }
        }
        return files;
    }

    // Changes, for use with change().

    /** The next unused number of a slot: dropped partitions count, so that no file name is used twice. */
    static int nextN(Connection connection, String table, Slot slot) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT COALESCE(MAX(n), 0) + 1 FROM partitions WHERE table_name = ? AND period = ? AND class = ?")) {
            statement.setString(1, table);
            statement.setString(2, slot.period().name());
            statement.setString(3, slot.retentionClass());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getInt(1);
            }
        }
    }

    static void insertOpen(Connection connection, Partition partition, Instant now) throws SQLException {
        PartitionId id = partition.id();
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT INTO partitions(table_name, class, period,"
                        + " n, file, state, created, changed) VALUES(?, ?, ?, ?, ?, 'open', ?6, ?6)")) {
            bind(statement, 1, id);
            statement.setString(5, partition.file());
            statement.setString(6, now.toString());
            statement.executeUpdate();
        }
        Apart.write(connection, partition);
    }

    static void markOpen(Connection connection, PartitionId id, Instant now) throws SQLException {
        update(
                connection,
                "state='open', min_time=NULL, max_time=NULL, row_count=NULL, checksum=NULL, reason=NULL,"
                        + " min_seq=NULL, max_seq=NULL",
                id,
                now,
                null);
    }

    static void markClosed(Connection connection, PartitionId id, Partition.Held held, long bytes, Instant now)
            throws SQLException {
        update(
                connection,
                "state='closed', min_time=" + held.minMicros() + ", max_time=" + held.maxMicros() + ", row_count="
                        + held.rows() + ", bytes=" + bytes + ", min_seq=" + held.minSeq() + ", max_seq="
                        + held.maxSeq(),
                id,
                now,
                null);
    }

    /** Makes sure that a dropped partition has its row: a rebuilt catalog may not know of it any more. */
    static void dropped(Connection connection, PartitionId id, String file, Instant now) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("INSERT OR IGNORE INTO partitions(table_name,"
                + " class, period, n, file, state, created, changed) VALUES(?, ?, ?, ?, ?, 'dropped', ?6, ?6)")) {
            bind(statement, 1, id);
            statement.setString(5, file);
            statement.setString(6, now.toString());
            statement.executeUpdate();
        }
    }

    /** Why a partition was dropped; empty where the catalog does not say that it was, or why. */
    static String droppedFor(Connection connection, PartitionId id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT reason FROM partitions WHERE table_name=? AND class=? AND period=? AND n=? AND state='dropped'")) {
            bind(statement, 1, id);
            try (ResultSet rows = statement.executeQuery()) {
                String reason = rows.next() ? rows.getString(1) : null;
                return reason == null ? "" : reason;
            }
        }
    }

    static void markDropped(Connection connection, PartitionId id, String reason, Instant now) throws SQLException {
        update(connection, "state='dropped', reason=?1", id, now, reason);
    }

    /** Forgets a dropped one that never had a file. */
    static void forget(Connection connection, PartitionId id, String reason) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("DELETE FROM partitions WHERE table_name=?1 AND"
                + " class=?2 AND period=?3 AND n=?4 AND state='dropped' AND reason=?5")) {
            bind(statement, 1, id);
            statement.setString(5, reason);
            statement.executeUpdate();
        }
    }

    static void markRewritten(Connection connection, PartitionId id, long bytes, Instant now) throws SQLException {
        update(connection, "checksum=NULL, bytes=" + bytes, id, now, null);
    }

    static void update(Connection connection, String what, PartitionId id, Instant now, @Nullable String text)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("UPDATE partitions SET " + what
                + ", changed=?2 WHERE table_name=?3 AND class=?4 AND period=?5 AND n=?6")) {
            statement.setString(1, text);
            statement.setString(2, now.toString());
            bind(statement, 3, id);
            statement.executeUpdate();
        }
    }

    static void bind(PreparedStatement statement, int from, PartitionId id) throws SQLException {
        statement.setString(from, id.table());
        statement.setString(from + 1, id.retentionClass());
        statement.setString(from + 2, id.period());
        statement.setInt(from + 3, id.n());
    }
}
