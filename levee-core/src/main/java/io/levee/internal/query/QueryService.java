package io.levee.internal.query;

import io.levee.Aggregation;
import io.levee.Aggregation.Groups;
import io.levee.Column;
import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.Estimate;
import io.levee.Explanation;
import io.levee.Histogram;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.RunningQuery;
import io.levee.SlowQuery;
import io.levee.SqlQuery;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.StorageEngine;
import io.levee.engine.TailQuery;
import io.levee.engine.Term;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.MonotonicClock;
import io.levee.internal.write.Tables;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs queries on a fixed number of threads, {@code levee-query-N}, and ends them at their deadlines. Thread-safe.
 *
 * <p>A deadline covers waiting for a thread, running, and being fetched (guarantee G44). Past {@value #MAX_WAITING} waiting
 * queries a new one is refused.
 */
public final class QueryService {
    /** Most queries that wait for a thread. */
    static final int MAX_WAITING = 1000;

    private static final Duration WATCH_EVERY = Duration.ofMillis(10);

    private final StorageEngine engine;
    private final StoreOptions options;
    private final Tables tables;
    private final Supervisor supervisor;
    private final Gaps gaps;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final AtomicLong ids = new AtomicLong();
    private final LinkedBlockingQueue<Job> waiting = new LinkedBlockingQueue<>(MAX_WAITING);
    private final Map<Long, Job> alive = new ConcurrentSkipListMap<>();
    private volatile boolean stopped;

    /** One query from its submission to its last row. */
    private static final class Job {
        private final Execution execution;
        private final ChunkStream stream;
        private final Work work;
        private volatile boolean started;

        Job(Execution execution, ChunkStream stream, Work work) {
            this.execution = execution;
            this.stream = stream;
            this.work = work;
        }
    }

    @FunctionalInterface
    private interface Work {
        void run(Execution execution, RowSink sink);
    }

    /** Wires the parts; {@link #start} starts the threads. */
    public QueryService(StorageEngine engine, StoreOptions options, Tables tables, Supervisor supervisor, Gaps gaps) {
        this.engine = engine;
        this.options = options;
        this.tables = tables;
        this.supervisor = supervisor;
        this.gaps = gaps;
    }

    /** Starts the query threads and the watchdog. */
    public void start() {
        for (int i = 1; i <= options.queryThreads(); i++) {
            supervisor.start("levee-query-" + i, this::serve);
        }
        supervisor.start("levee-watchdog", task -> {
            while (task.pause(WATCH_EVERY)) {
                watch();
            }
        });
    }

    private void serve(Task task) throws InterruptedException {
        while (!task.stopping()) {
            Job job = waiting.poll(100, TimeUnit.MILLISECONDS);
            if (job != null) {
                serve(job);
                task.ran("");
            }
        }
    }

    private void serve(Job job) {
        ChunkStream.Feeder feeder = job.stream.new Feeder();
        try {
            job.execution.check();
            job.started = true;
            feeder.cover();
            job.work.run(job.execution, feeder);
            feeder.end();
        } catch (LeveeException e) {
            feeder.fail(e);
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            feeder.fail(new LeveeException(ErrorCode.INTERNAL, "the query failed: " + e, e));
        } finally {
            alive.remove(job.execution.id());
        }
    }

    private void watch() {
        long now = clock.nanos();
        alive.values().removeIf(job -> endedWhileWaiting(job, now));
    }

    /** Ends what is past its deadline; answers whether it is over without ever having had a thread. */
    private boolean endedWhileWaiting(Job job, long now) {
        if (now - job.execution.deadlineNanos() >= 0 && !job.execution.over()) {
            Duration limit = Duration.ofNanos(job.execution.deadlineNanos() - job.execution.startNanos());
            job.execution.cancel(
                    ErrorCode.DEADLINE,
                    "the query did not end within " + limit.toMillis() + " ms (it was " + state(job) + ")");
        }
        job.execution.interruptIfOver();
        return job.execution.over() && !job.started && waiting.remove(job);
    }

    private ChunkStream submit(String what, Duration deadline, Supplier<Coverage> coverage, Work work) {
        if (stopped) {
            throw new LeveeException(ErrorCode.CLOSED, "the store is closed");
        }
        Execution execution = new Execution(ids.incrementAndGet(), what, clock.nanos(), deadline);
        Job job = new Job(execution, new ChunkStream(execution, coverage, gaps.inMemory()), work);
        alive.put(execution.id(), job);
        if (stopped) {
            // stop() may have walked the list before this query was in it.
            execution.cancel(ErrorCode.CANCELLED, "the store is closing");
        }
        if (!waiting.offer(job)) {
            alive.remove(execution.id());
            throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, MAX_WAITING + " queries are waiting already")
                    .hint("try again later, or open the store with more queryThreads");
        }
        return job.stream;
    }

    /** See {@link io.levee.Store#query}. */
    public PageReader rows(Query query) {
        TableSpec spec = tables.get(query.table()).spec();
        long limit = query.limit();
        RowQuery resolved = new RowQuery(
                spec,
                query.fromMicros(),
                query.toMicros(),
                query.where() == null ? null : ExprResolver.resolve(query.where(), spec),
                query.newestFirst(),
                query.order().stream()
                        .map(o -> new RowQuery.Sort(Term.of(spec, o.by()), o.descending()))
                        .toList(),
                query.newestPer().stream().map(n -> Term.of(spec, n)).toList(),
                limit == Query.NO_LIMIT ? limit : limit + 1,
                query.after() == null ? null : Cursor.parse(query.after(), spec.name(), query.newestFirst()),
                columns(query, spec));
        ChunkStream stream = submit(
                "query " + describe(query),
                query.deadline(),
                () -> gaps.coverage(query.table(), query.fromMicros(), query.toMicros()),
                (execution, sink) -> engine.rows(resolved, execution, sink));
        return new PageReader(resolved, stream, limit);
    }

    private static List<Column> columns(Query query, TableSpec spec) {
        if (!query.columns().isEmpty()) {
            return query.columns().stream()
                    .map(name -> Names.column(spec, name))
                    .distinct()
                    .toList();
        }
        return spec.columns().stream()
                .filter(c -> query.details() || !c.detail())
                .toList();
    }

    /** See {@link io.levee.Store#aggregate}. */
    public Groups aggregate(Aggregation aggregation) {
        Query query = aggregation.query();
        TableSpec spec = tables.get(query.table()).spec();
        Grouped grouped = Grouped.of(aggregation, spec);
        GroupTable table = grouped.table();
        ChunkStream stream = submit(
                "aggregate " + describe(query),
                query.deadline(),
                () -> gaps.coverage(query.table(), query.fromMicros(), query.toMicros()),
                (execution, sink) -> collect(grouped.grouping(), table, execution));
        try {
            while (stream.hasNext()) {
                stream.next();
            }
        } finally {
            stream.close();
        }
        return new Groups(grouped.columns(), grouped.rows(table), Map.of(), stream.coverage());
    }

    /** See {@link io.levee.Store#histogram}. */
    public Histogram.Bins histogram(Histogram histogram) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "histograms are not built yet");
    }

    /** See {@link io.levee.Store#timeSeries}. */
    public TimeSeries.Points timeSeries(TimeSeries series) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "time series are not built yet");
    }

    /** See {@link io.levee.Store#estimate}. */
    public Estimate estimate(Query query) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "estimates are not built yet");
    }

    /** See {@link io.levee.Store#explain(Query)}. */
    public Explanation explain(Query query) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "explain is not built yet");
    }

    /** See {@link io.levee.Store#explain(Aggregation)}. */
    public Explanation explain(Aggregation aggregation) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "explain is not built yet");
    }

    /** See {@link io.levee.Store#slowQueries}. */
    public List<SlowQuery> slow() {
        return List.of();
    }

    private void collect(Grouping grouping, GroupTable table, Execution execution) {
        RowSink merging = new RowSink() {
            @Override
            public void columns(List<String> names) {
                // A grouping's columns are known.
            }

            @Override
            public boolean row(@Nullable Object[] values) {
                table.add(values);
                return true;
            }
        };
        try (ReadView view = engine.view(grouping.spec(), grouping.fromMicros(), grouping.toMicros())) {
            for (ScanPart part : view.parts(grouping)) {
                execution.check();
                part.run(execution, merging);
            }
        }
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
    long highestSeq(TableSpec spec) {
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
        return query.table() + (query.where() == null ? "" : " where " + query.where());
    }

    /** See {@link io.levee.Store#queries}. */
    public List<RunningQuery> running() {
        long now = clock.nanos();
        return alive.values().stream()
                .map(job -> new RunningQuery(
                        job.execution.id(),
                        job.execution.what(),
                        Duration.ofNanos(now - job.execution.startNanos()),
                        state(job),
                        Duration.ofNanos(Math.max(0, job.execution.deadlineNanos() - now))))
                .toList();
    }

    private static String state(Job job) {
        if (!job.started) {
            return "waiting";
        }
        return job.stream.fetching() ? "fetching" : "running";
    }

    /** See {@link io.levee.Store#cancelQuery}. */
    public boolean cancel(long id) {
        Job job = alive.get(id);
        if (job != null) {
            job.execution.cancel(ErrorCode.CANCELLED, "query " + id + " was cancelled");
        }
        return job != null;
    }

    /** Refuses new queries and ends those that run. */
    public void stop() {
        stopped = true;
        alive.values().forEach(job -> job.execution.cancel(ErrorCode.CANCELLED, "the store is closing"));
    }
}
