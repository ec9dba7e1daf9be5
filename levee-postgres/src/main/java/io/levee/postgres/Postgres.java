package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/** What talking to the server takes: short statements, transactions, and errors with a code. */
final class Postgres {
    /** How long a statement waits for a lock: one slice of the lock schedule. */
    static final int LOCK_TIMEOUT_MS = 100;

    /** The server takes no writes: it is a standby. */
    static final String READ_ONLY = "25006";

    /** How values of any type become texts: the same for every session, whatever its user, its database or its machine would have. */
    static final String TEXTS =
            "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1;"
                    + " SET bytea_output = 'hex'; SET xmloption = 'content'";

    /** The same for one transaction. */
    static final String LOCAL_TEXTS = TEXTS.replace("SET ", "SET LOCAL ");

    private Postgres() {}

    static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Runs a statement with parameters; returns how many rows it touched. */
    static int update(Connection connection, String sql, @Nullable Object... parameters) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            bind(statement, parameters);
            return statement.executeUpdate();
        }
    }

    /** The first value of the first row, or null where there is none. */
    static @Nullable Object value(Connection connection, String sql, @Nullable Object... parameters)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            bind(statement, parameters);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? rows.getObject(1) : null;
            }
        }
    }

    private static void bind(PreparedStatement statement, @Nullable Object... parameters) throws SQLException {
        for (int i = 0; i < parameters.length; i++) {
            statement.setObject(i + 1, parameters[i]);
        }
    }

    /** What happens within a transaction. */
    @FunctionalInterface
    interface Body<T extends @Nullable Object> {
        T run() throws SQLException;
    }

    /** Runs the body in a transaction of a connection that commits by itself otherwise. */
    static <T extends @Nullable Object> T transaction(Connection connection, Body<T> body) throws SQLException {
        connection.setAutoCommit(false);
        boolean done = false;
        try {
            T answer = body.run();
            connection.commit();
            done = true;
            return answer;
        } finally {
            end(connection, done);
        }
    }

    /** Back to statements that commit by themselves; a connection that cannot do that is found out by its next user. */
    private static void end(Connection connection, boolean committed) {
        try {
            if (!committed) {
                connection.rollback();
            }
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            System.getLogger("io.levee.postgres")
                    .log(System.Logger.Level.DEBUG, "a transaction cannot be rolled back: its connection is gone", e);
        }
    }

    /** The class of an error: its first two characters. */
    private static String state(SQLException e) {
        return e.getSQLState() == null ? "" : e.getSQLState();
    }

    /** Whether that is what the error says; an empty text for one that says nothing. */
    static boolean says(SQLException e, String state) {
        return state(e).equals(state);
    }

    /** Whether the connection is of no more use: the server ended it or cannot be reached. */
    static boolean gone(SQLException e) {
        String state = state(e);
        // 57P: ended by an administrator or a timeout; 25P03: idle in a transaction; 25006: a standby, of which only
        // another
        // connection can lead away; 53: no connection or memory left.
        return e instanceof SQLTransientConnectionException // A pool had none in time, and says nothing else.
                || state.startsWith("08")
                || state.startsWith("57P")
                || state.equals("25P03")
                || state.equals(READ_ONLY)
                || state.startsWith("53") && !state.equals("53100");
    }

    /** Whether somebody else's lock is in the way: trying again later may help. */
    static boolean busy(SQLException e) {
        return switch (state(e)) {
            case "55P03", "40P01", "40001" -> true;
            default -> false;
        };
    }

    /** Whether the times of a partition are another's already: one that was brought back, or is not quite detached. */
    static boolean overlaps(SQLException e) {
        return state(e).equals("42P17");
    }

    /** Whether two tables that should be alike have other columns. */
    static boolean rowTypesDiffer(SQLException e) {
        return state(e).equals("42804");
    }

    /** Whether a cancel (of a client, or {@code statement_timeout}) ended the statement. */
    static boolean cancelled(SQLException e) {
        return state(e).equals("57014");
    }

    /** Whether a value is at fault, so that other rows may go well: not of its type, past a limit of an index or a row. */
    static boolean badRow(SQLException e) {
        String state = state(e);
        return state.startsWith("22") || state.startsWith("23") || state.startsWith("54");
    }

    /** Whether what is computed of a value ends with an error. */
    static boolean valueFault(SQLException e) {
        return state(e).startsWith("22");
    }

    /** Whether a thing that a statement names is not there. */
    static boolean missing(SQLException e) {
        return switch (state(e)) {
            case "42P01", "3F000", "42703" -> true;
            default -> false;
        };
    }

    /** The error with its code and what to do. */
    static LeveeException failure(String what, SQLException e) {
        String text = what + ": " + e.getMessage();
        String state = state(e);
        if (says(e, READ_ONLY)) {
            return new LeveeException(ErrorCode.VOLUME_READ_ONLY, text, e)
                    .with("sqlState", state)
                    .hint("name the primary in the address, or promote this server; Levee goes on by itself");
        }
        if (gone(e)) {
            return new LeveeException(ErrorCode.SERVER_UNAVAILABLE, text, e)
                    .with("sqlState", state)
                    .hint(
                            state.equals("53300")
                                    ? "raise max_connections, or close clients that need no connection"
                                    : "see whether the server runs and lets this host in; Levee goes on by itself");
        }
        if (state.startsWith("28") || state.startsWith("3D")) {
            return new LeveeException(ErrorCode.IO_FAILED, text, e)
                    .with("sqlState", state)
                    .hint("check user and database in the address, the password in PGPASSWORD or ~/.pgpass, and"
                            + " pg_hba.conf on the server");
        }
        if (state.equals("42501")) {
            return new LeveeException(ErrorCode.IO_FAILED, text, e)
                    .with("sqlState", state)
                    .hint("the store's user owns both schemas, and needs CREATE on the database to make them: see"
                            + " docs/postgres.md");
        }
        if (state.equals("53100")) {
            return new LeveeException(ErrorCode.DISK_FULL, text, e)
                    .with("sqlState", state)
                    .hint("free space on the server's volume; Levee goes on by itself");
        }
        if (busy(e) || overlaps(e)) {
            return new LeveeException(ErrorCode.PARTITION_BUSY, text, e)
                    .with("sqlState", state)
                    .hint("another session holds a lock: see pg_locks");
        }
        if (state.equals("XX001") || state.equals("XX002")) {
            return new LeveeException(ErrorCode.CORRUPT, text, e)
                    .with("sqlState", state)
                    .hint("see the server's log");
        }
        if (state.startsWith("54")) {
            return new LeveeException(ErrorCode.TOO_LARGE, text, e)
                    .with("sqlState", state)
                    .hint("values of keys and indexes can have at most about 2,700 bytes");
        }
        return new LeveeException(ErrorCode.IO_FAILED, text, e).with("sqlState", state);
    }

    /** Closes what is of no use any more. */
    static void closeQuietly(@Nullable Connection connection) {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException e) {
            // The connection is given up either way; the server ends its side when it notices.
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "closing a connection", e);
        }
    }
}
