package io.levee.engine;

import io.levee.LeveeException;
import org.jspecify.annotations.Nullable;

/** One row on its way into the store. Owned by the writer thread from the moment it leaves the queue. */
public abstract class WriteRow {
    /** What became of a row. */
    public enum Outcome {
        /** In no database yet. */
        PENDING,
        /** A new row. */
        STORED,
        /** A row of a known key was updated. */
        UPDATED,
        /** Not now: the partition is locked or the disk is full; hand it in again, before later rows. */
        RETRY,
        /**
         * Its commit failed without saying whether it took effect. It keeps its number; handed in again, before later rows, the engine
         * looks it up first, so that it is neither lost nor there twice.
         */
        UNCERTAIN,
        /** Not written again: its source's position in the partition says that it is there. */
        KNOWN,
        /** Not stored, and trying again will not help. */
        FAILED
    }

    private @Nullable Object[] values;
    private final long timeMicros;
    private @Nullable Slot slot;
    private Outcome outcome = Outcome.PENDING;
    private long seq;
    private @Nullable LeveeException error;
    private @Nullable SourceMark source;

    /**
     * A row.
     *
     * @param values stored values in the order of the spec it was made with
     * @param timeMicros its event time
     */
    protected WriteRow(@Nullable Object[] values, long timeMicros) {
        this.values = values;
        this.timeMicros = timeMicros;
    }

    /** Stored values in the order of the spec's columns; columns added since are missing at the end. */
    public final @Nullable Object[] values() {
        return values;
    }

    /** Says what its values are by a spec that has lost a column since. */
    protected final void values(@Nullable Object[] again) {
        values = again;
    }

    /** The event time. */
    public final long timeMicros() {
        return timeMicros;
    }

    /** Where it belongs by its time and its class: a new row there, and a known one whose class is another than that of where it is. */
    public final Slot slot() {
        if (slot == null) {
            throw new IllegalStateException("a row without a period");
        }
        return slot;
    }

    /** Says where it belongs. */
    public final void slot(Slot newSlot) {
        slot = newSlot;
    }

    /** The period it belongs to if it is new. */
    public final Period period() {
        return slot().period();
    }

    /** Says which period it belongs to, as a row of no named class. */
    public final void period(Period newPeriod) {
        slot = Slot.of(newPeriod);
    }

    /** Where it came from, if that can be read again. */
    public final @Nullable SourceMark source() {
        return source;
    }

    /** Says where it came from; before it is queued. */
    public final void source(SourceMark mark) {
        source = mark;
    }

    /** Says what became of it. */
    public final void settle(Outcome newOutcome, long newSeq, @Nullable LeveeException newError) {
        outcome = newOutcome;
        seq = newSeq;
        error = newError;
    }

    /** What became of it. */
    public final Outcome outcome() {
        return outcome;
    }

    /** Its number in the table, once it is stored or updated. */
    public final long seq() {
        return seq;
    }

    /** Why it has to be tried again, or failed. */
    public final @Nullable LeveeException error() {
        return error;
    }
}
