package io.levee.internal.query;

import io.levee.Aggregation;
import io.levee.Aggregation.Groups;
import io.levee.Coverage;
import io.levee.Estimate;
import io.levee.Explanation;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.Histogram;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.RunningQuery;
import io.levee.SlowQuery;
import io.levee.SqlQuery;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.StorageEngine;
import io.levee.engine.TailQuery;
import io.levee.internal.memory.Budget;
import io.levee.internal.memory.Share;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.write.Tables;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What queries compute; {@link Slots} runs them, and ends them at their deadlines. Thread-safe.
 */
public final class QueryService {
    private static final Duration ROLLUP_DEADLINE = Duration.ofMinutes(10);

    private final StorageEngine engine;
    private final Tables tables;
    private final Gaps gaps;
    private final PartialCache partials;
    private final Folding folding;
    /** With one other query thread at most, in short pieces, and keeping nothing. */
    private final Folding background;

    private final SlowLog slowLog;
    private final Slots slots;
    private final Share groups;
    private final Share results;
    private final MemoryWatch memory;
    private final Supervisor supervisor;

    /** Wires the parts; {@link #start} starts the threads. */
    public QueryService(StorageEngine engine, StoreOptions options, Tables tables, Supervisor supervisor, Gaps gaps) {
        this.engine = engine;
        this.tables = tables;
        this.gaps = gaps;
        this.supervisor = supervisor;
        Budget budget = Budget.of(options);
        this.groups = new Share(budget.groups());
        this.results = new Share(budget.results());
        this.slowLog = new SlowLog(options.slowQuery(), options.clock());
        this.slots = new Slots(supervisor, options.queryThreads(), Leases.DEFAULT, results, this::ended);
        this.memory = new MemoryWatch(engine, slots, budget);
        this.partials = new PartialCache(budget.partials());
        this.folding = new Folding(groups, options.queryThreads() - 1, slots::help, partials, false);
        this.background =
                new Folding(groups, Math.min(1, options.queryThreads() - 1), slots::help, new PartialCache(0), true);
    }

    /** Starts the query threads and the watchdog. */
    public void start() {
        slots.start();
        memory.start(supervisor);
    }

    /** Bytes of memory that queries take now, by the parts of {@link Budget}. */
    public Map<String, Long> memoryByPart() {
        return Map.of("groups", groups.used(), "partials", partials.bytes(), "results", results.used());
    }

    /** What temporary files of sorts take on disk. */
    public long temporaryBytes() {
        return memory.temporaryBytes();
    }

    private ChunkStream submit(String what, Duration deadline, Supplier<Coverage> coverage, Work.Once work) {
        return slots.submit(what, deadline, coverage, gaps.inMemory(), Work.once(work));
    }

    /** See {@link io.levee.Store#query}. */
    public PageReader rows(Query query) {
        TableSpec spec = tables.get(query.table()).spec();
        long limit = query.limit();
        RowQuery resolved = RowQueries.of(query, spec);
        ChunkStream stream = slots.submit(
                "query " + describe(query),
                query.deadline(),
                () -> gaps.coverage(query.table(), query.fromMicros(), query.toMicros()),
                gaps.inMemory(),
                new RowWork(engine, resolved));
        return new PageReader(resolved, stream, limit);
    }

    /** Has somebody told, on a thread of its own, once there is something to read. */
    public void whenReady(PageReader rows, Runnable listener) {
        slots.answers().start();
        rows.whenReady(() -> slots.answers().deliver(listener));
    }

    /** See {@link io.levee.Store#aggregate}. */
    public Groups aggregate(Aggregation aggregation) {
        Query query = aggregation.query();
        TableSpec spec = tables.get(query.table()).spec();
        Aggregates aggregates = new Aggregates(aggregation, spec);
        Asked<Aggregates.Answer> asked =
                ask("aggregate", query, execution -> aggregates.run(engine, folding, execution));
        Aggregates.Answer answer = asked.answer();
        return new Groups(answer.columns(), answer.groups(), answer.errors(), asked.coverage());
    }

    /** The groups of one partition. */
    public List<List<@Nullable Object>> aggregate(Aggregation aggregation, PartitionId only) {
        Query query = aggregation.query();
        Aggregates aggregates = new Aggregates(aggregation, spec(query));
        return ask(
                        "aggregate " + only.period() + " of",
                        query,
                        execution -> aggregates.run(engine, only, folding, execution))
                .answer()
                .groups();
    }

    /**
     * The same in the background, its groups in any order: it keeps one query thread and borrows at most one more, for a short piece at a
     * time and behind whoever waits; what it reads is not kept for others.
     *
     * @return asked for at once; its answer may be had later
     */
    public Later aggregateLater(Aggregation aggregation) {
        Query query = aggregation.query();
        return new Later(this, query, new Aggregates(aggregation, spec(query)));
    }

    /** An aggregation in the background. Used by one thread. */
    public static final class Later implements AutoCloseable {
        private final AtomicReference<Aggregates.Answer> answer = new AtomicReference<>();
        private final ChunkStream stream;
        private volatile long nanos;

