package io.levee.postgres;

import io.levee.Column;
import io.levee.engine.Execution;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Rows of one table in order: one statement on the parent, of which the server opens a partition only when its turn comes. Behind a row
 * of another order than that of time it may be two, one after the other and of one snapshot: rows with a value and rows without one lie
 * at two places of an index. One query thread.
 */
final class RowScan {
    private static final String ONE_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";

    private final DataSource source;
    private final Names names;
    private final RowQuery query;
    private final Execution execution;
    private final @Nullable List<String> classes;
    private final TermSql terms;
    private final Keyset keyset;
    private long sent;
    private boolean full;

    /**
     * A scan.
     *
     * @param classes the classes whose partitions are read; null for all
     */
    RowScan(DataSource source, Names names, RowQuery query, Execution execution, @Nullable List<String> classes) {
        this.classes = classes;
        this.source = source;
        this.names = names;
        this.query = query;
        this.execution = execution;
        this.terms = new TermSql(query.spec(), names);
        this.keyset =
                new Keyset(query, terms, newestPer() ? "_t" : Names.time(query.spec()), newestPer() ? "_n" : "_seq");
    }

    private boolean newestPer() {
        return !query.perKey().isEmpty();
    }

    /**
     * Sends the rows to the sink.
     *
     * @param held partitions' tables that a part of this query has read before: those that were dropped since are read where they are now
     * @return whether the sink wanted no more
     */
    boolean run(RowSink sink, Set<String> held) {
        try (ReadSession session = ReadSession.open(source, execution, settings())) {
            String from =
                    held.isEmpty() ? names.parent(query.spec()) : new Dropped(names, query.spec()).with(session, held);
            for (Keyset.Part part : keyset.parts()) {
                if (sent > 0 || part.second()) {
                    session.run("CLOSE " + ReadSession.CURSOR);
                }
                session.stream(statement(from, part), this::read, row -> {
                    sent++;
                    full = !sink.row(row);
                    return !full;
                });
                if (full || sent >= query.limit()) {
                    break;
                }
            }
            return full;
        } catch (SQLException e) {
            throw ReadSession.failure("the query of " + query.spec().name() + " failed", execution, e);
        }
    }

    private @Nullable Object[] read(ResultSet rows) throws SQLException {
        List<Column> columns = query.columns();
        @Nullable
        Object[] values = new Object[columns.size() + 2 + query.sorts().size()];
        int at = 0;
        for (Column column : columns) {
            values[at] = Stored.read(rows, ++at, column);
        }
        values[at] = rows.getLong(++at);
        values[at] = rows.getLong(++at);
        for (RowQuery.Sort sort : query.sorts()) {
            values[at] = Stored.read(rows, ++at, sort.term().type());
        }
        return values;
    }

    /** A page is fetched to its end: its whole cost counts, else the planner goes through all rows in order for the few that match. */
    String settings() {
        return query.limit() == Long.MAX_VALUE ? ONE_SNAPSHOT : ONE_SNAPSHOT + "; SET LOCAL cursor_tuple_fraction = 1";
    }

    /** The statements as the planner is asked about them. */
    List<SqlBuilder> statements() {
        return keyset.parts().stream()
                .map(part -> statement(names.parent(query.spec()), part))
                .toList();
    }

    private SqlBuilder statement(String from, Keyset.Part part) {
        String time = Names.time(query.spec());
        List<String> selected = new ArrayList<>();
        query.columns().forEach(c -> selected.add(Names.column(query.spec(), c.name())));
        selected.add(time);
        selected.add("_seq");
        query.sorts().forEach(s -> selected.add(terms.value(s.term())));
        SqlBuilder sql = new SqlBuilder();
        if (newestPer()) {
            // The newest of each key first, the order and the page's place over those alone.
            List<String> keys = query.perKey().stream().map(terms::value).toList();
            sql.add("SELECT " + outer(selected.size()) + " FROM (SELECT DISTINCT ON (" + String.join(", ", keys) + ") "
                    + inner(selected) + " FROM " + from);
            FilterSql.where(query.spec(), names, query.fromMicros(), query.toMicros(), query.where(), sql);
            branches(from, sql);
            sql.add(" ORDER BY " + String.join(", ", keys) + ", " + time + " DESC, _seq DESC) newest WHERE true");
        } else {
            sql.add("SELECT " + String.join(", ", selected) + " FROM " + from);
            FilterSql.where(query.spec(), names, query.fromMicros(), query.toMicros(), query.where(), sql);
            branches(from, sql);
        }
        keyset.append(sql, part);
        sql.add(" ORDER BY " + keyset.order());
        return query.limit() == Long.MAX_VALUE ? sql : sql.add(" LIMIT ").parameter(query.limit() - sent);
    }

    /** What was read before a drop is read without its class: it is a table of its own. */
    private void branches(String from, SqlBuilder sql) {
        if (from.equals(names.parent(query.spec()))) {
            FilterSql.branches(classes, sql);
        }
    }

    /** What the inner statement selects, under names of their own: time and number are {@code _t} and {@code _n}. */
    private String inner(List<String> selected) {
        List<String> named = new ArrayList<>();
        for (int i = 0; i < selected.size(); i++) {
            named.add(selected.get(i) + " AS " + name(i, query.columns().size()));
        }
        return String.join(", ", named);
    }

    private String outer(int count) {
        List<String> named = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            named.add(name(i, query.columns().size()));
        }
        return String.join(", ", named);
    }

    private static String name(int i, int columns) {
        return i < columns ? "_c" + i : i == columns ? "_t" : i == columns + 1 ? "_n" : "_s" + (i - columns - 2);
    }
}
