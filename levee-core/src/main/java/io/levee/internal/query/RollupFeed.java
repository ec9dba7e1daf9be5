package io.levee.internal.query;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionInfo;
import io.levee.RollupSpec;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.StorageEngine;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Adds to groups what a rollup keeps of partitions that are gone. Of a partition that is still there its rows count and its rollup, if
 * there is one by now, does not: so nothing counts twice. One query thread.
 */
final class RollupFeed {
    private final StorageEngine engine;
    private final RollupShape shape;
    private final List<Fold> folds;
    private final Grouping asked;
    private final List<Gap> gaps = new ArrayList<>();
    private long rollupEnd = Long.MIN_VALUE;

    private RollupFeed(StorageEngine engine, RollupShape shape, List<Fold> folds) {
        this.engine = engine;
        this.shape = shape;
        this.folds = folds;
        this.asked = folds.get(0).grouping();
    }

    /** The rollup that can answer, the one that is kept the longest of several; null where none can. */
    static @Nullable RollupFeed of(StorageEngine engine, TableSpec spec, List<Fold> folds) {
        RollupFeed best = null;
        for (RollupSpec rollup : spec.rollups()) {
            RollupShape shape = new RollupShape(spec, rollup);
            if (answers(shape, folds) && (best == null || longer(rollup, best.shape.rollup()))) {
                best = new RollupFeed(engine, shape, folds);
            }
        }
        return best;
    }

    private static boolean longer(RollupSpec a, RollupSpec b) {
        Duration one = a.keep();
        Duration other = b.keep();
        if (one == null || other == null) {
            return other != null || one == null && a.every().compareTo(b.every()) > 0;
        }
        return one.compareTo(other) > 0;
    }

    private static boolean answers(RollupShape shape, List<Fold> folds) {
        for (Fold fold : folds) {
            Grouping grouping = fold.grouping();
            Expr where = grouping.where();
            if (where != null && !onlyOf(where, shape.rollup().by())) {
                return false;
            }
            for (int i = 0; i < grouping.keys().size(); i++) {
                if (!answers(shape, grouping.keys().get(i), i < fold.keys())) {
                    return false;
                }
            }
            if (fold.extra() != Fold.Extra.NONE && fold.extra() != Fold.Extra.QUANTILES) {
                return false;
            }
            if (grouping.figures().stream().anyMatch(f -> column(shape, f) < 0)) {
                return false;
            }
        }
        return true;
    }

    private static boolean answers(RollupShape shape, GroupKey key, boolean ofGroup) {
        if (key instanceof GroupKey.TimeBucket time) {
            return time.widthMicros() % shape.everyMicros() == 0 && time.originMicros() % shape.everyMicros() == 0;
        }
        if (key instanceof GroupKey.LogBucket log) {
            return !ofGroup
                    && log.multiplier() == Quantiles.MULTIPLIER
                    && shape.sketches().contains(log.term());
        }
        return key instanceof GroupKey.Value value
                && ofGroup
                && !value.term().inJson()
                && shape.rollup().by().contains(value.term().name());
    }

    /** Which of the kept figures answers for one, or -1. A sum of whole numbers answers for that of reals. */
    private static int column(RollupShape shape, Figure figure) {
        int at = shape.figures().indexOf(figure);
        return at < 0 && figure.kind() == Figure.Kind.SUM_REAL
                ? shape.figures().indexOf(new Figure(Figure.Kind.SUM_WHOLE, figure.term()))
                : at;
    }

    /** What may be gone of a table whose rollups cannot answer. */
    static List<Gap> unanswered(StorageEngine engine, Grouping asked) {
        TableSpec spec = asked.spec();
        long floor = spec.rollups().isEmpty() ? Long.MIN_VALUE : engine.floorMicros(spec.name());
        return floor <= asked.fromMicros()
                ? List.of()
                : List.of(new Gap(spec.name(), Long.MIN_VALUE, floor - 1, Gap.UNKNOWN, LossReason.EXPIRED));
    }

