package io.levee.internal.status;

import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.CursorInfo;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.MigrationStatus;
import io.levee.PartitionInfo;
import io.levee.StoreOptions;
import io.levee.StoreStatus;
import io.levee.StoreStatus.TableStatus;
import io.levee.TableSpec;
import io.levee.engine.Quarantined;
import io.levee.engine.StorageEngine;
import io.levee.internal.memory.Budget;
import io.levee.internal.query.Gaps;
import io.levee.internal.query.NamedCursors;
import io.levee.internal.query.QueryService;
import io.levee.internal.retention.Growth;
import io.levee.internal.retention.RetentionState;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import io.levee.internal.write.Books;
import io.levee.internal.write.Tables;
import io.levee.internal.write.WriteService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Makes the status: counters as they are now, the rest from a snapshot of at most a second (guarantee G144). Thread-safe. */
public final class StatusService {
    private static final Duration FRESH = Duration.ofSeconds(1);

    private final StorageEngine engine;
    private final StoreOptions options;
    private final Tables tables;
    private final Supervisor supervisor;
    private final @Nullable WriteService writes;
    private final Gaps gaps;
    private final @Nullable QueryService queries;
    private final Budget budget;
    private final Supplier<List<String>> troubles;
    private final Supplier<RetentionState> retention;
    private final NamedCursors cursors;
    private final @Nullable Growth growth;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private volatile Supplier<List<MigrationStatus>> migrations = List::of;
    private volatile BooleanSupplier migrationsPaused = () -> false;
    private @Nullable Snapshot snapshot;

    /** What costs more than a counter: read at most once a second, whoever asks. */
    private record Snapshot(
            long madeNanos,
            Map<String, Object> owner,
            StoreStatus.Disk disk,
            long rssBytes,
            List<TableStatus> tables,
            Map<LossReason, Long> gapRanges,
            List<Quarantined> quarantined,
            @Nullable CloseReport lastClose,
            List<CursorInfo> cursors,
            RetentionState retention,
            StoreStatus.Migrations migrations) {}

    /** When less than this part of the limit of partitions is left, as divisor, a person should know. */
    private static final int MANY_PARTITIONS = 5;

    /** Wires the parts of a store that nobody queries. */
    public StatusService(
            StorageEngine engine, StoreOptions options, Tables tables, Supervisor supervisor, WriteService writes) {
        this(engine, options, tables, supervisor, writes, null, List::of, () -> RetentionState.NONE, null);
    }

    /**
     * Wires the parts.
     *
     * @param troubles what else is wrong now, in sentences
     * @param retention what it says of itself; asked once a second
     * @param growth how fast the store grows; null where nobody watches
     */
    public StatusService(
            StorageEngine engine,
            StoreOptions options,
            Tables tables,
            Supervisor supervisor,
            @Nullable WriteService writes,
            @Nullable QueryService queries,
            Supplier<List<String>> troubles,
            Supplier<RetentionState> retention,
            @Nullable Growth growth) {
        this.growth = growth;
        this.queries = queries;
        this.budget = Budget.of(options);
        this.engine = engine;
        this.troubles = troubles;
        this.retention = retention;
        this.options = options;
        this.tables = tables;
        this.supervisor = supervisor;
        this.writes = writes;
        this.gaps = new Gaps(engine, writes);
        this.cursors = new NamedCursors(engine, options.clock());
    }

    /** Says where it is known how far the migrations are, and whether all are paused; asked once a second, may throw where it cannot be read. */
    public void migrations(Supplier<List<MigrationStatus>> source, BooleanSupplier paused) {
        migrations = source;
        migrationsPaused = paused;
    }

    /** See {@link io.levee.Store#status}. */
    public StoreStatus status() {
        Snapshot fresh = snapshot();
        Books books = writes == null ? Books.EMPTY : writes.books();
        Map<LossReason, Long> lost = books.lostByReason();
        return new StoreStatus(
                engine.address(),
                engine.name(),
                Levee.VERSION,
                fresh.owner(),
                engine.pragmas(),
                HealthRules.judge(
                        failing(fresh),
                        fresh.quarantined(),
                        fresh.migrations(),
                        books,
                        writes,
                        clock.nanos(),
                        tooLarge(fresh.rssBytes())),
                books.queue(),
                books.accepted(),
                books.stored(),
                books.uncertain(),
                lost,
                fresh.disk().with(growth == null ? null : growth.seen(fresh.disk(), books.stored())),
                new StoreStatus.Memory(
                        options.memory().value(),
                        fresh.rssBytes(),
                        memory(books),
                        budget.limits(),
                        budget.alarm(),
                        queries == null ? 0 : queries.temporaryBytes(),
                        budget.temporary()),
                fresh.tables(),
                supervisor.statuses(),
                engine.lastShutdownClean() ? "CLEAN" : "UNCLEAN",
                fresh.lastClose(),
                writes == null ? Map.of() : writes.refused(),
                fresh.gapRanges(),
                fresh.quarantined().size(),
                writes == null ? new StoreStatus.Commits(0, 0, 0, 0) : writes.commits(),
                writes == null ? 0 : writes.ledger().failures(),
                fresh.cursors(),
                partitions(fresh),
                warnings(fresh),
                fresh.migrations());
    }

