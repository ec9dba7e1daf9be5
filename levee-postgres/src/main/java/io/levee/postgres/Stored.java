package io.levee.postgres;

import io.levee.Column;
import io.levee.ColumnType;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import org.jspecify.annotations.Nullable;

/** Values as they come out of the database, in stored form: {@link Long}, {@link Double}, {@link String}, {@code byte[]} or null. */
final class Stored {
    private Stored() {}

    /** A column's value. */
    static @Nullable Object read(ResultSet rows, int index, Column column) throws SQLException {
        return read(rows, index, column.type());
    }

    static @Nullable Object read(ResultSet rows, int index, ColumnType type) throws SQLException {
        return switch (type) {
            case INTEGER, TIMESTAMP, DURATION, BOOLEAN -> number(rows, index);
            case REAL -> real(rows, index);
            case TEXT, DECIMAL, UUID, JSON -> rows.getString(index);
            case BLOB -> rows.getBytes(index);
        };
    }

    private static @Nullable Object number(ResultSet rows, int index) throws SQLException {
        long value = rows.getLong(index);
        return rows.wasNull() ? null : (Object) value;
    }

    private static @Nullable Object real(ResultSet rows, int index) throws SQLException {
        double value = rows.getDouble(index);
        return rows.wasNull() ? null : (Object) (value == 0 ? 0.0 : value);
    }

    /**
     * A value of any type: numbers and truth values as numbers, bytes as bytes, and everything else as its text.
     *
     * @param sqlType its type in {@link Types}
     */
    static @Nullable Object any(ResultSet rows, int index, int sqlType) throws SQLException {
        if (sqlType == Types.SMALLINT || sqlType == Types.INTEGER || sqlType == Types.BIGINT) {
            return number(rows, index);
        }
        if (sqlType == Types.BINARY) {
            return rows.getBytes(index);
        }
        String text = rows.getString(index);
        if (text == null) {
            return null;
        }
        return switch (sqlType) {
            case Types.NUMERIC -> decimal(text);
            case Types.REAL, Types.DOUBLE -> floating(text);
            // Strings of bits are of this type too.
            case Types.BIT -> text.equals("t") ? (Object) 1L : text.equals("f") ? (Object) 0L : text;
            default -> text;
        };
    }

    private static Object decimal(String text) {
        try {
            BigDecimal value = new BigDecimal(text);
            boolean whole = value.scale() <= 0 && value.precision() - value.scale() <= 19;
            return whole && value.toBigInteger().bitLength() < Long.SIZE
                    ? (Object) value.longValue()
                    : (Object) value.doubleValue();
        } catch (NumberFormatException e) {
            // NaN and the infinities.
            return floating(text);
        }
    }

    private static Object floating(String text) {
        try {
            return Double.valueOf(text);
        } catch (NumberFormatException e) {
            // Amounts of money are told as floating point numbers, and have a currency's sign.
            return text;
        }
    }
}
