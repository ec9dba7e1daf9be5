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
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Groups of one table's rows, in one statement. One query thread. */
final class GroupScan implements ScanPart {
    private final DataSource source;
    private final Names names;
    private final TableSpec spec;
    private final Grouping grouping;
    private final Damage damage;

    GroupScan(DataSource source, Names names, Grouping grouping, Damage damage) {
        this.source = source;
        this.names = names;
        this.spec = grouping.spec();
        this.grouping = grouping;
        this.damage = damage;
    }

    @Override
    public String name() {
        return spec.name();
    }

    @Override
    public @Nullable String version() {
        return null;
    }

    @Override
    public void run(Execution execution, RowSink sink) {
        // All groups are wanted, so the whole answer's cost counts and not that of its beginning.
        try (ReadSession session = ReadSession.open(source, execution, "SET LOCAL cursor_tuple_fraction = 1")) {
            session.stream(statement(), this::read, sink::row);
        } catch (SQLException e) {
            throw damage.named(
                    ReadSession.failure("the aggregation of " + spec.name() + " failed", execution, e));
        }
    }

    private SqlBuilder statement() {
        List<String> selected = new ArrayList<>();
        grouping.keys().forEach(key -> selected.add(key(key)));
        grouping.figures().forEach(figure -> selected.add(figure(figure)));
        SqlBuilder sql = new SqlBuilder().add("SELECT " + String.join(", ", selected) + " FROM " + names.parent(spec));
        FilterSql.where(spec, grouping.fromMicros(), grouping.toMicros(), grouping.where(), sql);
        int keys = grouping.keys().size();
        if (keys > 0) {
            sql.add(" GROUP BY "
                    + IntStream.rangeClosed(1, keys).mapToObj(Integer::toString).collect(Collectors.joining(", ")));
        }
        return sql;
    }

    private String key(GroupKey key) {
        if (key instanceof GroupKey.Value value) {
            return Names.column(spec, value.term().column().name());
        }
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "grouping by " + key + " is not built yet");
    }

    private String figure(Figure figure) {
        Term term = figure.term();
        String column = term == null ? "*" : Names.column(spec, term.column().name());
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
            case MIN, MAX -> term == null ? null : Stored.read(rows, at, term.type());
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
