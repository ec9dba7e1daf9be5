package io.levee;

import io.levee.Aggregation.Groups;
import io.levee.internal.write.TableState;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Collects the parts of a query of one table, and runs it. Not thread-safe.
 *
 * @param <T> the type of the table's records
 */
public final class TableQuery<T> {
    private final Store store;
    private final RowCodec<T> codec;
    private final Query.Builder query;

    TableQuery(Store store, TableState state, RowCodec<T> codec) {
        this.store = store;
        this.codec = codec;
        this.query = Query.builder(state.spec().name()).details();
    }

    /** Only rows from {@code from} (inclusive) to {@code to} (exclusive). */
    public TableQuery<T> between(Instant from, Instant to) {
        query.from(from).to(to);
        return this;
    }

    /** Only rows from this event time on (inclusive). */
    public TableQuery<T> from(Instant from) {
        query.from(from);
        return this;
    }

    /** Only rows that the filter lets through; a second filter narrows the first. */
    public TableQuery<T> where(Expr filter) {
        query.where(filter);
        return this;
    }

    /** The newest row first: the default. */
    public TableQuery<T> newestFirst() {
        query.newestFirst();
        return this;
    }

    /** The oldest row first. */
    public TableQuery<T> oldestFirst() {
        query.oldestFirst();
        return this;
    }

    /** In this order, with the row's number behind it; event time's where none is given. */
    public TableQuery<T> orderBy(Order... parts) {
        query.orderBy(parts);
        return this;
    }

    /** Only the newest row of each combination of these columns, or places in json columns, among those that the filter lets through. */
    public TableQuery<T> newestPer(String... columns) {
        query.newestPer(columns);
        return this;
    }

    /** At most this many rows. */
    public TableQuery<T> limit(long rows) {
        query.limit(rows);
        return this;
    }

    /** The page after the one whose {@link Result#next} this is; null for the first. */
    public TableQuery<T> after(@Nullable String cursor) {
        query.after(cursor);
        return this;
    }

    /** Ends waiting, running and fetching together after this long; 30 s by default. */
    public TableQuery<T> deadline(Duration duration) {
        query.deadline(duration);
        return this;
    }

    /**
     * Runs the query. The result has to be closed.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}, {@link ErrorCode#UNKNOWN_COLUMN}, {@link ErrorCode#CLOSED}; while
     *     it is read also {@link ErrorCode#DEADLINE} and {@link ErrorCode#CANCELLED}
     */
    public Result<T> run() {
        return store.run(query.build(), codec::decode);
    }

    /**
     * Runs the query without waiting for it.
     *
     * @return completes, on a thread {@code levee-results}, with a result once there is something to read (the result has to be closed), or
     *     with a {@link LeveeException}; its {@code cancel} ends the query while it waits, runs or is being read
     */
    public CompletableFuture<Result<T>> runAsync() {
        return store.runAsync(query.build(), codec::decode);
    }

    /** How many rows it has. Errors as {@link #run}. */
    public long count() {
        return store.count(query.build());
    }

    /** About how many rows it has, without reading them all. Errors as {@link #run}. */
    public Estimate estimate() {
        return store.estimate(query.build());
    }

    /** The event time of its newest row, by one look at the index. Errors as {@link #run}. */
    public Optional<Instant> newest() {
        return store.newest(query.build());
    }

    /** The event time of its oldest row. As {@link #newest}. */
    public Optional<Instant> oldest() {
        return store.oldest(query.build());
    }

    /** Groups of its rows with figures for each. Errors as {@link #run}. */
    public Groups aggregate(List<String> by, Measure... measures) {
        return store.aggregate(new Aggregation(query.build(), by, List.of(measures)));
    }

    /**
     * Some groups of its rows with figures for each. Errors as {@link #run}.
     *
     * @param by the columns, or places in json columns, that make a group
     * @param having which groups, by group columns and figures: {@code avg(runtime_ms) > 500}; null for all
     * @param order the groups' order, by group columns and figures
     * @param limit most groups, or {@link Query#NO_LIMIT}
     */
    public Groups aggregate(
            List<String> by, List<Measure> measures, @Nullable Expr having, List<Order> order, long limit) {
        return store.aggregate(new Aggregation(query.build(), by, measures, having, order, limit));
    }

    /** The different values of a column with their counts, the most frequent first. See {@link Store#values}. */
    public Groups values(String column, long limit) {
        return store.values(query.build(), column, limit);
    }

    /**
     * How the values of a column spread. Errors as {@link #run}.
     *
     * @param bins such as {@code new Histogram.Automatic(20)} or {@link Histogram#even}
     */
    public Histogram.Bins histogram(String column, Histogram.BinRule bins) {
        return store.histogram(new Histogram(query.build(), column, bins));
    }

    /** Figures of its rows by buckets of event time, empty ones included. Errors as {@link #run}. */
    public TimeSeries.Points timeSeries(Duration bucket, List<String> by, Measure... measures) {
        return store.timeSeries(new TimeSeries(query.build(), bucket, by, List.of(measures)));
    }

    /** How it would be run, see {@link Store#explain(Query)}. Errors as {@link #run}. */
    public Explanation explain() {
        return store.explain(query.build());
    }

    /**
     * Hands all rows over, oldest first, to bring back what a service had in memory: then {@link Table#tail} with {@link Replay#after} goes
     * on without a gap. Reads windows of event time, page by page: no partition is held up for longer than a page of 1,000 rows is read,
     * however slow the taker is, and each page has the query's deadline.
     *
     * <p>The writer goes on meanwhile. What is committed during the replay comes in the tail, and may have come in the replay already: a
     * repetition of a row has the same {@code _seq}, and of two states of a key the one that comes later is the newer. A row that is
     * deleted after it was handed over is not taken back. What retention drops before it was read is in the coverage.
     *
     * @param window more than 0; sparse times are skipped, so that it costs little to choose it small
     * @param taker gets each row, on the calling thread; what it throws ends the replay
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} for a query with a limit, a cursor or an order, and as {@link #run}
     */
    public Replay replay(Duration window, Consumer<? super T> taker) {
        return store.replay(query.build(), window, row -> taker.accept(codec.decode(row)));
    }
}
