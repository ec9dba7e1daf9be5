package io.levee.postgres;

import io.levee.Adoption;
import io.levee.Adoption.TimeUnit;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.internal.adopt.ForeignTimes;
import io.levee.internal.adopt.RowNumbers;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Looks at a foreign table without reading it: what an index tells at its ends, and what the server keeps of statistics. What an index
 * cannot tell is not asked for (guarantees G53, G54), and what it does not tell at once stays unknown.
 */
final class AdoptedProbe {
    /** Values of the first column of an index on (it, time) that are gone through for the least and greatest time. */
    private static final int MOST_GROUPS = 10_000;

    /** Rows that are looked at for one with a time, to tell its unit. */
    private static final int FIRST_ROWS = 1000;

    /** No look takes longer: the ends of an index may be full of deleted rows. */
    private static final int PATIENCE_MS = 2000;

    private static final String CANCELLED = "57014";

    private final Connection connection;
    private final Names names;
    private final TableSpec spec;
    private final ForeignTable source;
    private final @Nullable ForeignTable details;
    private final ForeignIndexes indexes;
    private Adopted adopted;
    private AdoptedTable table;

    /** What was found. */
    record Found(Adopted adopted, List<String> notes) {}

    private AdoptedProbe(Connection connection, Names names, TableSpec spec, AdoptedTable table) throws SQLException {
        this.connection = connection;
        this.names = names;
        this.spec = spec;
        this.table = table;
        this.adopted = table.adopted();
        this.source = table.source();
        this.details = table.details();
        Postgres.run(connection, "SET statement_timeout = " + PATIENCE_MS + "; SET enable_seqscan = off");
        this.indexes = ForeignIndexes.of(connection, source);
    }

    /**
     * Looks at a table that is to be adopted.
     *
     * @param connection is given back by the caller, its settings taken back
     * @param table with nothing known of it
     * @param baseBefore of the one adopted before it; 0 for none
     * @throws LeveeException {@code BAD_SPEC} where it cannot be read as the table
     */
    static Found first(Connection connection, Names names, TableSpec spec, AdoptedTable table, long baseBefore)
            throws SQLException {
        AdoptedProbe probe = new AdoptedProbe(connection, names, spec, table);
        if (table.times().isEmpty()) {
            throw new LeveeException(
                            ErrorCode.BAD_SPEC, probe.source.name().text() + " has no column for the event time")
                    .hint("say which with --time; its columns are "
                            + probe.source.columns().keySet().stream().sorted().toList());
        }
        probe.decideUnit();
        probe.decideNumbers(baseBefore);
        return probe.look();
    }

    /** Looks again at one that somebody may have written to. */
    static Found again(Connection connection, Names names, TableSpec spec, AdoptedTable table) throws SQLException {
        return new AdoptedProbe(connection, names, spec, table).look();
    }

    private void with(Adopted now) {
        adopted = now;
        table = new AdoptedTable(now, spec, names, source, details);
    }

    /** By one of its rows: once, and kept, so that no value is guessed about later. */
    private void decideUnit() throws SQLException {
        Adoption adoption = adopted.adoption();
        ForeignColumn time = table.times().get(0);
        if (adoption.timeUnit() != null || !time.kind().number() && !time.kind().texts()) {
            return;
        }
        if (time.kind().texts()) {
            with(new Adopted(adopted.id(), adoption.timeUnit(TimeUnit.TEXT), adopted.facts()));
            return;
        }
        String raw = time.of("m");
        Object newest = indexes.lead(time)
                ? one("SELECT max(" + raw + ")" + table.from() + " WHERE " + time.aTime(raw))
                : one("SELECT v FROM (SELECT " + raw + " AS v" + table.from() + " LIMIT " + FIRST_ROWS
                        + ") f WHERE v IS NOT NULL LIMIT 1");
        TimeUnit unit = newest instanceof Number number ? ForeignTimes.unitOf(number.doubleValue()) : TimeUnit.SECONDS;
        with(new Adopted(adopted.id(), adoption.timeUnit(unit), adopted.facts()));
    }

