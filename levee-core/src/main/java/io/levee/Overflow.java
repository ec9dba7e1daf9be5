package io.levee;

import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What happens to a write when the queue is full. A record that somebody waits for is never evicted by any of them.
 */
public sealed interface Overflow {
    /**
     * The oldest queued record that nobody waits for makes room, and is counted as lost; where all are waited for or being written just
     * now, the new one is lost. Never blocks.
     */
    record DropOldest() implements Overflow {}

    /** The new record is lost, and counted. Never blocks. */
    record DropNewest() implements Overflow {}

    /**
     * The caller waits for room.
     *
     * @param timeout the longest wait; after it the call throws {@link ErrorCode#QUEUE_FULL}
     */
    record Block(Duration timeout) implements Overflow {}

    /** The call throws {@link ErrorCode#QUEUE_FULL} at once, and nothing of it is queued. */
    record Reject() implements Overflow {}

    /**
     * Records go to files, in order, and come back when the writer has caught up; until then every later record that nobody waits for
     * goes behind them. Past the limit the new record is lost, and counted. Records in the files survive the process and are written
     * after the next opening. A record that somebody waits for is never spilled: the call throws {@link ErrorCode#QUEUE_FULL} where the
     * queue is full, or where it would overtake a spilled record of its table's keys.
     *
     * @param limit most bytes of the files
     * @param directory where the files are, one directory a store; null: in the store's own directory, if it has one
     */
    record Spill(Bytes limit, @Nullable Path directory) implements Overflow {}

    /** See {@link DropOldest}: the default of the library. */
    static Overflow dropOldest() {
        return new DropOldest();
    }

    /** See {@link DropNewest}. */
    static Overflow dropNewest() {
        return new DropNewest();
    }

    /** See {@link Block}. */
    static Overflow block(Duration timeout) {
        return new Block(timeout);
    }

    /** See {@link Spill}: into the store's directory. */
    static Overflow spill(Bytes limit) {
        return new Spill(limit, null);
    }

    /** See {@link Spill}. */
    static Overflow spill(Bytes limit, Path directory) {
        return new Spill(limit, directory);
    }

    /** See {@link Reject}. */
    static Overflow reject() {
        return new Reject();
    }
}
