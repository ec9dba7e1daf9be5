package io.levee.postgres;

import io.levee.Column;
import io.levee.LeveeException;
import io.levee.MigrationStep.AddColumn;
import io.levee.MigrationStep.BackfillRows;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationRows;
import io.levee.engine.SliceOrder;
import io.levee.internal.migration.BrokenRow;
import io.levee.postgres.MigrationTables.Part;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One batch of rows of one partition, in the caller's transaction. Statements only.
 *
 * <p>Invariants:
 * <ol>
 *   <li>rows are looked at in the order of their numbers, up to the bound that was taken first: nothing is looked at twice for its own sake;
 *   <li>only rows that become others are locked and written, and none is waited for: one that somebody has locked, or that is not the one any
 *       more that values were made for, is noted in the partition's line and comes again when the others are done;
 *   <li>rows that came beside this way are none of it; they come when all others are done, if they are to be set: see {@link ComingRows};
 *   <li>the line is written in the same transaction.
 * </ol>
 */
final class Backfilling {
    /** Past so many rows that could not be had, the others wait for these. */
    private static final int MOST_SKIPPED = 5_000;

    /** Rows are found by their numbers, whatever the planner believes: a batch costs what its rows cost (guarantee G122). */
    private static final String BY_NUMBER =
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
                    + " SET LOCAL jit = off";

    private static final String SEQ = "\"given seq:\"";
    private static final String VERSION = "\"given version:\"";

    private final Connection connection;
    private final Names names;
    private final MigrationTables lines;
    private final MovedNumbers moved;
    private final MigrationRecord record;
    private final Leaf leaf;
    private final SliceOrder order;
    private final TableSpec spec;
    private final String table;
    /** Whether rows came beside the way; as of the transaction's first look. */
    private boolean listed;

    Backfilling(Connection connection, Catalog catalog, MigrationRecord record, Leaf leaf, SliceOrder order) {
        this.connection = connection;
        this.names = catalog.names();
        this.lines = new MigrationTables(catalog);
        this.moved = new MovedNumbers(catalog);
        this.record = record;
        this.leaf = leaf;
        this.order = order;
        this.spec = order.spec();
        this.table = names.in(leaf.name());
    }

    /**
     * What a batch did.
     *
     * @param waiting how many rows are left that somebody has locked
     */
    record Done(long seen, long changed, Part part, int waiting) {}

    /** What a look at rows found: numbers in rising order, those among them that become others, those that are others by now. */
    private record Look(List<Long> seen, List<Long> change, List<Long> others) {}

    /** Works one batch. */
    Done run() throws SQLException {
        Postgres.run(connection, BY_NUMBER);
        Part known = begun(locked());
        if (known.done()) {
            return new Done(0, 0, known, 0);
        }
        Part part = withDue(known);
        Map<String, String> set = sets();
        SliceOrder.Given given = order.given();
        boolean again = again(part);
        Look look = given != null ? look(given, set, again) : look(next(part, again), set);
        List<Long> locked = lock(look.change);
        int changed = locked.isEmpty() ? 0 : update(locked, given, set);
        Set<Long> left = new TreeSet<>(look.change);
        left.removeAll(locked);
        left.addAll(look.others);
        Part next = given != null ? after(part, given, left, again) : after(part, look, left, again);
        next = next.done() ? done(next) : next;
        lines.put(connection, record.id(), leaf.id(), next, changed);
        long seen = next.seen() - known.seen();
        return new Done(seen, changed, next, seen == 0 && changed == 0 ? left.size() : 0);
    }

    /** The next rows for values that are made elsewhere. */
    MigrationRows rows(List<Column> columns, long behind) throws SQLException {
        Postgres.run(connection, BY_NUMBER);
        Part known = locked();
        Part part = begun(known);
        boolean ahead = behind != Long.MIN_VALUE;
        if (!ahead) {
            part = withDue(part);
        }
        if (!part.equals(known)) {
            lines.put(connection, record.id(), leaf.id(), part, 0);
        }
        if (ahead) {
            boolean comeAgain = again(part);
            part = new Part(part.done(), Math.max(behind, part.through()), part.bound(), part.seen(), part.skipped());
            if (comeAgain || again(part)) {
                // What is left there are rows that come again: which these are is known when the cursor is there.
                return new MigrationRows(List.of(), 0, behind, false);
            }
        }
        boolean again = again(part);
        SqlBuilder sql = new SqlBuilder().add("SELECT _seq, " + version() + ", " + Names.time(spec));
        columns.forEach(c -> sql.add(", " + Names.column(spec, c.name())));
        sql.add(", ");
        filter(sql);
        String next = "(" + next(part, again) + ")";
        sql.add(" FROM " + (Filled.any(spec, names) ? Filled.from(spec, names, next) : next + " r") + " ORDER BY _seq");
        List<MigrationRows.Read> rows = new ArrayList<>();
        long seen = 0;
        long through = part.through();
        try (PreparedStatement statement = sql.prepare(connection, "");
                ResultSet found = statement.executeQuery()) {
            while (found.next()) {
                seen++;
                through = found.getLong(1);
                if (found.getBoolean(columns.size() + 4)) {
                    @Nullable Object[] values = new Object[columns.size()];
                    for (int i = 0; i < values.length; i++) {
                        values[i] = Stored.read(found, i + 4, columns.get(i));
                    }
                    rows.add(new MigrationRows.Read(through, found.getLong(2), seen, found.getLong(3), values));
                }
            }
        }
        return new MigrationRows(rows, seen, through, seen < order.rows());
    }

