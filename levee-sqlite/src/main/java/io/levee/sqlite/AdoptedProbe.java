package io.levee.sqlite;

import io.levee.Adoption;
import io.levee.Adoption.TimeUnit;
import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.internal.adopt.ForeignTimes;
import io.levee.internal.adopt.RowNumbers;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Looks at a foreign database without reading it: what an index tells at its ends, and what SQLite keeps of statistics. A statement that
 * SQLite would answer by a scan is not run (guarantees G53, G54).
 */
final class AdoptedProbe {
    private static final Bytes CACHE = Bytes.mebi(1);

    /** Values of the first column of an index on (it, time) that are gone through for the least and greatest time. */
    private static final int MOST_GROUPS = 10_000;

    private final Connection connection;
    private final TableSpec spec;
    private final Path file;
    private Adopted adopted;
    private AdoptedTable table;

    /** What was found. */
    record Found(Adopted adopted, Partition.Held held, List<String> notes) {}

    private AdoptedProbe(Connection connection, TableSpec spec, Adopted adopted) throws SQLException {
        this.connection = connection;
        this.spec = spec;
        this.adopted = adopted;
        this.file = adopted.file();
        this.table = AdoptedTable.read(connection, "main", adopted);
    }

    /**
     * Looks at a database that is to be adopted.
     *
     * @param baseBefore of the one adopted before it; 0 for none
     * @throws LeveeException {@code BAD_SPEC} where it cannot be read as the table
     */
    static Found first(TableSpec spec, Adoption adoption, long baseBefore) {
        return with(
                spec,
                new Adopted(adoption, 0, 0, 1, false, true, Adopted.Stamp.of(Path.of(adoption.database()))),
                p -> {
                    p.requireTable();
                    p.decideUnit();
                    p.decideNumbers(baseBefore);
                    return p.look();
                });
    }

    /** Looks again at one that somebody has written to. */
    static Found again(TableSpec spec, Adopted adopted) {
        Adopted now = new Adopted(
                adopted.adoption(),
                adopted.base(),
                adopted.baseBefore(),
                adopted.rowsEstimate(),
                adopted.timeIndexed(),
                adopted.timeless(),
                adopted.firstMicros(),
                Adopted.Stamp.of(adopted.file()),
                adopted.moved());
        return with(spec, now, AdoptedProbe::look);
    }

    @FunctionalInterface
    private interface Look {
        Found of(AdoptedProbe probe) throws SQLException;
    }

    private static Found with(TableSpec spec, Adopted adopted, Look look) {
        Path file = adopted.file();
        try {
            Connection connection = Connections.reader(file, CACHE);
            try {
                return look.of(new AdoptedProbe(connection, spec, adopted));
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException e) {
            throw unreadable(file, e);
        }
    }

    /** Why a foreign database cannot be read. Nothing of it is ever changed, a journal that waits to be rolled back included. */
    static LeveeException unreadable(Path file, SQLException e) {
        if (Sqlite.needsRollback(e)) {
            return new LeveeException(
                            ErrorCode.PARTITION_BUSY,
                            file + " has the journal of a process that died in the middle of a change, and adopting"
                                    + " writes nothing",
                            e)
                    .hint("open it once with its own program, or with: sqlite3 " + file + " .tables");
        }
        if (Sqlite.notADatabase(e)) {
            return new LeveeException(ErrorCode.BAD_VALUE, file + " is no SQLite database", e)
                    .with("database", file.toString())
                    .hint("name the file that the old program kept its history in");
        }
        return Sqlite.failure("the database to be adopted cannot be read", file, e);
    }

    private void requireTable() throws SQLException {
        String name = adopted.adoption().source();
        Object kind = one(
                "SELECT type || ' ' || upper(substr(ltrim(sql), 1, 14)) FROM main.sqlite_master WHERE lower(name) = lower(?)",
                name);
        if (kind == null || !table.there()) {
            throw bad(file + " has no table '" + name + "'").hint("its tables are " + tables());
        }
        if (!kind.toString().startsWith("table") || kind.toString().contains("VIRTUAL")) {
            throw bad("'" + name + "' is no plain table of " + file);
        }
        try {
            one("SELECT " + table.rowNumber() + table.from() + " LIMIT 0", null);
        } catch (SQLException e) {
            throw new LeveeException(
                            ErrorCode.BAD_SPEC,
                            "'" + name + "' was made WITHOUT ROWID: its rows have no stable numbers",
                            e)
                    .hint("copy it with levee ingest");
        }
        if (table.timeColumn(spec) == null) {
            throw bad("'" + name + "' of " + file + " has no column for the event time")
                    .hint("say which with --time; its columns are "
                            + AdoptedTable.columns(connection, "main", name).values().stream()
                                    .map(AdoptedTable.Foreign::name)
                                    .toList());
        }
    }

    private List<String> tables() throws SQLException {
        List<String> names = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT name FROM main.sqlite_master WHERE type = 'table'")) {
            while (rows.next()) {
                names.add(rows.getString(1));
            }
        }
        return names;
    }

