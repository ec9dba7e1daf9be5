package io.levee.postgres;

import io.levee.Column;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.internal.adopt.TimeWindows;
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
    private final List<Adopted> adopted;
    private final TermSql terms;
    private final Keyset keyset;
    private long sent;
    private boolean full;
    private boolean opened;

    /**
     * A scan.
     *
     * @param classes the classes whose partitions are read; null for all
     * @param adopted the table's adopted ones that may hold rows of the query
     */
    RowScan(
            DataSource source,
            Names names,
            RowQuery query,
            Execution execution,
            @Nullable List<String> classes,
            List<Adopted> adopted) {
        this.adopted = adopted;
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
            String own =
                    held.isEmpty() ? names.rows(query.spec()) : new Dropped(names, query.spec()).with(session, held);
            AdoptedRead read =
                    AdoptedRead.of(session, names, query.spec(), adopted, query.fromMicros(), query.toMicros());
            for (Keyset.Part part : keyset.parts()) {
                TimeWindows windows = windows(read);
                TimeWindows.Window window = windows == null ? whole() : windows.next(0);
                while (window != null && !full && sent < query.limit()) {
                    long before = sent;
                    if (opened) {
                        session.run("CLOSE " + ReadSession.CURSOR);
                    }
                    opened = true;
                    session.stream(statement(read, own, part, window), this::read, row -> {
                        sent++;
                        full = !sink.row(row);
                        return !full;
                    });
                    window = windows == null ? null : windows.next(sent - before);
                }
                if (full || sent >= query.limit()) {
                    break;
                }
            }
            return full;
        } catch (SQLException e) {
            LeveeException failure =
                    ReadSession.failure("the query of " + query.spec().name() + " failed", execution, e);
            throw adopted.isEmpty() ? failure : Adoptions.unreadable(adopted.get(0), failure);
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
        return ONE_SNAPSHOT
                + (query.limit() == Long.MAX_VALUE ? "" : "; SET LOCAL cursor_tuple_fraction = 1")
                + (adopted.isEmpty() ? "" : "; " + Postgres.LOCAL_TEXTS);
    }

    private TimeWindows.Window whole() {
        return new TimeWindows.Window(query.fromMicros(), query.toMicros());
    }

    /** The pieces that rows of adopted tables are read in; null where it is one. */
    private @Nullable TimeWindows windows(AdoptedRead read) {
        if (read.isEmpty() || newestPer() || !query.sorts().isEmpty()) {
            return null;
        }
        RowQuery.Place after = query.after();
        long from = query.fromMicros();
        long to = query.toMicros();
        if (after != null && query.newestFirst()) {
            to = Math.min(to, after.timeMicros() == Long.MAX_VALUE ? Long.MAX_VALUE : after.timeMicros() + 1);
        } else if (after != null) {
            from = Math.max(from, after.timeMicros());
        }
        return read.windows(query.newestFirst(), from, to, query.limit());
    }

    /** The statements as the planner is asked about them; of those that are run one after the other, the first. */
    List<SqlBuilder> statements() {
        String own = names.rows(query.spec());
        AdoptedRead read = AdoptedRead.none(query.spec());
        if (!adopted.isEmpty()) {
            try (ReadSession session = ReadSession.open(source, execution, settings())) {
                read = AdoptedRead.of(session, names, query.spec(), adopted, query.fromMicros(), query.toMicros());
            } catch (SQLException e) {
                throw ReadSession.failure("the query cannot be explained", execution, e);
            }
        }
        TimeWindows windows = windows(read);
        TimeWindows.Window first = windows == null ? null : windows.next(0);
        List<SqlBuilder> statements = new ArrayList<>();
        for (Keyset.Part part : keyset.parts()) {
            statements.add(statement(read, own, part, first == null ? whole() : first));
        }
        return statements;
    }

    private SqlBuilder statement(AdoptedRead read, String own, Keyset.Part part, TimeWindows.Window window) {
        // What was read before a drop is read without its class: it is a table of its own.
        List<String> branches = own.equals(names.rows(query.spec())) ? classes : null;
        SqlBuilder from = read.from(own, branches, window.fromMicros(), window.toMicros(), query.where());
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
                    + inner(selected) + " FROM ");
            where(sql.add(from), window);
            FilterSql.branches(read.classes(branches), sql);
            sql.add(" ORDER BY " + String.join(", ", keys) + ", " + time + " DESC, _seq DESC) newest WHERE true");
        } else {
            sql.add("SELECT " + String.join(", ", selected) + " FROM ");
            where(sql.add(from), window);
            FilterSql.branches(read.classes(branches), sql);
        }
        keyset.append(sql, part);
        sql.add(" ORDER BY " + keyset.order());
        return query.limit() == Long.MAX_VALUE ? sql : sql.add(" LIMIT ").parameter(query.limit() - sent);
    }

    private void where(SqlBuilder sql, TimeWindows.Window window) {
        FilterSql.where(query.spec(), names, window.fromMicros(), window.toMicros(), query.where(), sql);
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
