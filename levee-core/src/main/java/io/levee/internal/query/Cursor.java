package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.RowQuery;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A page's end as the opaque text that users hand back: the last row's place in the order, and whose order it is. The filter is not in it: one that
 * says {@code now} is another one on each page.
 */
final class Cursor {
    private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();

    private Cursor() {}

    /** The order of a query, in words. */
    private static String order(RowQuery query) {
        String order = query.sorts().isEmpty()
                ? (query.newestFirst() ? "newest" : "oldest") + " first"
                : "by "
                        + query.sorts().stream()
                                .map(s -> s.term().name() + (s.descending() ? " desc" : ""))
                                .collect(Collectors.joining(", "));
        String per = query.perKey().stream().map(t -> t.name()).collect(Collectors.joining(", "));
        return "table " + query.spec().name() + ", " + order + (per.isEmpty() ? "" : ", newest per " + per);
    }

    static String text(RowQuery query, RowQuery.Place place) {
        List<String> parts = new ArrayList<>(List.of("2", packed(order(query)), Long.toString(place.seq())));
        place.values().forEach(value -> parts.add(written(value)));
        return packed(String.join(":", parts));
    }

    /** The place that a cursor tells, for the query that gave it. */
    static RowQuery.Place parse(String text, RowQuery query) {
        List<@Nullable Object> values = new ArrayList<>();
        try {
            String[] parts = unpacked(text).split(":", -1);
            if (parts.length >= 4 && parts[0].equals("2")) {
                String order = unpacked(parts[1]);
                if (!order.equals(order(query))) {
                    throw new LeveeException(
                                    ErrorCode.BAD_QUERY,
                                    "the cursor belongs to another query (" + order + "; this one is " + order(query)
                                            + ")")
                            .hint("repeat the query that gave the cursor");
                }
                for (String value : Arrays.asList(parts).subList(3, parts.length)) {
                    values.add(read(value));
                }
                if (values.size() == Math.max(1, query.sorts().size())) {
                    return new RowQuery.Place(values, Long.parseLong(parts[2]));
                }
            }
        } catch (IllegalArgumentException e) {
            // Falls through to the one error below: the text is no cursor, whatever part of it is at fault.
        }
        throw new LeveeException(ErrorCode.BAD_QUERY, "'" + shortened(text) + "' is no cursor")
                .hint("use the 'next' of a page");
    }

    private static String shortened(String text) {
        return text.length() > 80 ? text.substring(0, 80) + "…" : text;
    }

    private static String written(@Nullable Object value) {
        if (value == null) {
            return "n";
        }
        if (value instanceof Double real) {
            return "d" + Long.toHexString(Double.doubleToLongBits(real));
        }
        if (value instanceof byte[] bytes) {
            return "b" + ENCODER.encodeToString(bytes);
        }
        return value instanceof String text ? "t" + packed(text) : "l" + value;
    }

    private static @Nullable Object read(String text) {
        if (text.isEmpty()) {
            throw new IllegalArgumentException("an empty value");
        }
        String rest = text.substring(1);
        return switch (text.charAt(0)) {
            case 'n' -> null;
            case 'd' -> (Object) Double.longBitsToDouble(Long.parseUnsignedLong(rest, 16));
            case 'b' -> Base64.getUrlDecoder().decode(rest);
            case 't' -> unpacked(rest);
            case 'l' -> Long.parseLong(rest);
            default -> throw new IllegalArgumentException("a value of no kind");
        };
    }

    private static String packed(String text) {
        return ENCODER.encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String unpacked(String text) {
        return new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8);
    }
}
