package io.levee.internal.query;

import io.levee.engine.Execution;
import io.levee.engine.RowSink;

/** What a query does on its thread. One query thread at a time. */
interface Work extends AutoCloseable {
    /**
     * Runs, or goes on behind the last row that the sink took.
     *
     * @return whether it is done; false where the sink wants no more rows now, which only {@link #resumable} work is told
     */
    boolean run(Execution execution, RowSink sink);

    /** Whether it can give its thread back in the middle. */
    default boolean resumable() {
        return false;
    }

    /** Whether it keeps something, beyond what runs, that the store wants to free: a partition that was dropped meanwhile. */
    default boolean wanted() {
        return false;
    }

    /** Lets go of what it keeps between two runs. Idempotent; never throws. Any thread, never while it runs. */
    @Override
    default void close() {}

    /** Work that runs once, to its end. */
    static Work once(Once body) {
        return (execution, sink) -> {
            body.run(execution, sink);
            return true;
        };
    }

    /** The body of such work. */
    @FunctionalInterface
    interface Once {
        /** Runs. */
        void run(Execution execution, RowSink sink);
    }
}
