package io.levee.internal.write;

import io.levee.LossReason;
import io.levee.StoreStatus;
import java.util.Map;

/**
 * The books at one instant: {@code accepted = stored + queued() + lost + uncertain}, exactly.
 *
 * @param accepted records accepted in this store's life
 * @param stored records stored, updated, or known to be stored before
 * @param lost records given up
 * @param uncertain records whose commit failed without saying whether it took effect, until they were looked up
 * @param lostByReason {@code lost} by reason
 * @param queue what waits, in memory and in the spill file
 */
public record Books(
        long accepted,
        long stored,
        long lost,
        long uncertain,
        Map<LossReason, Long> lostByReason,
        StoreStatus.Queue queue) {
    /** The books of a store that is only read. */
    public static final Books EMPTY = new Books(0, 0, 0, 0, Map.of(), new StoreStatus.Queue(0, 0, 0, 0, 0, 0, 0, 0));

    /** Records that wait to be written: in the queue, in lanes, in the writer's hands, in the spill file. */
    public long queued() {
        return queue.records() + queue.spilledRecords();
    }
}
