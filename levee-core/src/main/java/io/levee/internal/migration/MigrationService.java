package io.levee.internal.migration;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationPlan;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.StorageEngine;
import io.levee.internal.query.QueryService;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.MonotonicClock;
import io.levee.internal.write.Tables;
import io.levee.internal.write.WriteService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The migrations of an open store: declared, paused and looked at by any thread, made by one, {@code levee-migrate}, which is started when
 * there is something to do. Thread-safe.
 */
public final class MigrationService {
    private static final System.Logger LOG = System.getLogger("io.levee.migrate");
    private static final Duration LONGEST_SLEEP = Duration.ofMinutes(5);
    private static final Duration NEXT_LOOK = Duration.ofSeconds(5);
    private static final Duration END_OF_SLICE = Duration.ofSeconds(60);

    private final StorageEngine engine;
    private final Supervisor supervisor;
    private final StoreOptions options;
    private final @Nullable WriteService writes;
    private final Declaration declaration;
    private final Plans plans;
    private final StatusReader reader;
    private final MigrationRun.@Nullable Parts parts;
    private final @Nullable Registry registry;
    /** Guards {@link #task}, and tells of the end of work. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition changed = lock.newCondition();
    private @Nullable Task task;
    private volatile boolean stopped;
    /** How often something came that migrations which are done may have to reach, in this life of the store and before it. */
    private final AtomicLong came = new AtomicLong();

    /** Up to which of these it was looked at. */
    private volatile long looked;

    /** Makes a row of stored values. */
    @FunctionalInterface
    public interface Rows {
        /** The row. */
        Row row(TableSpec spec, @Nullable Object[] values, long timeMicros, long seq);
    }

    /** Wires the parts; {@link #start} goes on with what was begun. */
    public MigrationService(
            StorageEngine engine,
            StoreOptions options,
            Tables tables,
            Supervisor supervisor,
            @Nullable WriteService writes,
            QueryService queries,
            Rows rows) {
        this.engine = engine;
        this.options = options;
        this.supervisor = supervisor;
        this.writes = writes;
        this.declaration = new Declaration(engine, tables);
        this.plans = new Plans(engine, declaration);
        this.registry = writes == null ? null : new Registry(engine, options.clock());
        if (registry != null && !registry.all().isEmpty() && engine.migrationsUnlooked() != 0) {
            came.incrementAndGet();
        }
        if (registry != null) {
            engine.onArrival(this::partitionCameBack);
        }
        this.reader = new StatusReader(engine, registry, MonotonicClock.SYSTEM, this::unlooked);
        this.parts = registry == null || writes == null
                ? null
                : new MigrationRun.Parts(
                        engine,
                        queries,
                        declaration::spec,
                        registry,
                        new LoadSignal(writes.latency(), MonotonicClock.SYSTEM),
                        rows::row,
                        MonotonicClock.SYSTEM);
    }

    /** Goes on with what an earlier life of the store has left. */
    public void start() {
        if (registry != null && (unlooked() || registry.all().stream().anyMatch(live -> !live.done()))) {
            work();
        }
    }

    private void work() {
        lock.lock();
        try {
            if (task == null && !stopped) {
                task = supervisor.start("levee-migrate", this::run);
            } else if (task != null) {
                task.wake();
            }
        } finally {
            lock.unlock();
        }
    }

    private Registry registry() {
        if (registry == null || writes == null) {
            throw new LeveeException(
                    ErrorCode.NOT_WRITABLE, "the store " + engine.address() + " was opened for reading");
        }
        return registry;
    }

    /** See {@link io.levee.Store#migrations}. */
    public List<MigrationStatus> statuses() {
        return reader.statuses();
    }

    /** See {@link io.levee.Store#migrationsPaused}. */
    public boolean paused() {
        return reader.paused();
    }

