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
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.StorageEngine;
import io.levee.engine.TailQuery;
import io.levee.internal.memory.Share;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.write.Tables;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What queries compute; {@link Slots} runs them, and ends them at their deadlines. Thread-safe.
 */
public final class QueryService {
    /** Which part of the memory budget rows on their way may take. */
    private static final int RESULTS_SHARE = 16;

    /** Which part of the memory budget the groups of one query may take. */
    private static final int GROUPS_SHARE = 4;

    private final StorageEngine engine;
    private final Tables tables;
    private final Gaps gaps;
    private final Folding folding;
    private final Slots slots;

    /** Wires the parts; {@link #start} starts the threads. */
    public QueryService(StorageEngine engine, StoreOptions options, Tables tables, Supervisor supervisor, Gaps gaps) {
        this.engine = engine;
        this.tables = tables;
        this.gaps = gaps;
        this.folding = new Folding(options.memory().value() / GROUPS_SHARE);
        Share results = new Share(options.memory().value() / RESULTS_SHARE);
        this.slots = new Slots(supervisor, options.queryThreads(), Leases.DEFAULT, results, job -> {});
    }

    /** Starts the query threads and the watchdog. */
    public void start() {
        slots.start();
    }

    private ChunkStream submit(String what, Duration deadline, Supplier<Coverage> coverage, Work.Once work) {
        return slots.submit(what, deadline, coverage, gaps.inMemory(), Work.once(work));
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
                        .map(o -> new RowQuery.Sort(Names.term(spec, o.by()), o.descending()))
                        .toList(),
                query.newestPer().stream().map(n -> Names.term(spec, n)).toList(),
                limit == Query.NO_LIMIT ? limit : limit + 1,
                query.after() == null ? null : Cursor.parse(query.after(), spec.name(), query.newestFirst()),
                columns(query, spec));
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
        Aggregates aggregates = new Aggregates(aggregation, spec);
        Asked<Aggregates.Answer> asked = ask("aggregate", query, execution -> aggregates.run(engine, folding, execution));
        Aggregates.Answer answer = asked.answer();
        return new Groups(answer.columns(), answer.groups(), answer.errors(), asked.coverage());
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
        return query.table() + (query.where() == null ? "" : " where " + query.where());
    }

    /** See {@link io.levee.Store#queries}. */
    public List<RunningQuery> running() {
        return slots.running();
    }

    /** See {@link io.levee.Store#cancelQuery}. */
    public boolean cancel(long id) {
        return slots.cancel(id);
    }

    /** Refuses new queries and ends those that run. */
    public void stop() {
        slots.stop();
    }
}