        private Later(QueryService queries, Query query, Aggregates aggregates) {
            stream = queries.submit(
                    "aggregate " + describe(query),
                    query.deadline(),
                    () -> queries.gaps.coverage(query.table(), query.fromMicros(), query.toMicros()),
                    (execution, sink) -> {
                        long begun = queries.slots.nanos();
                        answer.set(aggregates.unordered(queries.engine, queries.background, execution));
                        nanos = queries.slots.nanos() - begun;
                    });
        }

        /** Waits for the answer. Errors as {@link QueryService#aggregate}. */
        public Groups answer() {
            try {
                while (stream.hasNext()) {
                    stream.next();
                }
            } finally {
                stream.close();
            }
            Aggregates.Answer found = Objects.requireNonNull(answer.get());
            return new Groups(found.columns(), found.groups(), found.errors(), stream.coverage());
        }

        /** How long it kept a query thread, once there is an answer. */
        public long nanos() {
            return nanos;
        }

        /** Nobody wants the answer any more. Idempotent. */
        @Override
        public void close() {
            stream.close();
        }
    }

    /** Groups that are kept for the next time they are asked for. */
    public PartialCache partials() {
        return partials;
    }

    /** What a query thread computed. */
    private record Asked<T>(T answer, Coverage coverage) {}

    /** Computes something on a query thread, and waits for it. */
    private <T> Asked<T> ask(String what, Query query, Function<Execution, T> work) {
        AtomicReference<T> answer = new AtomicReference<>();
        ChunkStream stream = submit(
                what + " " + describe(query),
                query.deadline(),
                () -> gaps.coverage(query.table(), query.fromMicros(), query.toMicros()),
                (execution, sink) -> answer.set(work.apply(execution)));
        try {
            while (stream.hasNext()) {
                stream.next();
            }
        } finally {
            stream.close();
        }
        return new Asked<>(Objects.requireNonNull(answer.get()), stream.coverage());
    }

    /** What a rollup keeps of a partition, as rows of its hidden table; see {@link RollupRows}. */
    public RollupRows.Made rollup(RollupShape shape, PartitionId id) {
        Query query =
                Query.builder(shape.base().name()).deadline(ROLLUP_DEADLINE).build();
        return ask(
                        "rollup " + shape.rollup().name() + " of " + id.period() + " of",
                        query,
                        execution -> new RollupRows(engine, shape, id, execution).make())
                .answer();
    }

    /** Whether a partition is still what {@link #rollup} read. */
    public boolean unchanged(RollupShape shape, PartitionId id, RollupRows.Made made) {
        String before = made.version();
        return before == null || before.equals(RollupRows.version(engine, shape, id));
    }

    /** See {@link io.levee.Store#histogram}. */
    public Histogram.Bins histogram(Histogram histogram) {
        Query query = histogram.query();
        Histograms bins = new Histograms(histogram, spec(query));
        Asked<Histograms.Answer> asked = ask(
                "histogram of " + histogram.column() + " of", query, execution -> bins.run(engine, folding, execution));
        Histograms.Answer answer = asked.answer();
        return new Histogram.Bins(
                answer.bins(),
                answer.below(),
                answer.above(),
                answer.nulls(),
                answer.least(),
                answer.greatest(),
                asked.coverage());
    }

    /** See {@link io.levee.Store#timeSeries}. */
    public TimeSeries.Points timeSeries(TimeSeries series) {
        SeriesQuery points = new SeriesQuery(series, spec(series.query()));
        Asked<SeriesQuery.Answer> asked =
                ask("time series of", series.query(), execution -> points.run(engine, folding, gaps::all, execution));
        SeriesQuery.Answer answer = asked.answer();
        Coverage coverage = asked.coverage();
        if (!answer.gone().isEmpty()) {
            List<Gap> all = new ArrayList<>(coverage.gaps());
            all.addAll(answer.gone());
            coverage = new Coverage(all);
        }
        return new TimeSeries.Points(answer.columns(), answer.points(), answer.rawFrom(), answer.errors(), coverage);
    }

    /** See {@link io.levee.Store#estimate}. */
    public Estimate estimate(Query query) {
        Estimates estimates = new Estimates(query, spec(query));
        Asked<Estimates.Answer> asked = ask("estimate of", query, execution -> estimates.run(engine, execution));
        Estimates.Answer answer = asked.answer();
        return new Estimate(answer.rows(), answer.exact(), answer.how(), asked.coverage());
    }

    /** See {@link io.levee.Store#explain(Query)}. */
    public Explanation explain(Query query) {
        RowQuery resolved = RowQueries.of(query, spec(query));
        return explain("query", query, List.of(), (view, execution) -> view.explain(resolved, execution));
    }

    /** See {@link io.levee.Store#explain(Aggregation)}. */
    public Explanation explain(Aggregation aggregation) {
        Query query = aggregation.query();
        List<Fold> folds = new Aggregates(aggregation, spec(query)).grouped().folds();
        return explain("aggregate", query, folds, (view, execution) -> plans(folds, view, execution));
    }

