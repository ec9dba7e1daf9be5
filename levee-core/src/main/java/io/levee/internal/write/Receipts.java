package io.levee.internal.write;

import io.levee.internal.supervisor.Supervisor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Completes callers' futures on the thread {@code levee-receipts}, so that a caller's stages never run on the writer. Bounded:
 * where callers' stages are slower than the writer, the writer waits for this thread to catch up rather than pile up work.
 */
final class Receipts {
    private final BlockingQueue<List<Runnable>> batches = new ArrayBlockingQueue<>(1024);

    void start(Supervisor supervisor) {
        supervisor.start("levee-receipts", task -> {
            while (!task.stopping() || !batches.isEmpty()) {
                List<Runnable> batch = batches.poll(100, TimeUnit.MILLISECONDS);
                if (batch != null) {
                    batch.forEach(Runnable::run);
                }
            }
        });
    }

    /** Hands completions over. Writer thread, or the closing thread after it. */
    void deliver(List<Runnable> completions) {
        if (completions.isEmpty()) {
            return;
        }
        try {
            if (!batches.offer(new ArrayList<>(completions), 10, TimeUnit.SECONDS)) {
                // Somebody's stage blocks the receipts thread for good: the writer must not stop for it.
                completions.forEach(Runnable::run);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            completions.forEach(Runnable::run);
        }
    }
}
