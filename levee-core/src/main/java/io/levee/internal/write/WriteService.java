package io.levee.internal.write;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Receipt;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.StoreStatus.Commits;
import io.levee.engine.Slot;
import io.levee.engine.SourceMark;
import io.levee.engine.StorageEngine;
import io.levee.internal.memory.Budget;
import io.levee.internal.memory.DiskCap;
import io.levee.internal.row.Values;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Waits;
import io.levee.internal.time.ClockWatch;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The writing half of an open store: guard, queue, writer and receipts, wired and closed in order. Thread-safe. */
public final class WriteService {
    /** What new records may add while those that an earlier life spilled are written, where the policy is not to spill. */
    private static final Bytes LEFT_SPILL = Bytes.mebi(64);

    /** How long who needs the writer between two batches waits for it. */
    static final Duration WRITER_PATIENCE = Duration.ofSeconds(10);

    /** What a record takes beside its values: entry, array and ring slot. */
    private static final int RECORD_OVERHEAD = 96;

    private final StorageEngine engine;
    private final StoreOptions options;
    private final Supervisor supervisor;
    private final LossLog losses;
    private final Ledger ledger;
    private final Receipts receipts = new Receipts();
    private final WriteQueue queue;
    private final ClockWatch watch;
    private final TimeGuard guard;
    private final Settlement settlement;
    private final Writer writer;
    private final RowChanges changes;
    private final CountDownLatch ended = new CountDownLatch(1);

    /** Wires the parts; {@link #start} starts the threads. */
    public WriteService(StorageEngine engine, StoreOptions options, Tables tables, Supervisor supervisor) {
        this(engine, options, tables, supervisor, Writer.PATIENCE);
    }

    WriteService(StorageEngine engine, StoreOptions options, Tables tables, Supervisor supervisor, Duration patience) {
        this.engine = engine;
        this.options = options;
        this.supervisor = supervisor;
        MonotonicClock clock = MonotonicClock.SYSTEM;
        this.losses = new LossLog(engine.losses(), clock, options.clock());
        this.queue = new WriteQueue(
                options.queueRecords(),
                new Bytes(Budget.of(options).queue()),
                losses,
                clock,
                openSpill(),
                tables::known);
        this.watch = new ClockWatch(options.clock(), engine.lastSeenMicros());
        this.guard = new TimeGuard(engine, options, watch);
        this.settlement = new Settlement(queue, losses, receipts, options.clock());
        this.writer = new Writer(engine, queue, settlement, clock, patience, DiskCap.batch(options.disk()));
        this.changes = new RowChanges(engine, writer, guard, receipts);
        this.ledger = new Ledger(engine, queue, losses, clock, options.clock());
        tables.specs(); // Reading the catalog fails here, before a thread is started.
    }

    /** Where the policy is to spill, and where an earlier life has left something. */
    private @Nullable Spill openSpill() {
        Overflow.Spill policy = options.overflow() instanceof Overflow.Spill spill ? spill : null;
        Path own = engine.localDirectory();
        Path directory = policy == null ? null : policy.directory();
        if (directory == null && own != null) {
            directory = own.resolve("spill");
        }
        if (policy != null && directory == null) {
            throw new LeveeException(
                            ErrorCode.BAD_VALUE,
                            "the store " + engine.address() + " has no directory of its own to spill records to")
                    .with("option", "overflow")
                    .hint("name one: Overflow.spill(limit, directory)");
        }
        if (directory == null || policy == null && !SpillDirectory.holdsRecords(directory)) {
            return null;
        }
        return new Spill(
                directory,
                policy == null ? LEFT_SPILL : policy.limit(),
                losses,
                Micros.of(options.clock().instant()));
    }

    /** Starts the writer. */
    public void start() {
        receipts.start(supervisor);
        engine.onErrand(queue::hurry);
        supervisor.start("levee-writer", task -> {
            writer.run(task);
            ended.countDown();
        });
        ledger.start(supervisor);
    }

    /** See {@link io.levee.Table#append(Object)}. */
    public void append(TableState table, Row row) {
        try {
            queue.offer(pending(table, row, null), options.overflow());
        } catch (Admission.Shed e) {
            // The policy is to lose the newest record: accepted, and counted as lost.
        }
    }

    /** See {@link io.levee.Table#append(Object, Ack)}. */
    public CompletableFuture<Receipt> append(TableState table, Row row, Ack level) {
        if (level == Ack.ACCEPTED) {
            append(table, row);
            return CompletableFuture.completedFuture(new Receipt(Ack.ACCEPTED, 0, false));
        }
        CompletableFuture<Receipt> future = new CompletableFuture<>();
        queue.offer(pending(table, row, new Waiter.One(level, future)), options.overflow());
        return future;
    }

