package io.levee.sqlite;

import io.levee.engine.RowQuery;
import io.levee.engine.RowQuery.Place;
import io.levee.engine.RowQuery.Sort;
import io.levee.engine.Term;
import io.levee.internal.row.StoredOrder;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The order of a query's rows, in Java and in SQL. A row is an array of the wanted columns, then event time and number, then the values
 * of its sorts.
 */
final class RowOrder implements Comparator<@Nullable Object[]> {
    private final RowQuery query;
    private final int width;
    private final boolean byTime;
    private final boolean timeFalls;

    RowOrder(RowQuery query) {
        this.query = query;
        this.width = query.columns().size();
        List<Sort> sorts = query.sorts();
        boolean timeOnly = sorts.size() == 1 && isTime(sorts.get(0).term());
        this.byTime = sorts.isEmpty() || timeOnly;
        this.timeFalls = sorts.isEmpty() ? query.newestFirst() : sorts.get(0).descending();
    }

    private boolean isTime(Term term) {
        return !term.inJson()
                && !query.spec().separateTime()
                && term.column().name().equals(query.spec().time().get(0));
    }

    /** Whether the order is that of event time, then number. */
    boolean byTime() {
        return byTime;
    }

    /** Whether the newest row comes first, where the order is that of event time. */
    boolean newestFirst() {
        return timeFalls;
    }

    /** How many values a row has. */
    int rowWidth() {
        return width + 2 + query.sorts().size();
    }

    static long number(@Nullable Object value) {
        return value instanceof Long number ? number : 0;
    }

    long time(@Nullable Object[] row) {
        return number(row[width]);
    }

    long seq(@Nullable Object[] row) {
        return number(row[width + 1]);
    }

    /** A row's place in the order. */
    Place place(@Nullable Object[] row) {
        if (query.sorts().isEmpty()) {
            return Place.of(time(row), seq(row));
        }
        List<@Nullable Object> values = new ArrayList<>();
        for (int i = width + 2; i < row.length; i++) {
            values.add(row[i]);
        }
        return new Place(values, seq(row));
    }

    /** A row that stands at a place, without columns. */
    @Nullable
    Object[] row(Place place) {
        @Nullable Object[] row = new Object[rowWidth()];
        row[width + 1] = place.seq();
        if (query.sorts().isEmpty()) {
            row[width] = place.timeMicros();
        }
        for (int i = 0; i < query.sorts().size(); i++) {
            row[width + 2 + i] = place.values().get(i);
            if (byTime) {
                row[width] = place.values().get(i);
            }
        }
        return row;
    }

    /** Reads what {@link #select} selects, see {@link Stored#row(ResultSet, int, boolean)}. */
    @Nullable
    Object[] read(ResultSet rows, boolean utf8) throws SQLException {
        @Nullable Object[] values = Stored.row(rows, rowWidth(), utf8);
        for (int i = 0; i < width; i++) {
            Stored.checked(values[i], query.columns().get(i));
        }
        return values;
    }

    @Override
    public int compare(@Nullable Object[] a, @Nullable Object[] b) {
        if (byTime) {
            int order = Long.compare(time(a), time(b));
            return direction(timeFalls) * (order == 0 ? Long.compare(seq(a), seq(b)) : order);
        }
        List<Sort> sorts = query.sorts();
        for (int i = 0; i < sorts.size(); i++) {
            int order = StoredOrder.compare(a[width + 2 + i], b[width + 2 + i]);
            if (order != 0) {
                return direction(sorts.get(i).descending()) * order;
            }
        }
        return direction(seqFalls()) * Long.compare(seq(a), seq(b));
    }

    private static int direction(boolean falls) {
        return falls ? -1 : 1;
    }

    /** A number alone makes the order total, in the direction of what stands before it. */
    private boolean seqFalls() {
        return byTime ? timeFalls : query.sorts().get(query.sorts().size() - 1).descending();
    }

    /** Where to go on behind a place. Nulls stand at one end, and an index finds either them or the rest: so there may be two stages. */
    enum Stage {
        /** All in one. */
        WHOLE,
        /** Null first, rising: what is null in the first sort. */
        NULLS,
        /** What is not. */
        VALUES
    }

