package io.levee.internal.adopt;

import io.levee.internal.supervisor.Task;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Leaves processor and disk to others while an adopted database is split: after each piece of work a rest that is as long, and four times as
 * long where the writer wrote meanwhile. Split thread.
 */
public final class SplitPace {
    private static final long LONGEST_NANOS = Duration.ofSeconds(1).toNanos();
    private static final Duration ASK_EVERY = Duration.ofSeconds(1);
    private static final int BESIDE_A_WRITER = 4;

    private final Task task;
    private final LongSupplier writes;
    private final BooleanSupplier stopped;
    private final boolean rests;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private long since = clock.nanos();
    private long asked = since;
    private long written;
    private long waited;

    /** It is to end: the store closes, or somebody stopped it. What is not finished is thrown away. */
    public static final class Ended extends RuntimeException {
        private static final long serialVersionUID = 1;

        Ended() {
            super("it was stopped");
        }
    }

    /**
     * A pace.
     *
     * @param task whose thread it is
     * @param writes a number that is another one whenever the writer has written
     * @param stopped whether it is to end; asked every second
     * @param rests false for none, for tests
     */
    public SplitPace(Task task, LongSupplier writes, BooleanSupplier stopped, boolean rests) {
        this.rests = rests;
        this.task = task;
        this.writes = writes;
        this.stopped = stopped;
        this.written = writes.getAsLong();
    }

    /** Has something done that the writer does or waits for: that is rest enough. */
    public <T> T aside(Supplier<T> what) {
        long begun = clock.nanos();
        try {
            return what.get();
        } finally {
            waited += clock.nanos() - begun;
        }
    }

    /**
     * A piece of work is done.
     *
     * @throws Ended where it is to end
     */
    public void rest() {
        long now = clock.nanos();
        long grown = writes.getAsLong();
        long worked = Math.max(0, now - since - waited);
        long rest = Math.min(LONGEST_NANOS, grown == written ? worked : worked * BESIDE_A_WRITER);
        written = grown;
        if (!task.pause(rests ? Duration.ofNanos(rest) : Duration.ZERO)) {
            throw new Ended();
        }
        if (now - asked > ASK_EVERY.toNanos()) {
            asked = now;
            if (stopped.getAsBoolean()) {
                throw new Ended();
            }
        }
        waited = 0;
        since = clock.nanos();
    }
}
