package io.levee;

import io.levee.internal.query.Names;
import java.math.BigDecimal;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One figure of a group: a function over a column.
 *
 * @param function what is computed
 * @param column the column, or a place in a json column: there numbers are what is computed with, and other values are left out (but
 *     {@code count} and {@code distinct} take every value that is no object and no array); null for {@code count} of rows
 * @param quantile for {@link Function#PERCENTILE} which one, from 0 to 1; else 0
 */
public record Measure(Function function, @Nullable String column, double quantile) {
    private static final Pattern TEXT = Pattern.compile("\\s*([A-Za-z][A-Za-z0-9.]*)\\s*(?:\\(\\s*(.*?)\\s*\\))?\\s*");
    private static final Pattern DISTINCT = Pattern.compile("(?i)distinct\\s+(.+)");
    private static final Pattern PERCENT = Pattern.compile("p\\d{1,3}(\\.\\d{1,12})?");

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
         * How many different values that are not null: exact up to {@value Measure#EXACT_DISTINCT} in a group, else estimated by HyperLogLog,
         * with a standard error of {@value Measure#DISTINCT_ERROR}.
         */
        DISTINCT,
        /**
         * The value below which a share of the values lies, by DDSketch: at a relative distance of {@value Measure#PERCENTILE_ERROR} at most from
         * the value of rank {@code floor(quantile * (count - 1))}. Of integer, real and duration columns, and of numbers in json columns;
         * infinite values are left out.
         */
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
            String name = name(function, null, quantile);
            throw new LeveeException(ErrorCode.BAD_QUERY, name + " needs a column").hint("write " + name + "(column)");
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
     * Reads {@code count}, {@code count(*)}, {@code avg(runtime_ms)}, {@code max("job ID")}, {@code median(runtime_ms)}, {@code p99.9(runtime_ms)},
     * {@code distinct(host)} (or {@code count(distinct host)}) or {@code p95(extra.cpu[0].load)}.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public static Measure parse(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (matcher.matches()) {
            String name = matcher.group(1).toLowerCase(Locale.ROOT);
            String inner = matcher.group(2);
            Matcher distinct = inner == null ? null : DISTINCT.matcher(inner);
            if (distinct != null && name.equals("count") && distinct.matches()) {
                return distinct(Names.unquoted(distinct.group(1)));
            }
            String column = inner == null || inner.isEmpty() || inner.equals("*") ? null : Names.unquoted(inner);
            if (name.equals("median")) {
                return new Measure(Function.PERCENTILE, column, 0.5);
            }
            if (PERCENT.matcher(name).matches()) {
                double quantile =
                        new BigDecimal(name.substring(1)).movePointLeft(2).doubleValue();
                return new Measure(Function.PERCENTILE, column, quantile);
            }
            for (Function function : Function.values()) {
                if (function != Function.PERCENTILE && function.name().equalsIgnoreCase(name)) {
                    return new Measure(function, column);
                }
            }
        }
        throw new LeveeException(ErrorCode.BAD_QUERY, "'" + text + "' is no figure of a group")
                .hint(
                        "use count, count(col), sum(col), avg(col), min(col), max(col), distinct(col), median(col) or p95(col)");
    }

    /** The text form, which is also the figure's name in results: {@code avg(runtime_ms)}, {@code p99.9(runtime_ms)}. */
    public String name() {
        return name(function, column, quantile);
    }

    private static String name(Function function, @Nullable String column, double quantile) {
        String lower = function == Function.PERCENTILE
                ? "p"
                        + BigDecimal.valueOf(quantile)
                                .movePointRight(2)
                                .stripTrailingZeros()
                                .toPlainString()
                : function.name().toLowerCase(Locale.ROOT);
        return column == null ? lower : lower + "(" + column + ")";
    }
}
