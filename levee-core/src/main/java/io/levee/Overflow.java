package io.levee;

import java.time.Duration;

/**
 * What happens to a write when the queue is full. A record that somebody waits for is never evicted by any of them.
 */
public sealed interface Overflow {
    /** The oldest queued record that nobody waits for makes room, and is counted as lost. Never blocks. */
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

    /** See {@link Reject}. */
    static Overflow reject() {
        return new Reject();
    }
}
