package io.levee.postgres;

import io.levee.engine.RowQuery;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The order of a query's rows and the conditions of a page that begins behind a row, written so that an index of the first value and
 * the bounds of partitions are still used: an OR over all values alone would leave nothing out.
 */
final class Keyset {
    private final RowQuery query;
    private final String time;
    private final String number;
    private final List<String> values = new ArrayList<>();
    private final boolean nullable;

    /**
     * A part of a page.
     *
     * @param second whether it comes after another one
     * @param only what all its rows have in common; empty where that is nothing
     * @param behind whether they lie behind the page's place: else all of them do
     */
    record Part(boolean second, String only, boolean behind) {}

    /**
     * The order of a query.
     *
     * @param time the name of the event time
     * @param number the name of {@code _seq}
     */
    Keyset(RowQuery query, TermSql terms, String time, String number) {
        this.query = query;
        this.time = time;
        this.number = number;
        for (int i = 0; i < query.sorts().size(); i++) {
            values.add(
                    query.perKey().isEmpty() ? terms.value(query.sorts().get(i).term()) : "_s" + i);
        }
        this.nullable =
                !query.sorts().isEmpty() && !terms.never(query.sorts().get(0).term());
    }

    private boolean descending(int i) {
        return query.sorts().get(i).descending();
    }

    private boolean numberDescending() {
        return query.sorts().isEmpty()
                ? query.newestFirst()
                : descending(query.sorts().size() - 1);
    }

    /** The list behind ORDER BY: null first rising, last falling, as an index {@code NULLS FIRST} has it in both directions. */
    String order() {
        List<String> order = new ArrayList<>();
        if (values.isEmpty()) {
            order.add(time + (query.newestFirst() ? " DESC" : ""));
        }
        for (int i = 0; i < values.size(); i++) {
            order.add(values.get(i) + (descending(i) ? " DESC NULLS LAST" : " NULLS FIRST"));
        }
        order.add(number + (numberDescending() ? " DESC" : ""));
        return String.join(", ", order);
    }

    /** The parts of a page, in order. */
    List<Part> parts() {
        RowQuery.Place after = query.after();
        if (after == null || !nullable) {
            return List.of(new Part(false, "", after != null));
        }
        String none = " AND " + values.get(0) + " IS NULL";
        String some = " AND " + values.get(0) + " IS NOT NULL";
        if (after.values().get(0) == null) {
            return descending(0)
                    ? List.of(new Part(false, none, true))
                    : List.of(new Part(false, none, true), new Part(true, some, false));
        }
        return descending(0)
                ? List.of(new Part(false, some, true), new Part(true, none, false))
                : List.of(new Part(false, some, true));
    }

    /** Appends a part's conditions. */
    void append(SqlBuilder sql, Part part) {
        sql.add(part.only());
        RowQuery.Place after = query.after();
        if (after == null || !part.behind()) {
            return;
        }
        if (values.isEmpty()) {
            String past = query.newestFirst() ? "<" : ">";
            // The comparison of pairs alone would leave no partition out.
            sql.add(" AND " + time + " " + past + "= ").parameter(after.timeMicros());
            sql.add(" AND (" + time + ", " + number + ") " + past + " (").parameter(after.timeMicros());
            sql.add(", ").parameter(after.seq()).add(")");
            return;
        }
        Object first = after.values().get(0);
        if (first != null) {
            sql.add(" AND " + values.get(0) + (descending(0) ? " <= " : " >= ")).parameter(first);
        }
        sql.add(" AND ");
        behind(sql, 0, after);
    }

    /** A row lies behind the place by this value or a later one. */
    private void behind(SqlBuilder sql, int i, RowQuery.Place after) {
        if (i == values.size()) {
            sql.add(number + (numberDescending() ? " < " : " > ")).parameter(after.seq());
            return;
        }
        String value = values.get(i);
        @Nullable Object last = after.values().get(i);
        sql.add("(");
        if (last == null) {
            sql.add(descending(i) ? "" : value + " IS NOT NULL OR ").add(value + " IS NULL AND ");
        } else {
            sql.add(value + (descending(i) ? " < " : " > ")).parameter(last);
            sql.add(descending(i) ? " OR " + value + " IS NULL" : "");
            sql.add(" OR " + value + " = ").parameter(last).add(" AND ");
        }
        behind(sql, i + 1, after);
        sql.add(")");
    }
}
