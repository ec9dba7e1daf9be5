package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.RowQuery;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/** A page's end as the opaque text that users hand back. */
final class Cursor {
    private Cursor() {}

    static String text(RowQuery query, RowQuery.Place place) {
        String plain = "1:" + (query.newestFirst() ? "n" : "o") + ":"
                + query.spec().name() + ":" + place.timeMicros() + ":" + place.seq();
        return Base64.getUrlEncoder().withoutPadding().encodeToString(plain.getBytes(StandardCharsets.UTF_8));
    }

    static RowQuery.Place parse(String text, String table, boolean newestFirst) {
        try {
            String[] parts = new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8).split(":", -1);
            if (parts.length == 5 && parts[0].equals("1")) {
                if (!parts[2].equals(table) || !parts[1].equals(newestFirst ? "n" : "o")) {
                    throw new LeveeException(
                                    ErrorCode.BAD_QUERY,
                                    "the cursor belongs to another query (table " + parts[2] + ", "
                                            + (parts[1].equals("n") ? "newest" : "oldest") + " first)")
                            .hint("repeat the query that gave the cursor");
                }
                return RowQuery.Place.of(Long.parseLong(parts[3]), Long.parseLong(parts[4]));
            }
        } catch (IllegalArgumentException e) {
            // Falls through to the one error below: the text is no cursor, whatever part of it is at fault.
        }
        throw new LeveeException(ErrorCode.BAD_QUERY, "'" + text + "' is no cursor").hint("use the 'next' of a page");
    }
}
