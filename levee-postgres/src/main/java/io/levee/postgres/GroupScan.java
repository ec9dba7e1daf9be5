package io.levee.postgres;

import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.Term;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Groups of one table's rows, in one statement. One query thread. */
final class GroupScan implements ScanPart {
    /** All groups are wanted, so the whole answer's cost counts and not that of its beginning. */
    static final String SETTINGS = "SET LOCAL cursor_tuple_fraction = 1";

    /** Buckets of numbers end before those of 64 bits do: what lies beyond is in the last one. */
    private static final double MOST_BUCKETS = 9.2e18;

    private final DataSource source;
    private final Names names;
    private final TableSpec spec;
    private final Grouping grouping;
    private final Damage damage;
    private final TermSql terms;
    private final Map<String, String> places = new LinkedHashMap<>();
    private final Supplier<String> version;
    private final Supplier<SqlBuilder> from;
    private final @Nullable List<String> classes;

    /**
     * A grouping of a table.
     *
     * @param version tells the partitions' present state
     * @param classes the classes whose partitions are read; null for all
     */
    GroupScan(
            DataSource source,
            Names names,
            Grouping grouping,
            Damage damage,
            Supplier<String> version,
            @Nullable List<String> classes) {
        this(
                source,
                names,
                grouping,
                damage,
                version,
                () -> new SqlBuilder().add(names.rows(grouping.spec())),
                classes);
    }

    /**
     * A grouping of some of a table's rows.
     *
     * @param from the rows, as a table or a statement in parentheses with a name
     */
    GroupScan(
            DataSource source,
            Names names,
            Grouping grouping,
            Damage damage,
            Supplier<String> version,
            @Nullable List<String> classes,
            String from) {
        this(source, names, grouping, damage, version, () -> new SqlBuilder().add(from), classes);
    }

    /**
     * A grouping of one partition.
     *
     * @param from the table that is read, quoted
     */
    GroupScan(DataSource source, Names names, Grouping grouping, Damage damage, Supplier<String> version, String from) {
        this(source, names, grouping, damage, version, () -> new SqlBuilder().add(from), null);
    }

    /**
     * A grouping of what a statement says.
     *
     * @param from a table, or a statement in parentheses with a name, that has a table's columns
     * @param classes the classes whose partitions are read; null for all
     */
    GroupScan(
            DataSource source,
            Names names,
            Grouping grouping,
            Damage damage,
            SqlBuilder from,
            @Nullable List<String> classes) {
        this(source, names, grouping, damage, () -> "", () -> new SqlBuilder().add(from), classes);
    }

    private GroupScan(
            DataSource source,
            Names names,
            Grouping grouping,
            Damage damage,
            Supplier<String> version,
            Supplier<SqlBuilder> from,
            @Nullable List<String> classes) {
        this.classes = classes;
        this.from = from;
        this.source = source;
        this.names = names;
        this.spec = grouping.spec();
        this.grouping = grouping;
        this.damage = damage;
        this.terms = new TermSql(spec, names);
        this.version = version;
    }

    @Override
    public String name() {
        return spec.name();
    }

    @Override
    public String version() {
        return version.get();
    }

    @Override
    public void run(Execution execution, RowSink sink) {
        try (ReadSession session = ReadSession.open(source, execution, SETTINGS)) {
            run(session, sink);
        } catch (SQLException e) {
            throw damage.named(ReadSession.failure("the aggregation of " + spec.name() + " failed", execution, e));
        }
    }

    /** Sends the groups to the sink, as a session's snapshot has them. */
    void run(ReadSession session, RowSink sink) throws SQLException {
        session.stream(statement(), this::read, sink::row);
    }

    /** The statement. Places in json columns are read once for each row, whatever they are used for. */
    SqlBuilder statement() {
        List<String> selected = new ArrayList<>();
        grouping.keys().forEach(key -> selected.add(key(key)));
        grouping.figures().forEach(figure -> selected.add(figure(figure)));
        SqlBuilder rows = from.get();
        FilterSql.where(spec, names, grouping.fromMicros(), grouping.toMicros(), grouping.where(), rows);
        FilterSql.branches(classes, rows);
        SqlBuilder sql =
                new SqlBuilder().add("SELECT " + (selected.isEmpty() ? "1" : String.join(", ", selected)) + " FROM ");
        if (places.isEmpty()) {
            sql.add(rows);
        } else {
            sql.add("(SELECT *");
            places.forEach((place, name) -> sql.add(", " + place + " AS " + name));
            sql.add(" FROM ").add(rows).add(" OFFSET 0) looked");
        }
        int keys = grouping.keys().size();
        if (keys > 0) {
            sql.add(" GROUP BY "
                    + IntStream.rangeClosed(1, keys).mapToObj(Integer::toString).collect(Collectors.joining(", ")));
        }
        return sql;
    }

    /** The value of a term; a place's under the name that the inner statement gives it. */
    private String value(Term term) {
        return term.inJson() ? place(terms.value(term)) : terms.value(term);
    }

