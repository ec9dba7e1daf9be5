package io.levee.server;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/** Runs tasks on a pool, at most so many of them at once and the others in the order they came. Thread-safe. */
final class Lane {
    private final Executor pool;
    private final int most;
    private final Deque<Runnable> waiting = new ArrayDeque<>(); // guarded by this
    private int running; // guarded by this

    Lane(Executor pool, int most) {
        this.pool = pool;
        this.most = most;
    }

    /**
     * Runs a task now or later.
     *
     * @throws RejectedExecutionException when the pool has stopped
     */
    void execute(Runnable task) {
        synchronized (this) {
            if (running == most) {
                waiting.add(task);
                return;
            }
            running++;
        }
        try {
            pool.execute(() -> run(task));
        } catch (RejectedExecutionException e) {
            next();
            throw e;
        }
    }

    /** Whether a task has to wait for another one to end. */
    synchronized boolean crowded() {
        return !waiting.isEmpty();
    }

    private void run(Runnable first) {
        Runnable task = first;
        while (task != null) {
            try {
                task.run();
            } finally {
                task = next();
            }
        }
    }

    private synchronized @Nullable Runnable next() {
        Runnable next = waiting.poll();
        if (next == null) {
            running--;
        }
        return next;
    }
}