    /** See {@link io.levee.Store#explain(Histogram)}. */
    public Explanation explain(Histogram histogram) {
        Grouping grouping = new Histograms(histogram, spec(histogram.query())).grouping();
        Fold fold = new Fold(grouping, grouping.keys().size(), Fold.Extra.NONE);
        return explain(
                "histogram", histogram.query(), List.of(fold), (view, execution) -> view.explain(grouping, execution));
    }

    /** See {@link io.levee.Store#explain(TimeSeries)}. */
    public Explanation explain(TimeSeries series) {
        List<Fold> folds =
                new SeriesQuery(series, spec(series.query())).grouped().folds();
        return explain("time series", series.query(), folds, (view, execution) -> plans(folds, view, execution));
    }

    private static List<PlanStep> plans(List<Fold> folds, ReadView view, Execution execution) {
        List<PlanStep> steps = new ArrayList<>();
        folds.forEach(fold -> steps.addAll(view.explain(fold.grouping(), execution)));
        return steps;
    }

    private Explanation explain(
            String what, Query query, List<Fold> folds, BiFunction<ReadView, Execution, List<PlanStep>> plans) {
        String filter = WhereText.of(query.where());
        return ask("explain " + what, query, execution -> {
                    long all = engine.partitions().stream()
                            .filter(p -> p.id().table().equals(query.table()))
                            .count();
                    TableSpec spec = spec(query);
                    Expr where = query.where() == null ? null : ExprResolver.resolve(query.where(), spec);
                    try (ReadView view = engine.view(spec, query.fromMicros(), query.toMicros(), where)) {
                        List<PlanStep> steps = plans.apply(view, execution);
                        int viewed = view.partitions().size();
                        return Explains.of(
                                what + " " + describe(query),
                                (int) all,
                                viewed,
                                steps,
                                filter,
                                folding.cached(view, folds));
                    }
                })
                .answer();
    }

    /** See {@link io.levee.Store#slowQueries}. */
    public List<SlowQuery> slow() {
        return slowLog.all();
    }

    private void ended(Job job) {
        memory.ended(job);
        Execution execution = job.execution();
        Duration took = Duration.ofNanos(slots.nanos() - execution.startNanos());
        slowLog.ended(
                execution.id(), execution.what(), took, job.waited(), job.rows(), job.failure(), execution.plan());
    }

    private TableSpec spec(Query query) {
        return tables.get(query.table()).spec();
    }

    /**
     * Rows behind a cursor, for {@link TailReader}; after them, as a row of one value, the highest number that went with a dropped
     * partition. That is asked last, since a partition that goes meanwhile has raised it before, and here, since an engine may have
     * to ask its catalog: a caller's thread never enters a driver.
     */
    ChunkStream tail(TailQuery query) {
        return submit(
                "tail " + query.spec().name() + " after " + query.after(),
                Query.DEFAULT_DEADLINE,
                () -> Coverage.COMPLETE,
                (execution, sink) -> {
                    engine.tail(query, execution, sink);
                    sink.row(new Object[] {engine.droppedSeq(query.spec().name())});
                });
    }

    /** What is known to be missing of a table, asked on a query thread where that may take a file or a server. */
    Coverage coverage(TableSpec spec) {
        ChunkStream stream = submit(
                "gaps of " + spec.name(),
                Query.DEFAULT_DEADLINE,
                () -> gaps.coverage(spec.name(), Long.MIN_VALUE, Long.MAX_VALUE),
                (execution, sink) -> {});
        try {
            while (stream.hasNext()) {
                stream.next();
            }
            return stream.coverage();
        } finally {
            stream.close();
        }
    }

    /** The highest number that any row of a table has. */
    public long highestSeq(TableSpec spec) {
        ChunkStream stream = submit(
                "highest number of " + spec.name(),
                Query.DEFAULT_DEADLINE,
                () -> Coverage.COMPLETE,
                (execution, sink) -> sink.row(new Object[] {engine.highestSeq(spec, execution)}));
        try {
            return stream.next()[0] instanceof Long number ? number : 0;
        } finally {
            stream.close();
        }
    }

    /** See {@link io.levee.Store#sql}. */
    public ChunkStream sql(SqlQuery query) {
        return submit(
                "sql " + query.sql(),
                query.deadline(),
                () -> gaps.coverage(null, query.fromMicros(), query.toMicros()),
                (execution, sink) -> engine.sql(query, execution, sink));
    }

    private static String describe(Query query) {
        return query.table() + (query.where() == null ? "" : " where " + WhereText.of(query.where()));
    }

    /** See {@link io.levee.Store#queries}. */
    public List<RunningQuery> running() {
        return slots.running();
    }

    /** See {@link io.levee.Store#cancelQuery}. */
    public boolean cancel(long id) {
        return slots.cancel(id);
    }

    /**
     * Ends the queries that keep partitions which were dropped: their space is needed. Any thread.
     *
     * @param why what their readers are told
     * @return how many were ended by this call
     */
    public int makeWay(String why) {
        return slots.endThoseThatKeepDropped(why);
    }

    /** Refuses new queries and ends those that run. */
    public void stop() {
        slots.stop();
    }
}
