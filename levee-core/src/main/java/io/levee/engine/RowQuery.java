package io.levee.engine;

import io.levee.Column;
import io.levee.Expr;
import io.levee.TableSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A query with its names resolved and its values in stored form.
 *
 * @param spec the table
 * @param fromMicros the first event time (inclusive)
 * @param toMicros the end of the event times (exclusive)
 * @param where the filter over exact column names and stored values, or null
 * @param newestFirst the order of event time and {@code _seq}
 * @param limit most rows
 * @param after the last row of the page before, or null
 * @param columns the columns wanted
 */
public record RowQuery(
        TableSpec spec,
        long fromMicros,
        long toMicros,
        @Nullable Expr where,
        boolean newestFirst,
        long limit,
        @Nullable Mark after,
        List<Column> columns) {
    /** A row's place in the order of pages. */
    public record Mark(long timeMicros, long seq) {}
}
