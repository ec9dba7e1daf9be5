package io.levee.internal.query;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Measure;
import io.levee.RetentionRule;
import io.levee.RollupSpec;
import io.levee.TableSpec;
import io.levee.engine.Figure;
import io.levee.engine.Term;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What a rollup keeps, and the hidden table that it is kept in: a row for each partition, bucket and group, with figures that merge, and the
 * buckets of quantiles as text. Group columns have the names and types that they have in the table itself, so that filters read them as they are.
 * Immutable.
 */
public final class RollupShape {
    static final String ID = "rollup id";
    static final String PART = "rollup part";
    static final String AT = "rollup at";
    private static final String FIGURE = "rollup f";
    private static final String SKETCH = "rollup s";

    private final TableSpec base;
    private final RollupSpec rollup;
    private final List<Figure> figures;
    private final List<Term> sketches;
    private final TableSpec hidden;

    /** The shape of a table's rollup. */
    public RollupShape(TableSpec base, RollupSpec rollup) {
        this.base = base;
        this.rollup = rollup;
        Set<Figure> wanted = new LinkedHashSet<>();
        Set<Term> sketched = new LinkedHashSet<>();
        wanted.add(new Figure(Figure.Kind.COUNT, null));
        for (Measure measure : rollup.measures()) {
            MeasurePlan plan = MeasurePlan.of(measure, base);
            wanted.addAll(plan.figures());
            if (plan.extra() == Fold.Extra.QUANTILES && plan.term() != null) {
                sketched.add(plan.term());
            }
        }
        this.figures = List.copyOf(wanted);
        this.sketches = List.copyOf(sketched);
        this.hidden = makeHidden();
    }

    private TableSpec makeHidden() {
        TableSpec.Builder spec = TableSpec.builder(base.rollupTable(rollup))
                .column(ID, ColumnType.TEXT)
                .column(PART, ColumnType.TEXT)
                .column(AT, ColumnType.TIMESTAMP)
                .time(AT)
                .key(ID)
                .index(PART)
                .retention(new RetentionRule(rollup.keep(), null))
                .rollupOf(base.name());
        rollup.by().forEach(name -> spec.column(name, base.column(name).type()));
        for (int i = 0; i < figures.size(); i++) {
            spec.column(figureColumn(i), type(figures.get(i)));
        }
        for (int i = 0; i < sketches.size(); i++) {
            spec.column(new Column(sketchColumn(i), ColumnType.TEXT, true, false, null));
        }
        return spec.build();
    }

    private static ColumnType type(Figure figure) {
        Term term = figure.term();
        return switch (figure.kind()) {
            case COUNT, SUM_WHOLE -> ColumnType.INTEGER;
            case SUM_REAL -> ColumnType.REAL;
            case MIN, MAX -> term == null ? ColumnType.INTEGER : term.type();
        };
    }

    /** The table. */
    public TableSpec base() {
        return base;
    }

    /** What was declared. */
    public RollupSpec rollup() {
        return rollup;
    }

    /** The table that it is kept in. */
    public TableSpec hidden() {
        return hidden;
    }

    /** The figures, the count of rows first. */
    List<Figure> figures() {
        return figures;
    }

    /** What has quantiles. */
    List<Term> sketches() {
        return sketches;
    }

    String figureColumn(int at) {
        return FIGURE + at;
    }

    String sketchColumn(int at) {
        return SKETCH + at;
    }

    /** The columns of a group. */
    List<Column> by() {
        List<Column> columns = new ArrayList<>();
        rollup.by().forEach(name -> columns.add(hidden.column(name)));
        return columns;
    }

    /** The width of a bucket. */
    long everyMicros() {
        return rollup.every().toSeconds() * 1_000_000;
    }
}
