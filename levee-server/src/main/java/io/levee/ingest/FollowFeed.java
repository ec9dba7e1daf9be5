package io.levee.ingest;

import io.levee.BatchReceipt;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.Source;
import io.levee.Table;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The way from whole records of a followed file into the store: parsed, handed over in batches that carry their positions, settled in
 * order, and noted durably as settled. Used by one thread.
 */
final class FollowFeed {
    private static final int BATCH_RECORDS = 2_000;
    private static final int IN_FLIGHT = 8;
    private static final long CHECKPOINT_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long FULL_PAUSE_MILLIS = 20;

    private final Table<Row> table;
    private final Source<Row> source;
    private final FollowOptions options;
    private final FollowListener listener;
    private final Stop stop;
    private final Deque<Flight> flying = new ArrayDeque<>();

    private long read;
    private long stored;
    private long updated;
    private long known;
    private long rejected;
    private long lost;
    private long unsettled;
    private long position;
    private @Nullable Flight settled;
    private long checkpointNanos;
    private String trouble = "";

    /** Waits for a time or until following is to end; answers whether it is. */
    interface Stop {
        boolean within(long millis);
    }

    /** A batch on its way, and the place behind it. */
    private record Flight(
            CompletableFuture<BatchReceipt> receipt,
            int size,
            Path path,
            long[] offsets,
            FollowPlace place,
            long position) {}

    /** Records parsed and not handed over yet. */
    private static final class Batch {
        final List<Row> rows = new ArrayList<>();
        final long[] positions = new long[BATCH_RECORDS];
        final long[] offsets = new long[BATCH_RECORDS];
        final List<Bad> bad = new ArrayList<>();
    }

    private record Bad(long offset, LeveeException error) {}

    FollowFeed(Table<Row> table, Source<Row> source, FollowOptions options, FollowListener listener, Stop stop) {
        this.table = table;
        this.source = source;
        this.options = options;
        this.listener = listener;
        this.stop = stop;
        this.position = source.start().position();
        this.checkpointNanos = options.clock().nanos();
    }

    /**
     * Says durably that a file is read from here on, once everything before it is settled. Rows of it may only be handed over after
     * that: else a start after a kill could not tell which file their positions are of.
     *
     * @return whether it was said; where not, it has to be tried again
     */
    boolean begin(FollowPlace place, long at) {
        while (!flying.isEmpty()) {
            if (stop.within(0)) {
                return false;
            }
            awaitOldest(100);
        }
        settled = null;
        return checkpoint(place, at);
    }

    /**
     * Takes whole records: the file's bytes up to an index of its buffer.
     *
     * @param header the file's CSV header; empty for NDJSON
     * @return whether all were taken; not where following is to end
     */
    boolean take(FollowedFile file, int to, Format format, byte[] header) {
        int from = file.start();
        long begin = file.offset();
        byte[] bytes = file.buffer();
        RecordSource records;
        try {
            InputStream in = new ByteArrayInputStream(bytes, from, to - from);
            records = RecordSource.open(
                    header.length == 0 ? in : new SequenceInputStream(new ByteArrayInputStream(header), in),
                    format,
                    table.spec(),
                    options.maxLineBytes());
        } catch (LeveeException e) {
            // The header cannot be used: none of its file's records can, and each is named.
            return refuseLines(file, to, e);
        }
        try (records) {
            Batch batch = new Batch();
            long before = begin;
            while (records.advance()) {
                long end = begin + records.bytesRead() - header.length;
                parse(records, batch, before, file.base() + end);
                before = end;
                if (batch.rows.size() == BATCH_RECORDS || batch.bad.size() == BATCH_RECORDS) {
                    if (!send(file, batch, from + (int) (end - begin))) {
                        return false;
                    }
                    batch = new Batch();
                }
            }
            return send(file, batch, to);
        }
    }

    private static void parse(RecordSource records, Batch batch, long offset, long position) {
        try {
            Row row = records.row();
            batch.positions[batch.rows.size()] = position;
            batch.offsets[batch.rows.size()] = offset;
            batch.rows.add(row);
        } catch (LeveeException e) {
            batch.bad.add(new Bad(offset, e));
        }
    }

    private boolean refuseLines(FollowedFile file, int to, LeveeException error) {
        Batch batch = new Batch();
        long offset = file.offset();
        for (int i = file.start(), line = i; i < to; i++) {
            if (file.buffer()[i] == '\n') {
                batch.bad.add(new Bad(offset + line - file.start(), error));
                line = i + 1;
            }
        }
        return send(file, batch, to);
    }