    /** By the newest row: once, and kept, so that no value is guessed about later. */
    private void decideUnit() throws SQLException {
        Adoption adoption = adopted.adoption();
        if (adoption.timeUnit() != null) {
            return;
        }
        // Not yet known is whether its values compare as they are.
        String time = "m." + Sqlite.quote(java.util.Objects.requireNonNull(table.timeColumn(spec)));
        Object newest = one(
                "SELECT " + time + table.from() + " WHERE " + time + " IS NOT NULL ORDER BY " + table.rowNumber()
                        + " DESC LIMIT 1",
                null);
        TimeUnit unit;
        if (newest instanceof Number number) {
            unit = ForeignTimes.unitOf(number.doubleValue());
        } else {
            unit = TimeUnit.TEXT;
        }
        with(new Adopted(
                adoption.timeUnit(unit), adopted.base(), 0, adopted.rowsEstimate(), false, true, adopted.stamp()));
    }

    private void decideNumbers(long baseBefore) throws SQLException {
        long highest = number("SELECT max(" + table.rowNumber() + ")" + table.from());
        long base = RowNumbers.base(highest, baseBefore);
        if (base < 0) {
            throw bad("the row numbers of '" + adopted.adoption().source() + "' reach " + highest
                    + ": there is no room for them below the table's own");
        }
        with(new Adopted(adopted.adoption(), base, baseBefore, 1, false, true, adopted.stamp()));
    }

    private void with(Adopted now) throws SQLException {
        adopted = now;
        table = AdoptedTable.read(connection, "main", now);
    }

    private String column() {
        return "m." + Sqlite.quote(java.util.Objects.requireNonNull(table.firstTime(spec)));
    }

    /** Range, rows and what is to be said about it. */
    private Found look() throws SQLException {
        List<String> notes = new ArrayList<>();
        long rows = Math.max(1, estimate());
        boolean indexed = false;
        boolean timeless = true;
        long first = Long.MIN_VALUE;
        long last = Long.MAX_VALUE;
        if (table.firstTime(spec) != null) {
            indexed = leadsAnIndex();
            String groups = indexed ? null : groups();
            timeless =
                    table.moreTimes(spec) || (indexed ? someWithoutTime() : groups == null || someWithoutTime(groups));
            long[] range = indexed ? range() : groups == null ? null : range(groups);
            if (range != null && !table.moreTimes(spec)) {
                boolean textual = unit() == TimeUnit.TEXT;
                long slack = textual ? 2 * ForeignTimes.TEXT_SLACK_MICROS : 0;
                first = range[0] - slack;
                last = range[1] + slack;
            }
        }
        if (last == Long.MAX_VALUE) {
            notes.add("no index tells its newest row: it is read for every range, and retention never drops it");
        } else if (!indexed) {
            notes.add("no index begins with its time: a range of time reads all of it, unless the filter has an index");
        }
        keyNote(notes);
        List<String> lacking = table.lacking(spec);
        if (!lacking.isEmpty()) {
            notes.add("it has no columns for " + lacking + ": they read as null");
        }
        Adopted found = new Adopted(
                adopted.adoption(),
                adopted.base(),
                adopted.baseBefore(),
                rows,
                indexed,
                timeless,
                first,
                adopted.stamp(),
                adopted.moved());
        return new Found(found, new Partition.Held(found.minMicros(), last, rows, Long.MIN_VALUE, 0), notes);
    }

    private TimeUnit unit() {
        TimeUnit unit = adopted.adoption().timeUnit();
        return unit == null ? TimeUnit.SECONDS : unit;
    }

    private void keyNote(List<String> notes) throws SQLException {
        if (spec.keyed() && !table.keyIndexed(connection, spec)) {
            notes.add("no index of it finds the key " + spec.key()
                    + ": keys are not unique against it (of a record that is"
                    + " written again the old version stays in lists and counts), and it is not looked into for single"
                    + " records");
        }
    }

    private boolean someWithoutTime() throws SQLException {
        for (String one : AdoptedTime.noTime(unit(), column()).split(" OR ", -1)) {
            String sql = "SELECT 1" + table.from() + " WHERE " + one + " LIMIT 1";
            if (one(sql, null) != null) {
                return true;
            }
        }
        return false;
    }

    /** The least and the greatest time, or null where no index tells. */
    private long @Nullable [] range() throws SQLException {
        String end = column() + ")" + table.from() + " WHERE " + times();
        return micros("SELECT min(" + end, "SELECT max(" + end);
    }

    private String times() {
        return unit() == TimeUnit.TEXT ? column() + " >= '0' AND " + column() + " < ':'" : column() + " < ''";
    }