    /**
     * See {@link io.levee.Table#appendAll(List, Ack, Overflow)}.
     *
     * @param indexes the position of each row in the caller's batch
     * @param rejected records refused so far; grows by those that the guard refuses
     * @param marks where each row came from, by its position in {@code rows}; empty where the rows come from no source. Rows of one source
     *     are handed over in the order of their positions, and are written in it
     */
    public CompletableFuture<BatchReceipt> appendAll(
            TableState table,
            List<Row> rows,
            int[] indexes,
            List<BatchReceipt.Rejection> rejected,
            List<SourceMark> marks,
            Ack level,
            Overflow overflow) {
        CompletableFuture<BatchReceipt> future = new CompletableFuture<>();
        List<Pending> records = new ArrayList<>(rows.size());
        int[] goodIndexes = new int[rows.size()];
        Waiter.All waiter = new Waiter.All(level, future, rejected);
        TimeGuard.Bounds bounds = guard.bounds(table);
        for (int i = 0; i < rows.size(); i++) {
            try {
                guard.check(bounds, table.classOf(rows.get(i)), rows.get(i).timeMicros());
                Pending record = entry(table, rows.get(i), level == Ack.ACCEPTED ? null : waiter);
                if (!marks.isEmpty()) {
                    record.source(marks.get(i));
                }
                goodIndexes[records.size()] = indexes[i];
                records.add(record);
            } catch (LeveeException e) {
                rejected.add(new BatchReceipt.Rejection(indexes[i], e));
            }
        }
        if (records.isEmpty()) {
            future.complete(new BatchReceipt(level, 0, 0, 0, 0, rejected));
            return future;
        }
        waiter.expects(records.size());
        WriteQueue.Offered offered = queue.offerAll(records, overflow);
        List<BatchReceipt.Rejection> refused = new ArrayList<>();
        for (int i = offered.accepted(); i < records.size(); i++) {
            refused.add(new BatchReceipt.Rejection(goodIndexes[i], full()));
        }
        if (level == Ack.ACCEPTED) {
            rejected.addAll(refused);
            future.complete(
                    new BatchReceipt(level, offered.accepted() - offered.shed(), 0, 0, offered.shed(), rejected));
        } else {
            Runnable completion = waiter.neverQueued(refused);
            if (completion != null) {
                completion.run();
            }
        }
        return future;
    }

    private static LeveeException full() {
        return new LeveeException(ErrorCode.QUEUE_FULL, "the queue was full, and the record was not taken")
                .hint("send it again when the writer has caught up");
    }

    private Pending pending(TableState table, Row row, @Nullable Waiter waiter) {
        guard.check(guard.bounds(table), table.classOf(row), row.timeMicros());
        return entry(table, row, waiter);
    }

    /** The row's values in the order of the table's present spec, and what they take. */
    static Pending entry(TableState table, Row row, @Nullable Waiter waiter) {
        TableState.Layout layout = table.layout(row.spec());
        @Nullable Object[] values = new Object[layout.width()];
        int[] positions = layout.positions();
        for (int i = 0; i < positions.length; i++) {
            if (positions[i] >= 0) {
                values[positions[i]] = row.stored(i);
            }
        }
        return new Pending(table, values, row.timeMicros(), bytes(values), waiter).laidOut(layout.target());
    }

    /** What a record takes in memory. */
    static int bytes(@Nullable Object[] values) {
        int bytes = RECORD_OVERHEAD;
        for (Object value : values) {
            bytes += Values.size(value);
        }
        return bytes;
    }

    /** Has what is spilled by now leave the disk as soon as it is settled. Returns what {@link #spillHolds} needs. */
    public long sealSpill() {
        return queue.withSpill(0L, spill -> {
            spill.seal();
            return spill.lastPosition();
        });
    }

    /** Whether what was spilled before {@link #sealSpill} is still on the disk. */
    public boolean spillHolds(long position) {
        return queue.withSpill(false, spill -> spill.holds(position));
    }

    /** Whether records are in spill files. */
    public boolean spilled() {
        return queue.withSpill(false, spill -> !spill.over());
    }

    /** See {@link io.levee.Store#flush}. */
    public boolean flush(Duration timeout) {
        return queue.awaitSettled(timeout);
    }

    /** How long records took from acceptance to commit. Any thread. */
    public Latency latency() {
        return settlement.latency();
    }

