package io.levee.internal.migration;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.SliceOutcome;
import io.levee.engine.StorageEngine;
import io.levee.internal.query.QueryService;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Works on one migration until it is done or cancelled. Confined to the migration thread; made anew each time it is taken up. */
final class MigrationRun {
    private static final Duration FIRST_WAIT = Duration.ofMillis(20);
    static final Duration LONGEST_WAIT = Duration.ofSeconds(5);
    /** How often progress within a partition is kept for other processes. */
    private static final long KEEP_NANOS = 2_000_000_000L;

    /** What runs need of the store. */
    record Parts(
            StorageEngine engine,
            QueryService queries,
            Function<String, TableSpec> tables,
            Registry registry,
            LoadSignal load,
            PartRun.RowMaker rows,
            MonotonicClock clock) {}

    private static final String UNREAD = "it was made without rows that could not be read: ";
    private static final int NAMED = 5;

    private final Parts parts;
    private final Live live;
    private final Task task;
    private final BooleanSupplier cancelled;
    private final Consumer<Duration> sleep;
    private final Pace pace = new Pace();
    private final long startNanos;
    private long workBefore;
    /** Rows in partitions that are done with. */
    private long base;
    /** Rows in the others, by partition. */
    private final Map<PartitionId, Long> partial = new HashMap<>();

    /** Rows of the partitions, as counted at the begin. */
    private Map<PartitionId, Long> counted = Map.of();

    private @Nullable Lookups lookups;
    private Duration wait = FIRST_WAIT;
    private long keptNanos;

    MigrationRun(Parts parts, Live live, Task task, BooleanSupplier cancelled) {
        this(parts, live, task, cancelled, task::pause);
    }

    /** With waits that a test makes. */
    MigrationRun(Parts parts, Live live, Task task, BooleanSupplier cancelled, Consumer<Duration> sleep) {
        this.sleep = sleep;
        this.parts = parts;
        this.live = live;
        this.task = task;
        this.cancelled = cancelled;
        this.startNanos = parts.clock().nanos();
        this.workBefore = live.record().workMicros();
        this.keptNanos = startNanos;
    }

    /**
     * Works until the migration is done, or is cancelled.
     *
     * @throws LeveeException what it failed with
     */
    void run() throws Exception {
        if (live.step() instanceof MigrationStep.Custom custom) {
            custom(custom);
            return;
        }
        List<PartitionId> left = parts.engine().migrationParts(live.record());
        begin(left);
        TableSpec spec = parts.tables().apply(live.record().table());
        Fill fill = fill(spec);
        try (Lookups asked = lookups(fill, spec)) {
            lookups = asked;
            if (asked != null && !left.isEmpty()) {
                asked.prepare(live.record().rowsTotal() - base);
            }
            passes(left, spec, fill);
        }
    }

    private void passes(List<PartitionId> first, TableSpec spec, @Nullable Fill fill) {
        List<PartitionId> left = first;
        while (!cancelled.getAsBoolean()) {
            if (left.isEmpty()) {
                // Partitions may have come back from the trash meanwhile, or been made by rows that were late.
                left = parts.engine().migrationParts(live.record());
                if (left.isEmpty()) {
                    done();
                    return;
                }
            }
            left = pass(left, spec, fill);
        }
    }

    private @Nullable Fill fill(TableSpec spec) {
        MigrationRecord record = live.record();
        return record.step() instanceof MigrationStep.Backfill step
                ? Fill.of(record.migration(), step, spec, parts.tables(), declared())
                : null;
    }

    private Instant declared() {
        return Micros.instant(live.record().declaredMicros());
    }

    private @Nullable Lookups lookups(@Nullable Fill fill, TableSpec spec) {
        return fill == null || fill.lookups().isEmpty()
                ? null
                : new Lookups(
                        fill,
                        spec,
                        parts.engine(),
                        parts.queries(),
                        parts.tables(),
                        declared(),
                        live.record().gapsAccepted());
    }

