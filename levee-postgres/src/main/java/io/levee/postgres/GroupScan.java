package io.levee.postgres;

import io.levee.Aggregation;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Groups of one table's rows, in one statement. One query thread. */
final class GroupScan {
    private final DataSource source;
    private final Names names;
    private final TableSpec spec;
    private final Aggregation aggregation;
    private final Execution execution;
    private final List<Column> by;

    GroupScan(DataSource source, Names names, TableSpec spec, Aggregation aggregation, Execution execution) {
        this.source = source;
        this.names = names;
        this.spec = spec;
        this.aggregation = aggregation;
        this.execution = execution;
        this.by = aggregation.by().stream().map(spec::column).toList();
    }

    /** Sends the groups to the sink, in the order of their columns. */
    void run(RowSink sink) {
        int[] sent = new int[1];
        // All groups are wanted, so the whole answer's cost counts and not that of its beginning.
        try (ReadSession session = ReadSession.open(source, execution, "SET LOCAL cursor_tuple_fraction = 1")) {
            session.stream(statement(), this::read, group -> {
                if (sent[0]++ == Aggregation.MAX_GROUPS) {
                    throw new LeveeException(
                                    ErrorCode.LIMIT_EXCEEDED, "more than " + Aggregation.MAX_GROUPS + " groups")
                            .hint("group by a column of fewer values, or narrow the range or the filter");
                }
                sink.row(group);
            });
        } catch (SQLException e) {
            throw ReadSession.failure("the aggregation of " + spec.name() + " failed", execution, e);
        }
    }

    private SqlBuilder statement() {
        List<String> selected = new ArrayList<>();
        by.forEach(c -> selected.add(Names.column(spec, c.name())));
        aggregation.measures().forEach(m -> selected.add(figure(m)));
        Query query = aggregation.query();
        SqlBuilder sql = new SqlBuilder().add("SELECT " + String.join(", ", selected) + " FROM " + names.parent(spec));
        FilterSql.where(spec, query.fromMicros(), query.toMicros(), query.where(), sql);
        if (!by.isEmpty()) {
            List<String> positions = IntStream.rangeClosed(1, by.size())
                    .mapToObj(Integer::toString)
                    .toList();
            sql.add(" GROUP BY " + String.join(", ", positions));
            sql.add(" ORDER BY " + String.join(" NULLS FIRST, ", positions) + " NULLS FIRST");
            sql.add(" LIMIT " + (Aggregation.MAX_GROUPS + 1));
        }
        return sql;
    }

    /** One or two result columns: means are sums and counts, so that they come out as with every engine. */
    private String figure(Measure measure) {
        String column = measure.column() == null ? "*" : Names.column(spec, measure.column());
        boolean bytes =
                measure.column() != null && spec.column(measure.column()).type() == ColumnType.BLOB;
        return switch (measure.function()) {
            case COUNT -> "count(" + column + ")";
            case SUM -> "sum(" + column + ")";
            case AVG -> "sum(" + column + "), count(" + column + ")";
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
        List<Measure> measures = aggregation.measures();
        @Nullable Object[] group = new Object[by.size() + measures.size()];
        int at = 1;
        for (int i = 0; i < by.size(); i++) {
            group[i] = Stored.read(rows, at++, by.get(i));
        }
        for (int i = 0; i < measures.size(); i++) {
            Measure measure = measures.get(i);
            group[by.size() + i] = read(rows, at++, measure);
            if (measure.function() == Measure.Function.AVG) {
                at++;
            }
        }
        return group;
    }

    private @Nullable Object read(ResultSet rows, int at, Measure measure) throws SQLException {
        if (measure.column() == null || measure.function() == Measure.Function.COUNT) {
            return rows.getLong(at);
        }
        ColumnType type = spec.column(measure.column()).type();
        return switch (measure.function()) {
            case COUNT, MIN, MAX -> Stored.read(rows, at, type);
            case SUM -> type == ColumnType.REAL ? Stored.read(rows, at, type) : whole(rows.getString(at), measure);
            case AVG -> {
                double sum = rows.getDouble(at);
                boolean none = rows.wasNull();
                yield none ? null : (Object) (sum / rows.getLong(at + 1));
            }
        };
    }

    private static @Nullable Object whole(@Nullable String sum, Measure measure) {
        try {
            return sum == null ? null : (Object) new BigDecimal(sum).longValueExact();
        } catch (ArithmeticException e) {
            throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, measure.name() + " is past the range of 64 bits", e)
                    .hint("use avg, or narrow the range or the filter");
        }
    }
}