    /**
     * Runs something on the calling thread while the writer stands still between two batches: what changes how rows are written. Not for
     * long.
     */
    public <T> T whileStill(Supplier<T> body) {
        CountDownLatch still = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        CompletableFuture<Boolean> held = writer.call(() -> {
            still.countDown();
            try {
                // A caller that hangs must not keep the writer for good.
                return over.await(WRITER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                throw Waits.interrupted("the writer was interrupted", e);
            }
        });
        try {
            if (!still.await(WRITER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new LeveeException(ErrorCode.DEADLINE, "the writer was busy for " + WRITER_PATIENCE);
            }
            return body.get();
        } catch (InterruptedException e) {
            throw Waits.interrupted("the wait for the writer was interrupted", e);
        } finally {
            over.countDown();
            held.cancel(false);
        }
    }

    /** Runs something on the writer thread, between batches. */
    public <T> CompletableFuture<T> onWriter(Supplier<T> body) {
        return writer.call(body);
    }

    /** What changes rows that are there. */
    public RowChanges changes() {
        return changes;
    }

    /** Makes the partition that a time a little ahead of now belongs to, where it is not the present one. */
    public CompletableFuture<String> makeAhead(TableState table, long aheadMicros, long nowMicros) {
        return writer.call(() -> {
            StringBuilder made = new StringBuilder();
            for (String retentionClass : classesThere(table)) {
                Periods periods = table.periods(retentionClass);
                Slot slot = new Slot(periods.of(aheadMicros), retentionClass);
                if (!slot.period().equals(periods.of(nowMicros)) && engine.createAhead(table.spec(), slot)) {
                    made.append(made.isEmpty() ? "made " : ", ")
                            .append(table.spec().name())
                            .append('/')
                            .append(slot.name());
                }
            }
            return made.toString();
        });
    }

    /** Those that have partitions already: one for a class that nothing is written to would be made for nothing. */
    private Set<String> classesThere(TableState table) {
        Set<String> there = new LinkedHashSet<>();
        there.add("");
        if (table.classes().any()) {
            engine.partitions().stream()
                    .map(PartitionInfo::id)
                    .filter(id -> id.table().equals(table.spec().name()))
                    .map(PartitionId::retentionClass)
                    .filter(table.classes().named()::contains)
                    .forEach(there::add);
        }
        return there;
    }

    /** The reference time of a table. */
    public long referenceMicros(TableState table) {
        return guard.referenceMicros(table);
    }

    /** What was lost since the store was opened. */
    public LossLog losses() {
        return losses;
    }

    /** Whether the wall clock can be trusted. */
    public ClockWatch watch() {
        return watch;
    }

    /** How many records were refused for their time, by reason. */
    public Map<String, Long> refused() {
        return guard.refused();
    }

    /** What carries losses to the disk. */
    public Ledger ledger() {
        return ledger;
    }

    /** Throws {@code CLOSED} once the store is closing: what is given up from then on was not the source's fault. */
    public void requireOpen() {
        queue.checkOpen();
    }

    /** The books at one instant. */
    public Books books() {
        return queue.books();
    }

    /** What keeps all records of tables from being written. */
    public List<Trouble> troubles() {
        return settlement.troubles();
    }

    /** What keeps records of some keys from being written, such as a locked partition. */
    public List<Trouble> waiting() {
        return settlement.waiting();
    }

    /** What keeps spill files from being written or freed; empty for nothing. */
    public String spillTrouble() {
        return queue.withSpill("", Spill::trouble);
    }

    /** How long batches take to write, and how large they may be. */
    public Commits commits() {
        return writer.commits();
    }

    /** Refuses new records, drains, commits, checkpoints: in that order (guarantees G18–G23). */
    public CloseReport close(Duration timeout) {
        queue.close();
        writer.requestStop(timeout);
        String reason = "";
        // The writer gives up by itself after the timeout; the rest of the wait is for its last checkpoints.
        if (!Waits.uninterrupted(timeout.plusSeconds(5), millis -> ended.await(millis, TimeUnit.MILLISECONDS))) {
            reason = "the writer did not end within " + timeout.plusSeconds(5);
        }
        if (ended.getCount() > 0) {
            // The writer hangs in the engine or in a command: what it has not in its hands is given up here.
            queue.doubtHand();
            settlement.giveUpAll(queue.takeAll());
        }
        Books books = queue.books();
        if (reason.isEmpty() && books.queued() > 0) {
            reason = books.queued() + " records were left in the " + (ended.getCount() > 0 ? "queue" : "spill files")
                    + (ended.getCount() > 0 ? "" : " and will be written after the next opening");
        }
        String spill = queue.withSpill("", Spill::close);
        if (reason.isEmpty()) {
            reason = spill;
        }
        if (reason.isEmpty() && books.uncertain() > 0) {
            reason = books.uncertain() + " records may or may not be stored";
        }
        long cutOff = books.lostByReason().getOrDefault(LossReason.SHUTDOWN, 0L);
        if (reason.isEmpty() && cutOff > 0) {
            reason = cutOff + " records could not be written within " + timeout;
        }
        if (reason.isEmpty()) {
            reason = writer.closeFailure();
        }
        // Nothing is lost or settled any more: the ledger gets the rest, and a failure of it shows in the report.
        String unwritten = ledger.finish();
        if (reason.isEmpty()) {
            reason = unwritten;
        }
        return new CloseReport(
                reason.isEmpty(),
                books.accepted(),
                books.stored(),
                books.lost(),
                books.uncertain(),
                losses.gaps(),
                reason);
    }
}