    /** Counts what is to be done, where it was not counted before. */
    private void begin(List<PartitionId> left) {
        MigrationRecord record = live.record();
        long rows = rows(left);
        int before = record.partitionsTotal();
        // Some came back, or an older release made or changed them.
        boolean more = before >= 0 && left.size() > before - record.partitionsDone();
        int total = Math.max(left.size(), more ? Math.max(before, live(record.table())) : before);
        boolean fresh = record.rowsTotal() < 0;
        base = record.rowsDone() - record.rowsPartial();
        int gone = Math.max(0, record.partitionsTotal() - left.size());
        if (!fresh && gone > record.partitionsDone()) {
            // The last end of a partition was not noted before a crash, or retention took one.
            base = Math.max(base, record.rowsTotal() - rows);
        }
        note(edit -> {
            edit.state = State.RUNNING;
            edit.error = null;
            edit.note = unread();
            edit.rowsTotal = fresh ? rows : Math.max(edit.rowsTotal, base + rows);
            edit.partitionsTotal = total;
            edit.partitionsDone = Math.max(more ? 0 : edit.partitionsDone, total - left.size());
            edit.rowsDone = Math.max(base, edit.rowsDone);
            edit.rowsPartial = edit.rowsDone - base;
        });
        live.rowsDone = live.record().rowsDone();
        live.progress.restart(live.rowsDone, parts.clock().nanos());
    }

    private int live(String table) {
        return (int)
                counted.keySet().stream().filter(id -> id.table().equals(table)).count();
    }

    private long rows(List<PartitionId> ids) {
        Map<PartitionId, Long> rows = new HashMap<>();
        for (PartitionInfo partition : parts.engine().partitions()) {
            rows.put(partition.id(), Math.max(0, partition.rows()));
        }
        counted = rows;
        return ids.stream().mapToLong(id -> rows.getOrDefault(id, 0L)).sum();
    }

    /** Goes over partitions once, newest first; returns those that wait for something. */
    private List<PartitionId> pass(List<PartitionId> ids, TableSpec spec, @Nullable Fill fill) {
        List<PartitionId> waiting = new ArrayList<>();
        Live.Wait why = Live.Wait.NONE;
        List<PartRun> runs = runs(ids, spec, fill);
        try {
            for (int i = 0; i < runs.size(); i++) {
                Live.Wait waits = partition(runs.get(i), ids.get(i));
                if (cancelled.getAsBoolean()) {
                    return List.of();
                }
                if (!waits.none()) {
                    waiting.add(ids.get(i));
                    // A trouble is told before what is in order.
                    why = why.none() || why.trouble() == null && waits.trouble() != null ? waits : why;
                } else {
                    wait = FIRST_WAIT;
                }
            }
        } finally {
            runs.forEach(PartRun::close);
        }
        if (!waiting.isEmpty()) {
            pauseLonger(why);
        }
        return waiting;
    }

    private void pauseLonger(Live.Wait why) {
        pause(wait, why);
        wait = wait.multipliedBy(2).compareTo(LONGEST_WAIT) < 0 ? wait.multipliedBy(2) : LONGEST_WAIT;
    }

    /** Keeps what was done. Where that cannot be written now it waits: what was done must not be done again. */
    private void note(Consumer<Edit> change) {
        while (true) {
            try {
                parts.registry().change(live, change, null);
                live.waits(Live.Wait.NONE);
                return;
            } catch (LeveeException e) {
                if (!e.retryable() || cancelled.getAsBoolean()) {
                    throw e;
                }
                pauseLonger(Live.Wait.of(e));
            }
        }
    }

    private List<PartRun> runs(List<PartitionId> ids, TableSpec spec, @Nullable Fill fill) {
        List<PartRun> runs = new ArrayList<>(ids.size());
        for (PartitionId id : ids) {
            PartRun run =
                    new PartRun(parts.engine(), live.step(), id, spec, fill, lookups, pace, parts.rows(), cancelled);
            if (!runs.isEmpty()) {
                runs.get(runs.size() - 1).before(run);
            }
            runs.add(run);
        }
        return runs;
    }

    /** Works on a partition until it is done; returns what it waits for. */
    private Live.Wait partition(PartRun run, PartitionId id) {
        while (!cancelled.getAsBoolean()) {
            SliceOutcome outcome;
            try {
                outcome = run.slice(live.record());
            } catch (LeveeException e) {
                if (!e.retryable()) {
                    throw e;
                }
                return Live.Wait.of(e);
            }
            if (!outcome.waitsFor().isEmpty()) {
                return Live.Wait.of(outcome.waitsFor());
            }
            live.waits(Live.Wait.NONE);
            seen(id, outcome);
            if (outcome.partitionDone()) {
                reached(id);
                return Live.Wait.NONE;
            }
            restIfAsked();
        }
        return Live.Wait.NONE;
    }

