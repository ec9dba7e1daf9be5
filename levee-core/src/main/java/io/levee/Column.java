package io.levee;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One column of a table.
 *
 * @param name any text of 1 to 63 UTF-8 bytes without control characters; it is always quoted
 * @param type what the column holds
 * @param detail kept in the partition's second table, so that scans of the hot columns do not read it
 * @param required null is refused
 * @param format how input is read, for timestamps and durations; null for other types
 * @param defaultValue what a row has that leaves it null, and what rows read as that were stored before the column was added; in stored
 *     form ({@link Long}, {@link Double}, {@link String}); null for none
 * @param expression the same as an SQL expression over the row's other columns; null for none. At most one of the two
 */
public record Column(
        String name,
        ColumnType type,
        boolean detail,
        boolean required,
        @Nullable TimeFormat format,
        @Nullable Object defaultValue,
        @Nullable String expression) {
    /** Longest name in UTF-8 bytes: PostgreSQL cuts longer ones off in silence, so no engine takes them. */
    public static final int MAX_NAME_BYTES = 63;

    private static final Set<String> RESERVED =
            Set.of("_seq", "_chg", "_time", "_levee_migrated", "rowid", "oid", "_rowid_");

    /**
     * Checks the name (guarantee G62) and that format and type fit.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public Column {
        if (name.isEmpty() || name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
            throw bad(name, "a column name has 1 to " + MAX_NAME_BYTES + " UTF-8 bytes");
        }
        if (name.codePoints().anyMatch(c -> Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE)) {
            throw bad(name, "a column name has no control characters");
        }
        if (RESERVED.contains(name.toLowerCase(Locale.ROOT))) {
            throw bad(name, "that name is Levee's own; others are " + RESERVED);
        }
        if (format != null && type != ColumnType.TIMESTAMP && type != ColumnType.DURATION) {
            throw bad(name, "only timestamp and duration columns have a format, unit, zone or origin");
        }
        if (format == null && (type == ColumnType.TIMESTAMP || type == ColumnType.DURATION)) {
            format = TimeFormat.ISO;
        }
        if (defaultValue != null && expression != null) {
            throw bad(name, "it has a default or an expression, not both");
        }
        if (defaultValue != null && !storedForm(type, defaultValue)) {
            throw bad(name, "its default " + defaultValue + " is not in the stored form of " + type.specName());
        }
        if (expression != null && expression.isBlank()) {
            throw bad(name, "its expression is empty");
        }
    }

    private static boolean storedForm(ColumnType type, Object value) {
        return switch (type) {
            case INTEGER, BOOLEAN, TIMESTAMP, DURATION -> value instanceof Long;
            case REAL -> value instanceof Double;
            case TEXT, DECIMAL, UUID, JSON -> value instanceof String;
            case BLOB -> false;
        };
    }

    /** A column without default and expression. */
    public Column(String name, ColumnType type, boolean detail, boolean required, @Nullable TimeFormat format) {
        this(name, type, detail, required, format, null, null);
    }

    /** A nullable hot column. */
    public static Column of(String name, ColumnType type) {
        return new Column(name, type, false, false, null);
    }

    /** The same column with another input format. */
    public Column withFormat(TimeFormat newFormat) {
        return new Column(name, type, detail, required, newFormat, defaultValue, expression);
    }

    /** The same column with null refused. */
    public Column asRequired() {
        return new Column(name, type, detail, true, format, defaultValue, expression);
    }

    /** The same column with null taken. */
    public Column asOptional() {
        return new Column(name, type, detail, false, format, defaultValue, expression);
    }

    /** The same column with another name. */
    public Column named(String newName) {
        return new Column(newName, type, detail, required, format, defaultValue, expression);
    }

    /** The same column with a default in stored form, or none. */
    public Column withDefault(@Nullable Object newDefault) {
        return new Column(name, type, detail, required, format, newDefault, expression);
    }

    /** The same column with an expression, or none. */
    public Column withExpression(@Nullable String newExpression) {
        return new Column(name, type, detail, required, format, defaultValue, newExpression);
    }

    /** Whether a row that leaves it null has something all the same. */
    public boolean filled() {
        return defaultValue != null || expression != null;
    }

    private static LeveeException bad(String name, String why) {
        return new LeveeException(ErrorCode.BAD_SPEC, "column '" + name + "': " + why).with("column", name);
    }
}
