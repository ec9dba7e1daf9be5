package io.levee.postgres;

import io.levee.Expr;
import io.levee.TableSpec;
import io.levee.internal.adopt.TimeWindows;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The adopted tables that one session reads together with a table's own rows, as its snapshot has them. One query thread. */
final class AdoptedRead {
    /** Stands for the class of adopted rows where branches are chosen: no class of a spec begins like this. */
    private static final String NO_CLASS = "\u0001adopted";

    private final TableSpec spec;
    private final List<AdoptedTable> tables;

    private AdoptedRead(TableSpec spec, List<AdoptedTable> tables) {
        this.spec = spec;
        this.tables = tables;
    }

    /** Those that may hold rows of a range. One that is missing is left out: its gap tells. */
    static AdoptedRead of(
            ReadSession session, Names names, TableSpec spec, List<Adopted> all, long fromMicros, long toMicros)
            throws SQLException {
        List<AdoptedTable> tables = new ArrayList<>();
        if (!all.isEmpty()) {
            List<ForeignTable.Name> wanted = new ArrayList<>();
            all.forEach(a -> {
                ForeignTable.Name details = a.details();
                wanted.add(a.source());
                wanted.add(details == null ? a.source() : details);
            });
            List<Map<Integer, ForeignTable>> found = new ArrayList<>();
            try (PreparedStatement look = ForeignTable.prepare(session.connection(), wanted)) {
                session.interruptibly(look, () -> {
                    try (ResultSet rows = look.executeQuery()) {
                        found.add(ForeignTable.read(rows, wanted));
                    }
                });
            }
            for (int i = 0; i < all.size(); i++) {
                AdoptedTable table = table(all.get(i), spec, names, found.get(0), i);
                if (table != null && !table.leftOut(fromMicros, toMicros)) {
                    tables.add(table);
                }
            }
        }
        return new AdoptedRead(spec, tables);
    }

    /** One of a list of which each has two places: its source's and its details'. */
    static @Nullable AdoptedTable table(
            Adopted adopted, TableSpec spec, Names names, Map<Integer, ForeignTable> found, int at) {
        ForeignTable source = found.get(2 * at);
        adopted.missing(source == null);
        return source == null
                ? null
                : new AdoptedTable(
                        adopted, spec, names, source, adopted.details() == null ? null : found.get(2 * at + 1));
    }

    /** None, for statements that are of the table's own partitions alone. */
    static AdoptedRead none(TableSpec spec) {
        return new AdoptedRead(spec, List.of());
    }

    boolean isEmpty() {
        return tables.isEmpty();
    }

    List<AdoptedTable> tables() {
        return tables;
    }

    /**
     * What to read instead of the parent or of what stands for it, with the classes whose branches are read.
     *
     * @param own the parent, or a statement in parentheses with a name that has the same columns
     * @param classes the classes whose branches of the parent are read; null for all, and for what is not the parent
     */
    SqlBuilder from(String own, @Nullable List<String> classes, long fromMicros, long toMicros, @Nullable Expr where) {
        if (tables.isEmpty()) {
            return new SqlBuilder().add(own);
        }
        // No condition on the own rows within: the server would sort them all instead of reading them in order.
        String columns = String.join(", ", AdoptedTable.columns(spec));
        SqlBuilder sql = new SqlBuilder()
                .add("(SELECT " + columns + (classes == null ? "" : ", " + Schema.CLASS) + " FROM " + own);
        for (AdoptedTable table : tables) {
            SqlBuilder rows = table.select(fromMicros, toMicros, where);
            sql.add(" UNION ALL ");
            if (classes == null) {
                sql.add(rows);
            } else {
                sql.add("SELECT *, ")
                        .parameter(NO_CLASS)
                        .add("::text COLLATE \"C\" FROM (")
                        .add(rows)
                        .add(") c");
            }
        }
        return sql.add(") united");
    }

    /** The same classes, with what adopted rows have instead of one. */
    @Nullable
    List<String> classes(@Nullable List<String> classes) {
        if (classes == null || tables.isEmpty()) {
            return classes;
        }
        List<String> all = new ArrayList<>(classes);
        all.add(NO_CLASS);
        return all;
    }

    /** The pieces of a range that is read in the order of time; null where one statement is as good. */
    @Nullable
    TimeWindows windows(boolean falls, long fromMicros, long toMicros, long limit) {
        long min = Long.MAX_VALUE;
        long max = Long.MIN_VALUE;
        long rows = 0;
        boolean days = false;
        for (AdoptedTable table : tables) {
            Adopted.Facts facts = table.adopted().facts();
            if (!facts.timeIndexed()) {
                return null;
            }
            min = Math.min(min, facts.minMicros());
            max = Math.max(max, facts.maxMicros());
            rows += facts.rowsEstimate();
            days |= table.byDays();
        }
        return tables.isEmpty() ? null : TimeWindows.of(falls, fromMicros, toMicros, min, max, rows, days, limit);
    }
}
