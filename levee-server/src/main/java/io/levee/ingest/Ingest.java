package io.levee.ingest;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.Row;
import io.levee.Table;
import io.levee.internal.supervisor.Waits;
import io.levee.internal.time.MonotonicClock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * Writes the records of a source to a table, in batches, with a bounded number of them in flight: parsing overlaps writing,
 * and memory does not grow with the input. One run is used by one thread.
 */
public final class Ingest {
    /** Most records of a batch. */
    static final int BATCH_RECORDS = 2_000;

    /** Most input bytes of a batch, by more than one record. */
    static final long BATCH_BYTES = 1 << 20;

    /** Batches handed to the queue and not settled. */
    static final int IN_FLIGHT = 8;

    private final RecordSource source;
    private final Table<Row> table;
    private final Ack ack;
    private final Overflow overflow;
    private final IngestListener listener;
    private final Deque<Batch> inFlight = new ArrayDeque<>();

    private List<Row> rows = new ArrayList<>();
    private long[] lines = new long[64];
    private long batchBegan;
    private boolean refused;
    private boolean losing;
    private boolean atEnd;
    /** The line of the last record read, and of the last one that was handed on or rejected. */
    private long lastRead;

    private long lastTaken;

    private long read;
    private long stored;
    private long updated;
    private long rejected;
    private long lost;

    private record Batch(CompletableFuture<BatchReceipt> receipt, int size, long[] lines) {}

    private final int batchRecords;

    private Ingest(
            RecordSource source,
            Table<Row> table,
            Ack ack,
            Overflow overflow,
            int batchRecords,
            IngestListener listener) {
        this.batchRecords = batchRecords;
        this.source = source;
        this.table = table;
        this.ack = ack;
        this.overflow = overflow;
        this.listener = listener;
    }

    /**
     * Reads the source to its end (or until the listener says stop), and waits until every record is settled. The first loss ends the
     * reading: what could not be written within the writer's patience is mostly followed by more of it, each batch after as long a wait.
     *
     * <p>With {@link Ack#ACCEPTED} a record counts as stored once it is in the queue; what is lost after that shows in
     * {@code StoreStatus} and in the store's close report.
     *
     * @param source the records; not closed
     * @param table the table they go to
     * @param ack the level at which a record counts as stored
     * @param overflow what happens when the queue is full. Under {@link Overflow.Reject} and {@link Overflow.Block} the records
     *     of a batch that found no room are rejected with {@link ErrorCode#QUEUE_FULL}, and reading goes on.
     * @param listener hears of rejections, losses and progress
     * @return what became of the records
     * @throws LeveeException {@link ErrorCode#QUEUE_FULL} where the very first batch found no room, so that nothing was
     *     taken; {@link ErrorCode#NOT_WRITABLE}
     */
    public static IngestReport run(
            RecordSource source, Table<Row> table, Ack ack, Overflow overflow, IngestListener listener) {
        return run(source, table, ack, overflow, Integer.MAX_VALUE, listener);
    }

    /**
     * As {@link #run(RecordSource, Table, Ack, Overflow, IngestListener)}, for a store whose queue is small: under {@link Overflow.Reject}
     * a batch is taken as a whole, so it must not be larger than the queue.
     *
     * @param queueRecords most records of the store's queue
     */
    public static IngestReport run(
            RecordSource source,
            Table<Row> table,
            Ack ack,
            Overflow overflow,
            int queueRecords,
            IngestListener listener) {
        int batch = Math.max(1, Math.min(BATCH_RECORDS, queueRecords / 2));
        return new Ingest(source, table, ack, overflow, batch, listener).run(MonotonicClock.SYSTEM);
    }

    private IngestReport run(MonotonicClock clock) {
        long began = clock.nanos();
        batchBegan = source.bytesRead();
        while (!refused && !losing && !listener.stopped()) {
            atEnd = !source.advance();
            if (atEnd) {
                break;
            }
            if (listener.stopped()) {
                // Stopped while waiting for input: what came last may be half a record, and was not read as one.
                break;
            }
            record();
            if (rows.size() >= batchRecords || source.bytesRead() - batchBegan >= BATCH_BYTES) {
                send();
            }
        }
        send();
        while (!inFlight.isEmpty()) {
            settleOldest();
        }
        if (losing && (!atEnd || lastTaken < lastRead)) {
            listener.endedAfter(lastTaken);
        }
        return new IngestReport(read, stored, updated, rejected, lost, (clock.nanos() - began) / 1e9);
    }

    private void record() {
        read++;
        long line = source.line();
        lastRead = line;
        try {
            Row row = source.row();
            if (rows.size() == lines.length) {
                lines = Arrays.copyOf(lines, Math.min(BATCH_RECORDS, lines.length * 4));
            }
            lines[rows.size()] = line;
            rows.add(row);
        } catch (LeveeException e) {
            reject(line, e);
        }
    }

    private void reject(long line, LeveeException error) {
        rejected++;
        listener.rejected(line, error);
    }

    private void send() {
        batchBegan = source.bytesRead();
        listener.progress(read, batchBegan);
        if (rows.isEmpty()) {
            return;
        }
        if (inFlight.size() >= IN_FLIGHT) {
            settleOldest();
        }
        if (losing) {
            // They would wait as long as those that are lost, for nothing.
            read -= rows.size();
            rows.clear();
            return;
        }
        lastTaken = lastRead;
        List<Row> batch = rows;
        long[] batchLines = lines;
        rows = new ArrayList<>(Math.min(BATCH_RECORDS, batch.size()));
        lines = new long[Math.max(64, Math.min(BATCH_RECORDS, batch.size()))];
        try {
            inFlight.add(new Batch(table.appendAll(batch, ack, overflow), batch.size(), batchLines));
        } catch (LeveeException e) {
            refusedBatch(batch, batchLines, e);
        }
    }

    /** No record of the batch was taken: each is rejected for that reason, unless nothing at all was taken so far. */
    private void refusedBatch(List<Row> batch, long[] batchLines, LeveeException error) {
        boolean nothingTaken = inFlight.isEmpty() && stored + updated + lost == 0;
        if (nothingTaken || error.code() == ErrorCode.NOT_WRITABLE) {
            throw error;
        }
        refused = error.code() == ErrorCode.CLOSED;
        for (int i = 0; i < batch.size(); i++) {
            reject(batchLines[i], error);
        }
    }

    private void settleOldest() {
        Batch batch = inFlight.remove();
        try {
            BatchReceipt receipt = batch.receipt.join();
            stored += receipt.stored();
            updated += receipt.updated();
            for (BatchReceipt.Rejection rejection : receipt.rejected()) {
                long line = batch.lines[rejection.index()];
                reject(line, rejection.error().with("line", line));
            }
            if (receipt.lost() > 0) {
                lose(batch, receipt.lost(), null);
            }
        } catch (CompletionException e) {
            lose(batch, batch.size, Waits.failed("a batch failed", e));
        }
    }

    private void lose(Batch batch, long count, @Nullable LeveeException error) {
        lost += count;
        losing = true;
        listener.lost(count, batch.lines[0], batch.lines[batch.size - 1], error);
    }
}