    /** See {@link io.levee.Store#planMigrations}. */
    public MigrationPlan plan(List<Migration> migrations) {
        return plans.plan(migrations, reader.records(), options.clock().instant());
    }

    /** See {@link io.levee.Store#migrate}. */
    public List<MigrationStatus> migrate(List<Migration> migrations, boolean approve) {
        Registry all = registry();
        List<MigrationStatus> answer = new ArrayList<>();
        try {
            for (Migration migration : migrations) {
                synchronized (this) {
                    declare(all, migration, approve);
                }
            }
        } finally {
            if (all.all().stream().anyMatch(live -> !live.done())) {
                work();
            }
        }
        Set<String> ids = new HashSet<>();
        migrations.forEach(migration -> ids.add(migration.id()));
        statuses().stream().filter(status -> ids.contains(status.id())).forEach(answer::add);
        return answer;
    }

    private void declare(Registry all, Migration migration, boolean approve) {
        Live known = all.find(migration.id());
        if (known != null) {
            Declaration.requireSame(known, migration);
            known.declared(migration);
            if (approve && !known.record().approved()) {
                all.change(known, edit -> edit.approved = true, null);
            }
            return;
        }
        List<Live> before = ofTable(all, migration.table());
        Declaration.Fitting fitting =
                declaration.check(migration, before, options.clock().instant());
        TableSpec spec = fitting.atOnce() ? declaration.changed(fitting.after()) : null;
        still(
                migration,
                spec,
                () -> all.add(
                        migration,
                        edit -> {
                            edit.applied = fitting.atOnce();
                            edit.approved = approve;
                        },
                        spec));
        if (fitting.atOnce()) {
            before.stream()
                    .filter(live -> Declaration.takesBack(migration, live.record()))
                    .forEach(live -> resume(all, live, false));
        }
    }

    private static void resume(Registry all, Live live, boolean acceptGaps) {
        all.change(
                live,
                edit -> {
                    edit.gapsAccepted |= acceptGaps;
                    edit.paused = false;
                    if (edit.state == State.FAILED) {
                        edit.state = State.PENDING;
                        edit.error = null;
                    }
                },
                null);
    }

    /** Changes a table's spec while the writer stands still: no row is laid out by a spec that is not the newest. */
    private void still(Migration migration, @Nullable TableSpec spec, Runnable keep) {
        if (spec == null || writes == null) {
            keep.run();
            return;
        }
        if (!migration.step().additive() && writes.spilled()) {
            throw new LeveeException(
                            ErrorCode.PARTITION_BUSY,
                            "records are in spill files, laid out as the table is now: the migration " + migration.id()
                                    + " cannot change that before they are written")
                    .with("migration", migration.id());
        }
        writes.whileStill(() -> {
            keep.run();
            declaration.took(spec);
            return spec;
        });
    }

    private static List<Live> ofTable(Registry all, String table) {
        return all.all().stream()
                .filter(live -> live.record().table().equals(table))
                .toList();
    }

    /** See {@link io.levee.Store#pauseMigrations}. */
    public void pause(@Nullable String id) {
        Registry all = registry();
        Live one = id == null ? null : all.require(id);
        if (one == null) {
            all.pause(true);
        } else {
            all.change(one, edit -> edit.paused = true, null);
        }
        wake();
        awaitIdle(one, END_OF_SLICE);
    }

    /** See {@link io.levee.Store#resumeMigrations}. */
    public void resume(@Nullable String id) {
        if (id != null) {
            resume(id, false);
            return;
        }
        registry().pause(false);
        work();
    }

    /** See {@link io.levee.Store#resumeMigration}. */
    public void resume(String id, boolean acceptGaps) {
        Registry all = registry();
        Live live = all.require(id);
        if (acceptGaps && !(live.record().step() instanceof MigrationStep.Backfill)) {
            throw new LeveeException(
                            ErrorCode.BAD_VALUE, "the migration " + id + " looks nothing up: it has no gaps to accept")
                    .with("migration", id);
        }
        resume(all, live, acceptGaps);
        work();
    }

