package io.levee.internal.write;

import io.levee.engine.WriteRow;
import org.jspecify.annotations.Nullable;

/**
 * One accepted record: in the queue until the writer takes it, the writer's until it is settled. What the queue notes about it is
 * guarded by the queue's lock.
 */
class Pending extends WriteRow {
    private final TableState table;
    private final int bytes;
    private @Nullable Waiter waiter;
    private long queuedNanos;
    private long ticket;
    private boolean inHand;
    private boolean delayed;
    private boolean uncertain;
    private @Nullable SpillSegment spilled;

    Pending(TableState table, @Nullable Object[] values, long timeMicros, int bytes, @Nullable Waiter waiter) {
        super(values, timeMicros);
        this.table = table;
        this.bytes = bytes;
        this.waiter = waiter;
    }

    final TableState table() {
        return table;
    }

    /** Whether it is a record, which the books count, and not a {@link Change}. */
    boolean record() {
        return true;
    }

    /** The stored values of the table's key, or null where what is later in the table has to wait for this, whatever its key. */
    @Nullable
    Object @Nullable [] key() {
        return table.key(this);
    }

    /** Whether somebody waits for it: it is never evicted, and given up after {@link Writer#PATIENCE}. */
    boolean waited() {
        return waiter != null;
    }

    /** Who waits for it. */
    final @Nullable Waiter waiter() {
        return waiter;
    }

    /** Whoever waited has got an answer, though the record is not settled yet. */
    final void answered() {
        waiter = null;
    }

    /** What it counts for in the queue's limit. */
    final int bytes() {
        return bytes;
    }

    /** Its place in the order of acceptance: 1 for the first. */
    final long ticket() {
        return ticket;
    }

    final long queuedNanos() {
        return queuedNanos;
    }

    final void queued(long place, long nanos) {
        ticket = place;
        queuedNanos = nanos;
    }

    /** The spill file that it is still in, or null: it is settled there too, and stays there where the store closes. */
    final @Nullable SpillSegment spilled() {
        return spilled;
    }

    final void spilled(SpillSegment segment) {
        spilled = segment;
    }

    /** Whether the writer has it now. */
    final boolean inHand() {
        return inHand;
    }

    final void inHand(boolean taken) {
        inHand = taken;
    }

    /** Whether it waited in a lane. */
    final boolean delayed() {
        return delayed;
    }

    final void delayed(boolean inLane) {
        delayed = inLane;
    }

    /** Whether the books count it as uncertain: a commit of it may have taken effect. */
    final boolean uncertain() {
        return uncertain;
    }

    final void uncertain(boolean unknown) {
        uncertain = unknown;
    }
}
