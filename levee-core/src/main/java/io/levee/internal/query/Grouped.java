package io.levee.internal.query;

import io.levee.Aggregation;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.Term;
import io.levee.internal.row.StoredOrder;
import io.levee.internal.row.Values;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An aggregation as a grouping that engines can run in parts, and what becomes of the parts. Immutable. */
final class Grouped {
    private final TableSpec spec;
    private final List<Column> by;
    private final List<Measure> measures;
    private final Grouping grouping;

    private Grouped(TableSpec spec, List<Column> by, List<Measure> measures, Grouping grouping) {
        this.spec = spec;
        this.by = by;
        this.measures = measures;
        this.grouping = grouping;
    }

    /** Resolves names and values. */
    static Grouped of(Aggregation aggregation, TableSpec spec) {
        Query query = aggregation.query();
        List<Column> by =
                aggregation.by().stream().map(n -> Names.column(spec, n)).toList();
        List<Measure> measures =
                aggregation.measures().stream().map(m -> resolve(m, spec)).toList();
        List<GroupKey> keys = new ArrayList<>();
        by.forEach(c -> keys.add(new GroupKey.Value(new Term(c, ""))));
        List<Figure> figures = new ArrayList<>();
        measures.forEach(m -> figures.addAll(figures(m, spec)));
        Grouping grouping = new Grouping(
                spec,
                query.fromMicros(),
                query.toMicros(),
                query.where() == null ? null : ExprResolver.resolve(query.where(), spec),
                keys,
                figures);
        return new Grouped(spec, by, measures, grouping);
    }

    private static List<Figure> figures(Measure measure, TableSpec spec) {
        Term term = measure.column() == null ? null : new Term(spec.column(measure.column()), "");
        Figure count = new Figure(Figure.Kind.COUNT, term);
        return switch (measure.function()) {
            case COUNT -> List.of(count);
            case SUM ->
                List.of(
                        new Figure(
                                real(measure, spec) ? Figure.Kind.SUM_REAL : Figure.Kind.SUM_WHOLE, term),
                        count);
            case AVG -> List.of(new Figure(Figure.Kind.SUM_REAL, term), count);
            case MIN -> List.of(new Figure(Figure.Kind.MIN, term));
            case MAX -> List.of(new Figure(Figure.Kind.MAX, term));
            case DISTINCT, PERCENTILE ->
                throw new LeveeException(ErrorCode.NOT_SUPPORTED, measure.name() + " is not built yet");
        };
    }

    private static boolean real(Measure measure, TableSpec spec) {
        return measure.column() != null && spec.column(measure.column()).type() == ColumnType.REAL;
    }

    private static Measure resolve(Measure measure, TableSpec spec) {
        if (measure.column() == null) {
            return measure;
        }
        Column column = Names.column(spec, measure.column());
        boolean arithmetic = measure.function() == Measure.Function.SUM || measure.function() == Measure.Function.AVG;
        ColumnType type = column.type();
        boolean number = type == ColumnType.INTEGER
                || type == ColumnType.REAL
                || type == ColumnType.DURATION
                || type == ColumnType.BOOLEAN;
        if (arithmetic && !number) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY,
                            measure.name() + ": the column is " + type.specName() + ", not a number")
                    .hint("use count, min or max");
        }
        if (type == ColumnType.DECIMAL && measure.function() != Measure.Function.COUNT) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, measure.name() + ": decimals are not ordered yet");
        }
        return new Measure(measure.function(), column.name(), measure.quantile());
    }

    /** What the engine is asked. */
    Grouping grouping() {
        return grouping;
    }

    /** The names of the answer's columns. */
    List<String> columns() {
        List<String> names = new ArrayList<>();
        by.forEach(c -> names.add(c.name()));
        measures.forEach(m -> names.add(m.name()));
        return names;
    }

    /** An empty table for the parts. */
    GroupTable table() {
        return new GroupTable(grouping.keys().size(), grouping.figures());
    }

    /** The answer's rows, in the order of the group columns. */
    List<List<@Nullable Object>> rows(GroupTable table) {
        List<Line> lines = new ArrayList<>();
        table.forEach((key, merged) -> lines.add(new Line(key, figures(merged))));
        lines.sort((a, b) -> compare(a.key, b.key));
        List<List<@Nullable Object>> rows = new ArrayList<>();
        for (Line line : lines) {
            List<@Nullable Object> row = new ArrayList<>();
            for (int i = 0; i < by.size(); i++) {
                row.add(Values.read(by.get(i), line.key.get(i)));
            }
            row.addAll(line.figures);
            rows.add(row);
        }
        return rows;
    }

    private record Line(List<@Nullable Object> key, List<@Nullable Object> figures) {}

    private static int compare(List<@Nullable Object> a, List<@Nullable Object> b) {
        for (int i = 0; i < a.size(); i++) {
            int order = StoredOrder.compare(a.get(i), b.get(i));
            if (order != 0) {
                return order;
            }
        }
        return 0;
    }

    private List<@Nullable Object> figures(GroupTable.Merged[] merged) {
        List<@Nullable Object> row = new ArrayList<>();
        int at = 0;
        for (Measure measure : measures) {
            GroupTable.Merged first = merged[at++];
            switch (measure.function()) {
                case COUNT -> row.add(first.whole());
                case SUM -> {
                    boolean none = merged[at++].whole() == 0;
                    row.add(none ? null : real(measure, spec) ? (Object) first.real() : (Object) first.whole());
                }
                case AVG -> {
                    long count = merged[at++].whole();
                    row.add(count == 0 ? null : (Object) (first.real() / count));
                }
                case MIN, MAX, DISTINCT, PERCENTILE -> {
                    String column = measure.column();
                    row.add(column == null ? null : Values.read(spec.column(column), first.extreme()));
                }
            }
        }
        return row;
    }
}