    private StoreStatus.Partitions partitions(Snapshot fresh) {
        long count = fresh.tables().stream().mapToLong(TableStatus::partitions).sum();
        return new StoreStatus.Partitions(count, engine.maxPartitions());
    }

    private List<String> warnings(Snapshot fresh) {
        List<String> warnings = new ArrayList<>(fresh.retention().warnings());
        StoreStatus.Partitions now = partitions(fresh);
        if (now.limit() > 0 && now.count() > now.limit() / MANY_PARTITIONS * (MANY_PARTITIONS - 1)) {
            warnings.add("the store has " + now.count() + " partitions of at most " + now.limit()
                    + ": use wider partitions or a retention rule before records are refused");
        }
        return warnings;
    }

    private String tooLarge(long rss) {
        long alarm = budget.alarm();
        return rss <= alarm
                ? ""
                : "the process takes " + new Bytes(rss)
                        + " of memory, more than its largest Java heap, the store's budget of " + options.memory()
                        + " and a margin: " + new Bytes(alarm);
    }

    private Map<String, Long> memory(Books books) {
        Map<String, Long> byPart = new LinkedHashMap<>(engine.memory());
        if (queries != null) {
            byPart.putAll(queries.memoryByPart());
        }
        byPart.put("queue", books.queue().bytes());
        return byPart;
    }

    private synchronized Snapshot snapshot() {
        Snapshot known = snapshot;
        long now = clock.nanos();
        if (known == null || now - known.madeNanos() > FRESH.toNanos()) {
            RetentionState state = retention.get();
            known = new Snapshot(
                    now,
                    engine.owner(),
                    engine.disk(),
                    ResidentSet.bytes(),
                    tableStatuses(state),
                    gapRanges(),
                    engine.quarantined(),
                    engine.lastReport(),
                    cursorsOrNone(),
                    state,
                    migrationsOrError());
            snapshot = known;
        }
        return known;
    }

    private List<String> failing(Snapshot fresh) {
        List<String> failing = new ArrayList<>(supervisor.failing());
        failing.addAll(troubles.get());
        failing.addAll(fresh.retention().late());
        return failing;
    }

    /** The status has to come where they cannot be read: when a server does not answer. */
    private List<CursorInfo> cursorsOrNone() {
        try {
            return cursors.list(null);
        } catch (LeveeException e) {
            return List.of();
        }
    }

    /** What cannot be read is told as that: an empty list would say that there are none (guarantee G145). */
    private StoreStatus.Migrations migrationsOrError() {
        try {
            List<MigrationStatus> all = migrations.get();
            return new StoreStatus.Migrations(all, migrationsPaused.getAsBoolean(), null);
        } catch (LeveeException e) {
            return new StoreStatus.Migrations(List.of(), false, String.valueOf(e.getMessage()));
        }
    }

    private Map<LossReason, Long> gapRanges() {
        Map<LossReason, Long> ranges = new EnumMap<>(LossReason.class);
        gaps.all().forEach(gap -> ranges.merge(gap.reason(), 1L, Long::sum));
        return ranges;
    }

    private List<TableStatus> tableStatuses(RetentionState state) {
        List<PartitionInfo> partitions = engine.partitions();
        List<TableStatus> statuses = new ArrayList<>();
        for (TableSpec spec : tables.specs()) {
            long count = 0;
            long rows = 0;
            long bytes = 0;
            long oldest = Long.MAX_VALUE;
            long newest = Long.MIN_VALUE;
            for (PartitionInfo partition : partitions) {
                if (!partition.id().table().equals(spec.name())) {
                    continue;
                }
                count++;
                rows += Math.max(0, partition.rows());
                bytes += partition.bytes();
                if (partition.rangeKnown() && partition.rows() != 0) {
                    oldest = Math.min(oldest, partition.minMicros());
                    newest = Math.max(newest, partition.maxMicros());
                }
            }
            statuses.add(new TableStatus(
                    spec.name(),
                    count,
                    rows,
                    bytes,
                    oldest > newest ? null : Micros.text(oldest),
                    oldest > newest ? null : Micros.text(newest),
                    state.overdue().getOrDefault(spec.name(), Duration.ZERO).toMillis(),
                    state.kept().get(spec.name())));
        }
        return statuses;
    }
}
