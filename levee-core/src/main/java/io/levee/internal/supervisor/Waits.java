package io.levee.internal.supervisor;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/** How a wait for another thread's answer ends when it ends badly: one way for all who wait. */
public final class Waits {
    private Waits() {}

    /**
     * What a task failed with: its own error, or {@link ErrorCode#INTERNAL} for what has no code.
     *
     * @param what what failed, such as "the backup failed"
     */
    public static LeveeException failed(String what, ExecutionException e) {
        return failed(what, e.getCause(), e);
    }

    /** See {@link #failed(String, ExecutionException)}. */
    public static LeveeException failed(String what, CompletionException e) {
        return failed(what, e.getCause(), e);
    }

    private static LeveeException failed(String what, @Nullable Throwable cause, Exception e) {
        return cause instanceof LeveeException known
                ? known
                : new LeveeException(ErrorCode.INTERNAL, what + ": " + cause, e);
    }

    /** The waiting thread was interrupted, and is marked so again; {@link ErrorCode#CANCELLED}. */
    public static LeveeException interrupted(String what, InterruptedException e) {
        Thread.currentThread().interrupt();
        return new LeveeException(ErrorCode.CANCELLED, what, e);
    }

    /** A wait of so many milliseconds at most; whether it saw what it waits for. */
    @FunctionalInterface
    public interface Bounded {
        boolean await(long millis) throws InterruptedException;
    }

    /**
     * Waits to the end, whatever interrupts the thread, which is marked so again: for who ends things, since what is nearly stored would be
     * given up.
     */
    public static boolean uninterrupted(Duration longest, Bounded wait) {
        long end = MonotonicClock.SYSTEM.nanos() + longest.toNanos();
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return wait.await(Math.max(0, (end - MonotonicClock.SYSTEM.nanos()) / 1_000_000));
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
