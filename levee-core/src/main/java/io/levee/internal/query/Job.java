package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * One query from its submission to its last row: waits for a thread, runs, is parked while its reader is behind, waits again. Its state is
 * guarded by itself; only a query thread takes it from {@code WAITING} to {@code RUNNING}, and only that thread from there on.
 */
final class Job implements Runnable {
    private enum State {
        WAITING,
        RUNNING,
        PARKED,
        ENDED
    }

    private final Execution execution;
    private final ChunkStream stream;
    private final ChunkStream.Feeder feeder;
    private final Work work;
    private final Slots slots;
    private State state = State.WAITING;
    private long sinceNanos;
    private long waitedNanos;
    private boolean covered;
    private @Nullable LeveeException failure;
    private long wantedSinceNanos = Long.MIN_VALUE;

    Job(Execution execution, ChunkStream stream, Work work, Slots slots) {
        this.execution = execution;
        this.stream = stream;
        this.feeder = stream.new Feeder(work.resumable());
        this.work = work;
        this.slots = slots;
        this.sinceNanos = execution.startNanos();
    }

    Execution execution() {
        return execution;
    }

    ChunkStream stream() {
        return stream;
    }

    /** How long it has waited for a thread, all its waits together. */
    synchronized Duration waited() {
        return Duration.ofNanos(waitedNanos);
    }

    /** As {@link #waited()}, with the wait that still goes on. */
    synchronized Duration waited(long nowNanos) {
        return Duration.ofNanos(waitedNanos + (state == State.WAITING ? nowNanos - sinceNanos : 0));
    }

    /** How many rows it handed over. */
    long rows() {
        return feeder.rows();
    }

    /** What ended it, or null where it went well. After its end. */
    synchronized @Nullable LeveeException failure() {
        return failure;
    }

    /** {@code waiting}, {@code running} or {@code fetching}, as {@link io.levee.RunningQuery#state}. */
    synchronized String state() {
        if (state == State.RUNNING) {
            return stream.fetching() ? "fetching" : "running";
        }
        return state == State.PARKED ? "fetching" : "waiting";
    }

    /** Since when it waits for a thread; {@link Long#MAX_VALUE} where it does not. */
    synchronized long waitingSinceNanos() {
        return state == State.WAITING ? sinceNanos : Long.MAX_VALUE;
    }

    private synchronized boolean move(State from, State to) {
        if (state != from) {
            return false;
        }
        long now = slots.nanos();
        if (from == State.WAITING) {
            waitedNanos += now - sinceNanos;
        }
        sinceNanos = now;
        state = to;
        return true;
    }

    /** Runs until it is done, or its reader is behind. Query thread. */
    @Override
    public void run() {
        if (!move(State.WAITING, State.RUNNING)) {
            return;
        }
        boolean done = true;
        try {
            execution.check();
            if (!covered) {
                covered = true;
                feeder.cover();
            }
            feeder.begin();
            done = work.run(execution, feeder);
            if (done) {
                feeder.end();
            }
        } catch (LeveeException e) {
            done = true;
            failed(e);
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            done = true;
            failed(new LeveeException(ErrorCode.INTERNAL, "the query failed: " + e, e));
        } finally {
            if (done) {
                end(State.RUNNING);
            }
        }
        if (!done) {
            park();
        }
    }

    private void failed(LeveeException e) {
        synchronized (this) {
            failure = e;
        }
        feeder.fail(e);
    }

    private void park() {
        move(State.RUNNING, State.PARKED);
        // The reader may have caught up before it could see that.
        if (stream.drained()) {
            resume();
        }
        endIfOver();
    }

    /** The reader has caught up. Any thread. */
    void resume() {
        if (move(State.PARKED, State.WAITING)) {
            slots.again(this);
        }
    }

    /** Ends it where it is over and no thread is at it. Any thread. */
    void endIfOver() {
        if (!execution.over()) {
            return;
        }
        if (end(State.WAITING) || end(State.PARKED)) {
            try {
                execution.check();
            } catch (LeveeException e) {
                failed(e);
            }
            slots.ended(this);
        }
    }

    private boolean end(State from) {
        if (!move(from, State.ENDED)) {
            return false;
        }
        work.close();
        if (from == State.RUNNING) {
            slots.ended(this);
        }
        return true;
    }

    /** Ends what keeps others from what they need, see {@link Leases}. Watchdog. */
    void revoke(long now, Leases leases) {
        if (execution.heldNanos(now) >= leases.longest().toNanos()) {
            execution.cancel(
                    ErrorCode.LEASE_EXPIRED,
                    "the query has held a partition that is being written for "
                            + leases.longest().toSeconds() + " s");
        }
        if (!work.wanted()) {
            wantedSinceNanos = Long.MIN_VALUE;
        } else if (wantedSinceNanos == Long.MIN_VALUE) {
            wantedSinceNanos = now;
        } else {
            boolean behind = "fetching".equals(state());
            Duration most = behind ? leases.dropped() : leases.longest();
            if (now - wantedSinceNanos >= most.toNanos()) {
                execution.cancel(
                        ErrorCode.LEASE_EXPIRED,
                        "the query has kept a partition that was dropped for " + most.toSeconds() + " s"
                                + (behind ? ", and its reader is behind" : ""));
            }
        }
    }
}
