package io.levee.internal.retention;

import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import io.levee.RetentionEvent.Action;
import io.levee.RetentionEvent.Rule;
import io.levee.RetentionPlan;
import io.levee.RetentionPlan.Drop;
import io.levee.RetentionPlan.Trim;
import io.levee.RetentionReport;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.engine.Verification;
import io.levee.internal.query.QueryService;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.ClockWatch;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import io.levee.internal.write.TableState;
import io.levee.internal.write.Tables;
import io.levee.internal.write.WriteService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Runs retention off the hot path, frees what was dropped, learns what partitions hold after an unclean stop, and makes the
 * next partition ahead. Drops happen on {@code levee-janitor} or on the thread of {@link #apply}, one pass at a time.
 */
public final class RetentionService {
    private static final System.Logger LOG = System.getLogger("io.levee.retention");
    private static final Duration WRITER_PATIENCE = Duration.ofSeconds(10);
    private static final String GREW = "it got newer rows since the plan was made";
    /** How long a pass by itself deletes single rows: the next goes on. */
    private static final Duration SINGLE_ROWS = Duration.ofSeconds(10);

    private static final Duration CLOCK_EVERY = Duration.ofSeconds(1);
    private static final Duration AHEAD_EVERY = Duration.ofSeconds(20);

    /** The next partition is made when less than this is left of the present one. */
    private static final Duration AHEAD = Duration.ofMinutes(5);

    private final StorageEngine engine;
    private final StoreOptions options;
    private final Tables tables;
    private final @Nullable WriteService writes;
    private final ClockWatch watch;
    private final RollupKeeper rollups;
    private final NewestRows newest;
    private final RetentionPlanner planner;
    private final RetentionEvents events;
    private final PassShare share;
    private final MonotonicClock monotonic = MonotonicClock.SYSTEM;
    private final Growth growth;
    private final Object maintenance = new Object();
    /** One pass at a time; each of its steps has the monitor of this, as has a drop for space. */
    private final Object pass = new Object();

    private volatile boolean stopped;
    /** What failed in the last pass, by table. */
    private volatile Map<String, String> failures = new ConcurrentHashMap<>();
    /** What the last pass said of each table. */
    private volatile Map<String, String> kept = Map.of();

    private @Nullable Task janitor;

    /** Wires the parts. */
    public RetentionService(
            StorageEngine engine,
            StoreOptions options,
            Tables tables,
            @Nullable WriteService writes,
            ClockWatch watch,
            RollupKeeper rollups,
            QueryService queries) {
        this.newest = new NewestRows(engine, queries, writes);
        this.planner = new RetentionPlanner(engine, options, tables, writes, watch, rollups, newest);
        this.events = new RetentionEvents(engine);
        this.share = new PassShare(monotonic, options.retentionEvery());
        this.growth = new Growth(monotonic, options.minFreeDisk());
        this.rollups = rollups;
        this.watch = watch;
        this.engine = engine;
        this.options = options;
        this.tables = tables;
        this.writes = writes;
    }

    /** How fast the store grows. */
    public Growth growth() {
        return growth;
    }

    /** Starts the janitor and the maintenance thread. */
    public void start(Supervisor supervisor) {
        supervisor.start("levee-maintenance", task -> {
            maintain();
            tables.noteTimes();
            task.ran("");
            while (task.pause(AHEAD_EVERY)) {
                maintain();
                task.ran(makeAhead());
            }
        });
        supervisor.every("levee-clock", CLOCK_EVERY, () -> {
            watch.look();
            return "";
        });
        SpaceWatch space = new SpaceWatch(
                engine,
                options,
                growth,
                () -> writes == null ? 0 : writes.books().stored(),
                this::dropForSpace);
        supervisor.start("levee-space", task -> {
            engine.onTight(task::wake);
            do {
                task.ran(space.look());
                // Also what could not be kept while the volume was full.
                events.flush();
            } while (task.pause(space.pause()));
        });
        janitor = supervisor.start("levee-janitor", task -> {
            while (task.pause(options.retentionEvery())) {
                RetentionReport report = runPass();
                while (engine.freeDropped() && !task.stopping()) {
                    // One bounded step after another, so that a stop is never waited for.
                }
                task.ran(done(report));
            }
        });
    }

    private static String done(RetentionReport report) {
        String dropped = report.dropped().isEmpty() ? "" : "dropped " + report.dropped();
        return report.deleted().isEmpty()
                ? dropped
                : dropped + (dropped.isEmpty() ? "" : ", ") + "deleted rows of " + report.deleted();
    }

    /** The engine's maintenance has one thread at a time: the supervised one, or one that verifies. */
    private void maintain() {
        synchronized (maintenance) {
            engine.learnRanges();
        }
    }

    /** See {@link io.levee.Store#verify}. */
    public List<Verification> verify(@Nullable String table, Consumer<Verification> each) {
        List<Verification> found = new ArrayList<>();
        for (PartitionInfo partition : engine.partitions()) {
            PartitionId id = partition.id();
            if (table != null && !id.table().equals(table)) {
                continue;
            }
            if (stopped) {
                throw new LeveeException(
                        ErrorCode.CLOSED, "the store closed after " + found.size() + " partitions were verified");
            }
            Verification one;
            synchronized (maintenance) {
                one = engine.verify(id);
            }
            found.add(one);
            each.accept(one);
        }
        return found;
    }

    /** See {@link io.levee.Store#planRetention}. */
    public RetentionPlan plan() {
        return planner.plan().plan();
    }

    /** A pass by itself: what age takes at once is bounded, and nothing that fails of one table keeps another from its turn. */
    private RetentionReport runPass() {
        RetentionPlanner.Planned planned = planner.plan();
        RetentionPlan plan = bounded(planned.plan());
        synchronized (pass) {
            failures = new ConcurrentHashMap<>(planned.failures());
            return applyAlone(plan, clockNanosEnd());
        }
    }

    private long clockNanosEnd() {
        return monotonic.nanos() + SINGLE_ROWS.toNanos();
    }

    /** See {@link PassShare}. */
    private RetentionPlan bounded(RetentionPlan plan) {
        Map<String, Integer> partitions = new HashMap<>();
        Map<String, Integer> due = new LinkedHashMap<>();
        engine.partitions().forEach(p -> partitions.merge(p.id().table(), 1, Integer::sum));
        plan.drops().stream()
                .filter(d -> d.rule() == Rule.AGE)
                .forEach(d -> due.merge(d.partition().id().table(), 1, Integer::sum));
        Map<String, String> kept = new LinkedHashMap<>(plan.kept());
        Map<String, Integer> may = new HashMap<>();
        due.forEach((table, count) -> {
            int taken = share.take(table, partitions.getOrDefault(table, count), count);
            may.put(table, taken);
            if (taken < count) {
                String why =
                        count + " partitions are past their age at once, and so many are only dropped bit by bit: the"
                                + " others wait. If the clock is right, levee retention apply drops them now";
                kept.put(table, why);
                events.note(
                        new RetentionEvent(options.clock().instant(), Action.KEPT, Rule.AGE, table, "", -1, 0, why));
            }
        });
        List<Drop> drops = new ArrayList<>();
        for (Drop drop : plan.drops()) {
            if (drop.rule() != Rule.AGE || may.merge(drop.partition().id().table(), -1, Integer::sum) >= 0) {
                drops.add(drop);
            }
        }
        return new RetentionPlan(plan.id(), plan.referenceMicros(), drops, plan.trims(), kept);
    }

    /** See {@link io.levee.Store#applyRetention}. The one place that makes partitions go. */
    public RetentionReport apply(RetentionPlan plan) {
        synchronized (pass) {
            return applyAlone(plan, Long.MAX_VALUE);
        }
    }

    private RetentionReport applyAlone(RetentionPlan plan, long untilNanos) {
        ClockWatch.Suspicion suspicion = watch.look().suspicion();
        boolean anything = !plan.drops().isEmpty() || !plan.trims().isEmpty();
        if (suspicion != null && anything) {
            throw new LeveeException(
                            ErrorCode.CLOCK_SUSPECT,
                            "nothing is dropped while the wall clock is suspect: " + suspicion.what())
                    .hint("set the clock right, or accept it as it is: levee clock accept");
        }
        List<PartitionId> dropped = new ArrayList<>();
        Map<PartitionId, String> blocked = new LinkedHashMap<>();
        long freed = 0;
        for (Drop drop : plan.drops()) {
            PartitionId id = drop.partition().id();
            StorageEngine.DropOutcome outcome;
            try {
                outcome = go(drop);
            } catch (RuntimeException e) {
                // Whatever it is: the partition stays, and the others have their turn.
                LOG.log(System.Logger.Level.WARNING, id + " cannot be dropped", e);
                outcome = new StorageEngine.DropOutcome(
                        0, e instanceof LeveeException known ? String.valueOf(known.getMessage()) : e.toString());
                failures.put(id.table(), id + " cannot be dropped: " + outcome.blockedBy());
            }
            freed += outcome.bytesFreed();
            growth.dropped(outcome.bytesFreed());
            if (outcome.blockedBy().isEmpty()) {
                dropped.add(id);
            } else {
                blocked.put(id, outcome.blockedBy());
            }
            told(drop, outcome);
        }
        Map<String, Long> deleted = new LinkedHashMap<>();
        Map<String, String> undeleted = new LinkedHashMap<>();
        plan.trims().forEach(trim -> trim(trim, untilNanos, deleted, undeleted));
        kept = plan.kept();
        events.flush();
        return new RetentionReport(plan, dropped, blocked, freed, deleted, undeleted);
    }

    private StorageEngine.DropOutcome go(Drop drop) {
        PartitionInfo partition = drop.partition();
        String why = drop.rule() == Rule.NUMBER && partition.rows() != 0 ? enoughAfter(partition) : "";
        if (why.isEmpty()) {
            why = prepare(drop);
        }
        if (why.isEmpty()) {
            // Behind the floor: what is kept of it is all that there will be. Without the lock, since it may take
            // minutes, and
            // what has to go for space does not wait for it.
            why = rollups.keep(partition);
        }
        if (!why.isEmpty()) {
            return new StorageEngine.DropOutcome(0, why);
        }
        StorageEngine.DropOutcome outcome = drop(drop);
        if (outcome.blockedBy().isEmpty()) {
            rollups.dropped(partition.id());
        }
        return outcome;
    }

    private void told(Drop drop, StorageEngine.DropOutcome outcome) {
        boolean gone = outcome.blockedBy().isEmpty();
        events.note(RetentionEvent.of(
                Micros.of(options.clock().instant()),
                gone ? Action.DROPPED : Action.KEPT,
                drop.rule(),
                drop.partition(),
                gone ? outcome.bytesFreed() : 0,
                gone ? drop.reason() : outcome.blockedBy()));
        if (gone) {
            shortfall(drop.partition(), drop.rule());
        }
    }

    /** What goes for its size or for space although its age promised more is a gap that queries can see. */
    private void shortfall(PartitionInfo partition, Rule rule) {
        PartitionId id = partition.id();
        TableSpec spec = tables.get(id.table()).spec();
        Duration age = spec.retention().ageOf(id.retentionClass());
        if (writes == null
                || rule != Rule.SPACE && rule != Rule.SIZE
                || rule == Rule.SIZE && age == null
                || partition.rows() == 0) {
            return;
        }
        long promised = RetentionPolicy.promisedFrom(spec.retention(), partition, planner.reference(spec));
        if (partition.maxMicros() >= promised) {
            boolean all = partition.minMicros() >= promised && partition.rows() > 0;
            writes.losses()
                    .note(new Gap(
                            id.table(),
                            Math.max(partition.minMicros(), promised),
                            partition.maxMicros(),
                            all ? partition.rows() : Gap.UNKNOWN,
                            LossReason.EXPIRED));
        }
    }

    /** Counts again: rows that were deleted since the plan may be wanted now. */
    private String enoughAfter(PartitionInfo partition) {
        TableSpec spec = tables.get(partition.id().table()).spec();
        long after = newest.rowsAfter(spec, partition.maxMicros());
        long wanted = spec.retention().keepNewest();
        return wanted > 0 && after >= wanted ? "" : "only " + after + " rows are newer, and " + wanted + " are kept";
    }

    private void trim(Trim trim, long untilNanos, Map<String, Long> deleted, Map<String, String> undeleted) {
        String table = trim.table();
        try {
            TableState state = tables.get(table);
            NewestRows.Surplus surplus = newest.count(state, Long.MIN_VALUE);
            long gone = newest.delete(
                    state,
                    surplus,
                    () -> stopped || untilNanos != Long.MAX_VALUE && monotonic.nanos() - untilNanos > 0);
            deleted.put(table, gone);
            if (gone > 0) {
                events.note(new RetentionEvent(
                        options.clock().instant(), Action.DELETED, Rule.NUMBER, table, "", gone, 0, trim.reason()));
            }
        } catch (RuntimeException e) {
            String why = e instanceof LeveeException known ? String.valueOf(known.getMessage()) : e.toString();
            undeleted.put(table, why);
            boolean busy = e instanceof LeveeException known && known.code() == ErrorCode.PARTITION_BUSY;
            if (!busy) {
                LOG.log(System.Logger.Level.WARNING, "rows of " + table + " cannot be deleted", e);
                failures.put(table, "rows past keepNewest cannot be deleted: " + why);
            }
            events.note(new RetentionEvent(
                    options.clock().instant(), Action.KEPT, Rule.NUMBER, table, "", trim.rows(), 0, why));
        }
    }

    /** Decisions, the newest first. */
    public List<RetentionEvent> events(@Nullable String table, int limit) {
        return events.newest(table, limit);
    }

    /** What is wrong now, in sentences. Any thread; from memory. */
    public List<String> troubles() {
        List<String> troubles = new ArrayList<>(rollups.troubles());
        failures.forEach((table, why) -> troubles.add("retention of " + table + ": " + why));
        return troubles;
    }

    /** For the status. Any thread; touches no partition. */
    public RetentionState state() {
        List<String> late = new ArrayList<>();
        Map<String, String> last = kept;
        Map<String, Duration> overdue = Map.of();
        List<TableSpec> specs = tables.specs();
        if (writes != null && watch.view().suspicion() == null) {
            overdue = Overdue.of(specs, engine.partitions(), planner::reference, Overdue.grace(options));
            overdue.forEach((table, since) -> late.add(Overdue.text(table, since, last.getOrDefault(table, ""))));
        }
        List<String> warnings = specs.stream()
                .filter(s -> !s.hidden()
                        && !s.retention().bounded()
                        && !s.retention().unbounded())
                .map(Overdue::unbounded)
                .toList();
        return new RetentionState(late, overdue, last, warnings);
    }

    private synchronized String prepare(Drop drop) {
        String why = stopped ? "the store is closing" : release(drop);
        if (why.isEmpty() && drop.partition().rangeKnown()) {
            // Durable before the drop begins: a row of that time must neither come back nor meet a half-dropped
            // partition.
            engine.raiseFloor(
                    drop.partition().id().table(),
                    drop.partition().id().retentionClass(),
                    drop.partition().maxMicros() + 1);
            if (drop.partition().rows() == 0
                    && engine.partitions().stream()
                            .anyMatch(p -> p.id().equals(drop.partition().id()) && p.rows() > 0)) {
                // It came before the floor was there, and nothing says that it is past a promise.
                return GREW;
            }
        }
        return why;
    }

    private synchronized StorageEngine.DropOutcome drop(Drop drop) {
        return stopped
                ? new StorageEngine.DropOutcome(0, "the store is closing")
                : engine.drop(drop.partition().id(), drop.reason());
    }

    /** Drops one partition for space: the file goes first, and the floor is raised when that can be recorded. */
    private synchronized StorageEngine.DropOutcome dropForSpace(PartitionInfo partition, String reason) {
        PartitionId id = partition.id();
        String why = stopped ? "the store is closing" : "";
        if (why.isEmpty() && partition.state() == PartitionInfo.State.OPEN && writes != null) {
            why = await(writes.onWriter(() -> engine.letGo(id)));
        }
        if (!why.isEmpty()) {
            return new StorageEngine.DropOutcome(0, why);
        }
        StorageEngine.DropOutcome outcome = engine.dropForSpace(id, reason);
        if (outcome.blockedBy().isEmpty()) {
            growth.dropped(outcome.bytesFreed());
            tables.get(id.table()).removed(Math.max(1, partition.rows()));
            rollups.droppedWithout(partition);
            told(new Drop(partition, Rule.SPACE, reason), outcome);
        }
        return outcome;
    }

    /** Looks again, so that rows written since the plan are never dropped (G74), and has the writer give the partition up. */
    private String release(Drop drop) {
        PartitionId id = drop.partition().id();
        List<PartitionInfo> now =
                engine.partitions().stream().filter(p -> p.id().equals(id)).toList();
        if (now.isEmpty()) {
            return "it is gone already";
        }
        if (now.get(0).maxMicros() > drop.partition().maxMicros()
                || drop.partition().rows() == 0 && now.get(0).rows() > 0) {
            return GREW;
        }
        if (now.get(0).state() != PartitionInfo.State.OPEN || writes == null) {
            return "";
        }
        return await(writes.onWriter(() -> engine.closePartition(id)));
    }

    private static String await(Future<String> answer) {
        try {
            return answer.get(WRITER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return "the writer was busy for " + WRITER_PATIENCE;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "the wait for the writer was interrupted";
        } catch (ExecutionException e) {
            throw e.getCause() instanceof LeveeException known
                    ? known
                    : new LeveeException(ErrorCode.INTERNAL, "closing a partition failed: " + e.getCause(), e);
        }
    }

    /** See {@link io.levee.Store#restore}. Not while a pass runs: both move the same things. */
    public void restore(PartitionId id) {
        restore(id, () -> engine.restore(id));
    }

    /** See {@link io.levee.Store#restore(PartitionId, java.nio.file.Path)}. */
    public void restore(PartitionId id, java.nio.file.Path backup) {
        restore(id, () -> engine.restore(id, backup));
    }

    private void restore(PartitionId id, Runnable step) {
        synchronized (pass) {
            // Without the lock: it may take a while, and what has to go for space does not wait for it.
            step.run();
        }
        events.note(new RetentionEvent(
                options.clock().instant(),
                Action.RESTORED,
                Rule.PERSON,
                id.table(),
                id.toString(),
                -1,
                0,
                "a person asked for it"));
        events.flush();
    }

    /** Makes the partition of the next period where the present one ends soon (guarantee G61). */
    private String makeAhead() {
        if (writes == null) {
            return "";
        }
        WriteService service = writes;
        StringBuilder made = new StringBuilder();
        for (TableSpec spec : tables.specs()) {
            TableState state = tables.get(spec.name());
            long reference = service.referenceMicros(state);
            if (!spec.hidden() && state.newestMicros() != Long.MIN_VALUE) {
                made.append(await(service.makeAhead(state, reference + Micros.of(AHEAD), reference)));
            }
        }
        return made.toString();
    }

    /** Drops nothing from now on. */
    public void stop() {
        stopped = true;
        if (janitor != null) {
            janitor.wake();
        }
    }
}
