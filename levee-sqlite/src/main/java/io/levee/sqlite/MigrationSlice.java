package io.levee.sqlite;

import io.levee.Column;
import io.levee.Expr;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.SliceOrder;
import io.levee.engine.Term;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** One slice of a migration in one partition, in one transaction with its mark. Writer thread. */
final class MigrationSlice {
    /** A range of rows is worked off in pieces of this many, so that it can end where it takes too long. */
    private static final int PIECE = 500;

    private final MigrationRecord record;
    private final SliceOrder order;
    private final TableSpec spec;
    private final Connection connection;
    private final FileColumns columns;
    private final long bound;
    private final Instant now;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final long begun = clock.nanos();
    private long changed;

    /**
     * For a partition that is open for writing.
     *
     * @param bound numbers from here on were given after the declaration
     */
    MigrationSlice(MigrationRecord record, SliceOrder order, PartitionWriter writer, long bound, Instant now)
            throws SQLException {
        this.now = now;
        this.record = record;
        this.order = order;
        this.spec = writer.spec();
        this.connection = writer.connection();
        this.columns = FileColumns.of(spec, connection);
        this.bound = bound;
    }

    /** Works it; the transaction was begun by the caller, who commits or undoes it. */
    MigrationMark run() throws SQLException {
        MigrationMark mark = begun();
        if (mark == null || mark.cursor() == Long.MIN_VALUE && mark.seen() == 0) {
            PartitionSchema.describe(connection, spec, now);
        }
        mark = mark == null ? begin() : mark;
        MigrationMark after = mark.done() ? mark : work(mark);
        after.write(connection, record.id());
        if (after.done()) {
            MovedNumbers.clear(connection, record.id());
        }
        return after;
    }

    /** Where a partition begins with it. */
    MigrationMark begin() throws SQLException {
        if (MigrationCatalog.sets(record.step())) {
            requireMarked(connection, spec);
        }
        long highest = Sqlite.number(connection, "SELECT max_seq FROM levee_stats WHERE id = 1");
        return MigrationMark.begin(record, bound, Math.min(highest, bound - 1));
    }

    /** Has a file say that a migration has begun to set its rows. */
    static void requireMarked(Connection connection, TableSpec spec) throws SQLException {
        if (!PartitionSchema.columns(connection, spec.name()).contains(MigrationMark.COLUMN)) {
            Sqlite.run(
                    connection,
                    "ALTER TABLE " + Sqlite.quote(spec.name()) + " ADD COLUMN " + MigrationMark.COLUMN + " INTEGER");
        }
    }

    /** The mark that it goes on from; null where it begins, as it does again in rows that an older release wrote. */
    @Nullable
    MigrationMark begun() throws SQLException {
        MigrationMark mark = MigrationMark.of(connection, record.id());
        if (mark != null && mark.done() && record.step() instanceof MigrationStep.AddColumn add) {
            Column column = MigrationReach.current(spec, add.column().name());
            return column != null && columns.unfilled(column.name()) ? null : mark;
        }
        return mark;
    }

    long changed() {
        return changed;
    }

    private MigrationMark work(MigrationMark mark) throws SQLException {
        MigrationStep step = record.step();
        if (step instanceof MigrationStep.AddColumn add) {
            return fill(mark, MigrationReach.current(spec, add.column().name()));
        }
        if (step instanceof MigrationStep.DropColumn drop) {
            return clear(mark, drop.column());
        }
        if (step instanceof MigrationStep.RenameColumn rename) {
            return rename(mark, rename.from());
        }
        SliceOrder.Given given = order.given();
        return given != null ? given(mark, given) : set(mark);
    }

    /** What is done to the rows of a range of numbers: behind the first, up to the second. */
    @FunctionalInterface
    private interface Piece {
        long run(long after, long upTo) throws SQLException;
    }

