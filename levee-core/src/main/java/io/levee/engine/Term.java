package io.levee.engine;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a filter, a group, an order or a figure reads of a row: a column, or a place in a json column.
 *
 * <p>A place reads as text where it holds a string, a number or a truth value ({@code true}, {@code false}), and as null where it holds
 * an object or an array, or is not there. Compared with a number, it is that number where it holds one and null otherwise; figures read
 * it so too.
 *
 * @param column the column
 * @param path the place in it, as {@code $.a.b[0]}; empty for the column itself
 */
public record Term(Column column, String path) {
    private static final Pattern STEP = Pattern.compile("\\.([^.\\[\\]]+)|\\[(\\d{1,9})\\]");

    /**
     * Reads a resolved name: a column's, or {@code column.place}. A column whose whole name it is comes first, then the longest one.
     *
     * @throws io.levee.LeveeException {@code UNKNOWN_COLUMN}
     */
    public static Term of(TableSpec spec, String name) {
        if (spec.position(name) < 0) {
            for (int end = name.length() - 1; end > 0; end--) {
                char c = name.charAt(end);
                if ((c == '.' || c == '[') && spec.position(name.substring(0, end)) >= 0) {
                    Column column = spec.column(name.substring(0, end));
                    if (column.type() == ColumnType.JSON) {
                        return new Term(column, "$" + name.substring(end));
                    }
                }
            }
        }
        return new Term(spec.column(name), "");
    }

    /** Whether it is a place in a json column. */
    public boolean inJson() {
        return !path.isEmpty();
    }

    /** The type of its values. */
    public ColumnType type() {
        return inJson() ? ColumnType.TEXT : column.type();
    }

    /**
     * The steps of the path: a {@link String} is a member's name, an {@link Integer} a place in an array, from 0.
     *
     * @throws LeveeException {@code BAD_QUERY} where it is no path
     */
    public List<Object> steps() {
        List<Object> steps = new ArrayList<>();
        Matcher step = STEP.matcher(path);
        int at = inJson() ? 1 : 0;
        while (at < path.length()) {
            if (!step.find(at) || step.start() != at) {
                throw new LeveeException(ErrorCode.BAD_QUERY, "'" + name() + "' names no place in a json column")
                        .hint("write column.member, column.member.member or column[0]");
            }
            steps.add(step.group(1) != null ? step.group(1) : (Object) Integer.valueOf(step.group(2)));
            at = step.end();
        }
        return steps;
    }

    /** The name that {@link #of} reads. */
    public String name() {
        return inJson() ? column.name() + path.substring(1) : column.name();
    }
}
