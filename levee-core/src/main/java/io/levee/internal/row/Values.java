package io.levee.internal.row;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TimeFormat;
import io.levee.internal.json.Json;
import io.levee.internal.time.Micros;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.Base64;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Values between three forms: as given (Java, JSON, CSV), as stored ({@link Long}, {@link Double}, {@link String},
 * {@code byte[]}, null) and as read back (Java types by column).
 *
 * <p>Nothing is rounded or cut in silence: what does not fit is refused with {@link ErrorCode#BAD_VALUE}.
 */
public final class Values {
    /** Longest plain form of a decimal: an exponent must not turn nine bytes into gigabytes. */
    private static final int MAX_DECIMAL_DIGITS = 1000;

    private Values() {}

    /** Any Java value of a column in stored form. */
    public static @Nullable Object store(Column column, @Nullable Object value) {
        if (value == null) {
            return null;
        }
        if (value instanceof String text) {
            return fromText(column, text);
        }
        if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return fromLong(column, ((Number) value).longValue());
        }
        if (value instanceof Double || value instanceof Float) {
            return fromDouble(column, ((Number) value).doubleValue());
        }
        if (value instanceof Boolean flag) {
            return fromBoolean(column, flag);
        }
        if (value instanceof BigInteger big) {
            return fromDecimal(column, new BigDecimal(big));
        }
        if (value instanceof BigDecimal decimal) {
            return fromDecimal(column, decimal);
        }
        try {
            return fromObject(column, value);
        } catch (ArithmeticException e) {
            throw bad(column, "'" + shorten(value.toString()) + "' is past the range of a 64-bit time");
        }
    }

    private static Object fromObject(Column column, Object value) {
        ColumnType type = column.type();
        if (type == ColumnType.TIMESTAMP) {
            return fromTime(column, value);
        }
        if (type == ColumnType.DURATION && value instanceof Duration duration) {
            return Micros.of(duration);
        }
        if (type == ColumnType.BLOB && value instanceof byte[] bytes) {
            return bytes.clone();
        }
        if (type == ColumnType.JSON && (value instanceof Map || value instanceof Collection)) {
            return nested(column, value);
        }
        if ((type == ColumnType.UUID || type == ColumnType.TEXT) && value instanceof UUID) {
            return value.toString();
        }
        if (type == ColumnType.TEXT && (value instanceof Enum || value instanceof CharSequence)) {
            return checkText(column, value instanceof Enum<?> e ? e.name() : value.toString());
        }
        throw mismatch(column, value);
    }

    private static Object nested(Column column, Object value) {
        try {
            return checkText(column, Json.write(value));
        } catch (IllegalArgumentException e) {
            throw bad(column, String.valueOf(e.getMessage()));
        }
    }

    private static Object fromTime(Column column, Object value) {
        if (value instanceof Instant instant) {
            return Micros.of(instant);
        }
        if (value instanceof ZonedDateTime zoned) {
            return Micros.of(zoned.toInstant());
        }
        if (value instanceof OffsetDateTime offset) {
            return Micros.of(offset.toInstant());
        }
        if (value instanceof LocalDateTime local) {
            ZoneId zone = format(column).zone();
            if (zone == null) {
                throw bad(column, "a local time needs the column's zone");
            }
            return Micros.of(local.atZone(zone).toInstant());
        }
        throw mismatch(column, value);
    }

    /** Text as given, in stored form. */
    public static Object fromText(Column column, String text) {
        try {
            return switch (column.type()) {
                case TEXT -> checkText(column, text);
                case TIMESTAMP -> format(column).fromText(text);
                case DURATION -> format(column).durationFromText(text);
                case UUID -> uuid(column, text);
                case JSON -> checkText(column, Json.write(text));
                case BLOB -> Base64.getDecoder().decode(text);
                case BOOLEAN -> bool(column, text);
                case INTEGER, REAL, DECIMAL -> fromNumber(column, text);
            };
        } catch (IllegalArgumentException e) {
            throw bad(column, "'" + shorten(text) + "' is not " + article(column.type()))
                    .hint("see docs/types.md");
        } catch (LeveeException e) {
            throw named(column, e);
        }
    }

    private static Object uuid(Column column, String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (text.length() != 36 || !UUID.fromString(lower).toString().equals(lower)) {
            throw mismatch(column, text);
        }
        return lower;
    }

    private static Object bool(Column column, String text) {
        if (text.equalsIgnoreCase("true")) {
            return 1L;
        }
        if (text.equalsIgnoreCase("false")) {
            return 0L;
        }
        throw mismatch(column, text);
    }

    /** A whole number as given, in stored form. */
    public static Object fromLong(Column column, long value) {
        try {
            return switch (column.type()) {
                case INTEGER -> value;
                case REAL -> (double) value;
                case TIMESTAMP -> format(column).fromNumber(value);
                case DURATION -> format(column).durationFromNumber(BigDecimal.valueOf(value));
                case DECIMAL, JSON, TEXT -> Long.toString(value);
                case BOOLEAN, UUID, BLOB -> throw mismatch(column, value);
            };
        } catch (LeveeException e) {
            throw named(column, e);
        } catch (ArithmeticException e) {
            throw bad(column, value + " is past the range of a 64-bit time");
        }
    }

    /** A floating point number as given, in stored form. */
    public static Object fromDouble(Column column, double value) {
        if (Double.isNaN(value)) {
            throw bad(column, "NaN is not stored").hint("leave the value out (null)");
        }
        if (column.type() == ColumnType.REAL) {
            // There is one zero: -0.0 equals it in every engine, and would be another key to a filter of keys.
            return value == 0 ? 0.0 : value;
        }
        if (Double.isInfinite(value)) {
            throw mismatch(column, value);
        }
        return fromDecimal(column, BigDecimal.valueOf(value));
    }

    /** A number with all its digits, in stored form. */
    public static Object fromNumber(Column column, String token) {
        if (column.type() == ColumnType.TEXT || column.type() == ColumnType.JSON) {
            return token;
        }
        if (column.type() == ColumnType.REAL) {
            double value;
            try {
                value = Double.parseDouble(token);
            } catch (NumberFormatException e) {
                throw mismatch(column, token);
            }
            if (Double.isInfinite(value) && !token.toLowerCase(Locale.ROOT).contains("inf")) {
                throw bad(column, token + " is past the range of a 64-bit floating point number");
            }
            return fromDouble(column, value);
        }
        try {
            return fromDecimal(column, new BigDecimal(token));
        } catch (NumberFormatException e) {
            throw mismatch(column, token);
        }
    }

    private static Object fromDecimal(Column column, BigDecimal value) {
        if (Math.abs((long) value.scale()) > MAX_DECIMAL_DIGITS || value.precision() > MAX_DECIMAL_DIGITS) {
            throw bad(column, "a number of more than " + MAX_DECIMAL_DIGITS + " digits");
        }
        try {
            return switch (column.type()) {
                case INTEGER -> value.longValueExact();
                case REAL -> value.doubleValue();
                case DECIMAL -> value.toPlainString();
                case TIMESTAMP -> format(column).fromNumber(value);
                case DURATION -> format(column).durationFromNumber(value);
                case TEXT, JSON -> value.toString();
                case BOOLEAN, UUID, BLOB -> throw mismatch(column, value);
            };
        } catch (ArithmeticException e) {
            throw bad(column, value + " is not " + article(column.type()) + " of 64 bits");
        } catch (LeveeException e) {
            throw named(column, e);
        }
    }

    /** A boolean as given, in stored form. */
    public static Object fromBoolean(Column column, boolean value) {
        return switch (column.type()) {
            case BOOLEAN -> value ? 1L : 0L;
            case TEXT, JSON -> Boolean.toString(value);
            default -> throw mismatch(column, value);
        };
    }

    /** Compact JSON of an object or array as given, in stored form. */
    public static Object fromJson(Column column, String json) {
        if (column.type() != ColumnType.JSON) {
            throw bad(column, "a nested value where the column takes " + article(column.type()))
                    .hint("declare the column json");
        }
        return checkText(column, json);
    }

    /** A stored value as the Java type that users see. */
    public static @Nullable Object read(Column column, @Nullable Object stored) {
        if (stored == null) {
            return null;
        }
        return switch (column.type()) {
            case TEXT, JSON, INTEGER, REAL, BLOB -> stored;
            case BOOLEAN -> ((Long) stored) != 0;
            case TIMESTAMP -> Micros.instant((Long) stored);
            case DURATION -> Micros.duration((Long) stored);
            case DECIMAL -> new BigDecimal((String) stored);
            case UUID -> UUID.fromString((String) stored);
        };
    }

    /** Bytes that a stored value takes in the queue, estimated from above for text of one byte a character. */
    public static int size(@Nullable Object stored) {
        if (stored instanceof String text) {
            return 48 + text.length();
        }
        return stored instanceof byte[] bytes ? 24 + bytes.length : 24;
    }

    /** Refuses what engines cannot keep: NUL and unpaired surrogates. */
    private static String checkText(Column column, String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == 0) {
                throw bad(column, "text with a NUL character at position " + (i + 1))
                        .hint("use a blob column");
            }
            if (Character.isSurrogate(c)) {
                boolean pair = Character.isHighSurrogate(c)
                        && i + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(i + 1));
                if (!pair) {
                    throw bad(column, "text with half a character (an unpaired surrogate) at position " + (i + 1));
                }
                i++;
            }
        }
        return text;
    }

    private static TimeFormat format(Column column) {
        TimeFormat format = column.format();
        return format == null ? TimeFormat.ISO : format;
    }

    private static LeveeException mismatch(Column column, Object value) {
        return bad(column, "'" + shorten(String.valueOf(value)) + "' is not " + article(column.type()));
    }

    private static String article(ColumnType type) {
        String name = type.specName();
        return ("aeiou".indexOf(name.charAt(0)) >= 0 && type != ColumnType.UUID ? "an " : "a ") + name;
    }

    private static String shorten(String text) {
        return text.length() <= 80 ? text : text.substring(0, 77) + "…";
    }

    private static LeveeException bad(Column column, String what) {
        return new LeveeException(ErrorCode.BAD_VALUE, "column '" + column.name() + "': " + what)
                .with("column", column.name());
    }

    private static LeveeException named(Column column, LeveeException e) {
        if (e.details().containsKey("column")) {
            return e;
        }
        LeveeException named = new LeveeException(e.code(), "column '" + column.name() + "': " + e.what(), e.getCause())
                .with("column", column.name());
        String hint = e.hint();
        return hint == null ? named : named.hint(hint);
    }
}
