package io.levee.internal.query;

import io.levee.Expr;
import io.levee.Measure;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.Term;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Groups with figures as groupings that engines can run in parts, and what becomes of the parts. Immutable.
 *
 * <p>What is sketched of a column is one more key of the grouping. Two such keys in one grouping would make a group of each pair of values, so each
 * has a grouping of its own; the figures that need none go with the first. Over a partition that is written to, two groupings are of two moments.
 */
final class Grouped {
    /** What makes a group, and the answer's column of it. */
    record Dimension(OutColumn out, GroupKey key) {
        /** A column, or a place in a json column. */
        static Dimension of(TableSpec spec, String name) {
            Term term = Names.term(spec, name);
            OutColumn out = new OutColumn(term.name(), term.inJson() ? null : term.column(), term.inJson(), false);
            return new Dimension(out, new GroupKey.Value(term));
        }
    }

    /** Something that is sketched: two measures may share it. */
    private record Sketched(Fold.Extra extra, Term term) {}

    private final List<Dimension> by;
    private final List<MeasurePlan> measures;
    private final List<Fold> folds;
    /** For each measure, the fold that has its sketch. */
    private final int[] sketchAt;
    /** For each measure, which of the first fold's figures are its own. */
    private final int[][] figuresAt;

    private final List<OutColumn> out = new ArrayList<>();

    /**
     * Resolves names and values.
     *
     * @throws io.levee.LeveeException {@code UNKNOWN_COLUMN}, {@code BAD_QUERY}, {@code NOT_SUPPORTED}
     */
    Grouped(Query query, TableSpec spec, List<Dimension> by, List<Measure> asked) {
        this.by = by;
        this.measures = asked.stream().map(m -> MeasurePlan.of(m, spec)).toList();
        Map<Figure, Integer> figures = new LinkedHashMap<>();
        List<Sketched> sketches = sketches(measures);
        if (!sketches.isEmpty()) {
            figures.put(new Figure(Figure.Kind.COUNT, null), 0);
        }
        this.sketchAt = new int[measures.size()];
        this.figuresAt = new int[measures.size()][];
        for (int i = 0; i < figuresAt.length; i++) {
            MeasurePlan measure = measures.get(i);
            figuresAt[i] =
                    measure.figures().stream().mapToInt(f -> at(figures, f)).toArray();
            sketchAt[i] = Math.max(0, indexOf(sketches, measure));
        }
        Expr where = query.where() == null ? null : ExprResolver.resolve(query.where(), spec);
        this.folds = new ArrayList<>();
        for (int i = 0; i < Math.max(1, sketches.size()); i++) {
            List<GroupKey> keys = new ArrayList<>();
            by.forEach(d -> keys.add(d.key()));
            Fold.Extra extra =
                    sketches.isEmpty() ? Fold.Extra.NONE : sketches.get(i).extra();
            if (extra == Fold.Extra.QUANTILES) {
                keys.add(new GroupKey.LogBucket(sketches.get(i).term(), Quantiles.MULTIPLIER));
            } else if (extra != Fold.Extra.NONE) {
                keys.add(new GroupKey.Value(sketches.get(i).term()));
            }
            List<Figure> wanted = i == 0 ? List.copyOf(figures.keySet()) : List.of(new Figure(Figure.Kind.COUNT, null));
            folds.add(new Fold(
                    new Grouping(spec, query.fromMicros(), query.toMicros(), where, keys, wanted), by.size(), extra));
        }
        by.forEach(d -> out.add(d.out()));
        measures.forEach(m -> out.add(m.out()));
    }

    /** What is sketched, quantiles first: they have the fewest groups. A distinct count also tells how many have a value. */
    private static List<Sketched> sketches(List<MeasurePlan> measures) {
        List<Sketched> sketches = new ArrayList<>();
        for (Fold.Extra extra : List.of(Fold.Extra.QUANTILES, Fold.Extra.DISTINCT, Fold.Extra.PRESENT)) {
            for (MeasurePlan measure : measures) {
                if (measure.extra() == extra && indexOf(sketches, measure) < 0 && measure.term() != null) {
                    sketches.add(new Sketched(extra, measure.term()));
                }
            }
        }
        return sketches;
    }

    private static int indexOf(List<Sketched> sketches, MeasurePlan measure) {
        Term term = measure.term();
        if (term == null || measure.extra() == Fold.Extra.NONE) {
            return -1;
        }
        int at = sketches.indexOf(new Sketched(measure.extra(), term));
        return at >= 0 || measure.extra() != Fold.Extra.PRESENT
                ? at
                : sketches.indexOf(new Sketched(Fold.Extra.DISTINCT, term));
    }

    private static int at(Map<Figure, Integer> figures, Figure figure) {
        return figures.computeIfAbsent(figure, f -> figures.size());
    }

    /** What engines are asked. */
    List<Fold> folds() {
        return folds;
    }

    /** The answer's columns: what makes a group, then the figures. */
    List<OutColumn> out() {
        return out;
    }

    /** The names of the answer's columns. */
    List<String> columns() {
        return out.stream().map(OutColumn::name).toList();
    }

    /** How many of the columns make a group. */
    int keys() {
        return by.size();
    }

    /** The groups, in no order, each as the stored values of the answer's columns. */
    List<@Nullable Object[]> lines(List<GroupTable> tables) {
        List<@Nullable Object[]> lines = new ArrayList<>();
        tables.get(0).forEach((key, group) -> {
            @Nullable Object[] line = key.toArray(new @Nullable Object[out.size()]);
            for (int i = 0; i < measures.size(); i++) {
                List<GroupTable.Merged> merged = new ArrayList<>();
                for (int at : figuresAt[i]) {
                    merged.add(group.figure(at));
                }
                GroupTable.Group sketched =
                        sketchAt[i] == 0 ? group : tables.get(sketchAt[i]).get(key);
                line[key.size() + i] = measures.get(i).value(merged, sketched);
            }
            lines.add(line);
        });
        return lines;
    }

    /** The relative errors of the figures that are not exact, by their names. */
    Map<String, Double> errors(List<GroupTable> tables) {
        Map<String, Double> errors = new LinkedHashMap<>();
        Map<Integer, Boolean> sketched = new HashMap<>();
        for (int i = 0; i < measures.size(); i++) {
            Measure measure = measures.get(i).measure();
            if (measure.function() == Measure.Function.PERCENTILE) {
                errors.put(measure.name(), Measure.PERCENTILE_ERROR);
            } else if (measure.function() == Measure.Function.DISTINCT
                    && sketched.computeIfAbsent(
                            sketchAt[i], at -> tables.get(at).anySketched())) {
                errors.put(measure.name(), Measure.DISTINCT_ERROR);
            }
        }
        return errors;
    }
}
