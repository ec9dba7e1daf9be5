package io.levee.internal.retention;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import io.levee.RetentionEvent.Action;
import io.levee.RetentionEvent.Rule;
import io.levee.RetentionPlan;
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
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Runs retention off the hot path, frees what was dropped, learns what partitions hold after an unclean stop, and makes the
 * next partition ahead. Drops happen on {@code levee-janitor} or on the thread of {@link #apply}, one pass at a time.
 */
public final class RetentionService {
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
    private final QueryService queries;
    private final RetentionPlanner planner;
    private final RetentionEvents events;
    private final PartitionRemoval removal;
    private final RetentionPass pass;
    private final Growth growth;
    private final Object maintenance = new Object();
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
        NewestRows newest = new NewestRows(engine, queries, writes);
        this.planner = new RetentionPlanner(engine, options, tables, writes, watch, rollups, newest);
        this.events = new RetentionEvents(engine);
        this.growth = new Growth(MonotonicClock.SYSTEM, options.minFreeDisk());
        this.removal = new PartitionRemoval(engine, writes);
        this.pass = new RetentionPass(
                engine, options, tables, writes, watch, rollups, newest, planner, removal, events, growth);
        this.queries = queries;
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
                queries::makeWay,
                pass::dropForSpace);
        supervisor.start("levee-space", task -> {
            engine.onTight(task::wake);
            Mishap mishap = new Mishap(MonotonicClock.SYSTEM);
            do {
                mishap.over(task, space.look(mishap));
                // Also what could not be kept while the volume was full.
                events.flush();
            } while (task.pause(space.pause()));
        });
        janitor = supervisor.start("levee-janitor", task -> {
            Freeing freeing = new Freeing(engine::freeDropped, MonotonicClock.SYSTEM);
            boolean more = false;
            while (more ? !task.stopping() : task.pause(options.retentionEvery())) {
                RetentionReport report = pass.run();
                more = freeing.run(options.retentionEvery(), task::pause);
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
            if (removal.stopped()) {
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

    /** See {@link io.levee.Store#applyRetention}. */
    public RetentionReport apply(RetentionPlan plan) {
        return pass.apply(plan);
    }

    /** Decisions, the newest first. */
    public List<RetentionEvent> events(@Nullable String table, int limit) {
        return events.newest(table, limit);
    }

    /** What is wrong now, in sentences. Any thread; from memory. */
    public List<String> troubles() {
        List<String> troubles = new ArrayList<>(rollups.troubles());
        pass.failures().forEach((table, why) -> troubles.add("retention of " + table + ": " + why));
        return troubles;
    }

    /** For the status. Any thread; touches no partition. */
    public RetentionState state() {
        List<String> late = new ArrayList<>();
        Map<String, String> last = pass.kept();
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

    /** See {@link io.levee.Store#restore}. Not while a pass runs: both move the same things. */
    public void restore(PartitionId id) {
        restore(id, () -> engine.restore(id));
    }

    /** See {@link io.levee.Store#restore(PartitionId, java.nio.file.Path)}. */
    public void restore(PartitionId id, java.nio.file.Path backup) {
        restore(id, () -> engine.restore(id, backup));
    }

    private void restore(PartitionId id, Runnable step) {
        // Without the removal's lock: it may take a while, and what has to go for space does not wait for it.
        pass.between(step);
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
                made.append(PartitionRemoval.await(service.makeAhead(state, reference + Micros.of(AHEAD), reference)));
            }
        }
        return made.toString();
    }

    /** Drops nothing from now on. */
    public void stop() {
        removal.stop();
        if (janitor != null) {
            janitor.wake();
        }
    }
}