    /** See {@link io.levee.Store#awaitMigrations}. */
    public boolean await(Duration timeout) {
        Registry all = registry();
        return awaited(
                timeout,
                () -> !unlooked() && all.all().stream().noneMatch(live -> live.working || runnable(all, live)));
    }

    private boolean awaitIdle(@Nullable Live one, Duration timeout) {
        Registry all = registry();
        return awaited(
                timeout, () -> all.all().stream().noneMatch(live -> live.working && (one == null || one == live)));
    }

    private boolean awaited(Duration timeout, java.util.function.BooleanSupplier over) {
        long left = timeout.toNanos();
        lock.lock();
        try {
            while (!over.getAsBoolean() && left > 0) {
                // Looks again now and then: not every change of what it waits for is told.
                long step = Math.min(left, TimeUnit.MILLISECONDS.toNanos(50));
                left -= step - Math.max(0, changed.awaitNanos(step));
            }
            return over.getAsBoolean();
        } catch (InterruptedException e) {
            throw io.levee.internal.supervisor.Waits.interrupted("the wait for migrations was interrupted", e);
        } finally {
            lock.unlock();
        }
    }

    private void wake() {
        lock.lock();
        try {
            if (task != null) {
                task.wake();
            }
        } finally {
            lock.unlock();
        }
    }

    /** A partition came back, or came by a splitting: what was done may have to be done in it. Any thread; does not wait. */
    public void partitionCameBack() {
        if (registry != null && !registry.all().isEmpty()) {
            came.incrementAndGet();
            work();
        }
    }

    private boolean unlooked() {
        return came.get() != looked;
    }

    /** What was done has to be done where it was not reached. */
    private void again(Registry all) {
        List<MigrationRecord> done = all.all().stream()
                .filter(live -> live.done() && !(live.record().step() instanceof MigrationStep.Custom))
                .map(Live::record)
                .toList();
        Map<String, List<PartitionId>> left = done.isEmpty() ? Map.of() : engine.migrationParts(done);
        for (MigrationRecord record : done) {
            if (!left.getOrDefault(record.id(), List.of()).isEmpty()) {
                all.change(
                        all.require(record.id()),
                        edit -> {
                            edit.state = State.PENDING;
                            edit.note = StatusReader.CAME;
                        },
                        null);
            }
        }
    }

    /** Looks at what came; returns whether that is over. Tried again where it could not be done. */
    private boolean looked(Registry all) {
        try {
            if (unlooked()) {
                // In this order: what comes during the look is looked at by the next one.
                long now = came.get();
                long upTo = engine.migrationsUnlooked();
                again(all);
                engine.migrationsLooked(upTo);
                looked = now;
            }
            return true;
        } catch (LeveeException e) {
            LOG.log(System.Logger.Level.WARNING, "what came since migrations were done cannot be looked at", e);
            return false;
        }
    }

    /** The thread's work: one migration after another. */
    private void run(Task own) {
        Registry all = registry();
        MigrationRun.Parts with = Objects.requireNonNull(parts, "a store for writing");
        while (!own.stopping() && !stopped) {
            boolean looked = looked(all);
            Live next = next(all);
            if (next == null) {
                tell();
                own.pause(looked ? LONGEST_SLEEP : NEXT_LOOK);
                with.load().idle();
                continue;
            }
            next.working = true;
            try {
                take(with, next, own);
            } finally {
                next.working = false;
                tell();
            }
        }
    }

    private void tell() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private boolean cancelled(Registry all, Live live, Task own) {
        return stopped || own.stopping() || all.paused() || live.record().paused();
    }