    /** The values of the first column of an index on (it, time), from one to the next by the index; null where there is none or too many. */
    private @Nullable String groups() throws SQLException {
        String first = groupedBy();
        if (first == null) {
            return null;
        }
        String group = Sqlite.quote(first);
        String in = Sqlite.quote(adopted.adoption().source());
        String all = "WITH RECURSIVE g(v, k) AS (SELECT (SELECT min(" + group + ") FROM " + in + "), 1 UNION ALL SELECT"
                + " (SELECT min(" + group + ") FROM " + in + " WHERE " + group
                + " > g.v), k + 1 FROM g WHERE g.v IS NOT NULL"
                + " AND k <= " + MOST_GROUPS + ") ";
        boolean nulls = one("SELECT 1 FROM " + in + " WHERE " + group + " IS NULL LIMIT 1", null) != null;
        return nulls || number(all + "SELECT count(v) FROM g") >= MOST_GROUPS ? null : all;
    }

    private long @Nullable [] range(String groups) throws SQLException {
        String of = table.from() + " WHERE " + inGroup() + " AND " + times();
        return micros(
                groups + "SELECT min((SELECT min(" + column() + ")" + of + ")) FROM g WHERE v IS NOT NULL",
                groups + "SELECT max((SELECT max(" + column() + ")" + of + ")) FROM g WHERE v IS NOT NULL");
    }

    private String inGroup() throws SQLException {
        return "m." + Sqlite.quote(java.util.Objects.requireNonNull(groupedBy())) + " = g.v";
    }

    private boolean someWithoutTime(String groups) throws SQLException {
        for (String one : AdoptedTime.noTime(unit(), column()).split(" OR ", -1)) {
            String sql = groups + "SELECT 1 FROM g WHERE v IS NOT NULL AND EXISTS (SELECT 1" + table.from() + " WHERE "
                    + inGroup() + " AND " + one + ") LIMIT 1";
            if (one(sql, null) != null) {
                return true;
            }
        }
        return false;
    }

    private long @Nullable [] micros(String least, String greatest) throws SQLException {
        String expression = AdoptedTime.micros(unit(), "v");
        Object min = one("SELECT " + expression + " FROM (SELECT (" + least + ") AS v)", null);
        Object max = one("SELECT " + expression + " FROM (SELECT (" + greatest + ") AS v)", null);
        return min instanceof Number from && max instanceof Number to
                ? new long[] {from.longValue(), to.longValue()}
                : null;
    }

    /** The column before the time in an index of the two, or null. */
    private @Nullable String groupedBy() throws SQLException {
        String time = java.util.Objects.requireNonNull(table.firstTime(spec));
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT a.name FROM pragma_index_list(?1) l, pragma_index_info(l.name) a, pragma_index_info(l.name) b"
                        + " WHERE l.partial = 0 AND a.seqno = 0 AND b.seqno = 1 AND b.name = ?2 COLLATE NOCASE"
                        + " AND a.name IS NOT NULL LIMIT 1")) {
            statement.setString(1, adopted.adoption().source());
            statement.setString(2, time);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? rows.getString(1) : null;
            }
        }
    }

    /** What ANALYZE counted; else how far the row numbers reach, which deletions make too many (guarantee G52). */
    private long estimate() throws SQLException {
        if (one("SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_stat1'", null) != null) {
            Object stat = one(
                    "SELECT stat FROM main.sqlite_stat1 WHERE lower(tbl) = lower(?) LIMIT 1",
                    adopted.adoption().source());
            if (stat != null) {
                String rows = stat.toString().split(" ", 2)[0];
                if (rows.matches("[0-9]{1,18}")) {
                    return Long.parseLong(rows);
                }
            }
        }
        long most = number("SELECT max(" + table.rowNumber() + ")" + table.from());
        long least = number("SELECT min(" + table.rowNumber() + ")" + table.from());
        return most == 0 && least == 0 ? 0 : most - least + 1;
    }

    /**
     * Whether an index begins with the time, or the rows lie in its order. SQLite's plan would not tell: it calls every look for a minimum
     * a search.
     */
    private boolean leadsAnIndex() throws SQLException {
        String time = java.util.Objects.requireNonNull(table.firstTime(spec));
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT 1 FROM pragma_index_list(?1) l, pragma_index_info(l.name) a WHERE l.partial = 0 AND a.seqno = 0"
                        + " AND a.name = ?2 COLLATE NOCASE UNION ALL SELECT 1 FROM pragma_table_info(?1) WHERE pk = 1"
                        + " AND type = 'INTEGER' COLLATE NOCASE AND name = ?2 COLLATE NOCASE"
                        + " AND (SELECT max(pk) FROM pragma_table_info(?1)) = 1")) {
            statement.setString(1, adopted.adoption().source());
            statement.setString(2, time);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next();
            }
        }
    }

    /** The first step of a plan. */
    static String plan(Connection connection, String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("EXPLAIN QUERY PLAN " + sql);
                ResultSet rows = statement.executeQuery()) {
            return rows.next() ? String.valueOf(rows.getString("detail")) : "";
        }
    }

    private long number(String sql) throws SQLException {
        return one(sql, null) instanceof Number number ? number.longValue() : 0;
    }

    private @Nullable Object one(String sql, @Nullable String parameter) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            if (parameter != null) {
                statement.setString(1, parameter);
            }
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? rows.getObject(1) : null;
            }
        }
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, what);
    }
}
