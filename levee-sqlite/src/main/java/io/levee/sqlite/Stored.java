package io.levee.sqlite;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** Values as they come out of a partition, and their order. */
final class Stored {
    private Stored() {}

    /**
     * A column's value in stored form.
     *
     * @throws LeveeException {@link ErrorCode#CORRUPT} where somebody else wrote a value of another kind
     */
    static @Nullable Object read(ResultSet rows, int index, Column column) throws SQLException {
        Object value = any(rows, index);
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

    /** A value of any kind: {@link Long}, {@link Double}, {@link String}, {@code byte[]} or null. */
    static @Nullable Object any(ResultSet rows, int index) throws SQLException {
        Object value = rows.getObject(index);
        return value instanceof Integer whole ? (Object) whole.longValue() : value;
    }
}
