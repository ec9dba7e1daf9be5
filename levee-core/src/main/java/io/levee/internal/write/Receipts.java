package io.levee.internal.write;

import io.levee.internal.supervisor.Supervisor;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Completes callers' futures on the thread {@code levee-receipts}, so that a caller's stages never run on the writer. Bounded:
 * where callers' stages are slower than the writer, the writer waits for this thread to catch up rather than pile up work.
 *
 * <p>A stage that blocks for good costs the thread that runs it: another one takes over after a second. When {@link #MOST_THREADS} are
 * gone that way, answers are kept until one comes back, since neither the writer nor a close may wait for a caller (T17).
 */
final class Receipts {
    /** Each may cost a close the supervisor's patience. */
    private static final int MOST_THREADS = 3;

    private final BlockingQueue<List<Runnable>> batches = new ArrayBlockingQueue<>(1024);
    private final Queue<List<Runnable>> kept = new ConcurrentLinkedQueue<>();
    private @Nullable Supervisor supervisor;
    private int threads;

    synchronized void start(Supervisor by) {
        supervisor = by;
        startThread();
    }

    /** Returns whether one more was allowed. */
    private synchronized boolean startThread() {
        if (supervisor == null || threads == MOST_THREADS) {
            return false;
        }
        threads++;
        String name = threads == 1 ? "levee-receipts" : "levee-receipts-" + threads;
        supervisor.start(name, task -> {
            task.alarm(() -> batches.offer(List.of()));
            while (!task.stopping() || !batches.isEmpty() || !kept.isEmpty()) {
                List<Runnable> batch = kept.poll();
                if (batch == null) {
                    batch = batches.poll(100, TimeUnit.MILLISECONDS);
                }
                if (batch != null) {
                    batch.forEach(Runnable::run);
                }
            }
        });
        return true;
    }

    /** Hands completions over. Writer thread, or the closing thread after it. */
    void deliver(List<Runnable> completions) {
        if (completions.isEmpty()) {
            return;
        }
        List<Runnable> batch = new ArrayList<>(completions);
        try {
            boolean handed = batches.offer(batch);
            while (!handed && kept.isEmpty()) {
                handed = batches.offer(batch, 1, TimeUnit.SECONDS);
                if (!handed && !startThread()) {
                    break;
                }
            }
            if (!handed) {
                kept.add(batch);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            kept.add(batch);
        }
    }
}