    private static boolean onlyOf(Expr expr, List<String> columns) {
        if (expr instanceof Expr.And and) {
            return and.parts().stream().allMatch(part -> onlyOf(part, columns));
        }
        if (expr instanceof Expr.Or or) {
            return or.parts().stream().allMatch(part -> onlyOf(part, columns));
        }
        if (expr instanceof Expr.Not not) {
            return onlyOf(not.part(), columns);
        }
        String column = expr instanceof Expr.Compare compare
                ? compare.column()
                : expr instanceof Expr.In in
                        ? in.column()
                        : expr instanceof Expr.Like like
                                ? like.column()
                                : expr instanceof Expr.Contains contains
                                        ? contains.column()
                                        : expr instanceof Expr.IsNull isNull ? isNull.column() : null;
        return column != null && columns.contains(column);
    }

    /**
     * The view to read the rows by. Where an engine's view reads whatever is there when a statement runs, each partition is read by itself: only
     * then is it known which ones were.
     */
    static ReadView exact(StorageEngine engine, TableSpec spec, ReadView view) {
        return view.pinned() ? view : new Singly(engine, spec, view);
    }

    /** The partitions of a view, each by itself. */
    private static final class Singly implements ReadView {
        private final ReadView whole;
        private final List<PartitionInfo> partitions = new ArrayList<>();
        private final List<ReadView> views = new ArrayList<>();

        Singly(StorageEngine engine, TableSpec spec, ReadView whole) {
            this.whole = whole;
            for (PartitionInfo partition : whole.partitions()) {
                try {
                    views.add(engine.view(spec, partition.id()));
                    partitions.add(partition);
                } catch (LeveeException e) {
                    if (e.code() != ErrorCode.NOT_FOUND) {
                        close();
                        throw e;
                    }
                    // It went just now, so that its rollup is there.
                }
            }
        }

        @Override
        public List<PartitionInfo> partitions() {
            return partitions;
        }

        @Override
        public void rows(RowQuery query, Execution execution, RowSink sink) {
            whole.rows(query, execution, sink);
        }

        @Override
        public List<ScanPart> parts(Grouping grouping) {
            return views.stream().flatMap(view -> view.parts(grouping).stream()).toList();
        }

        @Override
        public List<PlanStep> explain(RowQuery query, Execution execution) {
            return whole.explain(query, execution);
        }

        @Override
        public List<PlanStep> explain(Grouping grouping, Execution execution) {
            return whole.explain(grouping, execution);
        }

        @Override
        public void close() {
            views.forEach(ReadView::close);
            whole.close();
        }
    }

    /**
     * Adds what is kept of partitions that are gone. After the rows were read: what was dropped by the time the view was made has its rollup.
     *
     * @param live the partitions whose rows were read
     * @param tables the groups of the folds
     */
    void into(List<PartitionInfo> live, List<GroupTable> tables, Execution execution) {
        Set<String> there = new HashSet<>();
        live.forEach(partition -> there.add(partition.id().toString()));
        TableSpec hidden = shape.hidden();
        if (!kept()) {
            return;
        }
        long every = shape.everyMicros();
        List<Column> columns = hidden.columns();
        boolean sketches = folds.stream().anyMatch(f -> f.extra() == Fold.Extra.QUANTILES);
        List<Column> wanted =
                columns.stream().filter(c -> sketches || !c.detail()).toList();
        RowQuery query = new RowQuery(
                hidden,
                asked.fromMicros() < Long.MIN_VALUE + every ? Long.MIN_VALUE : asked.fromMicros() - every + 1,
                asked.toMicros(),
                asked.where(),
                false,
                List.of(),
                List.of(),
                Long.MAX_VALUE,
                null,
                wanted);
        engine.rows(query, execution, new RowSink() {
            @Override
            public void columns(List<String> names) {
                // They are known.
            }

            @Override
            public boolean row(@Nullable Object[] row) {
                @Nullable Object[] values = new Object[columns.size()];
                for (int i = 0; i < wanted.size(); i++) {
                    values[hidden.position(wanted.get(i).name())] = row[i];
                }
                if (!there.contains(String.valueOf(values[hidden.position(RollupShape.PART)]))) {
                    take(values, tables);
                }
                return true;
            }
        });
    }

