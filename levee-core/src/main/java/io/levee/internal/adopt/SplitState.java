package io.levee.internal.adopt;

import io.levee.PartitionId;
import io.levee.SplitStatus;

/**
 * How far the splitting of one adopted database is, as the catalog has it: changed in the transaction that makes the moved rows' partitions
 * live. Immutable.
 *
 * @param id the adopted database
 * @param state whether it goes on
 * @param from the lowest row number that has moved
 * @param to the highest one; less than {@code from} before the first step
 * @param total about how many rows there are
 * @param count what became of those that were read
 * @param note what it waits for or why it ended, in words
 */
public record SplitState(
        PartitionId id, SplitStatus.State state, long from, long to, long total, SplitCount count, String note) {
    /** One that begins. */
    public static SplitState begun(PartitionId id, long total) {
        MovedRows none = MovedRows.NONE;
        return new SplitState(id, SplitStatus.State.RUNNING, none.from(), none.to(), total, SplitCount.NONE, "");
    }

    /** Which rows have moved. */
    public MovedRows moved() {
        return new MovedRows(from, to, count.rows());
    }

    /** The same in another state, and why. */
    public SplitState with(SplitStatus.State now, String why) {
        return new SplitState(id, now, from, to, total, count, why);
    }

    /** One step further. */
    public SplitState further(long newFrom, long newTo, SplitCount step) {
        return new SplitState(id, state, newFrom, newTo, total, count.plus(step), "");
    }

    /** As users see it. */
    public SplitStatus status() {
        return new SplitStatus(
                id,
                state,
                count.rows(),
                Math.max(total, count.rows()),
                count.moved(),
                count.superseded(),
                count.expired(),
                count.keyless(),
                count.timeless(),
                count.unreadable(),
                note);
    }
}
