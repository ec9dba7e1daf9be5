package io.levee;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One figure of a group: a function over a column.
 *
 * @param function what is computed
 * @param column the column; null for {@code count} of rows
 */
public record Measure(Function function, @Nullable String column) {
    private static final Pattern TEXT = Pattern.compile("\\s*([A-Za-z0-9]+)\\s*(?:\\(\\s*(.*?)\\s*\\))?\\s*");

    /** What can be computed over a group. */
    public enum Function {
        /** How many rows, or how many values that are not null. */
        COUNT,
        /** The sum of the values; whole numbers stay exact. */
        SUM,
        /** The mean of the values. */
        AVG,
        /** The least value. */
        MIN,
        /** The greatest value. */
        MAX
    }

    /**
     * Refuses a sum, mean, least or greatest of nothing.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public Measure {
        if (column == null && function != Function.COUNT) {
            throw new LeveeException(ErrorCode.BAD_QUERY, name(function, null) + " needs a column")
                    .hint("write " + name(function, null) + "(column)");
        }
    }

    /** {@code count}: how many rows. */
    public static Measure count() {
        return new Measure(Function.COUNT, null);
    }

    /** {@code sum(column)}. */
    public static Measure sum(String column) {
        return new Measure(Function.SUM, column);
    }

    /** {@code avg(column)}. */
    public static Measure avg(String column) {
        return new Measure(Function.AVG, column);
    }

    /** {@code min(column)}. */
    public static Measure min(String column) {
        return new Measure(Function.MIN, column);
    }

    /** {@code max(column)}. */
    public static Measure max(String column) {
        return new Measure(Function.MAX, column);
    }

    /**
     * Reads {@code count}, {@code count(*)}, {@code avg(runtime_ms)} or {@code max("job ID")}.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public static Measure parse(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (matcher.matches()) {
            String column = matcher.group(2);
            if (column != null && column.length() >= 2 && column.startsWith("\"") && column.endsWith("\"")) {
                column = column.substring(1, column.length() - 1).replace("\"\"", "\"");
            } else if (column != null && (column.equals("*") || column.isEmpty())) {
                column = null;
            }
            for (Function function : Function.values()) {
                if (function.name().equalsIgnoreCase(matcher.group(1))) {
                    return new Measure(function, column);
                }
            }
        }
        throw new LeveeException(ErrorCode.BAD_QUERY, "'" + text + "' is no figure of a group")
                .hint("use count, count(col), sum(col), avg(col), min(col) or max(col)");
    }

    /** The text form, which is also the figure's name in results: {@code avg(runtime_ms)}. */
    public String name() {
        return name(function, column);
    }

    private static String name(Function function, @Nullable String column) {
        String lower = function.name().toLowerCase(Locale.ROOT);
        return column == null ? lower : lower + "(" + column + ")";
    }
}
