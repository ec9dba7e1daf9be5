package io.levee.internal.query;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.TableSpec;
import io.levee.engine.Figure;
import io.levee.engine.Term;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A figure that users ask for, as the figures that engines compute and what is sketched beside them.
 *
 * @param measure with its names resolved
 * @param term over what; null for the count of rows
 */
record MeasurePlan(Measure measure, @Nullable Term term) {
    /**
     * Resolves the name and refuses what makes no sense.
     *
     * @throws LeveeException {@code UNKNOWN_COLUMN}, {@code BAD_QUERY}, {@code NOT_SUPPORTED}
     */
    static MeasurePlan of(Measure measure, TableSpec spec) {
        String name = measure.column();
        if (name == null) {
            return new MeasurePlan(measure, null);
        }
        Term term = Names.term(spec, name);
        ColumnType type = term.type();
        Measure.Function function = measure.function();
        boolean number =
                term.inJson() || type == ColumnType.INTEGER || type == ColumnType.REAL || type == ColumnType.DURATION;
        boolean sum = function == Measure.Function.SUM || function == Measure.Function.AVG;
        if (sum && !number && type != ColumnType.BOOLEAN) {
            throw refused(measure, type, "use count, min or max");
        }
        if (function == Measure.Function.PERCENTILE && !number) {
            // Of a time, a hundredth of what passed since 1970 would be half a year.
            throw refused(
                    measure,
                    type,
                    type == ColumnType.TIMESTAMP ? "use min, max or a histogram" : "use count, min or max");
        }
        if (type == ColumnType.DECIMAL && function != Measure.Function.COUNT) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, measure.name() + ": decimals are not ordered yet");
        }
        return new MeasurePlan(new Measure(function, term.name(), measure.quantile()), term);
    }

    private static LeveeException refused(Measure measure, ColumnType type, String hint) {
        String what = measure.function() == Measure.Function.PERCENTILE ? "no number of its own scale" : "not a number";
        return new LeveeException(
                        ErrorCode.BAD_QUERY, measure.name() + ": the column is " + type.specName() + ", " + what)
                .hint(hint);
    }

    /** What is sketched for it. */
    Fold.Extra extra() {
        return switch (measure.function()) {
            case DISTINCT -> Fold.Extra.DISTINCT;
            case PERCENTILE -> Fold.Extra.QUANTILES;
            // As a figure, a place would be read as a number.
            case COUNT -> term != null && term.inJson() ? Fold.Extra.PRESENT : Fold.Extra.NONE;
            case SUM, AVG, MIN, MAX -> Fold.Extra.NONE;
        };
    }

    /** What engines compute for it. */
    List<Figure> figures() {
        Figure count = new Figure(Figure.Kind.COUNT, term);
        return switch (measure.function()) {
            case COUNT -> extra() == Fold.Extra.NONE ? List.of(count) : List.of();
            case SUM -> List.of(new Figure(real() ? Figure.Kind.SUM_REAL : Figure.Kind.SUM_WHOLE, term), count);
            case AVG -> List.of(new Figure(Figure.Kind.SUM_REAL, term), count);
            case MIN -> List.of(new Figure(Figure.Kind.MIN, term));
            case MAX -> List.of(new Figure(Figure.Kind.MAX, term));
            case DISTINCT, PERCENTILE -> List.of();
        };
    }

    private boolean real() {
        return term != null && (term.inJson() || term.type() == ColumnType.REAL);
    }

    /** The answer's column. */
    OutColumn out() {
        boolean length = term != null && term.type() == ColumnType.DURATION;
        Column as = switch (measure.function()) {
            case MIN, MAX -> term == null || term.inJson() ? null : term.column();
            case PERCENTILE -> term != null && length ? term.column() : null;
            case COUNT, SUM, AVG, DISTINCT -> null;
        };
        boolean micros =
                length && (measure.function() == Measure.Function.SUM || measure.function() == Measure.Function.AVG);
        return new OutColumn(measure.name(), as, false, micros);
    }

    /**
     * The figure, in stored form.
     *
     * @param merged what {@link #figures} became
     * @param sketched the group with what was sketched, null where it is not known there
     */
    @Nullable
    Object value(List<GroupTable.Merged> merged, GroupTable.@Nullable Group sketched) {
        return switch (measure.function()) {
            case COUNT ->
                merged.isEmpty()
                        ? (sketched == null ? 0L : sketched.present())
                        : merged.get(0).whole();
            case SUM -> {
                boolean none = merged.get(1).whole() == 0;
                yield none
                        ? null
                        : real()
                                ? (Object) merged.get(0).real()
                                : (Object) merged.get(0).whole();
            }
            case AVG -> {
                long count = merged.get(1).whole();
                yield count == 0 ? null : (Object) (merged.get(0).real() / count);
            }
            case MIN, MAX -> {
                Object extreme = merged.get(0).extreme();
                yield term != null && term.inJson() && extreme instanceof Number number
                        ? (Object) number.doubleValue()
                        : extreme;
            }
            case DISTINCT -> sketched == null ? 0L : sketched.distinct();
            case PERCENTILE -> {
                double[] values = sketched == null ? null : sketched.quantiles(new double[] {measure.quantile()});
                boolean micros = term != null && term.type() == ColumnType.DURATION;
                yield values == null ? null : micros ? (Object) Math.round(values[0]) : (Object) values[0];
            }
        };
    }
}
