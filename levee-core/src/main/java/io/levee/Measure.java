package io.levee;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One figure of a group: a function over a column.
 *
 * @param function what is computed
 * @param column the column, or a place in a json column; null for {@code count} of rows
 * @param quantile for {@link Function#PERCENTILE} which one, from 0 to 1; else 0
 */
public record Measure(Function function, @Nullable String column, double quantile) {
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
        MAX,
        /**
         * How many different values: exact up to {@value Measure#EXACT_DISTINCT} in a group, else estimated by HyperLogLog, with a standard
         * error of {@value Measure#DISTINCT_ERROR}.
         */
        DISTINCT,
        /** The value below which a share of the values lies, by DDSketch: within {@value Measure#PERCENTILE_ERROR} of a value of that rank. */
        PERCENTILE
    }

    /** Up to so many different values of one group are counted exactly. */
    public static final int EXACT_DISTINCT = 1000;

    /** The relative standard error of an estimated number of different values. */
    public static final double DISTINCT_ERROR = 0.0081;

    /** The relative error of a percentile. */
    public static final double PERCENTILE_ERROR = 0.01;

    /**
     * Refuses a sum, mean, least or greatest of nothing.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public Measure {
        if (!(quantile >= 0 && quantile <= 1)) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "a percentile is from p0 to p100 (got " + quantile + ")");
        }
        if (column == null && function != Function.COUNT) {
            throw new LeveeException(ErrorCode.BAD_QUERY, name(function, null) + " needs a column")
                    .hint("write " + name(function, null) + "(column)");
        }
    }

    /** A figure without a quantile. */
    public Measure(Function function, @Nullable String column) {
        this(function, column, 0);
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

    /** {@code distinct(column)}: how many different values. */
    public static Measure distinct(String column) {
        return new Measure(Function.DISTINCT, column);
    }

    /**
     * {@code p95(column)} for 0.95.
     *
     * @param quantile from 0 to 1
     */
    public static Measure percentile(double quantile, String column) {
        return new Measure(Function.PERCENTILE, column, quantile);
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
