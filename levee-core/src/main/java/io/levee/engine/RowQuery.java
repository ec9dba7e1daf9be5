package io.levee.engine;

import io.levee.Column;
import io.levee.Expr;
import io.levee.TableSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A query with its names resolved and its values in stored form.
 *
 * <p>Rows are ordered by {@code sorts}, then by {@code _seq} in the direction of the last of them; without any by event time and
 * {@code _seq}. Null comes first in rising order; text is ordered by its UTF-8 bytes.
 *
 * @param spec the table
 * @param fromMicros the first event time (inclusive)
 * @param toMicros the end of the event times (exclusive)
 * @param where the filter over exact names and stored values, or null
 * @param newestFirst the order of event time and {@code _seq}, where there are no {@code sorts}
 * @param sorts another order
 * @param perKey only the newest row (by event time, then {@code _seq}) of each combination of these values, among those that the
 *     filter lets through; empty for all rows
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
        List<Sort> sorts,
        List<Term> perKey,
        long limit,
        @Nullable Place after,
        List<Column> columns) {
    /** Copies the lists. */
    public RowQuery {
        sorts = List.copyOf(sorts);
        perKey = List.copyOf(perKey);
        columns = List.copyOf(columns);
    }

    /** One part of an order. */
    public record Sort(Term term, boolean descending) {}

    /**
     * A row's place in the order.
     *
     * @param values its values of {@link #sorts}; without any, its event time
     */
    public record Place(List<@Nullable Object> values, long seq) {
        /** Copies the list, which may hold nulls. */
        public Place {
            values = Collections.unmodifiableList(new ArrayList<>(values));
        }

        /** The place in the order of event time. */
        public static Place of(long timeMicros, long seq) {
            return new Place(List.of(timeMicros), seq);
        }

        /** The event time, in that order. */
        public long timeMicros() {
            return values.get(0) instanceof Long time ? time : 0;
        }
    }

    /** Which row: its event time, by which its partition is found, and its number. */
    public record Mark(long timeMicros, long seq) {}

    /** The same query for what comes behind a row (null: from the beginning), at most so many. */
    public RowQuery from(@Nullable Place place, long most) {
        return new RowQuery(spec, fromMicros, toMicros, where, newestFirst, sorts, perKey, most, place, columns);
    }
}
