package io.levee.internal.retention;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionPlan;
import io.levee.RetentionPlan.Drop;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.engine.Verification;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.ClockWatch;
import io.levee.internal.time.Micros;
import io.levee.internal.write.TableState;
import io.levee.internal.write.Tables;
import io.levee.internal.write.WriteService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
    private final Object maintenance = new Object();
    /** One pass at a time; each of its steps has the monitor of this, as has a drop for space. */
    private final Object pass = new Object();

    private volatile boolean stopped;
    private @Nullable Task janitor;

    /** Wires the parts. */
    public RetentionService(
            StorageEngine engine,
            StoreOptions options,
            Tables tables,
            @Nullable WriteService writes,
            ClockWatch watch,
            RollupKeeper rollups) {
        this.rollups = rollups;
        this.watch = watch;
        this.engine = engine;
        this.options = options;
        this.tables = tables;
        this.writes = writes;
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
        SpaceWatch space = new SpaceWatch(engine, options, this::dropForSpace);
        supervisor.every("levee-space", SpaceWatch.EVERY, space::look);
        janitor = supervisor.start("levee-janitor", task -> {
            while (task.pause(options.retentionEvery())) {
                RetentionReport report = apply(plan());
                while (engine.freeDropped() && !task.stopping()) {
                    // One bounded step after another, so that a stop is never waited for.
                }
                task.ran(report.dropped().isEmpty() ? "" : "dropped " + report.dropped());
            }
        });
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
        List<PartitionInfo> all = engine.partitions();
        List<Drop> drops = new ArrayList<>();
        Map<String, String> kept = new LinkedHashMap<>();
        long reference = Micros.of(options.clock().instant());
        ClockWatch.Suspicion suspicion = watch.look().suspicion();
        for (TableSpec spec : tables.specs()) {
            if (suspicion != null) {
                kept.put(
                        spec.name(),
                        ErrorCode.CLOCK_SUSPECT.text() + ": nothing is dropped while the wall clock is suspect: "
                                + suspicion.what());
                continue;
            }
            List<PartitionInfo> own =
                    all.stream().filter(p -> p.id().table().equals(spec.name())).toList();
            long tableReference = reference(spec, reference);
            List<Drop> ofTable = RetentionPolicy.plan(spec.retention(), own, tableReference).stream()
                    .map(d -> new Drop(
                            d.partition(),
                            d.reason(),
                            rollups.blockedBy(d.partition().id())))
                    .toList();
            drops.addAll(ofTable);
            kept.put(spec.name(), keepReason(spec.retention(), own.size() - ofTable.size(), tableReference));
        }
        String id = Integer.toHexString(
                drops.stream().map(d -> d.partition().id()).toList().hashCode());
        return new RetentionPlan(id, reference, drops, kept);
    }

    private long reference(TableSpec spec, long wall) {
        TableState state = tables.get(spec.name());
        return writes != null
                ? writes.referenceMicros(state)
                : Math.min(wall, state.newestMicros() == Long.MIN_VALUE ? wall : state.newestMicros());
    }

    private static String keepReason(RetentionRule rule, int left, long reference) {
        if (rule.equals(RetentionRule.KEEP_ALL)) {
            return "no retention rule: nothing is ever dropped (" + left + " partitions)";
        }
        return left + " partitions are within "
                + (rule.maxAge() == null ? "" : "maxAge " + rule.maxAge() + " of " + Micros.text(reference))
                + (rule.maxAge() == null || rule.maxBytes() == null ? "" : " and ")
                + (rule.maxBytes() == null ? "" : "maxBytes " + rule.maxBytes());
    }

    /** See {@link io.levee.Store#applyRetention}. The one place that makes partitions go. */
    public RetentionReport apply(RetentionPlan plan) {
        synchronized (pass) {
            return applyAlone(plan);
        }
    }

    private RetentionReport applyAlone(RetentionPlan plan) {
        ClockWatch.Suspicion suspicion = watch.look().suspicion();
        if (suspicion != null && !plan.drops().isEmpty()) {
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
            String why = prepare(drop);
            if (why.isEmpty()) {
                // Behind the floor: what is kept of it is all that there will be. Without the lock, since it may take
                // minutes, and
                // what has to go for space does not wait for it.
                why = rollups.keep(drop.partition());
            }
            if (why.isEmpty()) {
                StorageEngine.DropOutcome outcome = drop(drop);
                why = outcome.blockedBy();
                freed += outcome.bytesFreed();
            }
            if (why.isEmpty()) {
                dropped.add(id);
                rollups.dropped(id);
                LOG.log(System.Logger.Level.INFO, "dropped {0}: {1}", id, drop.reason());
            } else {
                blocked.put(id, why);
            }
        }
        return new RetentionReport(plan, dropped, blocked, freed);
    }

    private synchronized String prepare(Drop drop) {
        String why = stopped ? "the store is closing" : release(drop);
        if (why.isEmpty() && drop.partition().rangeKnown()) {
            // Durable before the drop begins: a row of that time must neither come back nor meet a half-dropped
            // partition.
            engine.raiseFloor(drop.partition().id().table(), drop.partition().maxMicros() + 1);
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
            rollups.droppedWithout(partition);
            LOG.log(System.Logger.Level.WARNING, "dropped {0} for space: {1}", id, reason);
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
        if (now.get(0).maxMicros() > drop.partition().maxMicros()) {
            return "it got newer rows since the plan was made";
        }
        if (now.get(0).state() == PartitionInfo.State.CLOSED || writes == null) {
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
        synchronized (pass) {
            // Without the lock: it may take a while, and what has to go for space does not wait for it.
            engine.restore(id);
        }
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
