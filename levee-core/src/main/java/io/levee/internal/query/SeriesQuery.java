package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.TimeSeries.Point;
import io.levee.engine.Execution;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.StorageEngine;
import io.levee.internal.row.StoredOrder;
import io.levee.internal.time.Micros;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One time series, its names resolved: groups by buckets of event time, and the buckets that have none. Immutable. */
final class SeriesQuery {
    private static final long DAY_MICROS = 86_400_000_000L;

    /** The Monday before the epoch, which was a Thursday. */
    private static final long MONDAY_MICROS = -3 * DAY_MICROS;

    private final Query query;
    private final long width;
    private final long origin;
    private final Grouped grouped;
    private final List<Measure> measures;

    /** Resolves the names. Errors as {@link Grouped}; {@code LIMIT_EXCEEDED} where the range alone has too many buckets. */
    SeriesQuery(TimeSeries series, TableSpec spec) {
        this.query = series.query();
        this.width = Micros.of(series.bucket());
        this.origin = width % (7 * DAY_MICROS) == 0 ? MONDAY_MICROS : 0;
        this.measures = series.measures();
        List<Grouped.Dimension> dimensions = new ArrayList<>();
        dimensions.add(
                new Grouped.Dimension(new OutColumn("", null, false, true), new GroupKey.TimeBucket(origin, width)));
        series.by().forEach(name -> dimensions.add(Grouped.Dimension.of(spec, name)));
        this.grouped = new Grouped(query, spec, dimensions, series.measures());
        if (bounded()) {
            require(buckets(first(), last()), 1);
        }
    }

    /**
     * An answer without its coverage.
     *
     * @param rawFrom see {@link TimeSeries.Points#rawFrom}
     * @param gone gaps of what neither rows nor rollups have
     */
    record Answer(
            List<String> columns,
            List<Point> points,
            Map<String, Double> errors,
            @Nullable Instant rawFrom,
            List<Gap> gone) {}

    /** What engines are asked. */
    Grouped grouped() {
        return grouped;
    }

    /**
     * The answer. Query thread.
     *
     * @param known tells all gaps of the store
     */
    Answer run(StorageEngine engine, Folding folding, Supplier<List<Gap>> known, Execution execution) {
        List<GroupTable> tables;
        Grouping range = grouped.folds().get(0).grouping();
        RollupFeed rollup = RollupFeed.of(engine, range.spec(), grouped.folds());
        try (ReadView view = view(engine, range, rollup)) {
            execution.keeps(view::wanted);
            tables = folding.run(view, grouped.folds(), execution);
            if (rollup != null) {
                rollup.into(view.partitions(), tables, execution);
            }
        }
        List<String> columns = grouped.columns();
        return new Answer(
                columns.subList(1, columns.size()),
                points(grouped.lines(tables), execution),
                grouped.errors(tables),
                rollup == null || rollup.rollupEnd() == Long.MIN_VALUE ? null : Micros.instant(rollup.rollupEnd()),
                rollup == null ? RollupFeed.unanswered(engine, range) : rollup.missing(known.get()));
    }

    private static ReadView view(StorageEngine engine, Grouping range, @Nullable RollupFeed rollup) {
        // A rollup has to know all that is there, to leave out what it has kept of it.
        Expr where = rollup == null ? range.where() : null;
        ReadView view = engine.view(range.spec(), range.fromMicros(), range.toMicros(), where);
        return rollup == null ? view : RollupFeed.exact(engine, range.spec(), view);
    }

