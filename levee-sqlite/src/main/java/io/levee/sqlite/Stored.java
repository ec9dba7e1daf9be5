package io.levee.sqlite;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.sqlite.core.Codes;
import org.sqlite.core.CoreStatement;
import org.sqlite.core.DB;
import org.sqlite.core.SafeStmtPtr;

/** Values as they come out of a partition, and their order. */
final class Stored {
    private Stored() {}

    /**
     * A column's value in stored form: the value itself, where it is of the column's kind.
     *
     * @throws LeveeException {@link ErrorCode#CORRUPT} where somebody else wrote a value of another kind
     */
    static @Nullable Object checked(@Nullable Object value, Column column) {
        if (value == null) {
            return null;
        }
        boolean fits = switch (column.type()) {
            case INTEGER, BOOLEAN, TIMESTAMP, DURATION -> value instanceof Long;
            case REAL -> value instanceof Double;
            case BLOB -> value instanceof byte[];
            case TEXT, DECIMAL, UUID, JSON -> value instanceof String;
        };
        if (!fits) {
            throw new LeveeException(
                            ErrorCode.CORRUPT,
                            "column '" + column.name() + "' is " + column.type().specName() + " and holds '" + value
                                    + "'")
                    .with("column", column.name())
                    .hint("somebody else wrote to the file: read it with sql, and correct it with the sqlite3 shell");
        }
        return value;
    }

    /**
     * All values of the row that stands there, of any kind: {@link Long}, {@link Double}, {@link String}, {@code byte[]} or null. The
     * driver takes its lock once a row for that; its getters take it twice a value.
     *
     * @param count how many columns there are
     */
    static @Nullable Object[] row(ResultSet rows, int count) throws SQLException {
        return row(rows, count, false);
    }

    /**
     * As {@link #row(ResultSet, int)}; of a database that keeps its texts in UTF-8 a text is taken out as the bytes that it is, which
     * the driver does in one call instead of by way of a buffer: rows with many texts come a quarter sooner.
     */
    static @Nullable Object[] row(ResultSet rows, int count, boolean utf8) throws SQLException {
        SafeStmtPtr statement = ((CoreStatement) rows.getStatement()).pointer;
        return statement.<@Nullable Object[], SQLException>safeRun((db, pointer) -> {
            @Nullable Object[] values = new Object[count];
            for (int i = 0; i < count; i++) {
                values[i] = value(db, pointer, i, utf8);
            }
            return values;
        });
    }

    private static @Nullable Object value(DB db, long statement, int column, boolean utf8) throws SQLException {
        return switch (db.column_type(statement, column)) {
            case Codes.SQLITE_INTEGER -> db.column_long(statement, column);
            case Codes.SQLITE_FLOAT -> db.column_double(statement, column);
            case Codes.SQLITE_TEXT ->
                utf8
                        ? new String(bytes(db, statement, column), StandardCharsets.UTF_8)
                        : db.column_text(statement, column);
            case Codes.SQLITE_BLOB -> bytes(db, statement, column);
            default -> null;
        };
    }

    /** The driver has null for nothing. */
    private static byte[] bytes(DB db, long statement, int column) throws SQLException {
        byte[] bytes = db.column_blob(statement, column);
        return bytes == null ? new byte[0] : bytes;
    }
}