    /** With a bound: the highest number that the partition holds when the migration comes to it (guarantee G120). */
    private Part begun(Part part) throws SQLException {
        if (part.bound() != null || part.done()) {
            return part;
        }
        Object highest = Postgres.value(connection, "SELECT max(_seq) FROM " + table);
        Object least = Postgres.value(connection, "SELECT min(_seq) FROM " + table);
        // Rows that were split off an adopted table have numbers below zero.
        long through = least instanceof Long number && number < 0 ? number - 1 : part.through();
        return new Part(false, through, highest instanceof Long number ? number : 0L, part.seen(), part.skipped());
    }

    /** The line, nobody else's until the transaction ends. */
    private Part locked() throws SQLException {
        Part part = lines.part(connection, record.id(), leaf.id(), true);
        listed = moved.any(connection, record.id(), leaf.id());
        return part;
    }

    /** With the next of the rows that came beside the way and are to be set, where all others are done: as if they had been locked. */
    private Part withDue(Part part) throws SQLException {
        if (!listed
                || part.done()
                || part.through() < bound(part)
                || !part.skipped().isEmpty()) {
            return part;
        }
        List<Long> due = moved.take(connection, record.id(), leaf.id(), table, order.rows());
        return new Part(false, part.through(), part.bound(), part.seen() + due.size(), due);
    }

    /** At the end of the way: whether it is that depends on what came beside it. */
    private Part done(Part part) throws SQLException {
        if (!listed) {
            return part;
        }
        if (moved.due(connection, record.id(), leaf.id())) {
            return new Part(false, part.through(), part.bound(), part.seen(), part.skipped());
        }
        moved.clear(connection, record.id(), leaf.id());
        return part;
    }

    private static long bound(Part part) {
        Long bound = part.bound();
        return bound == null ? 0 : bound;
    }

    /** Whether what is left are the rows that could not be had before. */
    private static boolean again(Part part) {
        return part.through() >= bound(part) || part.skipped().size() >= MOST_SKIPPED;
    }

    /** The next rows of the partition's table: no more of them are looked at, whatever is made of them. */
    private String next(Part part, boolean again) {
        return "SELECT * FROM " + table + " WHERE "
                + (again ? in(part.skipped()) : "_seq > " + part.through() + " AND _seq <= " + bound(part))
                + other(again)
                + " ORDER BY _seq LIMIT " + order.rows();
    }

    /** A condition that leaves out what came beside the way; of rows that come again, only what was set elsewhere. */
    private String other(boolean again) {
        if (!listed) {
            return "";
        }
        return again ? moved.notSet(record.id(), leaf.id()) : moved.notListed(record.id(), leaf.id());
    }

    private static String in(List<Long> seqs) {
        return "_seq = ANY ('{" + seqs.stream().map(String::valueOf).collect(Collectors.joining(",")) + "}'::bigint[])";
    }

    private String version() {
        return spec.keyed() ? "coalesce(_chg, 0)" : "0::bigint";
    }

    /** The filter over what a table's columns are read as. */
    private void filter(SqlBuilder sql) {
        if (order.where() == null) {
            sql.add("true");
        } else {
            sql.add("(");
            FilterSql.append(spec, names, order.where(), sql);
            sql.add(") IS TRUE");
        }
    }

    /**
     * The same over the partition's table itself, for some of its rows.
     *
     * @param rows which, as a condition
     */
    private void filter(SqlBuilder sql, String rows) {
        if (order.where() == null || !Filled.any(spec, names)) {
            filter(sql);
        } else {
            filter(sql.add(
                    "_seq IN (SELECT _seq FROM " + Filled.from(spec, names, table) + " WHERE " + rows + " AND "));
            sql.add(")");
        }
    }

