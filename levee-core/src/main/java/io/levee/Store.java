package io.levee;

import io.levee.Aggregation.Groups;
import io.levee.engine.BackupMark;
import io.levee.engine.Capability;
import io.levee.engine.Finding;
import io.levee.engine.Quarantined;
import io.levee.engine.SourcePoint;
import io.levee.engine.StorageEngine;
import io.levee.engine.Verification;
import io.levee.internal.backup.BackupService;
import io.levee.internal.migration.MigrationService;
import io.levee.internal.query.ChunkStream;
import io.levee.internal.query.Gaps;
import io.levee.internal.query.NamedCursors;
import io.levee.internal.query.PageReader;
import io.levee.internal.query.QueryService;
import io.levee.internal.query.Replayer;
import io.levee.internal.query.TailReader;
import io.levee.internal.retention.DeclaredAdoptions;
import io.levee.internal.retention.EraseService;
import io.levee.internal.retention.RetentionService;
import io.levee.internal.retention.RollupKeeper;
import io.levee.internal.status.StatusService;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.ClockWatch;
import io.levee.internal.time.Micros;
import io.levee.internal.write.TableState;
import io.levee.internal.write.Tables;
import io.levee.internal.write.WriteService;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An open history store. Thread-safe. Made by {@link Levee}; has to be closed.
 *
 * <p>One writer thread writes; queries run on threads of their own; everything in the background runs under one supervisor
 * and shows in {@link #status}.
 */
public final class Store implements AutoCloseable {
    private final StorageEngine engine;
    private final StoreOptions options;
    private final boolean readOnly;
    private final Supervisor supervisor;
    private final Tables tables;
    private final @Nullable WriteService writes;
    private final QueryService queries;
    private final Gaps gaps;
    private final NamedCursors cursors;
    private final ClockWatch watch;
    private final RollupKeeper rollups;
    private final RetentionService retention;
    private final DeclaredAdoptions adoptions;
    private final StatusService status;
    private final BackupService backups;
    private final MigrationService migrations;
    private @Nullable CloseReport report;

    private Store(StorageEngine engine, StoreOptions options, boolean readOnly, Supervisor supervisor) {
        this.engine = engine;
        this.options = options;
        this.readOnly = readOnly;
        this.supervisor = supervisor;
        this.tables = new Tables(engine, readOnly);
        this.writes = readOnly ? null : new WriteService(engine, options, tables, supervisor);
        this.gaps = new Gaps(engine, writes);
        this.queries = new QueryService(engine, options, tables, supervisor, gaps);
        this.cursors = new NamedCursors(engine, options.clock());
        this.watch = writes == null ? new ClockWatch(options.clock(), engine.lastSeenMicros()) : writes.watch();
        this.rollups = new RollupKeeper(engine, tables, queries, writes);
        this.adoptions = new DeclaredAdoptions(engine, readOnly);
        this.retention = new RetentionService(engine, options, tables, writes, watch, rollups, queries);
        this.status = new StatusService(
                engine,
                options,
                tables,
                supervisor,
                writes,
                queries,
                retention::troubles,
                retention::state,
                retention.growth());
        this.backups = new BackupService(engine, writes);
        this.migrations = new MigrationService(engine, options, tables, supervisor, writes, queries, Row::new);
        status.migrations(migrations::statuses, migrations::paused);
    }

    static Store start(StorageEngine engine, StoreOptions options, boolean readOnly, Supervisor supervisor) {
        Store store = new Store(engine, options, readOnly, supervisor);
        store.queries.start();
        if (store.writes != null) {
            store.writes.start();
            store.retention.start(supervisor);
            store.migrations.start();
        }
        return store;
    }

    /** The store's address as users see it, without credentials. */
    public String address() {
        return engine.address();
    }

    /** Name and version of the engine, such as {@code sqlite 3.54.1}. */
    public String engine() {
        return engine.name();
    }

    /** How the store was opened. */
    public StoreOptions options() {
        return options;
    }

    /** Whether it was opened for reading. */
    public boolean readOnly() {
        return readOnly;
    }

    /**
     * Declares a table, or checks that it is there. New columns are added at once; columns that the new spec lacks stay
     * stored; width, indexes, retention and input formats are taken over for what comes.
     *
     * @param spec the table
     * @return the table
     * @throws LeveeException {@link ErrorCode#SPEC_CONFLICT} where a type, the key or the time columns differ,
     *     {@link ErrorCode#NOT_WRITABLE}
     */
    public Table<Row> createTable(TableSpec spec) {
        return rows(adoptions.declared(rollups.declare(spec), spec));
    }

    /**
     * A declared table as generic rows.
     *
     * @throws LeveeException {@link ErrorCode#UNKNOWN_TABLE} naming those there are
     */
    public Table<Row> table(String name) {
        return rows(tables.get(name));
    }

    /** The table of a record type, declared with the defaults. */
    public <T extends Record> Table<T> table(Class<T> type) {
        return table(type, options -> {});
    }

    /**
     * The table of a record type. Components become columns (camelCase becomes snake_case), with {@link Time}, {@link Key}
     * and {@link Detail} saying what they are.
     *
     * @param type the record type
     * @param tableOptions sets what the type does not say
     * @return the table
     * @throws LeveeException as {@link #createTable}, and {@link ErrorCode#BAD_SPEC} for a component that has no column type
     */
    public <T extends Record> Table<T> table(Class<T> type, Consumer<TableOptions> tableOptions) {
        TableOptions collected = new TableOptions();
        tableOptions.accept(collected);
        return table(RecordCodec.of(type, collected));
    }

    /** The table of any other type, declared by its codec. Errors as {@link #createTable}. */
    public <T> Table<T> table(RowCodec<T> codec) {
        return new Table<>(this, adoptions.declared(rollups.declare(codec.spec()), codec.spec()), codec);
    }

    private Table<Row> rows(TableState state) {
        return new Table<>(this, state, new RowsAsTheyAre(state));
    }

    /** The declared tables; those that hold the figures of rollups are left out. */
    public List<TableSpec> tables() {
        return tables.specs().stream().filter(spec -> !spec.hidden()).toList();
    }

    /** All live partitions, by table and then by time. */
    public List<PartitionInfo> partitions() {
        return engine.partitions();
    }

    /**
     * Takes an older database over as it lies, in milliseconds whatever its size: from now on its rows are among those of a table in every
     * query. It is never written to, moved or copied; it is dropped as a whole once its newest row is past the table's retention, and its
     * files are deleted then only where {@link Adoption#take} says so. The numbers of its rows are negative; following the table
     * ({@link Table#tail}) begins with the table's own rows. What was adopted before is left as it is. A store in PostgreSQL adopts plain
     * tables of its own database ({@link Adoption#ofTable}), under the same promises.
     *
     * @param table the declared table
     * @throws LeveeException {@link ErrorCode#UNKNOWN_TABLE}, {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#BAD_SPEC} where it cannot be
     *     read as the table, {@link ErrorCode#NOT_WRITABLE}, {@link ErrorCode#NOT_SUPPORTED} for an engine without
     *     {@link Capability#ADOPTION}, or with {@link Adoption#split} for one that cannot; {@link ErrorCode#DISK_FULL} where it was
     *     adopted, and there is too little room to split it
     */
    public AdoptionReport adopt(String table, Adoption adoption) {
        writes();
        return adoptions.adopt(tables.get(table).spec(), adoption);
    }

    /** The databases that were adopted and are not dropped, and who else has them open. Any thread; looks at the system's processes. */
    public List<AdoptionReport> adopted() {
        return engine.adopted();
    }

    /**
     * Moves the rows of an adopted database into the store's own partitions, in the background: bounded steps, each whole or not at all,
     * that leave the disk to the writer and go on after a restart or a crash. Every query has each row once, before, during and after. When
     * all rows were moved and compared with the database once more, it is let go; its file is deleted only where {@link Adoption#take} said
     * so. What was stopped goes on.
     *
     * @param adopted the partition that it was adopted as ({@link AdoptionReport#partition})
     * @return how far it is; {@link #splits} tells later
     * @throws LeveeException {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#NOT_WRITABLE}, {@link ErrorCode#DISK_FULL} with the bytes needed
     *     and free, {@link ErrorCode#NOT_SUPPORTED} for an engine that cannot
     */
    public SplitStatus split(PartitionId adopted) {
        writes();
        return engine.split(adopted, true);
    }

    /** Stops the splitting of an adopted database after its present step; {@link #split} goes on with it. Errors as there. */
    public SplitStatus stopSplit(PartitionId adopted) {
        writes();
        return engine.split(adopted, false);
    }

    /** How far the splitting of adopted databases is, those that are done included. Any thread. */
    public List<SplitStatus> splits() {
        return engine.splits();
    }

    /**
     * How far the migrations are, in the order in which they were declared, done ones included. Figures are as of a moment ago; asking often
     * costs nothing. Also of a store that another process writes to.
     *
     * @throws LeveeException where it cannot be read: never an empty list instead
     */
    public List<MigrationStatus> migrations() {
        return migrations.statuses();
    }

    /**
     * Whether all work on migrations is paused, by {@link #pauseMigrations} without a name: also what is declared from now on waits then.
     *
     * @throws LeveeException {@link ErrorCode#IO_FAILED} where that cannot be read
     */
    public boolean migrationsPaused() {
        return migrations.paused();
    }

    /**
     * What migrations would do, and what it would cost. Changes nothing; a part is tried on a sample, which takes up to seconds.
     *
     * @param list those asked for, in order; empty for those that were declared and are not done
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}, {@link ErrorCode#UNKNOWN_TABLE}, {@link ErrorCode#SPEC_CONFLICT} as {@link #migrate}
     */
    public MigrationPlan planMigrations(List<Migration> list) {
        return migrations.plan(list);
    }

    /**
     * Declares migrations, durably, and has them made in the background. What they do to the table's columns and indexes holds for new rows and
     * for every query when this returns. One that was declared before is left as it is, done or not; a Java function is given to it again. One
     * that waited for approval goes on where {@code approve} says so.
     *
     * @param list in the order in which they are to be made
     * @param approve whether a person has seen the plan of those that need it
     * @return their status
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} for one that cannot be, {@link ErrorCode#UNKNOWN_TABLE},
     *     {@link ErrorCode#SPEC_CONFLICT} for one that was declared with another step (another digest) or does not fit the table,
     *     {@link ErrorCode#NOT_SUPPORTED}, {@link ErrorCode#NOT_WRITABLE}; those before it in the list stay declared
     */
    public List<MigrationStatus> migrate(List<Migration> list, boolean approve) {
        return migrations.migrate(list, approve);
    }

    /**
     * Pauses a migration, or all work on migrations, until {@link #resumeMigrations}; durably. Returns when the present slice has been ended.
     *
     * @param id which, or null for all
     * @throws LeveeException {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#NOT_WRITABLE}
     */
    public void pauseMigrations(@Nullable String id) {
        migrations.pause(id);
    }

    /**
     * Goes on with a migration that was paused or has failed, or with all work on migrations. Those that were paused by name stay so when all
     * go on.
     *
     * @param id which, or null for all
     * @throws LeveeException {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#NOT_WRITABLE}
     */
    public void resumeMigrations(@Nullable String id) {
        migrations.resume(id);
    }

    /**
     * Goes on with one that was paused or has failed.
     *
     * @param acceptGaps whether its lookups are from now on answered by the rows that can be read, where others are in quarantine or missing
     *     for good: kept with the migration, whose note says what was not read
     * @throws LeveeException {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#NOT_WRITABLE}, {@link ErrorCode#BAD_VALUE} for gaps of one that
     *     is no backfill
     */
    public void resumeMigration(String id, boolean acceptGaps) {
        migrations.resume(id, acceptGaps);
    }

    /**
     * Waits until no migration is pending or running: each is done, failed, paused, or waits for approval.
     *
     * @return whether that was so within the timeout
     */
    public boolean awaitMigrations(Duration timeout) {
        return migrations.await(timeout);
    }

    boolean inAdopted(String table, long seq) {
        return engine.inAdopted(table, seq);
    }

    /** Runs a query as generic rows. The result has to be closed. Errors as {@link TableQuery#run}. */
    public Result<Row> query(Query query) {
        return run(query, Function.identity());
    }

    /**
     * Hands all rows of a query over, oldest first, in windows of event time. See {@link TableQuery#replay}.
     *
     * @param taker gets each row, on the calling thread
     */
    public Replay replay(Query query, Duration window, Consumer<Row> taker) {
        TableState state = tables.get(query.table());
        TableSpec spec = state.spec();
        return new Replayer(engine, queries, state, query, window)
                .run(row -> taker.accept(new Row(spec, row.values(), row.timeMicros(), row.seq())));
    }

    <T> Result<T> run(Query query, Function<Row, T> decoder) {
        PageReader rows = queries.rows(query);
        return new Result<>(rows, decoder);
    }

    /**
     * Runs a query as generic rows without waiting for it. The future completes, on a thread {@code levee-results}, with a result once there
     * is something to read (the result has to be closed), or with the query's {@link LeveeException}; stages that block belong on an
     * executor of the caller's. Its {@code cancel} ends the query while it waits, runs or is being read.
     *
     * @return the future; what is wrong with the query ends it too, so that this call never throws
     */
    public CompletableFuture<Result<Row>> queryAsync(Query query) {
        return runAsync(query, Function.identity());
    }

    <T> CompletableFuture<Result<T>> runAsync(Query query, Function<Row, T> decoder) {
        try {
            PageReader rows = queries.rows(query);
            ResultFuture<T> future = new ResultFuture<>(rows, decoder);
            queries.whenReady(rows, future::settle);
            return future;
        } catch (LeveeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** How many rows a query has, its limit left aside. */
    public long count(Query query) {
        Groups groups = aggregate(new Aggregation(query, List.of(), List.of(Measure.count())));
        Object count = groups.groups().get(0).get(0);
        return count instanceof Long number ? number : 0;
    }

    /** Groups of a query's rows with figures for each. Errors as {@link TableQuery#run}. */
    public Groups aggregate(Aggregation aggregation) {
        return queries.aggregate(aggregation);
    }

    /**
     * The different values of a column with their counts, the most frequent first, then in the values' order: what a menu of filters shows.
     * Errors as {@link TableQuery#run}; {@link ErrorCode#LIMIT_EXCEEDED} past {@link Aggregation#MAX_GROUPS} values.
     *
     * @param query which rows: its range, filter and deadline count
     * @param column a column, or a place in a json column
     * @param limit most values
     * @return groups of the column, with {@code count}; null is a value too
     */
    public Groups values(Query query, String column, long limit) {
        Measure count = Measure.count();
        List<Order> mostFrequent = List.of(Order.desc(count.name()));
        return aggregate(new Aggregation(query, List.of(column), List.of(count), null, mostFrequent, limit));
    }

    /**
     * The event time of the newest row of a query; empty where it has none. Reads one row, through the index of event time (guarantee G53).
     * Errors as {@link TableQuery#run}.
     */
    public Optional<Instant> newest(Query query) {
        return first(query, true);
    }

    /** The event time of the oldest row of a query. As {@link #newest}. */
    public Optional<Instant> oldest(Query query) {
        return first(query, false);
    }

    private Optional<Instant> first(Query query, boolean newest) {
        Query.Builder one = Query.builder(query.table())
                .where(query.where())
                .columns(List.of(tables.get(query.table()).spec().time().get(0)))
                .deadline(query.deadline())
                .limit(1);
        if (query.fromMicros() != Long.MIN_VALUE) {
            one.from(Micros.instant(query.fromMicros()));
        }
        if (query.toMicros() != Long.MAX_VALUE) {
            one.to(Micros.instant(query.toMicros()));
        }
        try (Result<Row> rows =
                query(newest ? one.newestFirst().build() : one.oldestFirst().build())) {
            return rows.toList().stream().findFirst().map(Row::time);
        }
    }

    /** How the values of a column spread. Errors as {@link TableQuery#run}. */
    public Histogram.Bins histogram(Histogram histogram) {
        return queries.histogram(histogram);
    }

    /** Figures by buckets of event time, empty ones included. Errors as {@link TableQuery#run}. */
    public TimeSeries.Points timeSeries(TimeSeries series) {
        return queries.timeSeries(series);
    }

    /**
     * About how many rows a query has, without reading them all (guarantee G52); its limit is left aside. Errors as
     * {@link TableQuery#run}.
     */
    public Estimate estimate(Query query) {
        return queries.estimate(query);
    }

    /** How a query would be run, with the statements, plans and indexes of its partitions. Errors as {@link TableQuery#run}. */
    public Explanation explain(Query query) {
        return queries.explain(query);
    }

    /** How an aggregation would be run. Errors as {@link TableQuery#run}. */
    public Explanation explain(Aggregation aggregation) {
        return queries.explain(aggregation);
    }

    /** How a histogram would be run; of automatic bins the first look, for their range. Errors as {@link TableQuery#run}. */
    public Explanation explain(Histogram histogram) {
        return queries.explain(histogram);
    }

    /** How a time series would be run. Errors as {@link TableQuery#run}. */
    public Explanation explain(TimeSeries series) {
        return queries.explain(series);
    }

    /** The newest of the queries that took longer than {@link StoreOptions#slowQuery}, the newest first. */
    public List<SlowQuery> slowQueries() {
        return queries.slow();
    }

    /**
     * Runs free SQL, read-only, over views named after the tables. The result has to be closed.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} for what is not one SELECT, WITH or EXPLAIN,
     *     {@link ErrorCode#LIMIT_EXCEEDED} past 120 partitions
     */
    public SqlResult sql(SqlQuery query) {
        ChunkStream rows = queries.sql(query);
        return new SqlResult(rows, query.limit());
    }

    EraseReport erase(TableState table, Expr where) {
        return new EraseService(engine, options.clock(), queries, writes()).erase(table, where);
    }

    SourcePoint sourcePoint(TableState table, String source) {
        return engine.source(table.spec().name(), source);
    }

    void putSourcePoint(TableState table, String source, SourcePoint point) {
        engine.putSource(table.spec().name(), source, point);
    }

    <T> Tail<T> tail(TableState table, Function<Row, T> decoder, long after) {
        return new Tail<>(new TailReader(queries, table, after, !readOnly), decoder);
    }

    <T> TailCursor<T> cursor(TableState table, Function<Row, T> decoder, String name, long begin) {
        NamedCursors.Place place = cursors.open(
                table.spec().name(), name, () -> begin == Tail.NOW ? queries.highestSeq(table.spec()) : begin);
        TailReader reader = new TailReader(queries, table, place.number(), place.toldMissed(), !readOnly);
        return new TailCursor<>(cursors, place, reader, decoder);
    }

    CursorInfo acknowledge(TableState table, String name, long number, @Nullable Long gapUpTo) {
        long highest = Math.max(
                queries.highestSeq(table.spec()), engine.droppedSeq(table.spec().name()));
        if (number < 0 || number > highest) {
            throw new LeveeException(
                            ErrorCode.BAD_VALUE,
                            "the cursor '" + name + "' cannot be done with " + number + ": the highest number of "
                                    + table.spec().name() + " is " + highest)
                    .with("number", number);
        }
        cursors.open(table.spec().name(), name, () -> number);
        return cursors.commit(
                table.spec().name(), name, number, gapUpTo == null ? 0 : Math.min(gapUpTo, highest), gapUpTo != null);
    }

    boolean deleteCursor(TableState table, String name) {
        return cursors.delete(table.spec().name(), name);
    }

    /**
     * The named cursors of a table, or of all: who reads, and how far. One whose {@code changed} lies long back was forgotten; see
     * {@link Table#deleteCursor}.
     *
     * @param table the table, or null for all
     * @throws LeveeException {@link ErrorCode#UNKNOWN_TABLE}
     */
    public List<CursorInfo> cursors(@Nullable String table) {
        if (table != null) {
            tables.get(table);
        }
        return cursors.list(table);
    }

    /**
     * Everything that is known to be missing: records that were accepted and given up, in this life of the store and in earlier ones, what
     * an unclean stop may have cost, and what damaged partitions held. Ranges, merged at a cap; counts stay exact where they are known.
     * Any thread; a store opened for reading reads the writer's ledger.
     *
     * @return the gaps, an empty list where nothing is missing
     */
    public List<Gap> gaps() {
        return gaps.all();
    }

    /**
     * The gaps that touch a range of event time. As {@link #gaps()}.
     *
     * @param table the table, or null for all
     * @param from the begin of the half-open range, or null for all before {@code to}
     * @param to its end, or null for all from {@code from} on
     * @throws LeveeException {@link ErrorCode#UNKNOWN_TABLE}
     */
    public List<Gap> gaps(@Nullable String table, @Nullable Instant from, @Nullable Instant to) {
        if (table != null) {
            tables.get(table);
        }
        return gaps.touching(
                table, from == null ? Long.MIN_VALUE : Micros.of(from), to == null ? Long.MAX_VALUE : Micros.of(to));
    }

    /** Damaged partitions that were set aside; what they held is in {@link #gaps()}. Any thread. */
    public List<Quarantined> quarantined() {
        return engine.quarantined();
    }

    /**
     * Checks partitions byte by byte against what they were when they were closed, one after another, at a bounded rate. A damaged one is
     * set aside, and shows in {@link #quarantined} and {@link #gaps()} from then on; a store opened for reading only tells. Takes as long as
     * reading the files takes; writing and queries go on. One call at a time; a second one waits for the first.
     *
     * @param table the table, or null for all
     * @param each told about each partition as it is done, on the caller's thread
     * @return what was found, one entry a partition
     * @throws LeveeException {@link ErrorCode#UNKNOWN_TABLE}, {@link ErrorCode#CLOSED} when the store closes meanwhile
     */
    public List<Verification> verify(@Nullable String table, Consumer<Verification> each) {
        if (table != null) {
            tables.get(table);
        }
        return retention.verify(table, each);
    }

    /**
     * Copies the store to a directory, as it is at one moment, while it is written and read: everything committed by then and nothing after.
     * Partitions that did not change since the backup that is there are not copied again, and that one stays whole until the new one is. Runs
     * on the caller's thread at up to 128 MiB/s, one at a time; the writer pauses for milliseconds. Beside a writer of another process it
     * works too.
     *
     * @param directory a new or empty one, or one with an earlier backup of this store; not within the store's
     * @return what was done; a partition that is damaged is in {@link BackupReport#missing}, and does not keep the others from being copied
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for a directory that holds something else, {@link ErrorCode#STORE_LOCKED} while
     *     another backup is made, {@link ErrorCode#NOT_SUPPORTED} without {@link Capability#BACKUP}, {@link ErrorCode#PARTITION_BUSY} where a
     *     writer of another process commits too fast, {@link ErrorCode#CANCELLED} when the store closes meanwhile,
     *     {@link ErrorCode#DISK_FULL}, {@link ErrorCode#IO_FAILED}
     */
    public BackupReport backup(Path directory) {
        return backup(directory, false, line -> {});
    }

    /**
     * As {@link #backup(Path)}.
     *
     * @param again whether what did not change is read again in the backup and compared with its checksum
     * @param progress gets a line about each partition, on the caller's thread
     */
    public BackupReport backup(Path directory, boolean again, Consumer<String> progress) {
        return backups.backup(directory, again, progress);
    }

    /**
     * Puts a partition that was dropped, or damaged and set aside, back from a backup of this store. Its content is what the copy has; where
     * the partition was written to after that, a gap {@link LossReason#RESTORED} tells so. Of a key that was written again the newer row
     * stays. Retention may drop it again: it may be past its promise.
     *
     * @param id the partition
     * @param backup the backup's directory
     * @throws LeveeException {@link ErrorCode#NOT_FOUND} where the backup lacks it, or it is live or still in the trash,
     *     {@link ErrorCode#BAD_VALUE} for a backup of another store, {@link ErrorCode#NOT_SUPPORTED} where records of its table were erased
     *     since, which it would bring back, {@link ErrorCode#CORRUPT} where the copy is damaged, {@link ErrorCode#NOT_WRITABLE}
     */
    public void restore(PartitionId id, Path backup) {
        writes();
        retention.restore(id, backup);
        migrations.partitionCameBack();
    }

    /** The backups that were made of this store, the newest first, as far as it knows; one may be gone by now. Any thread. */
    public List<BackupMark> backups() {
        return engine.backups();
    }

    /** What this store's engine can do beyond what every engine does. */
    public Set<Capability> capabilities() {
        return engine.capabilities();
    }

    /** Checks the machine or server below the store: versions, settings, rights, clocks. May take seconds. */
    public List<Finding> diagnose() {
        return engine.diagnose();
    }

    /** Dropped partitions that {@link #restore} can still bring back. */
    public List<PartitionInfo> dropped() {
        return engine.dropped();
    }

    /** The same with how long each can be brought back yet. Any thread. */
    public List<DroppedPartition> trash() {
        Map<PartitionId, Duration> left = engine.graces();
        return engine.dropped().stream()
                .map(partition -> new DroppedPartition(partition, left.get(partition.id())))
                .toList();
    }

    /**
     * Brings a dropped partition back, while its grace lasts. Retention may drop it again: it is past its promise.
     *
     * @throws LeveeException {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#NOT_SUPPORTED} for an engine without
     *     {@link Capability#UNDO_DROP}, {@link ErrorCode#NOT_WRITABLE}
     */
    public void restore(PartitionId id) {
        writes();
        retention.restore(id);
        migrations.partitionCameBack();
    }

    /** The queries that wait, run or are being fetched. */
    public List<RunningQuery> queries() {
        return queries.running();
    }

    /** Ends a query. Returns whether there was one of that number. */
    public boolean cancelQuery(long id) {
        return queries.cancel(id);
    }

    /** What retention would do now, and why. Changes nothing. */
    public RetentionPlan planRetention() {
        return retention.plan();
    }

    /**
     * Does what a plan says, after checking each partition again.
     *
     * @throws LeveeException {@link ErrorCode#NOT_WRITABLE}, {@link ErrorCode#CLOCK_SUSPECT} while the wall clock is suspect
     */
    public RetentionReport applyRetention(RetentionPlan plan) {
        writes();
        return retention.apply(plan);
    }

    /**
     * What retention decided, and why: what it dropped, what had to stay, what came back. The newest first; the store keeps the last
     * {@value RetentionEvent#MAX_EVENTS}. Reads the catalog.
     *
     * @param table the table, or null for all
     * @param limit most of them, at least 1
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for a limit below 1
     */
    public List<RetentionEvent> retentionEvents(@Nullable String table, int limit) {
        if (limit < 1) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "limit must be at least 1 (got " + limit + ")");
        }
        return retention.events(table, limit);
    }

    /**
     * Says that the wall clock is right, although it jumped: retention goes on at once, and measures ages by it. Without this it waits until
     * the clock was back where it was for a minute, or went evenly for a day.
     *
     * @return whether the clock was suspect
     */
    public boolean acceptClock() {
        writes();
        return watch.accept();
    }

    /** Limits and present use; cheap, made from a snapshot that is at most a second old. */
    public StoreStatus status() {
        return status.status();
    }

    /**
     * Waits until everything accepted before this call is settled.
     *
     * @return whether it was, within the timeout
     */
    public boolean flush(Duration timeout) {
        return writes().flush(timeout);
    }

    WriteService writes() {
        if (writes == null) {
            throw new LeveeException(
                    ErrorCode.NOT_WRITABLE, "the store " + engine.address() + " was opened for reading");
        }
        return writes;
    }

    /** Closes with the timeout of the options. Idempotent. */
    @Override
    public void close() {
        close(options.closeTimeout());
    }

    /**
     * Closes in order: refuses new records, drains the queue, commits, checkpoints, closes. Idempotent: later calls, from any
     * thread, wait for the first and get its report (guarantees G18–G24). An interrupt does not end it, and is kept.
     *
     * @param timeout how long the queue may take to drain; what is left then is lost, counted, and in the report
     * @return what happened
     */
    public synchronized CloseReport close(Duration timeout) {
        if (report == null) {
            boolean interrupted = Thread.interrupted();
            try {
                backups.stop();
                queries.stop();
                retention.stop();
                migrations.stop();
                CloseReport made =
                        writes == null ? new CloseReport(true, 0, 0, 0, 0, List.of(), "") : writes.close(timeout);
                supervisor.stop();
                // One that came meanwhile would close files in the middle of what is written last.
                interrupted |= Thread.interrupted();
                engine.close(made);
                report = made;
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
        return report;
    }

    /** Rows in, rows out. */
    private record RowsAsTheyAre(TableState state) implements RowCodec<Row> {
        @Override
        public TableSpec spec() {
            return state.spec();
        }

        @Override
        public void encode(Row value, RowBuilder row) {
            // Table.append takes rows as they are.
        }

        @Override
        public Row decode(Row row) {
            return row;
        }
    }
}
