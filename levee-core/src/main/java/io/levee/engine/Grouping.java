package io.levee.engine;

import io.levee.Expr;
import io.levee.TableSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Groups of rows with figures that can be merged, its names resolved and its values in stored form.
 *
 * @param spec the table
 * @param fromMicros the first event time (inclusive)
 * @param toMicros the end of the event times (exclusive)
 * @param where the filter, or null
 * @param keys what makes a group; empty: one group of all rows
 * @param figures the figures of each
 */
public record Grouping(
        TableSpec spec,
        long fromMicros,
        long toMicros,
        @Nullable Expr where,
        List<GroupKey> keys,
        List<Figure> figures) {
    /** Copies the lists. */
    public Grouping {
        keys = List.copyOf(keys);
        figures = List.copyOf(figures);
    }
}
