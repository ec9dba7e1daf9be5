package io.levee.internal.write;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.RecordLostException;
import io.levee.StoreStatus.Commits;
import io.levee.TableSpec;
import io.levee.engine.Classes;
import io.levee.engine.Period;
import io.levee.engine.Slot;
import io.levee.engine.StorageEngine;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The one thread that writes (guarantee G1): takes batches off the queue, hands them to the engine by table, has them settled.
 *
 * <p>Rows that the engine could not write yet wait in the queue's {@link Lanes}, and come again before later rows of their lane for as
 * long as it takes; only what somebody waits for is given up, after {@link #PATIENCE}. Everything here is confined to the thread
 * {@code levee-writer} but {@link #call}, {@link #requestStop} and what says so.
 */
final class Writer {
    /** How long what somebody waits for is tried again. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private final StorageEngine engine;
    private final WriteQueue queue;
    private final Settlement settlement;
    private final MonotonicClock clock;
    private final BatchLimit limit = new BatchLimit();
    private final Duration patience;
    /** Bytes after which a batch takes no further record. */
    private final long batchBytes;

    private final Turns turns;
    private final BlockingQueue<Runnable> commands = new LinkedBlockingQueue<>();
    private volatile boolean stopRequested;
    private volatile long giveUpNanos;
    private volatile String closeFailure = "";

    Writer(
            StorageEngine engine,
            WriteQueue queue,
            Settlement settlement,
            MonotonicClock clock,
            Duration patience,
            long batchBytes) {
        this.batchBytes = batchBytes;
        this.engine = engine;
        this.queue = queue;
        this.settlement = settlement;
        this.clock = clock;
        this.patience = patience;
        this.turns = new Turns(clock);
    }

    /** Runs until a stop was requested and everything is settled; then closes the engine's writing side. */
    void run(Task task) throws InterruptedException {
        takeUpAgain();
        while (!finished()) {
            runCommands();
            if (!turns.stoodStill()) {
                settlement.giveUpOverdue(patience);
            }
            refill(task);
            List<Pending> batch = queue.take(limit.records(), batchBytes, wakeNanos());
            try {
                if (!batch.isEmpty()) {
                    write(batch);
                    task.ran("");
                }
                engine.afterBatch();
            } catch (RuntimeException e) {
                // The batch is settled by write() whatever happened; only house-keeping can end here (G13).
                task.survived(e);
            }
        }
        settlement.giveUpAll(queue.takeAll());
        runCommands();
        try {
            engine.closeWriter();
        } catch (RuntimeException e) {
            closeFailure = String.valueOf(e.getMessage());
        }
    }

    private void refill(Task task) {
        try {
            boolean more = true;
            while (more) {
                more = queue.readBackSpilled();
            }
        } catch (LeveeException e) {
            // Spill files that cannot be read now must not keep the rest from being written.
            task.survived(e);
        }
    }

    /** After an error that ended the loop, what was in hand is not forgotten (G13). */
    private void takeUpAgain() {
        List<Pending> left = queue.leftInHand();
        if (!left.isEmpty()) {
            write(left);
        }
    }

    private long wakeNanos() {
        return stopRequested ? giveUpNanos : Long.MAX_VALUE;
    }

    /** Why the engine could not close its writing side; empty where it could. Any thread, after the end. */
    String closeFailure() {
        return closeFailure;
    }

    private boolean finished() {
        return stopRequested && (clock.nanos() - giveUpNanos >= 0 || queue.drained() && commands.isEmpty());
    }

    private void write(List<Pending> batch) {
        if (batch.get(0) instanceof Change change) {
            change.run();
            queue.made(change);
            return;
        }
        Map<TableState, List<Pending>> byTable = new LinkedHashMap<>();
        batch.forEach(row ->
                byTable.computeIfAbsent(row.table(), t -> new ArrayList<>()).add(row));
        int stored = 0;
        long nanos = 0;
        for (Map.Entry<TableState, List<Pending>> rows : byTable.entrySet()) {
            long before = clock.nanos();
            writeTable(rows.getKey(), rows.getValue());
            nanos += clock.nanos() - before;
            stored += settlement.tried(rows.getKey(), rows.getValue());
        }
        if (stored > 0) {
            limit.wrote(stored, nanos);
        }
    }

    private void writeTable(TableState table, List<Pending> rows) {
        LeveeException failure = null;
        try {
            TableSpec spec = table.spec();
            fit(rows, spec);
            List<Pending> kept = refuseExpired(table, spec, rows);
            if (!kept.isEmpty()) {
                assignSlots(table, kept);
                engine.append(spec, kept, level(kept), table);
            }
        } catch (LeveeException e) {
            failure = e;
        } catch (Throwable e) {
            // Even an Error must leave every record settled, or the books would never balance again (G13).
            failure = new LeveeException(ErrorCode.INTERNAL, "writing failed: " + e, e);
        }
        for (Pending row : rows) {
            if (row.outcome() == Outcome.PENDING) {
                row.settle(failure != null && failure.retryable() ? Outcome.RETRY : Outcome.FAILED, 0, failure);
            }
        }
    }

    private static void fit(List<Pending> rows, TableSpec spec) {
        List<Column> withDefault = spec.columns().stream()
                .filter(column -> column.defaultValue() != null)
                .toList();
        for (Pending row : rows) {
            row.fit(spec);
            row.complete(withDefault);
        }
    }

    /** Retention went on while these were in the queue: what it has dropped must not come back. */
    private List<Pending> refuseExpired(TableState table, TableSpec spec, List<Pending> rows) {
        if (engine.floorMicros(spec.name()) == Long.MIN_VALUE) {
            return rows;
        }
        Map<String, Long> floors = new HashMap<>();
        List<Pending> kept = new ArrayList<>(rows.size());
        for (Pending row : rows) {
            long floor = floors.computeIfAbsent(
                    table.classes().of(row.values()), one -> engine.floorMicros(spec.name(), one));
            if (row.timeMicros() >= floor || row.outcome() == Outcome.UNCERTAIN) {
                kept.add(row);
            } else {
                row.settle(
                        Outcome.FAILED,
                        0,
                        new RecordLostException(
                                LossReason.EXPIRED,
                                "retention dropped everything before " + Micros.text(floor)
                                        + " while the record was queued",
                                null));
            }
        }
        return kept;
    }

    /**
     * Writes one row at once: a change of a single record, which no queue has counted. Writer thread.
     *
     * @throws LeveeException what kept it from being written
     */
    void writeNow(Pending row, Ack level) {
        TableState table = row.table();
        List<Pending> one = List.of(row);
        fit(one, table.spec());
        assignSlots(table, one);
        engine.append(table.spec(), one, level, table);
        LeveeException error = row.error();
        if (error != null) {
            throw error;
        }
        table.sawTime(row.timeMicros());
        table.removed(1);
        table.changed();
    }

    private static void assignSlots(TableState table, List<Pending> rows) {
        long oldest = Long.MAX_VALUE;
        long newest = Long.MIN_VALUE;
        for (Pending row : rows) {
            oldest = Math.min(oldest, row.timeMicros());
            newest = Math.max(newest, row.timeMicros());
        }
        Classes classes = table.classes();
        Set<String> told = new HashSet<>();
        Slot last = null;
        for (Pending row : rows) {
            // An uncertain row is looked up in the period that it was written to, whatever the width is now.
            if (row.outcome() != Outcome.UNCERTAIN) {
                String own = classes.of(row.values());
                Periods periods = table.periods(own);
                if (told.add(own)) {
                    periods.expect(oldest, newest);
                }
                Period period = periods.of(row.timeMicros());
                if (last == null
                        || !last.retentionClass().equals(own)
                        || !last.period().equals(period)) {
                    last = new Slot(period, own);
                }
                row.slot(last);
            }
        }
    }

    private static Ack level(List<Pending> rows) {
        for (Pending row : rows) {
            Waiter waiter = row.waiter();
            if (waiter != null && waiter.level() == Ack.DURABLE) {
                return Ack.DURABLE;
            }
        }
        return Ack.COMMITTED;
    }

    private void runCommands() {
        for (Runnable command = commands.poll(); command != null; command = commands.poll()) {
            command.run();
        }
    }

    /**
     * Runs something on the writer thread, between batches. Any thread.
     *
     * @return its answer, or its error
     */
    <T> CompletableFuture<T> call(Supplier<T> body) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        commands.add(() -> {
            try {
                answer.complete(body.get());
            } catch (Throwable e) {
                // Even an Error must answer the caller and leave the writer alive (G13).
                answer.completeExceptionally(e);
            }
        });
        queue.hurry();
        return answer;
    }

    /**
     * Runs something on the writer thread, after every record of its key that was accepted before this call and before every later
     * one. Any thread.
     *
     * @param key the key of what is changed; null for any rows of the table
     * @return its answer, or its error; the future's stages run on the writer, so they must be short
     */
    <T> CompletableFuture<T> callInOrder(TableState table, @Nullable Object @Nullable [] key, Supplier<T> body) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        queue.offer(Change.of(table, key, body, answer));
        return answer;
    }

    /** Makes {@link #run} end once everything is settled, or after the timeout. Any thread. */
    void requestStop(Duration timeout) {
        giveUpNanos = clock.nanos() + timeout.toNanos();
        stopRequested = true;
        queue.hurry();
    }

    /** How long batches take. Any thread. */
    Commits commits() {
        return limit.commits();
    }
}
