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
import io.levee.engine.DropOutcome;
import io.levee.engine.StorageEngine;
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
import org.jspecify.annotations.Nullable;

/**
 * One pass of retention at a time, by itself or by a person who applies a plan: each thing is checked again, done, and told. What has to go
 * for space goes beside it.
 */
final class RetentionPass {
    private static final System.Logger LOG = System.getLogger("io.levee.retention");
    /** How long a pass by itself deletes single rows: the next goes on. */
    private static final Duration SINGLE_ROWS = Duration.ofSeconds(10);

    private static final String BIT_BY_BIT =
            " past their age, more than go at once: the others wait, and go bit by bit. If the clock is right, levee"
                    + " retention apply drops them now";

    private final StorageEngine engine;
    private final StoreOptions options;
    private final Tables tables;
    private final @Nullable WriteService writes;
    private final ClockWatch watch;
    private final RollupKeeper rollups;
    private final NewestRows newest;
    private final RetentionPlanner planner;
    private final PartitionRemoval removal;
    private final RetentionEvents events;
    private final Growth growth;
    private final PassShare share;
    private final MonotonicClock monotonic = MonotonicClock.SYSTEM;
    private final Object lock = new Object();

    private volatile Map<String, String> failures = new ConcurrentHashMap<>();
    private volatile Map<String, String> kept = Map.of();

    RetentionPass(
            StorageEngine engine,
            StoreOptions options,
            Tables tables,
            @Nullable WriteService writes,
            ClockWatch watch,
            RollupKeeper rollups,
            NewestRows newest,
            RetentionPlanner planner,
            PartitionRemoval removal,
            RetentionEvents events,
            Growth growth) {
        this.engine = engine;
        this.options = options;
        this.tables = tables;
        this.writes = writes;
        this.watch = watch;
        this.rollups = rollups;
        this.newest = newest;
        this.planner = planner;
        this.removal = removal;
        this.events = events;
        this.growth = growth;
        this.share = new PassShare(monotonic, options.retentionEvery());
    }

    /** A pass by itself: what age takes at once is bounded, and nothing that fails of one table keeps another from its turn. */
    RetentionReport run() {
        RetentionPlanner.Planned planned = planner.plan();
        RetentionPlan plan = bounded(planned.plan());
        synchronized (lock) {
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
                String why = count + (count == 1 ? " partition is" : " partitions are") + BIT_BY_BIT;
                kept.put(table, why);
                // Without the figure, which changes with each pass: the reason is the same, and told once.
                events.note(new RetentionEvent(
                        options.clock().instant(),
                        Action.KEPT,
                        Rule.AGE,
                        table,
                        "",
                        -1,
                        0,
                        "partitions are" + BIT_BY_BIT));
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

    /** See {@link io.levee.Store#applyRetention}. All that is due, however long it takes. */
    RetentionReport apply(RetentionPlan plan) {
        synchronized (lock) {
            return applyAlone(plan, Long.MAX_VALUE);
        }
    }

    /** Drops one partition for space; any thread, also while a pass runs. */
    DropOutcome dropForSpace(PartitionInfo partition, String reason) {
        DropOutcome outcome = removal.dropForSpace(partition, reason);
        if (outcome.blockedBy().isEmpty()) {
            growth.dropped(outcome.bytesFreed());
            tables.get(partition.id().table()).removed(Math.max(1, partition.rows()));
            rollups.droppedWithout(partition);
            told(new Drop(partition, Rule.SPACE, reason), outcome);
        }
        return outcome;
    }

    /** Does something while no pass runs. */
    void between(Runnable step) {
        synchronized (lock) {
            step.run();
        }
    }

    /** What failed in the last pass, by table. */
    Map<String, String> failures() {
        return failures;
    }

    /** What the last pass said of each table. */
    Map<String, String> kept() {
        return kept;
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
            DropOutcome outcome;
            try {
                outcome = go(drop);
            } catch (RuntimeException e) {
                // Whatever it is: the partition stays, and the others have their turn.
                LOG.log(System.Logger.Level.WARNING, id + " cannot be dropped", e);
                outcome = new DropOutcome(
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

    private DropOutcome go(Drop drop) {
        PartitionInfo partition = drop.partition();
        String why = drop.rule() == Rule.NUMBER && partition.rows() != 0 ? enoughAfter(partition) : "";
        if (why.isEmpty()) {
            why = removal.prepare(drop);
        }
        if (why.isEmpty()) {
            // Behind the floor: what is kept of it is all that there will be. Without the removal's lock, since it
            // may take minutes, and what has to go for space does not wait for it.
            why = rollups.keep(partition);
        }
        if (!why.isEmpty()) {
            return new DropOutcome(0, why);
        }
        DropOutcome outcome = removal.drop(drop);
        if (outcome.blockedBy().isEmpty()) {
            rollups.dropped(partition.id());
        }
        return outcome;
    }

    private void told(Drop drop, DropOutcome outcome) {
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
            NewestRows.Surplus surplus = newest.count(state, NewestRows.Part.ALL);
            long gone = newest.delete(
                    state,
                    surplus,
                    () -> removal.stopped() || untilNanos != Long.MAX_VALUE && monotonic.nanos() - untilNanos > 0);
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
}
