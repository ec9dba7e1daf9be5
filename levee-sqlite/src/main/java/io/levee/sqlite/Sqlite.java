package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/** What JDBC does not say clearly, said once: quoting, single statements, single values, and what an error means. */
final class Sqlite {
    private Sqlite() {}

    /** A name in double quotes. */
    static String quote(String name) {
        return '"' + name.replace("\"", "\"\"") + '"';
    }

    /** Text in single quotes. */
    static String literal(String text) {
        return "'" + text.replace("'", "''") + "'";
    }

    /** Runs one statement to its end; {@code executeUpdate}, because {@code execute} steps a pragma only once. */
    static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate(sql);
        }
    }

    /** The first value of the first row, or null where there is none. */
    static @Nullable Object value(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getObject(1) : null;
        }
    }

    /** The first value as a number. */
    static long number(Connection connection, String sql) throws SQLException {
        return value(connection, sql) instanceof Number number ? number.longValue() : 0;
    }

    /** What happens within a transaction. */
    @FunctionalInterface
    interface Body<T> {
        T run() throws SQLException;
    }

    /** Runs the body between BEGIN IMMEDIATE and COMMIT; rolls back whatever else happens. */
    static <T> T transaction(Connection connection, Body<T> body) throws SQLException {
        run(connection, "BEGIN IMMEDIATE");
        try {
            T answer = body.run();
            run(connection, "COMMIT");
            return answer;
        } catch (SQLException | RuntimeException | Error e) {
            rollback(connection, e);
            throw e;
        }
    }

    /** Ends a transaction that failed. SQLite may have ended it already, which is as good. */
    private static void rollback(Connection connection, Throwable cause) {
        try {
            run(connection, "ROLLBACK");
        } catch (SQLException e) {
            cause.addSuppressed(e);
        }
    }

    /** Whether somebody else's lock is in the way: trying again later may help. */
    static boolean busy(SQLException e) {
        int code = primary(e);
        return code == SQLiteErrorCode.SQLITE_BUSY.code || code == SQLiteErrorCode.SQLITE_LOCKED.code;
    }

    /** Whether a journal has to be rolled back before anybody can read. */
    static boolean needsRollback(SQLException e) {
        return e instanceof SQLiteException known && known.getResultCode() == SQLiteErrorCode.SQLITE_READONLY_ROLLBACK;
    }

    /** Whether a cancel ended the statement. */
    static boolean interrupted(SQLException e) {
        return primary(e) == SQLiteErrorCode.SQLITE_INTERRUPT.code;
    }

    /** Whether the volume (or a limit on the file's size) is full. */
    static boolean full(SQLException e) {
        return primary(e) == SQLiteErrorCode.SQLITE_FULL.code;
    }

    /** Whether the file is damaged, or no database. */
    static boolean damaged(SQLException e) {
        int code = primary(e);
        return code == SQLiteErrorCode.SQLITE_CORRUPT.code || code == SQLiteErrorCode.SQLITE_NOTADB.code;
    }

    /** Whether the file never was a database, or begins like none. */
    static boolean notADatabase(SQLException e) {
        return primary(e) == SQLiteErrorCode.SQLITE_NOTADB.code;
    }

    /** Whether the statement itself is refused: trying it again cannot help. */
    static boolean refused(SQLException e) {
        int code = primary(e);
        return code == SQLiteErrorCode.SQLITE_CONSTRAINT.code
                || code == SQLiteErrorCode.SQLITE_TOOBIG.code
                || code == SQLiteErrorCode.SQLITE_MISMATCH.code
                || code == SQLiteErrorCode.SQLITE_RANGE.code
                || code == SQLiteErrorCode.SQLITE_ERROR.code;
    }

    private static int primary(SQLException e) {
        return e instanceof SQLiteException known ? known.getResultCode().code & 0xFF : e.getErrorCode() & 0xFF;
    }

    /** The error with its code, the file, and what to do. */
    static LeveeException failure(String what, Path file, SQLException e) {
        String text = what + " (" + file + "): " + e.getMessage();
        if (busy(e)) {
            return new LeveeException(ErrorCode.PARTITION_BUSY, text, e).hint("another process locks the file");
        }
        if (full(e) || e instanceof SQLiteException known && Volume.lacksShm(known, file)) {
            return new LeveeException(ErrorCode.DISK_FULL, text, e).hint(Volume.FREE_SPACE);
        }
        if (primary(e) == SQLiteErrorCode.SQLITE_READONLY.code) {
            return new LeveeException(ErrorCode.VOLUME_READ_ONLY, text, e).hint(Volume.REMOUNT);
        }
        if (damaged(e)) {
            return new LeveeException(ErrorCode.CORRUPT, text, e)
                    .hint("restore the file from a backup, or move it away");
        }
        return new LeveeException(ErrorCode.IO_FAILED, text, e);
    }
}
