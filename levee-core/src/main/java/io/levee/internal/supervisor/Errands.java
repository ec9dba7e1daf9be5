package io.levee.internal.supervisor;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * Short things that other threads have the writer do between two batches, since only the writer owns what is open. Thread-safe.
 *
 * @param <W> what the writer owns
 */
public final class Errands<W> {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Queue<Errand<W, ?>> waiting = new ConcurrentLinkedQueue<>();
    private volatile boolean ended;
    private volatile Runnable come = () -> {};

    /** With nothing to do. */
    public Errands() {}

    private static final class Errand<W, T> {
        private final Function<W, T> what;
        private final CompletableFuture<T> answer = new CompletableFuture<>();
        private final AtomicBoolean taken = new AtomicBoolean();

        Errand(Function<W, T> what) {
            this.what = what;
        }

        void run(W open) {
            if (taken.compareAndSet(false, true)) {
                try {
                    answer.complete(what.apply(open));
                } catch (RuntimeException e) {
                    answer.completeExceptionally(e);
                }
            }
        }

        /** Nobody does it any more, unless it was begun. */
        boolean giveUp() {
            return taken.compareAndSet(false, true);
        }
    }

    /** Tells how the writer is called where it rests. */
    public void onAsk(Runnable call) {
        come = call;
    }

    /** Does what was asked for. Writer thread, between batches. */
    public void serve(W open) {
        for (Errand<W, ?> errand = waiting.poll(); errand != null; errand = waiting.poll()) {
            errand.run(open);
        }
    }

    /** Nobody serves any more. Writer thread, its last call. */
    public void end() {
        ended = true;
        for (Errand<W, ?> errand = waiting.poll(); errand != null; errand = waiting.poll()) {
            if (errand.giveUp()) {
                errand.answer.completeExceptionally(closing());
            }
        }
    }

    private static LeveeException closing() {
        return new LeveeException(ErrorCode.CLOSED, "the store is closing");
    }

    /**
     * Has the writer do something and waits for it: whatever this ends with, it is done then or never will be. Any thread but the writer.
     *
     * @throws LeveeException what it threw, {@code PARTITION_BUSY} where the writer does not come to it, {@code CLOSED}
     */
    public <T> T ask(Function<W, T> what) {
        Errand<W, T> errand = new Errand<>(what);
        waiting.add(errand);
        come.run();
        if (ended && errand.giveUp()) {
            throw closing();
        }
        try {
            return answer(errand);
        } catch (InterruptedException e) {
            throw Waits.interrupted("the wait for the writer was interrupted", e);
        } catch (ExecutionException e) {
            throw Waits.failed("the writer failed", e);
        }
    }

    private static <T> T answer(Errand<?, T> errand) throws InterruptedException, ExecutionException {
        try {
            return errand.answer.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            if (errand.giveUp()) {
                throw new LeveeException(ErrorCode.PARTITION_BUSY, "the writer was busy for " + PATIENCE, e)
                        .hint("try again when it has caught up");
            }
            return errand.answer.get();
        } catch (InterruptedException e) {
            if (errand.giveUp()) {
                throw e;
            }
            T done = errand.answer.get();
            Thread.currentThread().interrupt();
            return done;
        }
    }
}
