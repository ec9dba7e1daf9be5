package io.levee;

import io.levee.internal.query.Names;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One part of an order: null comes first in rising order, text is ordered by its UTF-8 bytes.
 *
 * @param by a column or a place in a json column; for groups a group column or a figure's name
 * @param descending whether the greatest comes first
 */
public record Order(String by, boolean descending) {
    private static final Pattern TEXT = Pattern.compile("\\s*(.+?)(?:\\s+(asc|desc))?\\s*", Pattern.CASE_INSENSITIVE);

    /** Rising. */
    public static Order asc(String by) {
        return new Order(by, false);
    }

    /** Falling. */
    public static Order desc(String by) {
        return new Order(by, true);
    }

    /**
     * Reads {@code duration desc}, {@code "job ID"} or {@code avg(runtime_ms) asc}.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public static Order parse(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "'" + text + "' is no order")
                    .hint("use column or column desc");
        }
        return new Order(Names.unquoted(matcher.group(1)), "desc".equalsIgnoreCase(matcher.group(2)));
    }
}