    /**
     * Works off rows in pieces until there are enough, or it takes too long.
     *
     * @param others a condition that leaves out what is no work of this way
     */
    private MigrationMark pieces(MigrationMark mark, String table, long upTo, String others, Piece piece)
            throws SQLException {
        long cursor = mark.cursor();
        long seen = 0;
        boolean more = true;
        while (more && seen < order.rows() && (seen == 0 || !late())) {
            int wanted = (int) Math.min(PIECE, order.rows() - seen);
            long end;
            long count;
            try (Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery("SELECT max(_seq), count(*) FROM (SELECT _seq FROM "
                            + Sqlite.quote(table) + " m WHERE _seq > " + cursor + " AND _seq <= " + upTo + others
                            + " ORDER BY _seq LIMIT " + wanted + ")")) {
                rows.next();
                end = rows.getLong(1);
                count = rows.getLong(2);
            }
            if (count > 0) {
                changed += run(piece, table, cursor, end);
                cursor = end;
                seen += count;
            }
            more = count == wanted;
        }
        return mark.after(cursor, seen, changed, !more);
    }

    private long run(Piece piece, String table, long after, long upTo) throws SQLException {
        try {
            return piece.run(after, upTo);
        } catch (SQLException e) {
            throw badRow().find(table, after, upTo, piece::run, e);
        }
    }

    private BadRow badRow() {
        return new BadRow(record, spec, connection, columns);
    }

    private boolean late() {
        return clock.nanos() - begun > order.target().toNanos();
    }

    private MigrationMark fill(MigrationMark mark, @Nullable Column column) throws SQLException {
        String name = column == null ? null : columns.name(column.name());
        if (column == null || name == null || !columns.unfilled(column.name())) {
            // Added with its default, or among the details, where it is read so; or dropped since.
            return mark.after(mark.upTo(), 0, 0, true);
        }
        String quoted = Sqlite.quote(name);
        String value = columns.otherwise(column);
        MigrationMark after = pieces(
                mark,
                spec.name(),
                Long.MAX_VALUE,
                "",
                (from, to) -> update("UPDATE " + Sqlite.quote(spec.name()) + " AS m SET " + quoted + " = " + value
                        + range("m", from, to) + " AND m." + quoted + " IS NULL AND " + value + " IS NOT NULL"));
        if (after.done()) {
            PartitionSchema.describe(connection, FileColumns.UNFILLED, columns.unfilledWith(column.name(), false));
        }
        return after;
    }

    private MigrationMark clear(MigrationMark mark, String dropped) throws SQLException {
        boolean hot = PartitionSchema.columns(connection, spec.name()).contains(dropped);
        String table = hot ? spec.name() : PartitionSchema.details(spec);
        if (columns.told(!hot, dropped)
                || !hot && !PartitionSchema.columns(connection, table).contains(dropped)) {
            return mark.after(mark.upTo(), 0, 0, true);
        }
        String quoted = Sqlite.quote(dropped);
        MigrationMark after = pieces(
                mark,
                table,
                Long.MAX_VALUE,
                "",
                (from, to) -> update("UPDATE " + Sqlite.quote(table) + " AS m SET " + quoted + " = NULL"
                        + range("m", from, to) + " AND m." + quoted + " IS NOT NULL"));
        if (after.done()) {
            PartitionSchema.called(connection, columns, !hot, dropped, "");
        }
        return after;
    }

    private MigrationMark rename(MigrationMark mark, String from) throws SQLException {
        Column now = MigrationReach.current(spec, from);
        if (now != null && from.equals(columns.name(now.name())) && !columns.told(now.detail(), from)) {
            PartitionSchema.called(connection, columns, now.detail(), from, now.name());
        }
        return mark.after(mark.upTo(), 0, 0, true);
    }

    private static String range(String alias, long after, long upTo) {
        return " WHERE " + alias + "._seq > " + after + " AND " + alias + "._seq <= " + upTo;
    }

