package io.levee.internal.query;

import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Histogram.Bin;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.StorageEngine;
import io.levee.engine.Term;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One histogram, its names resolved: counts by bins, which engines compute as groups of numbers. Immutable. */
final class Histograms {
    private static final Figure ROWS = new Figure(Figure.Kind.COUNT, null);

    private final Histogram.BinRule bins;
    private final Term term;
    private final Grouping all;

    /**
     * Resolves the names.
     *
     * @throws LeveeException {@code UNKNOWN_COLUMN}, {@code BAD_QUERY}
     */
    Histograms(Histogram histogram, TableSpec spec) {
        Query query = histogram.query();
        this.bins = histogram.bins();
        this.term = Names.term(spec, histogram.column());
        if (!term.inJson()
                && !List.of(
                                ColumnType.INTEGER,
                                ColumnType.REAL,
                                ColumnType.DURATION,
                                ColumnType.TIMESTAMP,
                                ColumnType.BOOLEAN)
                        .contains(term.type())) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY,
                            "a histogram needs numbers; '" + term.name() + "' is "
                                    + term.type().specName())
                    .hint("count the rows by their values instead");
        }
        this.all = new Grouping(
                spec,
                query.fromMicros(),
                query.toMicros(),
                query.where() == null ? null : ExprResolver.resolve(query.where(), spec),
                List.of(),
                List.of());
    }

    /** An answer without its coverage. */
    record Answer(
            List<Bin> bins,
            long below,
            long above,
            long nulls,
            @Nullable Double least,
            @Nullable Double greatest) {}

    /** What engines are asked; for automatic bins, what they are asked first. */
    Grouping grouping() {
        if (bins instanceof Histogram.Even even) {
            return grouping(new GroupKey.NumberBucket(term, even.from(), even.width()));
        }
        return bins instanceof Histogram.Edges edges
                ? grouping(new GroupKey.Edges(term, edges.edges()))
                : grouping(all.where(), List.of(), extremes());
    }

    private Grouping grouping(GroupKey key) {
        return grouping(all.where(), List.of(key), List.of(ROWS));
    }

    private Grouping grouping(@Nullable Expr where, List<GroupKey> keys, List<Figure> figures) {
        return new Grouping(all.spec(), all.fromMicros(), all.toMicros(), where, keys, figures);
    }

    private List<Figure> extremes() {
        return List.of(new Figure(Figure.Kind.MIN, term), new Figure(Figure.Kind.MAX, term), ROWS);
    }

    /** The answer. Query thread. */
    Answer run(StorageEngine engine, Folding folding, Execution execution) {
        try (ReadView view = engine.view(all.spec(), all.fromMicros(), all.toMicros(), all.where())) {
            execution.keeps(view::wanted);
            if (bins instanceof Histogram.Even even) {
                return even(even, null, view, folding, execution);
            }
            return bins instanceof Histogram.Edges edges
                    ? edges(edges.edges(), view, folding, execution)
                    : automatic((Histogram.Automatic) bins, view, folding, execution);
        }
    }

    /** Two looks at the same partitions: one for the range, one for the bins. Rows that come in between lie below or above, at worst. */
    private Answer automatic(Histogram.Automatic rule, ReadView view, Folding folding, Execution execution) {
        double[] range = range(all.where(), view, folding, execution);
        if (range.length == 2 && (Double.isInfinite(range[0]) || Double.isInfinite(range[1]))) {
            Expr finite = Expr.and(Expr.ge(term.name(), -Double.MAX_VALUE), Expr.le(term.name(), Double.MAX_VALUE));
            range = range(Expr.both(all.where(), finite), view, folding, execution);
        }
        if (range.length != 2) {
            // No finite value: what is infinite lies beside the one bin that asks for the rest.
            Answer rest = even(new Histogram.Even(0, 1, 1), null, view, folding, execution);
            return new Answer(List.of(), rest.below, rest.above, rest.nulls, null, null);
        }
        ColumnType type = term.type();
        boolean times = type == ColumnType.DURATION || type == ColumnType.TIMESTAMP;
        boolean whole = type == ColumnType.INTEGER || type == ColumnType.BOOLEAN;
        return even(RoundBins.of(range[0], range[1], rule.most(), whole, times), range, view, folding, execution);
    }

    /** The least and the greatest value; nothing where there is none. */
    private double[] range(@Nullable Expr where, ReadView view, Folding folding, Execution execution) {
        GroupTable table = folding.run(
                        view, List.of(new Fold(grouping(where, List.of(), extremes()), 0, Fold.Extra.NONE)), execution)
                .get(0);
        double[][] range = {{}};
        table.forEach((key, group) -> {
            if (group.figure(0).extreme() instanceof Number least
                    && group.figure(1).extreme() instanceof Number greatest) {
                range[0] = new double[] {least.doubleValue(), greatest.doubleValue()};
            }
        });
        return range[0];
    }

    private Answer even(
            Histogram.Even even, double @Nullable [] range, ReadView view, Folding folding, Execution execution) {
        Grouping grouping = grouping(new GroupKey.NumberBucket(term, even.from(), even.width()));
        long[] counts = counts(
                new Fold(grouping, 1, Fold.Extra.NONE, -1, even.count()), -1, even.count(), view, folding, execution);
        List<Bin> filled = new ArrayList<>();
        for (int i = 0; i < even.count(); i++) {
            filled.add(new Bin(edge(even, i), edge(even, i + 1), counts[i + 1]));
        }
        int last = even.count() + 1;
        return new Answer(
                filled,
                counts[0],
                counts[last],
                counts[last + 1],
                range == null ? null : range[0],
                range == null ? null : range[1]);
    }

    private static double edge(Histogram.Even even, int at) {
        return even.from() + at * even.width();
    }

    private Answer edges(List<Double> edges, ReadView view, Folding folding, Execution execution) {
        Fold fold = new Fold(grouping(new GroupKey.Edges(term, edges)), 1, Fold.Extra.NONE);
        long[] counts = counts(fold, 0, edges.size(), view, folding, execution);
        List<Bin> filled = new ArrayList<>();
        for (int i = 1; i < edges.size(); i++) {
            filled.add(new Bin(edges.get(i - 1), edges.get(i), counts[i]));
        }
        return new Answer(filled, counts[0], counts[edges.size()], counts[edges.size() + 1], null, null);
    }

    /** How many rows have each key from lowest to highest, and at last how many have none. */
    private static long[] counts(
            Fold fold, long lowest, long highest, ReadView view, Folding folding, Execution execution) {
        long[] counts = new long[(int) (highest - lowest) + 2];
        folding.run(view, List.of(fold), execution).get(0).forEach((key, group) -> {
            int at = key.get(0) instanceof Long bucket ? (int) (bucket - lowest) : counts.length - 1;
            counts[at] += group.figure(0).whole();
        });
        return counts;
    }
}