    /** Names one bad record and consumes it. */
    boolean refuse(FollowedFile file, int to, LeveeException error) {
        Batch batch = new Batch();
        batch.bad.add(new Bad(file.offset(), error));
        return send(file, batch, to);
    }

    /** Hands a batch over, waiting for room, and consumes its bytes. Without that they are read again: by the next start. */
    private boolean send(FollowedFile file, Batch batch, int consumed) {
        CompletableFuture<BatchReceipt> receipt = hand(batch);
        if (receipt == null) {
            return false;
        }
        file.consume(consumed);
        read += batch.rows.size() + batch.bad.size();
        unsettled += batch.rows.size();
        batch.bad.forEach(bad -> reject(file.path(), bad.offset, bad.error));
        flying.add(new Flight(
                receipt,
                batch.rows.size(),
                file.path(),
                batch.offsets,
                FollowPlace.of(file, file.trail()),
                file.base() + file.offset()));
        while (flying.size() > IN_FLIGHT && !stop.within(0)) {
            awaitOldest(100);
        }
        return true;
    }

    private @Nullable CompletableFuture<BatchReceipt> hand(Batch batch) {
        if (batch.rows.isEmpty()) {
            return CompletableFuture.completedFuture(new BatchReceipt(options.ack(), 0, 0, 0, 0, List.of()));
        }
        long[] positions = Arrays.copyOf(batch.positions, batch.rows.size());
        while (!stop.within(0)) {
            try {
                return source.append(batch.rows, positions, options.ack());
            } catch (LeveeException e) {
                if (e.code() != ErrorCode.QUEUE_FULL) {
                    throw e;
                }
                // The store is slower than the file: reading waits.
                if (flying.isEmpty()) {
                    stop.within(FULL_PAUSE_MILLIS);
                } else {
                    awaitOldest(FULL_PAUSE_MILLIS);
                }
            }
        }
        return null;
    }

    private void reject(Path path, long offset, LeveeException error) {
        rejected++;
        listener.rejected(path, offset, error);
    }

    private void awaitOldest(long millis) {
        try {
            flying.element().receipt.get(millis, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            // It is asked again.
        } catch (ExecutionException e) {
            throw new LeveeException(ErrorCode.INTERNAL, "a batch failed: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LeveeException(ErrorCode.CANCELLED, "interrupted while following a file", e);
        }
        settle();
    }

    /** Counts what was settled, in order. */
    void settle() {
        while (!flying.isEmpty() && flying.element().receipt.isDone()) {
            Flight flight = flying.remove();
            BatchReceipt receipt = flight.receipt.join();
            stored += receipt.stored();
            updated += receipt.updated();
            known += receipt.known();
            unsettled -= flight.size;
            receipt.rejected()
                    .forEach(refused -> reject(flight.path, flight.offsets[refused.index()], refused.error()));
            if (receipt.lost() > 0) {
                lost += receipt.lost();
                listener.lost(receipt.lost());
            }
            settled = flight;
        }
    }

    /** Says durably what is settled, about once a second. */
    void checkpointIfDue() {
        if (options.clock().nanos() - checkpointNanos >= CHECKPOINT_NANOS) {
            checkpoint();
        }
    }

    /** Says durably what is settled. */
    void checkpoint() {
        Flight last = settled;
        if (last != null && checkpoint(last.place, last.position)) {
            settled = null;
        }
    }

    private boolean checkpoint(FollowPlace place, long at) {
        checkpointNanos = options.clock().nanos();
        try {
            source.checkpoint(at, place.text());
            position = at;
            trouble("");
            return true;
        } catch (LeveeException e) {
            if (e.code() == ErrorCode.CLOSED || !e.retryable() && e.code() != ErrorCode.IO_FAILED) {
                throw e;
            }
            trouble("the place in the file cannot be noted: " + e.what());
            return false;
        }
    }

    private void trouble(String what) {
        if (!what.equals(trouble) && !what.isEmpty()) {
            listener.trouble(what);
        }
        trouble = what;
    }

    /** Waits until everything is settled, but no longer than a time. */
    void drain(long nanos) {
        long end = options.clock().nanos() + nanos;
        while (!flying.isEmpty() && options.clock().nanos() - end < 0) {
            awaitOldest(100);
        }
        settle();
    }

    FollowReport report(int files, int gaps) {
        return new FollowReport(read, stored, updated, known, rejected, lost, unsettled, files, gaps, position);
    }
}