    /** A whole number of its own stays the same whatever the server does with its rows; where a row lies does as long as nobody writes. */
    private void decideNumbers(long baseBefore) throws SQLException {
        String number = null;
        long highest = AdoptedTable.highestPlace();
        for (String name : indexes.uniques()) {
            ForeignColumn column = source.column(name);
            if (column != null && column.required() && column.kind() == ForeignColumn.Kind.INTEGER) {
                String raw = column.of("m");
                Object least = one("SELECT min(" + raw + ")::bigint" + table.from());
                Object most = one("SELECT max(" + raw + ")::bigint" + table.from());
                boolean fits = (least == null || (Long) least >= 0)
                        && RowNumbers.base(most == null ? 0 : (Long) most, baseBefore) > 0;
                if (fits) {
                    number = column.name();
                    highest = most == null ? 0 : (Long) most;
                    break;
                }
            }
        }
        long base = RowNumbers.base(highest, baseBefore);
        if (base < 0) {
            throw new LeveeException(
                    ErrorCode.BAD_SPEC,
                    "there is no room for the row numbers of one more adopted table of " + spec.name());
        }
        Adopted.Facts none = Adopted.Facts.UNKNOWN;
        with(adopted.with(new Adopted.Facts(
                number, base, 1, false, true, none.minMicros(), none.maxMicros(), 0, source.stamp())));
    }

    /** Range, rows and what is to be said about it. */
    private Found look() throws SQLException {
        List<String> notes = new ArrayList<>();
        boolean indexed = false;
        boolean timeless = true;
        long[] range = null;
        long slack = 0;
        ForeignColumn time = table.indexedTime();
        if (time != null) {
            indexed = indexes.lead(time);
            boolean one = table.times().size() == 1;
            String groups = indexed || !one ? null : groups(time);
            timeless = !one || (indexed ? someWithoutTime(time) : groups == null || someWithoutTime(time, groups));
            range = !one ? null : indexed ? range(time) : groups == null ? null : range(time, groups);
            slack = table.byDays() ? 2 * ForeignTimes.TEXT_SLACK_MICROS : 0;
        }
        if (range == null) {
            notes.add("no index tells its newest row: it is read for every range, and retention never drops it");
        } else if (!indexed) {
            notes.add("no index begins with its time: a range of time reads all of it, unless the filter has an index");
        }
        notes(notes);
        Adopted.Facts before = adopted.facts();
        Adopted.Facts now = new Adopted.Facts(
                before.number(),
                before.base(),
                estimate(),
                indexed,
                timeless,
                range == null ? Long.MIN_VALUE : range[0] - slack,
                range == null ? Long.MAX_VALUE : range[1] + slack,
                bytes(source) + (details == null ? 0 : bytes(details)),
                source.stamp());
        return new Found(adopted.with(now), notes);
    }

    private void notes(List<String> notes) throws SQLException {
        if (spec.keyed() && spec.key().stream().noneMatch(this::finds)) {
            notes.add("no index of it finds the key " + spec.key()
                    + ": keys are not unique against it (of a record that is"
                    + " written again the old version stays in lists and counts), and it is not looked into for single"
                    + " records");
        }
        List<String> lacking = table.lacking();
        if (!lacking.isEmpty()) {
            notes.add("it has no columns for " + lacking + ": they read as null");
        }
        ForeignColumn join = table.detailsKey();
        if (details != null
                && join != null
                && !ForeignIndexes.of(connection, details).lead(join)) {
            notes.add("no index of " + details.name().text() + " begins with " + join.name()
                    + ": every row's details are looked for in all of it");
        }
        if (adopted.facts().number() == null) {
            notes.add(
                    "it has no unique whole number: rows are numbered by where they lie, which VACUUM FULL and updates"
                            + " change");
        }
        if (Boolean.TRUE.equals(one("SELECT pg_catalog.row_security_active(" + source.oid() + "::oid)"))) {
            notes.add("its row security may hide rows from the store's user");
        }
    }

    private boolean finds(String ours) {
        Column column = spec.column(ours);
        ForeignColumn theirs = table.plain(column);
        return theirs != null && AdoptedHints.sayable(column, theirs) && indexes.lead(theirs);
    }

    private boolean someWithoutTime(ForeignColumn time) throws SQLException {
        for (String none : time.noTimes(time.of("m"))) {
            if (!Boolean.FALSE.equals(one("SELECT EXISTS (SELECT 1" + table.from() + " WHERE " + none + ")"))) {
                return true;
            }
        }
        return false;
    }

