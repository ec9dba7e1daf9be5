package io.levee.sqlite;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
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
        boolean fits = switch (PartitionSchema.sqlType(column.type())) {
            case "INTEGER" -> value instanceof Long;
            case "REAL" -> value instanceof Double;
            case "BLOB" -> value instanceof byte[];
            default -> value instanceof String;
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

    /** The order of SQLite's binary collation: null first, then numbers, text by its UTF-8 bytes, blobs. */
    static int compare(@Nullable Object a, @Nullable Object b) {
        int kinds = Integer.compare(kind(a), kind(b));
        if (kinds != 0 || a == null || b == null) {
            return kinds;
        }
        if (a instanceof String x && b instanceof String y) {
            return compareText(x, y);
        }
        if (a instanceof byte[] x && b instanceof byte[] y) {
            return Arrays.compareUnsigned(x, y);
        }
        if (a instanceof Long x && b instanceof Long y) {
            return Long.compare(x, y);
        }
        return Double.compare(((Number) a).doubleValue(), ((Number) b).doubleValue());
    }

    private static int kind(@Nullable Object value) {
        if (value == null) {
            return 0;
        }
        return value instanceof Number ? 1 : value instanceof String ? 2 : 3;
    }

    /** UTF-8 order is code point order, which UTF-16 order is not for characters past U+FFFF. */
    private static int compareText(String a, String b) {
        int length = Math.min(a.length(), b.length());
        for (int i = 0; i < length; i++) {
            char x = a.charAt(i);
            char y = b.charAt(i);
            if (x != y) {
                return Character.isSurrogate(x) == Character.isSurrogate(y)
                        ? Character.compare(x, y)
                        : Arrays.compareUnsigned(
                                a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
            }
        }
        return Integer.compare(a.length(), b.length());
    }
}
