package io.levee.internal.write;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.RecordLostException;
import io.levee.StoreStatus;
import io.levee.engine.WriteRow.Outcome;
import java.util.EnumMap;
import java.util.Map;

/**
 * The books of the queue and its limits. Guarded by the queue's lock, so that they balance at every instant:
 * {@code accepted = stored + queued + lost + uncertain}.
 */
final class Accounts {
    private final int limitRecords;
    private final long limitBytes;
    private final LossLog losses;
    private final Map<LossReason, Long> lostByReason = new EnumMap<>(LossReason.class);

    /** What is in memory and not settled, uncertain records included. */
    private int records;

    private long bytes;
    private long uncertain;
    private long spilled;
    private long accepted;
    private long stored;
    private long lost;

    Accounts(int limitRecords, Bytes limitBytes, LossLog losses) {
        this.limitRecords = limitRecords;
        this.limitBytes = limitBytes.value();
        this.losses = losses;
    }

    boolean fits(Pending record) {
        return records < limitRecords && bytes + record.bytes() <= limitBytes;
    }

    /** Whether nothing is in memory. */
    boolean empty() {
        return records == 0;
    }

    /** Whether the queue has room to spare for what was spilled, and for records that somebody waits for. */
    boolean halfEmpty() {
        return records <= limitRecords / 2 && bytes <= limitBytes / 2;
    }

    /** Whether there was room if records and bytes that may be evicted were gone. */
    boolean wouldFit(Pending record, int evictable, long evictableBytes) {
        return records - evictable < limitRecords && bytes - evictableBytes + record.bytes() <= limitBytes;
    }

    /** A record was accepted into the memory. */
    void accepted(Pending record) {
        accepted++;
        records++;
        bytes += record.bytes();
    }

    /** A record was accepted and lost at once. */
    void shed(Pending record) {
        accepted++;
        lose(record, LossReason.OVERFLOW);
    }

    /** A record was accepted into the spill file. */
    void spilled() {
        accepted++;
        spilled++;
    }

    /** A record of the spill file is in the memory now. */
    void readBack(Pending record) {
        spilled--;
        records++;
        bytes += record.bytes();
    }

    /** A record that an earlier life left in a spill file is of a table that is not there any more. */
    void homeless(SpillCodec.Spilled record) {
        accepted++;
        note(record.table(), record.timeMicros(), LossReason.WRITE_FAILED);
    }

    /** A record of the memory made room for another. */
    void evicted(Pending record) {
        leave(record);
        lose(record, LossReason.OVERFLOW);
    }

    /** The writer has tried a record. Returns whether it is settled. */
    boolean tried(Pending record) {
        Outcome outcome = record.outcome();
        if (outcome == Outcome.UNCERTAIN) {
            doubt(record);
            return false;
        }
        if (record.uncertain()) {
            record.uncertain(false);
            uncertain--;
        }
        switch (outcome) {
            case STORED, UPDATED, KNOWN -> {
                leave(record);
                stored++;
                return true;
            }
            case FAILED -> {
                leave(record);
                lose(record, record.error() instanceof RecordLostException e ? e.reason() : LossReason.WRITE_FAILED);
                return true;
            }
            default -> {
                return false;
            }
        }
    }

    /** Nobody knows whether a record was written. */
    void doubt(Pending record) {
        if (!record.uncertain()) {
            record.uncertain(true);
            uncertain++;
        }
    }

    private void leave(Pending record) {
        records--;
        bytes -= record.bytes();
    }

    private void lose(Pending record, LossReason reason) {
        note(record.table().spec().name(), record.timeMicros(), reason);
    }

    private void note(String table, long timeMicros, LossReason reason) {
        lost++;
        lostByReason.merge(reason, 1L, Long::sum);
        losses.note(table, timeMicros, reason);
    }

    /** Records that are in memory or spilled, and not settled. */
    long unsettled() {
        return records + spilled;
    }

    /** Refuses a batch that can never fit, or does not now. */
    void requireRoom(int more, long moreBytes) {
        if (more > limitRecords || moreBytes > limitBytes) {
            throw new LeveeException(
                            ErrorCode.TOO_LARGE,
                            "a batch of " + more + " records and " + new Bytes(moreBytes)
                                    + " is larger than the whole queue")
                    .hint("send batches of at most " + limitRecords + " records and " + new Bytes(limitBytes));
        }
        if (records + more > limitRecords || bytes + moreBytes > limitBytes) {
            throw full();
        }
    }

    void requirePossible(Pending record) {
        if (record.bytes() > limitBytes) {
            throw new LeveeException(
                    ErrorCode.TOO_LARGE,
                    "a record of " + new Bytes(record.bytes()) + " is larger than the whole queue of "
                            + new Bytes(limitBytes));
        }
    }

    LeveeException full() {
        return new LeveeException(
                        ErrorCode.QUEUE_FULL,
                        records + " of " + limitRecords + " records and " + bytes + " of " + limitBytes
                                + " bytes are waiting to be written")
                .with("records", records)
                .with("limitRecords", limitRecords)
                .with("bytes", bytes)
                .with("limitBytes", limitBytes)
                .hint("try again when the writer has caught up");
    }

    Books books(long oldestMs, long spilledBytes, long spillLimitBytes) {
        return new Books(
                accepted,
                stored,
                lost,
                uncertain,
                Map.copyOf(lostByReason),
                new StoreStatus.Queue(
                        records - uncertain,
                        bytes,
                        limitRecords,
                        limitBytes,
                        Math.max(0, oldestMs),
                        spilled,
                        spilledBytes,
                        spillLimitBytes));
    }
}
