package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.internal.row.Values;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * One query's connection, within one transaction that cannot write. Rows come in chunks from a cursor, so that memory does not
 * depend on how many there are. One query thread; always rolled back at its end, which also takes back what a query may have set.
 */
final class ReadSession implements AutoCloseable {
    /** The cursor's name, which {@link SqlFunctions} uses too. */
    static final String CURSOR = "levee_rows";

    private static final int FIRST_CHUNK = 100;
    private static final int LARGEST_CHUNK = 1000;
    private static final long CHUNK_BYTES = 4 << 20;

    /** The server ends a statement by itself where the cancel does not reach it, this much later. */
    private static final long SECOND_NET_MS = 1000;

    /** The watchdog calls each 10 ms until the statement has ended, and a cancel is a connection of its own. */
    private static final long CANCEL_AGAIN_NANOS = 200_000_000;

    private static final int TRIES = 3;
    private static final String NO_FUNCTION = "42883";

    private final Connection connection;
    private final Execution execution;
    private long cancelledNanos;
    private boolean cancelled;

    /** Reads one row where a result stands. */
    @FunctionalInterface
    interface RowReader {
        @Nullable
        Object[] read(ResultSet rows) throws SQLException;
    }

    /** Takes the rows of a cursor, one by one; false where it wants no more. */
    @FunctionalInterface
    interface RowTaker {
        boolean take(@Nullable Object[] row) throws SQLException;
    }

    private ReadSession(Connection connection, Execution execution) {
        this.connection = connection;
        this.execution = execution;
    }

    /**
     * Takes a connection, waiting no longer than the query may, and begins.
     *
     * @param settings further settings of the transaction, such as {@code SET LOCAL …}
     */
    static ReadSession open(DataSource source, Execution execution, String settings) throws SQLException {
        for (int tries = 1; ; tries++) {
            ReadSession session = new ReadSession(take(source, execution), execution);
            boolean begun = false;
            try {
                session.begin(settings);
                begun = true;
                return session;
            } catch (SQLException e) {
                execution.check();
                // A pool hands out connections that the server has ended meanwhile: nothing has been read yet.
                if (!Postgres.gone(e) || tries == TRIES) {
                    throw e;
                }
            } finally {
                if (!begun) {
                    session.close();
                }
            }
        }
    }

    /** A pool blocks its callers: an interrupt is the only way to end that with the query. */
    private static Connection take(DataSource source, Execution execution) throws SQLException {
        Thread thread = Thread.currentThread();
        Connection[] taken = new Connection[1];
        boolean returned = false;
        try {
            execution.<SQLException>interruptibly(thread::interrupt, () -> taken[0] = source.getConnection());
            returned = true;
            return taken[0];
        } finally {
            if (!returned && execution.over()) {
                // It was meant for the wait that is over, not for this thread's next query.
                Thread.interrupted();
            }
            if (!returned && taken[0] != null) {
                Postgres.closeQuietly(taken[0]);
            }
        }
    }

    private void begin(String settings) throws SQLException {
        connection.setAutoCommit(false);
        long left = (execution.deadlineNanos() - MonotonicClock.SYSTEM.nanos()) / 1_000_000;
        String begin =
                "SET TRANSACTION READ ONLY; SET LOCAL standard_conforming_strings = on; SET LOCAL statement_timeout = "
                        + Math.min(Integer.MAX_VALUE, Math.max(0, left) + SECOND_NET_MS) + ";" + settings;
        run(begin);
    }

    Connection connection() {
        return connection;
    }

    /** Runs the body so that the query's end cancels the statement. */
    void interruptibly(Statement statement, Execution.Body<SQLException> body) throws SQLException {
        cancelled = false;
        execution.interruptibly(() -> cancel(statement), body);
    }

    /** Runs a short statement. */
    void run(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            interruptibly(statement, () -> statement.execute(sql));
        }
    }

    /** Called by others, under the execution's lock. */
    private void cancel(Statement statement) {
        long now = MonotonicClock.SYSTEM.nanos();
        if (cancelled && now - cancelledNanos < CANCEL_AGAIN_NANOS) {
            return;
        }
        cancelled = true;
        cancelledNanos = now;
        try {
            statement.cancel();
        } catch (SQLException e) {
            // The server was not reached; the watchdog tries again, and statement_timeout ends it at last.
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "cancel", e);
        }
    }

    /** Sends the rows of a query to the taker. */
    void stream(SqlBuilder select, RowReader reader, RowTaker taker) throws SQLException {
        try (PreparedStatement statement = select.prepare(connection, "DECLARE " + CURSOR + " NO SCROLL CURSOR FOR ")) {
            interruptibly(statement, statement::executeUpdate);
        }
        fetch(rows -> reader, taker);
    }

    /** Makes the reader of a result by its columns. */
    @FunctionalInterface
    interface ReaderMaker {
        RowReader of(ResultSet rows) throws SQLException;
    }

    /**
     * Sends the rows behind the open cursor to the taker. FETCH is no prepared statement: the driver would keep one and take the next
     * query's rows for rows of the same columns.
     */
    void fetch(ReaderMaker maker, RowTaker taker) throws SQLException {
        int chunk = FIRST_CHUNK;
        RowReader[] reader = new RowReader[1];
        List<@Nullable Object[]> rows = new ArrayList<>();
        try (Statement statement = connection.createStatement()) {
            do {
                rows.clear();
                String sql = "FETCH FORWARD " + chunk + " FROM " + CURSOR;
                interruptibly(statement, () -> {
                    try (ResultSet result = statement.executeQuery(sql)) {
                        if (reader[0] == null) {
                            reader[0] = maker.of(result);
                        }
                        while (result.next()) {
                            rows.add(reader[0].read(result));
                        }
                    }
                });
                for (@Nullable Object[] row : rows) {
                    if (!taker.take(row)) {
                        return;
                    }
                }
                if (rows.size() < chunk) {
                    return;
                }
                chunk = next(rows);
            } while (true);
        }
    }

    /** As many rows as make a chunk of a size that is the same whatever is in them. */
    private static int next(List<@Nullable Object[]> rows) {
        long bytes = 1;
        for (@Nullable Object[] row : rows) {
            for (Object value : row) {
                bytes += Values.size(value);
            }
        }
        return (int) Math.max(1, Math.min(LARGEST_CHUNK, CHUNK_BYTES * rows.size() / bytes));
    }

    /** What an error of a query means to its caller. */
    static LeveeException failure(String what, Execution execution, SQLException e) {
        execution.check();
        if (Postgres.cancelled(e)) {
            return new LeveeException(ErrorCode.DEADLINE, what + ": the server ended it: " + e.getMessage(), e)
                    .hint("see statement_timeout, or ask for less");
        }
        String said = String.valueOf(e.getMessage());
        boolean places = said.contains("." + SqlFunctions.TEXT + "(") || said.contains("." + SqlFunctions.NUMBER + "(");
        if (places && Postgres.says(e, NO_FUNCTION)) {
            return new LeveeException(
                            ErrorCode.NOT_SUPPORTED,
                            what
                                    + ": the store was last opened for writing by a release that looked into no json column",
                            e)
                    .hint("open it for writing once with this release: it makes what is missing");
        }
        return Postgres.failure(what, e);
    }

    @Override
    public void close() {
        try {
            connection.rollback();
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            // Its connection is gone, or a late cancel met the rollback: nobody may use it again.
            throwAway();
        } finally {
            Postgres.closeQuietly(connection);
        }
    }

    private void throwAway() {
        try {
            connection.abort(Runnable::run);
        } catch (SQLException e) {
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "giving up a connection", e);
        }
    }
}
