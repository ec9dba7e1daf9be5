package io.levee.internal.write;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.RecordLostException;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The one thread that writes (guarantee G1): takes batches off the queue, hands them to the engine by table, settles them.
 *
 * <p>Rows that the engine could not write yet (a locked partition, a full disk) are kept in hand, in order, still counted
 * against the queue's limits, and handed in again before later rows; after {@link #PATIENCE} they are given up. Everything
 * here is confined to the thread {@code levee-writer} but {@link #call} and {@link #requestStop}.
 */
final class Writer {
    /** Most records of one batch: a slow disk must not make flushes grow (guarantee G11). */
    static final int BATCH_RECORDS = 20_000;

    /** Bytes after which a batch takes no further record. */
    static final long BATCH_BYTES = 16 << 20;

    /** How long rows are tried again. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final Duration RETRY_PAUSE = Duration.ofMillis(20);

    private final StorageEngine engine;
    private final WriteQueue queue;
    private final LossLog losses;
    private final Receipts receipts;
    private final MonotonicClock clock;
    private final BlockingQueue<Runnable> commands = new LinkedBlockingQueue<>();
    /** Changes that take their place among the records; guarded by itself, taken off by the writer only. */
    private final Deque<Ordered<?>> ordered = new ArrayDeque<>();

    private final List<Pending> postponed = new ArrayList<>();
    private @Nullable String problem;
    private volatile boolean stopRequested;
    private volatile long giveUpNanos = Long.MAX_VALUE;
    private volatile @Nullable String trouble;
    private volatile String closeFailure = "";

    Writer(StorageEngine engine, WriteQueue queue, LossLog losses, Receipts receipts, MonotonicClock clock) {
        this.engine = engine;
        this.queue = queue;
        this.losses = losses;
        this.receipts = receipts;
        this.clock = clock;
    }

    /** Runs until a stop was requested and everything is settled; then closes the engine's writing side. */
    void run(Task task) throws InterruptedException {
        while (!finished()) {
            runCommands();
            List<Pending> batch = postponed.isEmpty() ? queue.take(BATCH_RECORDS, BATCH_BYTES) : retryBatch();
            try {
                if (!batch.isEmpty()) {
                    write(batch);
                    task.ran("");
                }
                runOrdered();
                engine.afterBatch();
            } catch (RuntimeException e) {
                // The batch is settled by write() whatever happened; only house-keeping can end here (G13).
                task.survived(e);
            }
        }
        giveUp(postponed, LossReason.SHUTDOWN, "the store closed before the record could be written");
        postponed.clear();
        giveUp(
                queue.take(Integer.MAX_VALUE, Long.MAX_VALUE),
                LossReason.SHUTDOWN,
                "the store closed before the queue was empty");
        runCommands();
        abandonOrdered();
        try {
            engine.closeWriter();
        } catch (RuntimeException e) {
            closeFailure = String.valueOf(e.getMessage());
        }
    }

    /** Why the engine could not close its writing side; empty where it could. Any thread, after the end. */
    String closeFailure() {
        return closeFailure;
    }

    private boolean finished() {
        if (!stopRequested) {
            return false;
        }
        return clock.nanos() - giveUpNanos >= 0
                || postponed.isEmpty() && queue.books().queue().records() == 0 && nothingOrdered();
    }

    /** What was postponed, first, and as much of the queue as fits beside it. */
    private List<Pending> retryBatch() throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(RETRY_PAUSE.toNanos());
        List<Pending> batch = new ArrayList<>(postponed);
        postponed.clear();
        int room = BATCH_RECORDS - batch.size();
        if (room > 0) {
            queue.hurry();
            batch.addAll(queue.take(room, BATCH_BYTES));
        }
        return batch;
    }

    private void write(List<Pending> batch) {
        Map<TableState, List<Pending>> byTable = new LinkedHashMap<>();
        batch.forEach(row ->
                byTable.computeIfAbsent(row.table(), t -> new ArrayList<>()).add(row));
        problem = null;
        byTable.forEach(this::writeTable);
        trouble = problem;
        queue.stillInHand(postponed.stream().mapToLong(Pending::ticket).min().orElse(Long.MAX_VALUE));
    }

    private void writeTable(TableState table, List<Pending> rows) {
        LeveeException failure = null;
        try {
            TableSpec spec = table.spec();
            List<Pending> kept = refuseExpired(spec, rows);
            if (!kept.isEmpty()) {
                assignPeriods(table, kept);
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
                row.settle(Outcome.FAILED, 0, failure);
            }
        }
        settle(table, rows);
    }

    /** Retention went on while these were in the queue: what it has dropped must not come back. */
    private List<Pending> refuseExpired(TableSpec spec, List<Pending> rows) {
        long floor = engine.floorMicros(spec.name());
        if (floor == Long.MIN_VALUE) {
            return rows;
        }
        List<Pending> kept = new ArrayList<>(rows.size());
        for (Pending row : rows) {
            if (row.timeMicros() >= floor) {
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
        assignPeriods(table, one);
        engine.append(table.spec(), one, level, table);
        LeveeException error = row.error();
        if (error != null) {
            throw error;
        }
        table.sawTime(row.timeMicros());
        table.changed();
    }

    private static void assignPeriods(TableState table, List<Pending> rows) {
        long oldest = Long.MAX_VALUE;
        long newest = Long.MIN_VALUE;
        for (Pending row : rows) {
            oldest = Math.min(oldest, row.timeMicros());
            newest = Math.max(newest, row.timeMicros());
        }
        Periods periods = table.periods();
        periods.expect(oldest, newest);
        rows.forEach(row -> row.period(periods.of(row.timeMicros())));
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

    private void settle(TableState table, List<Pending> rows) {
        List<Runnable> completions = new ArrayList<>();
        int stored = 0;
        int lost = 0;
        long bytes = 0;
        long now = clock.nanos();
        for (Pending row : rows) {
            if (row.outcome() == Outcome.RETRY) {
                problem = String.valueOf(
                        row.error() == null
                                ? "a partition is locked"
                                : row.error().getMessage());
                if (now - row.queuedNanos() < PATIENCE.toNanos() && now - giveUpNanos < 0) {
                    row.settle(Outcome.PENDING, 0, null);
                    postponed.add(row);
                    continue;
                }
                row.settle(Outcome.FAILED, 0, row.error());
            }
            bytes += row.bytes();
            if (row.outcome() == Outcome.FAILED) {
                lost++;
                failed(row, now);
            } else {
                stored++;
                table.sawTime(row.timeMicros());
            }
            tell(row, completions);
        }
        queue.settled(stored, lost, bytes);
        if (stored > 0) {
            table.changed();
        }
        if (problem != null) {
            trouble = problem;
        }
        receipts.deliver(completions);
    }

    private void failed(Pending row, long now) {
        LeveeException error = row.error();
        if (error instanceof RecordLostException expired && expired.reason() == LossReason.EXPIRED) {
            losses.note(row.table().spec().name(), row.timeMicros(), LossReason.EXPIRED);
            return;
        }
        problem = error == null ? "a write failed" : error.getMessage();
        boolean outOfTime = error != null && error.retryable() && now - giveUpNanos >= 0;
        LossReason reason = outOfTime ? LossReason.SHUTDOWN : LossReason.WRITE_FAILED;
        fail(row, reason, "the record could not be written: " + problem, error);
    }

    private static void tell(Pending row, List<Runnable> completions) {
        Waiter waiter = row.waiter();
        Runnable completion = waiter == null ? null : waiter.settled(row);
        if (completion != null) {
            completions.add(completion);
        }
    }

    private void fail(Pending row, LossReason reason, String what, @Nullable Throwable cause) {
        losses.note(row.table().spec().name(), row.timeMicros(), reason);
        row.settle(Outcome.FAILED, 0, new RecordLostException(reason, what, cause));
    }

    private void giveUp(List<Pending> rows, LossReason reason, String what) {
        List<Runnable> completions = new ArrayList<>();
        long bytes = 0;
        for (Pending row : rows) {
            bytes += row.bytes();
            fail(row, reason, what, null);
            tell(row, completions);
        }
        queue.settled(0, rows.size(), bytes);
        receipts.deliver(completions);
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
        commands.add(() -> complete(answer, body));
        queue.hurry();
        return answer;
    }

    /** A change that runs once everything up to a ticket is settled, and before anything later is written. */
    private record Ordered<T>(long ticket, Supplier<T> body, CompletableFuture<T> answer) {
        void run() {
            complete(answer, body);
        }
    }

    private static <T> void complete(CompletableFuture<T> answer, Supplier<T> body) {
        try {
            answer.complete(body.get());
        } catch (RuntimeException e) {
            answer.completeExceptionally(e);
        }
    }

    /**
     * Runs something on the writer thread, after every record that was accepted before this call and before every later one. Any
     * thread.
     *
     * @return its answer, or its error; the future's stages run on the writer, so they must be short
     */
    <T> CompletableFuture<T> callInOrder(Supplier<T> body) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        synchronized (ordered) {
            ordered.add(new Ordered<>(queue.raiseBarrier(), body, answer));
        }
        queue.hurry();
        return answer;
    }

    private void runOrdered() {
        for (Ordered<?> next = firstOrdered();
                next != null && queue.settledUpTo(next.ticket());
                next = firstOrdered()) {
            next.run();
            synchronized (ordered) {
                ordered.remove();
                Ordered<?> after = ordered.peek();
                queue.moveBarrier(after == null ? Long.MAX_VALUE : after.ticket());
            }
        }
    }

    private @Nullable Ordered<?> firstOrdered() {
        synchronized (ordered) {
            return ordered.peek();
        }
    }

    private boolean nothingOrdered() {
        return firstOrdered() == null;
    }

    private void abandonOrdered() {
        synchronized (ordered) {
            ordered.forEach(change -> change.answer()
                    .completeExceptionally(
                            new LeveeException(ErrorCode.CLOSED, "the store closed before the change could be made")));
            ordered.clear();
        }
    }

    /** Makes {@link #run} end once everything is settled, or after the timeout. Any thread. */
    void requestStop(Duration timeout) {
        giveUpNanos = clock.nanos() + timeout.toNanos();
        stopRequested = true;
        queue.hurry();
    }

    /** What keeps the last batch from being written, or null. Any thread. */
    @Nullable
    String trouble() {
        return trouble;
    }
}
