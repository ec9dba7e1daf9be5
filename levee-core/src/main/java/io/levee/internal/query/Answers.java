package io.levee.internal.query;

import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.MonotonicClock;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Completes the futures of queries on the thread {@code levee-results}, so that a caller's stages never run on a query thread or the
 * watchdog. It starts with the first such query. What is to be completed is at most what queries there may be. Thread-safe.
 *
 * <p>A stage that blocks keeps the thread: where that lasts a second, another one takes over, up to {@value #MOST_THREADS}.
 */
final class Answers {
    private static final int MOST_THREADS = 3;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Supervisor supervisor;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final LinkedBlockingQueue<Waiting> waiting = new LinkedBlockingQueue<>();
    private volatile int threads;

    /** How many of them have not ended; guarded by this. */
    private int serving;

    /** The last of them has ended, by the close of the store; guarded by this. */
    private boolean gone;

    private record Waiting(Runnable completion, long sinceNanos) {}

    Answers(Supervisor supervisor) {
        this.supervisor = supervisor;
    }

    /** The first use is about to come. A caller's thread. */
    synchronized void start() {
        if (threads == 0) {
            startThread();
        }
    }

    private void startThread() {
        int number = threads + 1;
        threads = number;
        serving++;
        supervisor.start(number == 1 ? "levee-results" : "levee-results-" + number, this::serve);
    }

    private void serve(Task task) throws InterruptedException {
        task.alarm(() -> deliver(() -> {}));
        do {
            Waiting next = waiting.poll(100, TimeUnit.MILLISECONDS);
            if (next != null) {
                next.completion().run();
                task.ran("");
            }
        } while (!task.stopping() || !ended());
    }

    private synchronized boolean ended() {
        if (!waiting.isEmpty()) {
            return false;
        }
        serving--;
        gone = serving == 0;
        return true;
    }

    /**
     * Hands a completion over. Any thread; blocks only once the threads have ended: a query that a closing store ends last is told of by
     * its own thread, for a future that nobody completes is waited for for ever.
     */
    void deliver(Runnable completion) {
        if (!taken(completion)) {
            completion.run();
        }
    }

    private synchronized boolean taken(Runnable completion) {
        return !gone && waiting.add(new Waiting(completion, clock.nanos()));
    }

    /** Starts another thread where the others are kept. Watchdog. */
    void watch() {
        if (threads == 0 || threads == MOST_THREADS) {
            return;
        }
        Waiting first = waiting.peek();
        if (first != null && clock.nanos() - first.sinceNanos() > PATIENCE_NANOS) {
            synchronized (this) {
                startThread();
            }
        }
    }
}