    private void take(MigrationRun.Parts with, Live live, Task own) {
        Registry all = with.registry();
        live.taken();
        Live.Wait passing = Live.Wait.NONE;
        try {
            with.load().idle();
            apply(all, live);
            new MigrationRun(with, live, own, () -> cancelled(all, live, own)).run();
        } catch (Throwable e) {
            // Whatever it is, it must show in the status of this migration and nowhere else (G139, G126).
            if (cancelled(all, live, own) && ended(e)) {
                return;
            }
            if (e instanceof LeveeException known && known.retryable()) {
                passing = Live.Wait.of(known);
                live.waits(passing);
                own.pause(MigrationRun.LONGEST_WAIT);
                return;
            }
            LOG.log(
                    System.Logger.Level.WARNING,
                    "the migration " + live.record().id() + " failed",
                    e);
            String text = e instanceof LeveeException known ? known.getMessage() : e.toString();
            all.failed(live, text);
        } finally {
            live.waits(passing);
        }
    }

    private static boolean ended(Throwable e) {
        return e instanceof InterruptedException
                || e instanceof LeveeException known
                        && (known.code() == ErrorCode.CANCELLED
                                || known.code() == ErrorCode.CLOSED
                                || known.retryable());
    }

    /** A step that waited for others before it makes its change to the spec now. */
    private void apply(Registry all, Live live) {
        MigrationRecord record = live.record();
        if (record.applied()) {
            return;
        }
        synchronized (this) {
            TableSpec after = declaration.due(record, ofTable(all, record.table()));
            TableSpec spec = declaration.changed(after);
            still(record.migration(), spec, () -> all.change(live, edit -> edit.applied = true, spec));
        }
    }

    /** The first that can be worked on; those of a table wait for each other. */
    private @Nullable Live next(Registry all) {
        Live next = null;
        for (Live live : all.all()) {
            if (next == null && runnable(all, live)) {
                next = live;
            }
        }
        return next;
    }

    /** Whether it can be worked on now. Says why not, where that is not told by its state. */
    private boolean runnable(Registry all, Live live) {
        MigrationRecord record = live.record();
        if (record.state() == State.DONE || record.state() == State.FAILED || record.paused() || all.paused()) {
            return false;
        }
        for (Live before : all.all()) {
            MigrationRecord other = before.record();
            if (other.number() < record.number()
                    && other.table().equals(record.table())
                    && other.state() != State.DONE) {
                if (!live.working) {
                    live.waits(Live.Wait.of("it waits for " + other.id() + ", which is "
                            + other.state().text() + (other.paused() ? " and paused" : "")));
                }
                // One after which this can go on will be worked on first.
                return false;
            }
        }
        if (live.lacksFunction()) {
            live.waits(Live.Wait.of("it waits for the program to declare its function"));
            return false;
        }
        String needs = record.approved() || record.startedMicros() > 0 ? null : plans.needsApproval(record);
        if (needs != null) {
            live.waits(Live.Wait.of("it waits for approval: " + needs));
            return false;
        }
        return true;
    }

    /** Ends the work, so that it can be taken up by the next opening; what was begun is interrupted. */
    public void stop() {
        stopped = true;
        if (registry == null) {
            return;
        }
        wake();
        if (!awaitIdle(null, END_OF_SLICE)) {
            LOG.log(System.Logger.Level.WARNING, "a migration did not end within {0}", END_OF_SLICE);
        }
        for (Live live : registry.all()) {
            MigrationRecord record = live.record();
            if (record.state() == State.RUNNING) {
                try {
                    registry.change(
                            live,
                            edit -> {
                                edit.state = State.INTERRUPTED;
                                edit.rowsDone = Math.max(edit.rowsDone, live.rowsDone);
                                edit.rowsPartial += edit.rowsDone - record.rowsDone();
                                edit.note = "the store was closed";
                            },
                            null);
                } catch (LeveeException e) {
                    // The next opening goes on with it all the same.
                    LOG.log(System.Logger.Level.WARNING, "the end of " + record.id() + " cannot be noted", e);
                }
            }
        }
    }
}