    /** The least and the greatest time, or null where they were not told at once. */
    private long @Nullable [] range(ForeignColumn time) throws SQLException {
        String raw = time.of("m");
        String of = "(" + raw + ")" + table.from() + " WHERE " + time.aTime(raw);
        return micros(time, "SELECT min" + of, "SELECT max" + of);
    }

    /** The values of the first column of an index on (it, time), from one to the next by the index; null where there is none or too many. */
    private @Nullable String groups(ForeignColumn time) throws SQLException {
        String first = indexes.before(time);
        if (first == null) {
            return null;
        }
        String group = Names.quote(first);
        String in = source.name().quoted();
        String all = "WITH RECURSIVE g(v, k) AS ((SELECT " + group + ", 1 FROM " + in + " WHERE " + group
                + " IS NOT NULL ORDER BY " + group + " LIMIT 1) UNION ALL SELECT (SELECT " + group + " FROM " + in
                + " WHERE " + group + " > g.v ORDER BY " + group
                + " LIMIT 1), k + 1 FROM g WHERE g.v IS NOT NULL AND k <= "
                + MOST_GROUPS + ") ";
        Object nulls = one("SELECT EXISTS (SELECT 1 FROM " + in + " WHERE " + group + " IS NULL)");
        Object count = Boolean.FALSE.equals(nulls) ? one(all + "SELECT count(v) FROM g") : null;
        return count instanceof Long number && number < MOST_GROUPS ? all : null;
    }

    private String inGroup(ForeignColumn time) {
        return "m." + Names.quote(String.valueOf(indexes.before(time))) + " = g.v";
    }

    private long @Nullable [] range(ForeignColumn time, String groups) throws SQLException {
        String raw = time.of("m");
        String of = "(" + raw + ")" + table.from() + " WHERE " + inGroup(time) + " AND " + time.aTime(raw);
        return micros(
                time,
                groups + "SELECT min((SELECT min" + of + ")) FROM g WHERE v IS NOT NULL",
                groups + "SELECT max((SELECT max" + of + ")) FROM g WHERE v IS NOT NULL");
    }

    private boolean someWithoutTime(ForeignColumn time, String groups) throws SQLException {
        for (String none : time.noTimes(time.of("m"))) {
            Object some = one(groups + "SELECT EXISTS (SELECT 1 FROM g WHERE v IS NOT NULL AND EXISTS (SELECT 1"
                    + table.from() + " WHERE " + inGroup(time) + " AND " + none + "))");
            if (!Boolean.FALSE.equals(some)) {
                return true;
            }
        }
        return false;
    }

    private long @Nullable [] micros(ForeignColumn time, String least, String greatest) throws SQLException {
        String expression = time.micros("e.v", adopted.adoption().timeUnit(), names);
        Object min = one("SELECT " + expression + " FROM (SELECT (" + least + ") AS v) e");
        Object max = one("SELECT " + expression + " FROM (SELECT (" + greatest + ") AS v) e");
        return min instanceof Long from && max instanceof Long to ? new long[] {from, to} : null;
    }

    /** What the planner believes: the rows of a page when it was last looked at, by the pages that are there now (guarantee G52). */
    private long estimate() throws SQLException {
        Object plan = one("EXPLAIN (FORMAT JSON) SELECT 1" + table.from());
        if (Json.parse(String.valueOf(plan)) instanceof List<?> list
                && !list.isEmpty()
                && list.get(0) instanceof Map<?, ?> top
                && top.get("Plan") instanceof Map<?, ?> node
                && node.get("Plan Rows") instanceof Number rows) {
            return Math.max(1, rows.longValue());
        }
        return 1;
    }

    private long bytes(ForeignTable of) throws SQLException {
        return one("SELECT pg_catalog.pg_total_relation_size(" + of.oid() + "::oid)") instanceof Long size ? size : 0;
    }

    /** One value; null also where it was not there at once. */
    private @Nullable Object one(String sql) throws SQLException {
        try {
            return Postgres.value(connection, sql);
        } catch (SQLException e) {
            if (Postgres.says(e, CANCELLED)) {
                return null;
            }
            throw e;
        }
    }
}
