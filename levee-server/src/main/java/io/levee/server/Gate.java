package io.levee.server;

import io.levee.Query;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.util.thread.Scheduler;
import org.jspecify.annotations.Nullable;

/**
 * Lets a number of requests work at once. Those that only read may wait a moment for their turn, without a thread, so that a burst is served
 * in order and not turned away. Thread-safe.
 */
final class Gate {
    /** Half of a query's deadline, so that something is left for the query. */
    private static final long MOST_WAIT_MILLIS = Query.DEFAULT_DEADLINE.toMillis() / 2;

    private final Executor pool;
    private final Scheduler timer;
    private final int most;
    private final int mostWaiting;
    private final Set<Visitor> waiting = new LinkedHashSet<>(); // guarded by this
    private int working; // guarded by this

    Gate(Executor pool, Scheduler timer, int most, int mostWaiting) {
        this.pool = pool;
        this.timer = timer;
        this.most = most;
        this.mostWaiting = mostWaiting;
    }

    /** Whoever waits for its turn. One of both is called once, on a thread of the pool. */
    interface Visitor {
        /** It may work now, and has to {@link Gate#leave} when it has. */
        void enter();

        /** It has waited for too long. */
        void turnedAway();
    }

    /** Enters, if there is room; to be followed by {@link #leave}. */
    synchronized boolean enter() {
        if (working == most) {
            return false;
        }
        working++;
        return true;
    }

    /** Waits for a turn; false where too many do. */
    boolean await(Visitor visitor) {
        synchronized (this) {
            if (working < most) {
                working++;
            } else if (waiting.size() >= mostWaiting) {
                return false;
            } else {
                waiting.add(visitor);
                timer.schedule(() -> giveUp(visitor), MOST_WAIT_MILLIS, TimeUnit.MILLISECONDS);
                return true;
            }
        }
        let(visitor);
        return true;
    }

    private void giveUp(Visitor visitor) {
        boolean still;
        synchronized (this) {
            still = waiting.remove(visitor);
        }
        if (still) {
            pool.execute(visitor::turnedAway);
        }
    }

    /** Makes room for the next one. */
    void leave() {
        Visitor next = next();
        if (next != null) {
            let(next);
        }
    }

    private synchronized @Nullable Visitor next() {
        if (waiting.isEmpty()) {
            working--;
            return null;
        }
        Visitor next = waiting.iterator().next();
        waiting.remove(next);
        return next;
    }

    private void let(Visitor visitor) {
        try {
            pool.execute(visitor::enter);
        } catch (RejectedExecutionException e) {
            // The server stops: nobody works any more, and the connection is about to be closed.
            leave();
        }
    }

    synchronized int working() {
        return working;
    }

    synchronized int waiting() {
        return waiting.size();
    }
}