    /** What each column becomes, over the partition's table and the given values, by its name in SQL. */
    private Map<String, String> sets() {
        Map<String, String> set = new LinkedHashMap<>();
        if (record.step() instanceof AddColumn add) {
            Column column = spec.column(add.column().name());
            set.put(Names.column(spec, column.name()), Filled.value(spec, names, column, ""));
            return set;
        }
        Map<String, String> values = new HashMap<>();
        SliceOrder.Given given = order.given();
        for (int i = 0; given != null && i < given.columns().size(); i++) {
            Column column = given.columns().get(i);
            values.put(column.name().toLowerCase(Locale.ROOT), given(i));
            if (record.step() instanceof BackfillRows) {
                set.put(Names.column(spec, column.name()), given(i));
            }
        }
        order.set().forEach((name, expression) -> {
            String made = Filled.of(spec, names, expression, "", "", n -> values.get(n.toLowerCase(Locale.ROOT)));
            set.put(Names.column(spec, name), Filled.stored(names, spec.column(name), made));
        });
        return set;
    }

    /** Names that no column has. */
    private static String given(int i) {
        return "\"given " + i + ":\"";
    }

    private static String differs(Map<String, String> set) {
        List<String> each = new ArrayList<>();
        set.forEach((column, value) -> each.add(column + " IS DISTINCT FROM " + value));
        return each.isEmpty() ? "false" : "(" + String.join(" OR ", each) + ")";
    }

    private Look look(String rows, Map<String, String> set) throws SQLException {
        String next = "(" + rows + ") r";
        SqlBuilder sql = new SqlBuilder().add("SELECT _seq, ");
        filter(sql, "_seq IN (SELECT _seq FROM " + next + ")");
        sql.add(" AND " + differs(set) + ", false FROM " + next + " ORDER BY _seq");
        return look(sql);
    }

    /** Of the given rows those that are there: one that went has nothing to become. */
    private Look look(SliceOrder.Given given, Map<String, String> set, boolean again) throws SQLException {
        SqlBuilder sql = new SqlBuilder()
                .add("SELECT _seq, " + VERSION + " = " + version() + " AND " + differs(set) + ", " + VERSION + " <> "
                        + version() + " FROM " + table + " JOIN ");
        return look(given(sql, given).add(" ON " + SEQ + " = _seq" + other(again) + " ORDER BY _seq"));
    }

    private Look look(SqlBuilder sql) throws SQLException {
        Look look = new Look(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        try (PreparedStatement statement = sql.prepare(connection, "");
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                long seq = rows.getLong(1);
                look.seen.add(seq);
                if (rows.getBoolean(2)) {
                    look.change.add(seq);
                } else if (rows.getBoolean(3)) {
                    look.others.add(seq);
                }
            }
        }
        return look;
    }

    /** Finds the row that a batch failed at, by trying ever fewer of its rows. */
    LeveeException broken(SQLException met) throws SQLException {
        Postgres.run(connection, BY_NUMBER);
        Part known = locked();
        Part part = withDue(begun(known));
        if (!part.equals(known)) {
            lines.put(connection, record.id(), leaf.id(), part, 0);
        }
        SliceOrder.Given given = order.given();
        List<Long> numbers = given != null
                ? given.rows().stream().map(SliceOrder.Values::seq).toList()
                : look(new SqlBuilder().add("SELECT _seq, false, false FROM (" + next(part, again(part)) + ") r")).seen;
        while (numbers.size() > 1) {
            List<Long> half = numbers.subList(0, numbers.size() / 2);
            numbers = breaks(half) ? half : numbers.subList(half.size(), numbers.size());
        }
        if (numbers.isEmpty() || !breaks(numbers)) {
            return BrokenRow.of(record, met);
        }
        List<@Nullable Object> values = new ArrayList<>();
        for (String name : BrokenRow.columns(spec)) {
            values.add(Postgres.value(
                    connection,
                    "SELECT " + Names.column(spec, name) + "::text FROM " + table + " WHERE _seq = ?",
                    numbers.get(0)));
        }
        return BrokenRow.of(record, spec, values, numbers.get(0), met);
    }

    private boolean breaks(List<Long> numbers) throws SQLException {
        SliceOrder.Given given = order.given();
        Map<String, String> set = sets();
        Postgres.run(connection, "SAVEPOINT broken");
        try {
            if (given != null) {
                Set<Long> some = Set.copyOf(numbers);
                List<SliceOrder.Values> rows = given.rows().stream()
                        .filter(row -> some.contains(row.seq()))
                        .toList();
                look(new SliceOrder.Given(given.columns(), rows, rows.size(), given.throughSeq(), false), set, true);
            } else {
                look("SELECT * FROM " + table + " WHERE " + in(numbers), set);
            }
            return false;
        } catch (SQLException e) {
            Postgres.run(connection, "ROLLBACK TO SAVEPOINT broken");
            return Postgres.badRow(e);
        }
    }