    /**
     * The points of groups, empty buckets filled in.
     *
     * @param lines each the begin of its bucket, the values of its series, and its figures, in stored form
     */
    List<Point> points(List<@Nullable Object[]> lines, Execution execution) {
        int keys = grouped.keys();
        Map<List<@Nullable Object>, Integer> series = new TreeMap<>(SeriesQuery::compare);
        long low = Long.MAX_VALUE;
        long high = Long.MIN_VALUE;
        for (@Nullable Object[] line : lines) {
            series.put(Arrays.asList(line).subList(1, keys), 0);
            low = Math.min(low, begin(line));
            high = Math.max(high, begin(line));
        }
        if (keys == 1) {
            series.put(List.of(), 0);
        }
        low = query.fromMicros() == Long.MIN_VALUE ? low : first();
        high = query.toMicros() == Long.MAX_VALUE ? high : last();
        if (low > high || series.isEmpty()) {
            return List.of();
        }
        long buckets = buckets(low, high);
        require(buckets, series.size());
        int at = 0;
        for (Map.Entry<List<@Nullable Object>, Integer> entry : series.entrySet()) {
            entry.setValue(at++);
        }
        @Nullable Object[] @Nullable [] there = new @Nullable Object[(int) buckets * series.size()][];
        for (@Nullable Object[] line : lines) {
            Integer of = series.get(Arrays.asList(line).subList(1, keys));
            there[(int) ((begin(line) - low) / width) * series.size() + (of == null ? 0 : of)] = line;
        }
        List<Point> points = new ArrayList<>(there.length);
        for (int i = 0; i < buckets; i++) {
            execution.check();
            Instant begin = Micros.instant(low + i * width);
            for (Map.Entry<List<@Nullable Object>, Integer> entry : series.entrySet()) {
                points.add(point(begin, entry.getKey(), there[i * series.size() + entry.getValue()]));
            }
        }
        return points;
    }

    private Point point(Instant begin, List<@Nullable Object> of, @Nullable Object @Nullable [] line) {
        List<OutColumn> out = grouped.out();
        int keys = grouped.keys();
        List<@Nullable Object> by = new ArrayList<>();
        for (int i = 1; i < keys; i++) {
            by.add(out.get(i).read(of.get(i - 1)));
        }
        List<@Nullable Object> figures = new ArrayList<>();
        for (int i = 0; i < measures.size(); i++) {
            figures.add(
                    line == null
                            ? ofNothing(measures.get(i))
                            : out.get(keys + i).read(line[keys + i]));
        }
        return new Point(begin, by, figures);
    }

    private static @Nullable Object ofNothing(Measure measure) {
        boolean counts =
                measure.function() == Measure.Function.COUNT || measure.function() == Measure.Function.DISTINCT;
        return counts ? 0L : null;
    }

    private static long begin(@Nullable Object[] line) {
        return line[0] instanceof Long bucket ? bucket : 0;
    }

    private static int compare(List<@Nullable Object> a, List<@Nullable Object> b) {
        int order = 0;
        for (int i = 0; i < a.size() && order == 0; i++) {
            order = StoredOrder.compare(a.get(i), b.get(i));
        }
        return order;
    }

    private boolean bounded() {
        return query.fromMicros() != Long.MIN_VALUE && query.toMicros() != Long.MAX_VALUE;
    }

    /** The begin of the first bucket of the range. */
    private long first() {
        return bucket(query.fromMicros());
    }

    /** The begin of its last one. */
    private long last() {
        return query.toMicros() == query.fromMicros() ? first() - width : bucket(query.toMicros() - 1);
    }

    private long bucket(long micros) {
        return Math.floorDiv(micros - origin, width) * width + origin;
    }

    private long buckets(long low, long high) {
        return low > high ? 0 : (high - low) / width + 1;
    }

    private static void require(long buckets, int series) {
        if (buckets > TimeSeries.MAX_POINTS || buckets * series > TimeSeries.MAX_POINTS) {
            throw new LeveeException(
                            ErrorCode.LIMIT_EXCEEDED,
                            "more than " + TimeSeries.MAX_POINTS + " points (" + buckets + " buckets, " + series
                                    + " series)")
                    .hint("take wider buckets or a narrower range, or group by fewer columns");
        }
    }
}
