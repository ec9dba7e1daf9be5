package io.levee.internal.write;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.engine.WriteRow;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One accepted record: in the queue until the writer takes it, the writer's until it is settled. What the queue notes about it is
 * guarded by the queue's lock.
 */
class Pending extends WriteRow {
    private final TableState table;
    private final int bytes;
    /** The spec that its values are laid out by. */
    private TableSpec spec;

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
        this.spec = table.spec();
        this.bytes = bytes;
        this.waiter = waiter;
    }

    final TableState table() {
        return table;
    }

    /** Says by which spec its values are laid out, where that is not the table's of the moment in which it was made. */
    final Pending laidOut(TableSpec by) {
        spec = by;
        return this;
    }

    /** The spec that its values are laid out by. */
    final TableSpec spec() {
        return spec;
    }

    /** Lays its values out by the table's newest spec, which may have lost a column, or renamed one, since it was queued. */
    @SuppressWarnings(
            "ReferenceEquality") // A new spec is a new object, and equality of specs costs more than the copy.
    final void fit(TableSpec newest) {
        if (spec != newest || values().length < newest.columns().size()) {
            values(TableState.fit(values(), spec, newest));
            spec = newest;
        }
    }

    /** Gives it what the table says of rows that leave a column null, as far as that takes no SQL. After {@link #fit}. */
    final void complete(List<Column> withDefault) {
        @Nullable Object[] values = values();
        for (Column column : withDefault) {
            int at = spec.position(column.name());
            if (at < values.length && values[at] == null) {
                values[at] = column.defaultValue();
            }
        }
    }

    /** Whether it is a record, which the books count, and not a {@link Change}. */
    boolean record() {
        return true;
    }

    /** The stored values of the table's key, or null where what is later in the table has to wait for this, whatever its key. */
    @Nullable
    Object @Nullable [] key() {
        return TableState.key(this, spec);
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