    private void seen(PartitionId id, SliceOutcome outcome) {
        partial.put(id, outcome.partitionRows());
        long now = parts.clock().nanos();
        live.rowsDone =
                base + partial.values().stream().mapToLong(Long::longValue).sum();
        live.progress.done(live.rowsDone, now);
        if (now - keptNanos > KEEP_NANOS && !outcome.partitionDone()) {
            keep(0);
        }
    }

    private void reached(PartitionId id) {
        Long rows = partial.remove(id);
        // Of a partition that needed no look at its rows all are dealt with.
        base += rows == null || rows == 0 ? counted.getOrDefault(id, 0L) : rows;
        live.rowsDone =
                base + partial.values().stream().mapToLong(Long::longValue).sum();
        keep(1);
    }

    private void keep(int partitions) {
        keptNanos = parts.clock().nanos();
        note(edit -> {
            edit.partitionsDone += partitions;
            edit.partitionsTotal = Math.max(edit.partitionsTotal, edit.partitionsDone);
            edit.rowsDone = Math.max(base, live.rowsDone);
            edit.rowsPartial = edit.rowsDone - base;
            edit.workMicros = worked();
            edit.note = unread();
        });
    }

    /** What lookups could not read, where that was accepted: it stays with the migration, whoever goes on with it. */
    private String unread() {
        MigrationRecord record = live.record();
        Lookups asked = lookups;
        if (!record.gapsAccepted()) {
            return "";
        }
        Set<String> missed = asked == null ? Set.of() : asked.missed();
        return missed.isEmpty() && record.note().startsWith(UNREAD)
                ? record.note()
                : missed.isEmpty()
                        ? ""
                        : UNREAD
                                + String.join("; ", missed.stream().limit(NAMED).toList())
                                + (missed.size() > NAMED ? "; and " + (missed.size() - NAMED) + " more" : "");
    }

    private long worked() {
        return workBefore + (parts.clock().nanos() - startNanos) / 1000;
    }

    private void done() {
        TableSpec spec = parts.tables().apply(live.record().table());
        note(edit -> {
            edit.state = State.DONE;
            edit.rowsDone = Math.max(base, live.rowsDone);
            edit.rowsPartial = 0;
            edit.rowsTotal = edit.rowsDone;
            edit.partitionsTotal = edit.partitionsDone;
            edit.workMicros = worked();
            edit.note = unread();
        });
        live.waits(Live.Wait.NONE);
        task.ran("the migration " + live.record().id() + " of " + spec.name() + " is done");
    }

    private void custom(MigrationStep.Custom custom) throws Exception {
        note(edit -> {
            edit.state = State.RUNNING;
            edit.error = null;
            edit.note = unread();
        });
        while (!cancelled.getAsBoolean()) {
            String cursor = slice(custom);
            note(edit -> {
                edit.rowsDone++;
                edit.cursor = cursor;
                edit.workMicros = worked();
                if (cursor == null) {
                    edit.state = State.DONE;
                    edit.rowsTotal = edit.rowsDone;
                }
            });
            live.rowsDone = live.record().rowsDone();
            live.progress.done(live.rowsDone, parts.clock().nanos());
            if (cursor == null) {
                return;
            }
            restIfAsked();
        }
    }

    /** Of an error within own work only the program knows whether it passes: it fails, whatever it is. */
    private @Nullable String slice(MigrationStep.Custom custom) throws Exception {
        try {
            return custom.work().runSlice(live.record().cursor(), Pace.TARGET);
        } catch (LeveeException e) {
            if (e.retryable()) {
                throw new LeveeException(ErrorCode.INTERNAL, "the program's own work failed: " + e.getMessage(), e);
            }
            throw e;
        }
    }

    private void pause(Duration length, Live.Wait why) {
        waits(why);
        sleep.accept(length);
    }

    /** Leaves the writer alone where its load asks for that. Between slices. */
    private void restIfAsked() {
        LoadSignal.Ask ask = parts.load().ask();
        if (!ask.why().isEmpty()) {
            waits(Live.Wait.of(ask.why()));
            parts.load().rest(ask, sleep);
        }
    }

    private void waits(Live.Wait why) {
        live.waits(why);
        live.progress.restart(live.rowsDone, parts.clock().nanos());
    }
}