    /** The statements that together read behind a place, one after another. */
    List<Stage> stages(@Nullable Place after) {
        if (after == null || byTime) {
            return List.of(Stage.WHOLE);
        }
        boolean isNull = after.values().get(0) == null;
        boolean falls = query.sorts().get(0).descending();
        if (isNull) {
            return falls ? List.of(Stage.NULLS) : List.of(Stage.NULLS, Stage.VALUES);
        }
        return falls ? List.of(Stage.VALUES, Stage.NULLS) : List.of(Stage.VALUES);
    }

    /** Appends the condition for what comes behind a place. */
    void behind(PartitionSql sql, @Nullable Place after, Stage stage) {
        if (after == null) {
            return;
        }
        if (byTime) {
            sql.add(
                            " AND (" + sql.time() + ", " + sql.seq() + ") " + (timeFalls ? "<" : ">") + " (?, ",
                            after.timeMicros())
                    .add("?)", after.seq());
            return;
        }
        Sort first = query.sorts().get(0);
        Object value = after.values().get(0);
        String term = sql.text(first.term());
        if (stage == Stage.NULLS) {
            sql.add(" AND " + term + " IS NULL");
            if (value == null) {
                sql.add(" AND ");
                behind(sql, after, 1);
            }
        } else if (value == null) {
            sql.add(" AND " + term + " IS NOT NULL");
        } else {
            // The first condition is for the index, the others for what is equal in it.
            sql.add(" AND " + term + (first.descending() ? " <= ?" : " >= ?"), value);
            sql.add(" AND (" + term + (first.descending() ? " < ?" : " > ?"), value);
            sql.add(" OR ");
            behind(sql, after, 1);
            sql.add(")");
        }
    }

    /** What comes behind among rows that are equal in all sorts before this one. */
    private void behind(PartitionSql sql, Place after, int at) {
        if (at == query.sorts().size()) {
            sql.add(sql.seq() + " " + (seqFalls() ? "<" : ">") + " ?", after.seq());
            return;
        }
        Sort sort = query.sorts().get(at);
        Object value = after.values().get(at);
        String term = sql.text(sort.term());
        if (value == null) {
            sql.add(
                    sort.descending()
                            ? "(" + term + " IS NULL AND "
                            : "(" + term + " IS NOT NULL OR " + term + " IS NULL AND ");
        } else {
            sql.add("(" + term + (sort.descending() ? " < ? OR " : " > ? OR "), value);
            sql.add(sort.descending() ? term + " IS NULL OR " : "");
            sql.add(term + " = ? AND ", value);
        }
        behind(sql, after, at + 1);
        sql.add(")");
    }

    /** Appends the condition for what may still be among the first so many rows, of which this is the last for now. */
    void within(PartitionSql sql, @Nullable Object[] worst) {
        if (byTime) {
            sql.add(" AND " + sql.time() + (timeFalls ? " >= ?" : " <= ?"), time(worst));
        } else if (query.sorts().get(0).descending() && worst[width + 2] != null) {
            // Rising orders begin with nulls, which no such condition leaves in.
            sql.add(" AND " + sql.text(query.sorts().get(0).term()) + " >= ?", worst[width + 2]);
        }
    }

    /** Appends what is selected. */
    void select(PartitionSql sql) {
        List<String> selected = new ArrayList<>();
        query.columns().forEach(c -> selected.add(sql.column(c.name())));
        selected.add(sql.time());
        selected.add(sql.seq());
        query.sorts().forEach(s -> selected.add(sql.text(s.term())));
        sql.add("SELECT " + String.join(", ", selected));
    }

    /** Appends ORDER BY. */
    void orderBy(PartitionSql sql) {
        List<String> by = new ArrayList<>();
        if (byTime) {
            by.add(sql.time() + (timeFalls ? " DESC" : ""));
        } else {
            query.sorts().forEach(s -> by.add(sql.text(s.term()) + (s.descending() ? " DESC" : "")));
        }
        by.add(sql.seq() + (seqFalls() ? " DESC" : ""));
        sql.add(" ORDER BY " + String.join(", ", by));
    }

    /** Whether a detail column is read. */
    boolean details() {
        return query.columns().stream().anyMatch(io.levee.Column::detail)
                || query.sorts().stream().anyMatch(s -> s.term().column().detail())
                || PartitionSql.namesDetails(query.spec(), query.where());
    }
}