    /** The given values as a table. */
    private SqlBuilder given(SqlBuilder sql, SliceOrder.Given given) {
        List<String> named = new ArrayList<>(List.of(SEQ, VERSION));
        sql.add("unnest(")
                .parameter(listed("bigint", given, SliceOrder.Values::seq))
                .add(", ")
                .parameter(listed("bigint", given, SliceOrder.Values::version));
        for (int i = 0; i < given.columns().size(); i++) {
            int at = i;
            String type = TermSql.arrayType(given.columns().get(i).type());
            sql.add(", ").parameter(listed(type, given, row -> row.values()[at]));
            named.add(given(i));
        }
        return sql.add(") AS given(" + String.join(", ", named) + ")");
    }

    /** A component of each given row. */
    private interface Component {
        @Nullable
        Object of(SliceOrder.Values row);
    }

    private static SqlBuilder.Listed listed(String type, SliceOrder.Given given, Component component) {
        @Nullable Object[] values = new Object[given.rows().size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = component.of(given.rows().get(i));
        }
        return new SqlBuilder.Listed(type, values);
    }

    /** Locks rows in the order of their numbers, but for those that somebody else has locked. */
    private List<Long> lock(List<Long> seqs) throws SQLException {
        List<Long> locked = new ArrayList<>();
        if (seqs.isEmpty()) {
            return locked;
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT _seq FROM " + table + " WHERE _seq = ANY (?) ORDER BY _seq FOR NO KEY UPDATE SKIP LOCKED")) {
            statement.setArray(1, numbers(seqs));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    locked.add(rows.getLong(1));
                }
            }
        }
        return locked;
    }

    private Array numbers(List<Long> seqs) throws SQLException {
        return connection.createArrayOf("bigint", seqs.toArray());
    }

    /** Writes locked rows; each is judged again, since it may be another one than the look saw. */
    private int update(List<Long> locked, SliceOrder.@Nullable Given given, Map<String, String> set)
            throws SQLException {
        List<String> sets = new ArrayList<>();
        set.forEach((column, value) -> sets.add(column + " = " + value));
        SqlBuilder sql = new SqlBuilder().add("UPDATE " + table + " SET " + String.join(", ", sets));
        String rows = in(locked);
        if (given != null) {
            given(sql.add(" FROM "), given)
                    .add(" WHERE " + SEQ + " = _seq AND " + VERSION + " = " + version() + " AND ");
        } else {
            filter(sql.add(" WHERE "), rows);
            sql.add(" AND ");
        }
        sql.add(rows).add(" AND " + differs(set));
        try (PreparedStatement statement = sql.prepare(connection, "")) {
            return statement.executeUpdate();
        }
    }

    private Part after(Part part, Look look, Set<Long> left, boolean again) {
        boolean end = look.seen.size() < order.rows();
        if (again) {
            return metAgain(part, look.seen, left, end);
        }
        long last = look.seen.isEmpty() ? part.through() : look.seen.get(look.seen.size() - 1);
        return moved(part, end ? bound(part) : last, left, look.seen.size());
    }

    private Part after(Part part, SliceOrder.Given given, Set<Long> left, boolean again) {
        if (again) {
            List<Long> looked =
                    given.rows().stream().map(SliceOrder.Values::seq).toList();
            return metAgain(part, looked, left, given.last());
        }
        long through = given.last() ? bound(part) : Math.max(part.through(), given.throughSeq());
        return moved(part, through, left, given.seen());
    }

    /** After a batch of rows that came again: they were counted when they were met first. */
    private static Part metAgain(Part part, List<Long> looked, Set<Long> left, boolean all) {
        Set<Long> now = new LinkedHashSet<>(all ? List.of() : part.skipped());
        looked.forEach(now::remove);
        now.addAll(left);
        return next(part, part.through(), now, part.seen());
    }

    private static Part moved(Part part, long through, Set<Long> left, long seen) {
        Set<Long> now = new LinkedHashSet<>(part.skipped());
        now.addAll(left);
        return next(part, through, now, part.seen() + seen);
    }

    private static Part next(Part part, long through, Set<Long> skipped, long seen) {
        boolean done = through >= bound(part) && skipped.isEmpty();
        return new Part(done, through, part.bound(), seen, List.copyOf(skipped));
    }
}
