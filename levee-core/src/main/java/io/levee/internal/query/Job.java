package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.internal.memory.ThreadWrites;
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
    private long ranNanos;
    private long wrote;
    private @Nullable ThreadWrites writing;
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

    /** How long it has had a thread, all its runs together, but for the present one. */
    synchronized long ranNanos() {
        return ranNanos;
    }

    /** What it has written to temporary files. */
    synchronized long wroteBytes() {
        return wrote + (writing == null ? 0 : writing.bytes());
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
        } else if (from == State.RUNNING) {
            ranNanos += now - sinceNanos;
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
        synchronized (this) {
            writing = ThreadWrites.begin();
        }
        boolean done = true;
        LeveeException error = null;
        try {
            execution.check();
            if (!covered) {
                covered = true;
                feeder.cover();
            }
            feeder.begin();
            done = work.run(execution, feeder);
            if (done) {
                // Again: a partition that the query found damaged is set aside by now.
                feeder.cover();
            }
        } catch (LeveeException e) {
            error = e;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            error = new LeveeException(ErrorCode.INTERNAL, "the query failed: " + e, e);
        }
        synchronized (this) {
            wrote = wroteBytes();
            writing = null;
        }
        if (done || error != null) {
            end(State.RUNNING, error);
        } else {
            park();
        }
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
        LeveeException error = execution.error();
        if (error != null && !end(State.WAITING, error)) {
            end(State.PARKED, error);
        }
    }

    /** Who is told that a query has ended does not find it among those that run: so its reader is told last. */
    private boolean end(State from, @Nullable LeveeException error) {
        synchronized (this) {
            if (!move(from, State.ENDED)) {
                return false;
            }
            failure = error;
        }
        work.close();
        slots.ended(this);
        if (error == null) {
            feeder.end();
        } else {
            feeder.fail(error);
        }
        return true;
    }

    /** Whether the space of a dropped partition comes back only when this has ended. Any thread. */
    boolean keepsDropped() {
        return work.wanted() || execution.keepsDropped();
    }

    /** Ends what keeps others from what they need, see {@link Leases}. Watchdog. */
    void revoke(long now, Leases leases) {
        if (execution.heldNanos(now) >= leases.longest().toNanos()) {
            execution.cancel(
                    ErrorCode.LEASE_EXPIRED,
                    "the query has kept a snapshot of partitions that the store writes or drops for "
                            + leases.longest().toSeconds() + " s");
        }
        if (!keepsDropped()) {
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