    private void take(@Nullable Object[] values, List<GroupTable> tables) {
        TableSpec hidden = shape.hidden();
        long at = whole(values[hidden.position(RollupShape.AT)]);
        long rows = whole(values[hidden.position(shape.figureColumn(0))]);
        if (rows == 0) {
            return;
        }
        if (at < asked.fromMicros() || at > asked.toMicros() - shape.everyMicros()) {
            // Only a part of the bucket is asked for, and nobody can tell that part any more.
            gaps.add(new Gap(shape.base().name(), at, at + shape.everyMicros() - 1, Gap.UNKNOWN, LossReason.EXPIRED));
            return;
        }
        for (int i = 0; i < folds.size(); i++) {
            feed(folds.get(i), tables.get(i), values, at, rows);
        }
    }

    private void feed(Fold fold, GroupTable table, @Nullable Object[] values, long at, long rows) {
        TableSpec hidden = shape.hidden();
        List<GroupKey> keys = fold.grouping().keys();
        List<Figure> figures = fold.grouping().figures();
        @Nullable Object[] row = new Object[keys.size() + figures.size()];
        for (int i = 0; i < fold.keys(); i++) {
            if (keys.get(i) instanceof GroupKey.TimeBucket time) {
                long bucket = at - Math.floorMod(at - time.originMicros(), time.widthMicros());
                row[i] = bucket;
                rollupEnd = Math.max(rollupEnd, bucket + time.widthMicros());
            } else if (keys.get(i) instanceof GroupKey.Value value) {
                row[i] = values[hidden.position(value.term().name())];
            }
        }
        long rest = rows;
        if (fold.extra() == Fold.Extra.QUANTILES && keys.get(fold.keys()) instanceof GroupKey.LogBucket log) {
            int sketch = shape.sketches().indexOf(log.term());
            Object text = values[hidden.position(shape.sketchColumn(sketch))];
            for (Map.Entry<Long, Long> bucket : RollupRows.sketch(text).entrySet()) {
                // As rows of that bucket would come, of which only the count is known.
                @Nullable Object[] part = row.clone();
                part[fold.keys()] = bucket.getKey();
                part[keys.size()] = bucket.getValue();
                table.add(part);
                rest -= bucket.getValue();
            }
        }
        for (int i = 0; i < figures.size(); i++) {
            row[keys.size() + i] = values[hidden.position(shape.figureColumn(column(shape, figures.get(i))))];
        }
        if (fold.extra() != Fold.Extra.NONE) {
            // Its first figure is the count of rows, of which those in buckets are counted by now.
            row[keys.size()] = rest;
        }
        table.add(row);
    }

    private static long whole(@Nullable Object value) {
        return value instanceof Long number ? number : 0;
    }

    /** The end of the last bucket that has something of partitions that are gone; {@link Long#MIN_VALUE} where none has. */
    long rollupEnd() {
        return rollupEnd;
    }

    /** Whether its table is there: a crash may have come between the declaration of the rollup and it. */
    private boolean kept() {
        return engine.tables().stream()
                .anyMatch(spec -> spec.name().equals(shape.hidden().name()));
    }

    /**
     * What of the range neither rows nor rollup have.
     *
     * @param known all gaps of the store
     */
    List<Gap> missing(List<Gap> known) {
        List<Gap> missing = new ArrayList<>(new HashSet<>(gaps));
        String name = shape.hidden().name();
        for (Gap gap : known) {
            if (gap.table().equals(name) && gap.touches(asked.fromMicros(), asked.toMicros())) {
                missing.add(new Gap(shape.base().name(), gap.fromMicros(), gap.toMicros(), gap.count(), gap.reason()));
            }
        }
        long floor = kept() ? engine.floorMicros(name) : Long.MIN_VALUE;
        if (floor > asked.fromMicros()) {
            missing.add(new Gap(shape.base().name(), Long.MIN_VALUE, floor - 1, Gap.UNKNOWN, LossReason.EXPIRED));
        }
        return missing;
    }
}
