package io.levee.engine;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One query on its way through a slot: its deadline, and the one way to stop it.
 *
 * <p>What runs is guarded by the execution's own lock, so that a cancel reaches the statement that runs and never the next
 * one. An interrupt that arrives before the statement has begun to run is lost by SQLite, so the watchdog repeats
 * {@link #interruptIfOver} until the statement has ended.
 */
public final class Execution {
    private final long id;
    private final String what;
    private final long startNanos;
    private final long deadlineNanos;
    private final List<Runnable> interrupts = new ArrayList<>();
    private final List<BooleanSupplier> keeping = new CopyOnWriteArrayList<>();
    /** Set once, under the lock. Who only wants to know may read it without. */
    private volatile @Nullable LeveeException end;

    private volatile String plan = "";
    private int held;
    private long heldSinceNanos;

    /**
     * An execution.
     *
     * @param id its number
     * @param what what it asks
     * @param startNanos when it was submitted, by the monotonic clock
     * @param deadline how long after that it ends
     */
    public Execution(long id, String what, long startNanos, Duration deadline) {
        this.id = id;
        this.what = what;
        this.startNanos = startNanos;
        this.deadlineNanos = startNanos + deadline.toNanos();
    }

    /** Its number. */
    public long id() {
        return id;
    }

    /** What it asks. */
    public String what() {
        return what;
    }

    /** When it was submitted, by the monotonic clock. */
    public long startNanos() {
        return startNanos;
    }

    /** When it ends, by the monotonic clock. */
    public long deadlineNanos() {
        return deadlineNanos;
    }

    /**
     * Runs a statement that {@code newInterrupt} can stop. Several threads may each run one.
     *
     * @param newInterrupt stops the statement; called by other threads, only while the body runs
     * @param body the statement
     * @throws LeveeException the reason of the cancel, if there was one before or while the body ran
     */
    public <X extends Exception> void interruptibly(Runnable newInterrupt, Body<X> body) throws X {
        synchronized (this) {
            check();
            interrupts.add(newInterrupt);
        }
        try {
            body.run();
        } finally {
            synchronized (this) {
                interrupts.remove(newInterrupt);
            }
        }
        check();
    }

    /**
     * Says that the query keeps something from now on that the writer wants back: a snapshot of a partition that is being written, whose
     * WAL cannot be reset meanwhile. A lease: one that is not given back in time ends the query.
     */
    public Lease lease() {
        synchronized (this) {
            if (held++ == 0) {
                heldSinceNanos = MonotonicClock.SYSTEM.nanos();
            }
        }
        return new Lease() {
            private boolean over;

            @Override
            public void close() {
                synchronized (Execution.this) {
                    if (!over) {
                        over = true;
                        held--;
                    }
                }
            }
        };
    }

    /** For how long there has been a {@link #lease}, in nanoseconds; 0 where there is none. */
    public synchronized long heldNanos(long nowNanos) {
        return held == 0 ? 0 : nowNanos - heldSinceNanos;
    }

    /**
     * Says that the query keeps partitions from now on.
     *
     * @param dropped whether one of them was dropped meanwhile, and is not given back yet; asked by other threads
     */
    public void keeps(BooleanSupplier dropped) {
        keeping.add(dropped);
    }

    /** Whether it keeps a partition that was dropped meanwhile: then its space comes back only when the query ends. Any thread. */
    public boolean keepsDropped() {
        return keeping.stream().anyMatch(BooleanSupplier::getAsBoolean);
    }

    /** What a query keeps. */
    public interface Lease extends AutoCloseable {
        /** Gives it back. Idempotent. */
        @Override
        void close();
    }

    /** A statement. */
    @FunctionalInterface
    public interface Body<X extends Exception> {
        /** Runs it. */
        void run() throws X;
    }

    /**
     * Ends the query, whatever it is doing.
     *
     * @param code why
     * @param why in words
     */
    public void cancel(ErrorCode code, String why) {
        fail(new LeveeException(code, why));
    }

    /**
     * Ends the query, whatever its threads are doing, because one of them failed.
     *
     * @param why what it failed with
     */
    public synchronized void fail(LeveeException why) {
        if (end == null) {
            end = why;
        }
        interruptIfOver();
    }

    /** Says how it is run, in words, for who looks at running and at slow queries. */
    public void planned(String words) {
        plan = words;
    }

    /** How it is run, in words; empty as long as nobody said. */
    public String plan() {
        return plan;
    }

    /** Interrupts the statements that run although their query is over. */
    public synchronized void interruptIfOver() {
        if (end != null) {
            interrupts.forEach(Runnable::run);
        }
    }

    /** Whether it was cancelled. */
    public boolean over() {
        return end != null;
    }

    /**
     * Returns while the query may go on.
     *
     * @throws LeveeException the reason of the cancel
     */
    public void check() {
        LeveeException error = error();
        if (error != null) {
            throw error;
        }
    }

    /** The reason of the cancel, or null; a new one each time: the stack trace is that of the place that was stopped. */
    public @Nullable LeveeException error() {
        LeveeException why = end;
        if (why == null) {
            return null;
        }
        LeveeException again = new LeveeException(why.code(), why.what(), why.getCause());
        why.details().forEach(again::with);
        String hint = why.hint();
        return (hint == null ? again : again.hint(hint)).with("query", id);
    }
}
