package io.levee.internal.write;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Receipt;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A caller who waits for records. Told of each record once, by the writer or by whoever gives the record up. */
abstract class Waiter {
    private final Ack level;

    private Waiter(Ack level) {
        this.level = level;
    }

    /** The level that the caller asked for. */
    Ack level() {
        return level;
    }

    /**
     * A record is settled.
     *
     * @return completes the caller's future, or null where more records are waited for; run by the receipts thread, so that a caller's
     *     stages never run on the writer
     */
    abstract @Nullable Runnable settled(WriteRow row);

    /** A record is given up. Returns as {@link #settled}. */
    abstract @Nullable Runnable lost(LeveeException error);

    /** Waits for one record. */
    static final class One extends Waiter {
        private final CompletableFuture<Receipt> future;

        One(Ack level, CompletableFuture<Receipt> future) {
            super(level);
            this.future = future;
        }

        @Override
        Runnable settled(WriteRow row) {
            Outcome outcome = row.outcome();
            if (outcome == Outcome.STORED || outcome == Outcome.UPDATED || outcome == Outcome.KNOWN) {
                Receipt receipt = new Receipt(level(), row.seq(), outcome == Outcome.UPDATED, outcome == Outcome.KNOWN);
                return () -> future.complete(receipt);
            }
            LeveeException error = row.error();
            return lost(
                    error == null ? new LeveeException(ErrorCode.INTERNAL, "a record ended without a reason") : error);
        }

        @Override
        Runnable lost(LeveeException error) {
            return () -> future.completeExceptionally(error);
        }
    }

    /** Waits for all records of a batch. */
    static final class All extends Waiter {
        private final CompletableFuture<BatchReceipt> future;
        private final List<BatchReceipt.Rejection> rejected;
        private long left;
        private long stored;
        private long updated;
        private long known;
        private long lost;

        All(Ack level, CompletableFuture<BatchReceipt> future, List<BatchReceipt.Rejection> rejected) {
            super(level);
            this.future = future;
            this.rejected = rejected;
        }

        /** How many records there are; before the first is queued. */
        synchronized void expects(long records) {
            left = records;
        }

        @Override
        synchronized @Nullable Runnable settled(WriteRow row) {
            switch (row.outcome()) {
                case STORED -> stored++;
                case UPDATED -> updated++;
                case KNOWN -> known++;
                default -> lost++;
            }
            left--;
            return left == 0 ? this::complete : null;
        }

        @Override
        synchronized @Nullable Runnable lost(LeveeException error) {
            lost++;
            left--;
            return left == 0 ? this::complete : null;
        }

        /** Records that never got into the queue, because it stayed full or closed meanwhile; they are named in the receipt. */
        synchronized @Nullable Runnable neverQueued(List<BatchReceipt.Rejection> refused) {
            rejected.addAll(refused);
            left -= refused.size();
            return left == 0 ? this::complete : null;
        }

        private void complete() {
            future.complete(new BatchReceipt(level(), stored, updated, known, lost, rejected));
        }
    }
}
