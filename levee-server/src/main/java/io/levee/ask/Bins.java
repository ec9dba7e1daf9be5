package io.levee.ask;

import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Histogram;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.internal.query.Names;
import io.levee.internal.spec.Durations;
import io.levee.internal.time.Micros;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The bins of a histogram as text. Values are of the column's type: {@code 10m} for durations, times for timestamps, and numbers, which
 * mean microseconds for both.
 *
 * @param most automatic bins, at most so many
 * @param width even bins of this width,
 * @param from from this value on,
 * @param count so many
 * @param edges or these edges between commas
 */
public record Bins(
        @Nullable String most,
        @Nullable String width,
        @Nullable String from,
        @Nullable String count,
        @Nullable String edges) {
    private static final int DEFAULT_BINS = 20;

    /** What is wrong with the combination, in the caller's names for the parts; null where nothing is. */
    public @Nullable String complaint(Function<String, String> named) {
        int ways = (most == null ? 0 : 1) + (width == null ? 0 : 1) + (edges == null ? 0 : 1);
        if (ways > 1) {
            return named.apply("bins") + ", " + named.apply("width") + " and " + named.apply("edges")
                    + " exclude one another";
        }
        if (width == null && (from != null || count != null)) {
            return named.apply(from != null ? "from" : "count") + " belongs to " + named.apply("width");
        }
        if (width != null && (from == null || count == null)) {
            return named.apply("width") + " needs " + named.apply("from") + " (where the first bin begins) and "
                    + named.apply("count") + " (how many bins)";
        }
        return null;
    }

    /**
     * The rule.
     *
     * @param named the caller's names for the parts, for errors
     * @param time reads a time, null where the text is none
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} naming the part, {@link ErrorCode#UNKNOWN_COLUMN}, and those of the rule
     */
    public Histogram.BinRule rule(
            TableSpec spec, String column, Function<String, String> named, Function<String, @Nullable Instant> time) {
        ColumnType type = type(spec, column);
        if (edges != null) {
            List<Double> all = Texts.split(edges, false).stream()
                    .map(edge -> value(named.apply("edges"), edge, type, time))
                    .toList();
            return new Histogram.Edges(all);
        }
        if (width != null && from != null && count != null) {
            return new Histogram.Even(
                    value(named.apply("from"), from, type, time),
                    width(named.apply("width"), width, type),
                    number(named.apply("count"), count));
        }
        return new Histogram.Automatic(most == null ? DEFAULT_BINS : number(named.apply("bins"), most));
    }

    /** The type of a column, or of a place in a json column. */
    public static ColumnType type(TableSpec spec, String column) {
        return Names.term(spec, column).type();
    }

    private static int number(String name, String text) {
        try {
            int number = Integer.parseInt(text.strip());
            if (number >= 1) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Falls through to the one error below.
        }
        throw new LeveeException(
                        ErrorCode.BAD_VALUE,
                        name + " must be a whole number from 1 to " + Histogram.MAX_BINS + " (got '" + text + "')")
                .with("parameter", name);
    }

    private static double width(String name, String text, ColumnType type) {
        if (type != ColumnType.TIMESTAMP && type != ColumnType.DURATION) {
            return real(name, text, "a number");
        }
        Duration length = length(text);
        return length == null ? real(name, text, "a length of time such as 10m, or microseconds") : micros(length);
    }

    private static double value(String name, String text, ColumnType type, Function<String, @Nullable Instant> time) {
        if (type == ColumnType.DURATION) {
            return width(name, text, type);
        }
        if (type == ColumnType.TIMESTAMP) {
            Double number = real(text);
            Instant instant = number == null ? time.apply(text) : null;
            return instant == null
                    ? real(name, text, "a time such as 2026-05-20T10:00:00Z, or microseconds since 1970")
                    : Micros.of(instant);
        }
        return real(name, text, "a number");
    }

    private static @Nullable Duration length(String text) {
        try {
            return Durations.parse(text);
        } catch (LeveeException e) {
            return null;
        }
    }

    private static double micros(Duration length) {
        return length.getSeconds() * 1e6 + length.getNano() / 1e3;
    }

    private static @Nullable Double real(String text) {
        try {
            double number = Double.parseDouble(text.strip());
            return Double.isFinite(number) ? number : null;
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static double real(String name, String text, String wanted) {
        Double number = real(text);
        if (number == null) {
            throw new LeveeException(ErrorCode.BAD_VALUE, name + " must be " + wanted + " (got '" + text + "')")
                    .with("parameter", name);
        }
        return number;
    }
}
