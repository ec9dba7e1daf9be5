package io.levee.ask;

import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Order;
import io.levee.Query;
import io.levee.internal.query.Names;
import io.levee.internal.spec.Durations;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Reads the parts of a question from text. */
public final class Texts {
    private Texts() {}

    /**
     * Splits at commas outside of double quotes and parentheses: {@code a,"odd, name",b} and {@code count,avg(x),max("odd, name")}.
     *
     * @param text the list
     * @param unquote whether the elements are names, whose quotes are taken off
     * @return the elements without blanks around them; empty ones are left out
     */
    public static List<String> split(String text, boolean unquote) {
        List<String> elements = new ArrayList<>();
        int start = 0;
        int depth = 0;
        boolean quoted = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"') {
                quoted = !quoted;
            } else if (!quoted && c == '(') {
                depth++;
            } else if (!quoted && c == ')') {
                depth--;
            } else if (!quoted && depth == 0 && c == ',') {
                add(elements, text.substring(start, i), unquote);
                start = i + 1;
            }
        }
        add(elements, text.substring(start), unquote);
        return elements;
    }

    private static void add(List<String> elements, String text, boolean unquote) {
        String element = text.strip();
        if (!element.isEmpty()) {
            elements.add(unquote ? Names.unquoted(element) : element);
        }
    }

    /** Names between commas, none for null; a name in double quotes may hold commas. */
    public static List<String> names(@Nullable String text) {
        return text == null ? List.of() : split(text, true);
    }

    /**
     * Sets the order of rows: {@code newest} (or {@code desc}), {@code oldest} (or {@code asc}), or columns such as
     * {@code duration desc,user}. A column that is called {@code newest} is meant in double quotes.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public static void order(Query.Builder query, @Nullable String text) {
        if (text == null || text.isBlank()) {
            return;
        }
        switch (text.strip().toLowerCase(Locale.ROOT)) {
            case "newest", "desc" -> query.newestFirst();
            case "oldest", "asc" -> query.oldestFirst();
            default -> query.orderBy(orders(text).toArray(Order[]::new));
        }
    }

    /**
     * An order of columns: {@code duration desc,user}.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public static List<Order> orders(String text) {
        List<Order> orders = split(text, false).stream().map(Texts::order).toList();
        if (orders.isEmpty()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "'" + text + "' is no order")
                    .hint("use newest, oldest, or columns such as duration desc,user");
        }
        return orders;
    }

    private static Order order(String text) {
        Order order = Order.parse(text);
        String by = order.by();
        boolean spaced = by.indexOf(' ') >= 0 && !text.contains("\"") && !by.contains("(");
        if (by.isBlank() || spaced) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "there is no order '" + text + "'")
                    .hint("use newest, oldest, or columns such as duration desc,user; odd names go in double quotes");
        }
        return order;
    }

    /**
     * An order of groups, by group columns or figures; a figure's name may be written in any form that {@link Measure#parse} reads.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public static List<Order> groupOrders(@Nullable String text, List<String> by) {
        if (text == null || text.isBlank()) {
            return List.of();
        }
        return orders(text).stream()
                .map(order -> by.contains(order.by()) ? order : new Order(figure(order.by()), order.descending()))
                .toList();
    }

    /** A figure's name as the result has it: {@code avg("job ID")} as {@code avg(job ID)}. */
    private static String figure(String text) {
        try {
            return Measure.parse(text).name();
        } catch (LeveeException e) {
            // No figure, so a column.
            return text;
        }
    }

    /**
     * Figures between commas; {@code count} where there is no text.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public static List<Measure> measures(@Nullable String text) {
        return text == null
                ? List.of(Measure.count())
                : split(text, false).stream().map(Measure::parse).toList();
    }

    /**
     * A filter of groups, in which figures stand as in the result: {@code count > 10 AND avg(runtime_ms) >= 500}.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public static @Nullable Expr having(@Nullable String text, Instant now) {
        return text == null ? null : Expr.parse(text, now);
    }

    /**
     * A length of time that is more than 0, such as the width of a bucket.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE}, naming what it is
     */
    public static Duration length(String what, String text) {
        Duration length;
        try {
            length = Durations.parse(text);
        } catch (LeveeException e) {
            throw new LeveeException(ErrorCode.BAD_VALUE, what + ": " + e.what(), e)
                    .hint("write a number and ms, s, m, h, d or w, such as 1m or 6h");
        }
        if (length.isZero() || length.isNegative()) {
            throw new LeveeException(ErrorCode.BAD_VALUE, what + " must be longer than 0 (got '" + text + "')");
        }
        return length;
    }
}
