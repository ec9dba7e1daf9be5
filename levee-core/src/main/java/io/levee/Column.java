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
 */
public record Column(
        String name,
        ColumnType type,
        boolean detail,
        boolean required,
        @Nullable TimeFormat format) {
    /** Longest name in UTF-8 bytes: PostgreSQL cuts longer ones off in silence, so no engine takes them. */
    public static final int MAX_NAME_BYTES = 63;

    private static final Set<String> RESERVED = Set.of("_seq", "_chg", "_time", "rowid", "oid", "_rowid_");

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
    }

    /** A nullable hot column. */
    public static Column of(String name, ColumnType type) {
        return new Column(name, type, false, false, null);
    }

    /** The same column with another input format. */
    public Column withFormat(TimeFormat newFormat) {
        return new Column(name, type, detail, required, newFormat);
    }

    /** The same column with null refused. */
    public Column asRequired() {
        return new Column(name, type, detail, true, format);
    }

    private static LeveeException bad(String name, String why) {
        return new LeveeException(ErrorCode.BAD_SPEC, "column '" + name + "': " + why).with("column", name);
    }
}