    private String real(Term term) {
        return term.inJson() ? place(terms.real(term)) : terms.real(term);
    }

    private String place(String sql) {
        return places.computeIfAbsent(sql, s -> {
            String name = "_place" + places.size();
            while (spec.position(name) >= 0) {
                name += "_";
            }
            return name;
        });
    }

    private String key(GroupKey key) {
        if (key instanceof GroupKey.Value value) {
            return value(value.term());
        }
        if (key instanceof GroupKey.TimeBucket time) {
            long width = time.widthMicros();
            // The rest of a division has the sign of what is divided here: brought above zero, it is the way into the
            // bucket.
            String in = "(" + Names.time(spec) + " - '" + Math.floorMod(time.originMicros(), width) + "'::bigint) % '"
                    + width + "'::bigint";
            return Names.time(spec) + " - ((" + in + " + '" + width + "'::bigint) % '" + width + "'::bigint)";
        }
        if (key instanceof GroupKey.NumberBucket number) {
            String x = real(number.term());
            double most = number.width() * MOST_BUCKETS;
            return "CASE WHEN " + x + " >= " + literal(number.origin() + most) + " THEN " + Long.MAX_VALUE + " WHEN "
                    + x
                    + " <= " + literal(number.origin() - most) + " THEN '" + Long.MIN_VALUE
                    + "'::bigint ELSE pg_catalog.floor(("
                    + x + " - " + literal(number.origin()) + ") / " + literal(number.width()) + ")::bigint END";
        }
        if (key instanceof GroupKey.Edges edges) {
            String list = edges.edges().stream().map(e -> Double.toString(e)).collect(Collectors.joining(","));
            return "pg_catalog.width_bucket(" + real(edges.term()) + ", '{" + list + "}'::float8[])::bigint";
        }
        GroupKey.LogBucket log = (GroupKey.LogBucket) key;
        String x = real(log.term());
        return "CASE WHEN " + x + " = 0 THEN 0 WHEN " + x + " > 0 AND " + x + " < 'Infinity' THEN " + log(x, log)
                + " WHEN " + x + " < 0 AND " + x + " > '-Infinity' THEN -(" + log("(-" + x + ")", log) + ") END";
    }

    private static String log(String x, GroupKey.LogBucket key) {
        return "(pg_catalog.floor(pg_catalog.ln(" + x + ") * " + literal(key.multiplier()) + ")::bigint + "
                + GroupKey.LogBucket.OFFSET + ")";
    }

    private static String literal(double value) {
        return "'" + value + "'::float8";
    }

    private String figure(Figure figure) {
        Term term = figure.term();
        // What is measured of a place is its number.
        String column = term == null ? "*" : term.inJson() ? real(term) : terms.value(term);
        boolean bytes = term != null && term.type() == ColumnType.BLOB;
        return switch (figure.kind()) {
            case COUNT -> "count(" + column + ")";
            case SUM_WHOLE, SUM_REAL -> "sum(" + column + ")";
            case MIN -> extreme("min", column, bytes);
            case MAX -> extreme("max", column, bytes);
        };
    }

    /** Before version 18 bytes have an order and no least: the text of their digits has both, and they are the same. */
    private static String extreme(String function, String column, boolean bytes) {
        return bytes
                ? "decode(" + function + "(encode(" + column + ", 'hex') COLLATE \"C\"), 'hex')"
                : function + "(" + column + ")";
    }

    private @Nullable Object[] read(ResultSet rows) throws SQLException {
        int keys = grouping.keys().size();
        @Nullable Object[] group = new Object[keys + grouping.figures().size()];
        for (int i = 0; i < keys; i++) {
            group[i] = grouping.keys().get(i) instanceof GroupKey.Value value
                    ? Stored.read(rows, i + 1, value.term().type())
                    : Stored.read(rows, i + 1, ColumnType.INTEGER);
        }
        for (int i = keys; i < group.length; i++) {
            group[i] = read(rows, i + 1, grouping.figures().get(i - keys));
        }
        return group;
    }

    private @Nullable Object read(ResultSet rows, int at, Figure figure) throws SQLException {
        Term term = figure.term();
        return switch (figure.kind()) {
            case COUNT -> (Object) rows.getLong(at);
            case SUM_WHOLE -> whole(rows.getString(at), figure);
            case SUM_REAL -> Stored.read(rows, at, ColumnType.REAL);
            case MIN, MAX -> term == null ? null : Stored.read(rows, at, term.inJson() ? ColumnType.REAL : term.type());
        };
    }

    private static @Nullable Object whole(@Nullable String sum, Figure figure) {
        try {
            return sum == null ? null : (Object) new BigDecimal(sum).longValueExact();
        } catch (ArithmeticException e) {
            String name = figure.term() == null ? "" : figure.term().name();
            throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, "sum(" + name + ") is past the range of 64 bits", e)
                    .hint("use avg, or narrow the range or the filter");
        }
    }
}