    private long update(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    /** A backfill of what a row's own columns tell. */
    private MigrationMark set(MigrationMark mark) throws SQLException {
        Map<Column, String> values = values(Map.of());
        boolean listed = MovedNumbers.any(connection, record.id());
        if (listed && mark.cursor() >= mark.upTo()) {
            return due(mark, (from, to) -> filtered(range("m", from, to), c -> setting(values, c), ""));
        }
        String others = listed ? MovedNumbers.notListed(record.id()) : "";
        MigrationMark after = pieces(
                mark,
                spec.name(),
                mark.upTo(),
                others,
                (from, to) -> filtered(range("m", from, to) + others, c -> setting(values, c), ""));
        return after.done() ? ended(after) : after;
    }

    /** The end of the way by numbers: whether it is that of the work depends on the rows that came beside it. */
    private MigrationMark ended(MigrationMark mark) throws SQLException {
        return mark.after(Math.max(mark.cursor(), mark.upTo()), 0, 0, !MovedNumbers.due(connection, record.id()));
    }

    /** Runs a statement with a condition and the filter of the backfill; returns how many rows it touched. */
    private int filtered(String condition, UnaryOperator<String> statement, String behind) throws SQLException {
        List<Object> parameters = new ArrayList<>();
        Expr where = order.where();
        String all = condition + (where == null ? "" : " AND " + WhereSql.of(where, names(), parameters));
        try (PreparedStatement prepared = connection.prepareStatement(statement.apply(all) + behind)) {
            for (int i = 0; i < parameters.size(); i++) {
                RowStatements.bind(prepared, i + 1, parameters.get(i));
            }
            return prepared.executeUpdate();
        }
    }

    /** Rows that came beside the way, when all others are done. */
    private MigrationMark due(MigrationMark mark, Piece piece) throws SQLException {
        long seen = 0;
        for (long seq : MovedNumbers.next(connection, record.id(), order.rows())) {
            if (seen > 0 && late()) {
                break;
            }
            changed += run(piece, spec.name(), seq - 1, seq);
            MovedNumbers.remove(connection, record.id(), seq);
            seen++;
        }
        return mark.after(mark.cursor(), seen, changed, !MovedNumbers.due(connection, record.id()));
    }

    /** The columns that are set, each with the SQL of its value. */
    private Map<Column, String> values(Map<String, String> given) {
        Map<Column, String> values = new LinkedHashMap<>();
        order.set().forEach((name, expression) -> {
            Column column = spec.column(name);
            values.put(column, computed(spec, columns, column, expression, given));
        });
        return values;
    }

    /** The SQL of what an expression over own columns and given names makes of a row. */
    static String computed(
            TableSpec spec, FileColumns columns, Column column, String expression, Map<String, String> given) {
        return FileColumns.cast(
                column,
                "("
                        + io.levee.internal.migration.SqlExpression.parse(expression)
                                .rewrite(spec.name(), name -> {
                                    String value = given.get(name);
                                    if (value != null) {
                                        return value;
                                    }
                                    String own = io.levee.internal.migration.SqlExpression.column(spec, name);
                                    return own == null ? null : "(" + columns.alone(spec.column(own)) + ")";
                                })
                        + ")");
    }

    /** The statement that sets values where they differ: of hot columns, or of details. */
    private String setting(Map<Column, String> values, String condition) {
        return setting(spec, columns, values, condition);
    }

    static String setting(TableSpec spec, FileColumns columns, Map<Column, String> values, String condition) {
        List<String> differs = new ArrayList<>();
        List<String> sets = new ArrayList<>();
        List<String> names = new ArrayList<>();
        boolean details = false;
        for (Map.Entry<Column, String> one : values.entrySet()) {
            String name = Sqlite.quote(columns.named(one.getKey().name()));
            differs.add(columns.alone(one.getKey()) + " IS NOT " + one.getValue());
            details |= one.getKey().detail();
            sets.add(name + " = " + (one.getKey().detail() ? "excluded." + name : one.getValue()));
            names.add(name);
        }
        String where = condition + " AND (" + String.join(" OR ", differs) + ")";
        return details
                ? "INSERT INTO " + Sqlite.quote(PartitionSchema.details(spec)) + "(_seq, " + String.join(", ", names)
                        + ") SELECT m._seq, " + String.join(", ", values.values()) + " FROM "
                        + Sqlite.quote(spec.name()) + " m" + where + " ON CONFLICT(_seq) DO UPDATE SET "
                        + String.join(", ", sets)
                : "UPDATE " + Sqlite.quote(spec.name()) + " AS m SET " + String.join(", ", sets) + where;
    }

    /** How a filter reads what it names. */
    private WhereSql.Columns names() {
        return new WhereSql.Columns() {
            @Override
            public String text(String name) {
                Term term = Term.of(spec, name);
                return TermSql.text(term, columns.alone(term.column()));
            }

            @Override
            public String number(String name) {
                Term term = Term.of(spec, name);
                return TermSql.number(term, columns.alone(term.column()));
            }
        };
    }

    /** Values that were read or made elsewhere: a row that was changed since is read again (guarantee G17). */
    private MigrationMark given(MigrationMark mark, SliceOrder.Given given) throws SQLException {
        Map<String, String> names = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (Column one : given.columns()) {
            names.put(one.name(), "?" + (names.size() + 1));
        }
        Map<Column, String> values = values(names);
        if (order.set().isEmpty()) {
            names.forEach((name, value) -> values.put(spec.column(name), value));
        }
        int numbered = given.columns().size() + 1;
        boolean beside = mark.cursor() >= mark.upTo() && MovedNumbers.any(connection, record.id());
        boolean applied = false;
        String version = spec.keyed() ? "coalesce(_chg, 0)" : "0";
        String look = "SELECT " + version + " FROM " + Sqlite.quote(spec.name()) + " WHERE _seq = ?";
        String which =
                " WHERE m._seq = ?" + numbered + (spec.keyed() ? " AND coalesce(m._chg, 0) = ?" + (numbered + 1) : "");
        try (PreparedStatement looked = connection.prepareStatement(look);
                PreparedStatement set = connection.prepareStatement(setting(values, which))) {
            if (beside) {
                return due(mark, given, set, looked);
            }
            for (SliceOrder.Values row : given.rows()) {
                if (row.seq() <= mark.cursor()) {
                    continue;
                }
                boolean stop = applied && late();
                if (!stop && set(set, row) == 0) {
                    // It is right already, gone, or another one by now.
                    Long now = version(looked, row.seq());
                    stop = now != null && now != row.version();
                }
                if (stop) {
                    // The rows before it that the filter kept out were seen with it.
                    return mark.after(row.seq() - 1, between(mark.cursor(), row.seq()), changed, false);
                }
                applied = true;
            }
        }
        MigrationMark after =
                mark.after(Math.max(mark.cursor(), given.throughSeq()), given.seen(), changed, given.last());
        return after.done() ? ended(after) : after;
    }

    /** The same of rows that came beside the way: those that are others by now are read again. */
    private MigrationMark due(
            MigrationMark mark, SliceOrder.Given given, PreparedStatement set, PreparedStatement looked)
            throws SQLException {
        Map<Long, Boolean> listed = MovedNumbers.of(
                connection,
                record.id(),
                given.rows().stream().map(SliceOrder.Values::seq).toList());
        long seen = 0;
        for (SliceOrder.Values row : given.rows()) {
            if (seen > 0 && late()) {
                break;
            }
            if (listed.getOrDefault(row.seq(), false)) {
                Long now = version(looked, row.seq());
                if (now != null && now == row.version()) {
                    set(set, row);
                    MovedNumbers.remove(connection, record.id(), row.seq());
                    seen++;
                }
            }
        }
        // Those that went, or that the filter keeps out.
        seen += filtered("", c -> MovedNumbers.removeBut(record.id(), spec.name(), given.throughSeq()) + c, ")");
        return mark.after(mark.cursor(), seen, changed, !MovedNumbers.due(connection, record.id()));
    }

    /** Writes one row where it has its version still and another value; returns how many that were. */
    private int set(PreparedStatement statement, SliceOrder.Values row) throws SQLException {
        int parameter = 1;
        for (Object value : row.values()) {
            RowStatements.bind(statement, parameter++, value);
        }
        statement.setLong(parameter++, row.seq());
        if (spec.keyed()) {
            statement.setLong(parameter, row.version());
        }
        try {
            int written = statement.executeUpdate();
            changed += written;
            return written;
        } catch (SQLException e) {
            throw badRow().at(row.seq(), e);
        }
    }

    /** How many rows lie behind one number and before another. */
    private long between(long after, long before) throws SQLException {
        return Sqlite.number(
                connection,
                "SELECT count(*) FROM " + Sqlite.quote(spec.name()) + " WHERE _seq > " + after + " AND _seq < "
                        + before);
    }

    private static @Nullable Long version(PreparedStatement look, long seq) throws SQLException {
        look.setLong(1, seq);
        try (ResultSet rows = look.executeQuery()) {
            return rows.next() ? rows.getLong(1) : null;
        }
    }
}
