package io.levee.internal.write;

import io.levee.engine.WriteRow;
import org.jspecify.annotations.Nullable;

/** One accepted record: in the queue until the writer takes it, the writer's until it is settled. */
final class Pending extends WriteRow {
    private final TableState table;
    private final @Nullable Waiter waiter;
    private final int bytes;
    private long queuedNanos;
    private long ticket;

    Pending(TableState table, @Nullable Object[] values, long timeMicros, int bytes, @Nullable Waiter waiter) {
        super(values, timeMicros);
        this.table = table;
        this.bytes = bytes;
        this.waiter = waiter;
    }

    TableState table() {
        return table;
    }

    /** Who waits for it: such a record is never evicted. */
    @Nullable
    Waiter waiter() {
        return waiter;
    }

    /** What it counts for in the queue's limit. */
    int bytes() {
        return bytes;
    }

    long queuedNanos() {
        return queuedNanos;
    }

    /** Its place in the order of acceptance: 1 for the first. */
    long ticket() {
        return ticket;
    }

    void ticket(long place) {
        ticket = place;
    }

    void queuedNanos(long nanos) {
        queuedNanos = nanos;
    }
}
