package io.levee.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An orderly end on SIGTERM and Ctrl-C: the command is told to stop, and the process waits for it to close what it opened.
 * The one place in the CLI that makes a thread, because the JVM takes no other form of shutdown hook.
 */
final class Shutdown {
    /** Stopping, settling and closing together; what takes longer is cut off. A store closes in 10 s, and a hung writer costs 5 more. */
    private static final long LONGEST_SECONDS = 20;

    /** After that a command that still waits for its records is cut off: they may wait for a full disk. */
    private static final long PATIENCE_SECONDS = 3;

    /** The command that runs in this thread, if it asked to be told; a test runs many in one process, some beside each other. */
    private static final ThreadLocal<@Nullable Hook> CURRENT = new ThreadLocal<>();

    /** One command's hook, and what the end of the process waits for. */
    private record Hook(Thread thread, CountDownLatch done) {}

    private Shutdown() {}

    /**
     * Has the command told once, from another thread, that the process is to end.
     *
     * @param stop tells the command; returns at once
     */
    static void onSignal(Runnable stop) {
        onSignal(stop, () -> {});
    }

    /**
     * As {@link #onSignal(Runnable)}, for a command that may wait for what cannot be written.
     *
     * @param cutOff ends the waiting; run where the command has not ended {@value #PATIENCE_SECONDS} s later
     */
    static void onSignal(Runnable stop, Runnable cutOff) {
        CountDownLatch done = new CountDownLatch(1);
        Thread thread = new Thread(() -> stopAndWait(stop, cutOff, done), "levee-stop");
        Runtime.getRuntime().addShutdownHook(thread);
        CURRENT.set(new Hook(thread, done));
    }

    private static void stopAndWait(Runnable stop, Runnable cutOff, CountDownLatch done) {
        stop.run();
        try {
            if (done.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                return;
            }
            cutOff.run();
            if (!done.await(LONGEST_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("levee: not done within " + LONGEST_SECONDS + " s of being told to stop");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The command has ended and printed everything: nothing is left to wait for. */
    static void done() {
        Hook hook = CURRENT.get();
        if (hook == null) {
            return;
        }
        CURRENT.remove();
        hook.done.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook.thread);
        } catch (IllegalStateException e) {
            // The process is ending: the hook runs, and has just been let go.
            System.getLogger("io.levee.cli").log(System.Logger.Level.DEBUG, "ending", e);
        }
    }
}
