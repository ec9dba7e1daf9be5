package io.levee.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * An orderly end on SIGTERM and Ctrl-C: the command is told to stop, and the process waits for it to close what it opened.
 * The one place in the CLI that makes a thread, because the JVM takes no other form of shutdown hook.
 */
final class Shutdown {
    /** Stopping, settling and closing together; what takes longer is cut off. */
    private static final long LONGEST_SECONDS = 10;

    private static final CountDownLatch DONE = new CountDownLatch(1);

    private Shutdown() {}

    /**
     * Has the command told once, from another thread, that the process is to end.
     *
     * @param stop tells the command; returns at once
     */
    static void onSignal(Runnable stop) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stopAndWait(stop), "levee-stop"));
    }

    private static void stopAndWait(Runnable stop) {
        stop.run();
        try {
            if (!DONE.await(LONGEST_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("levee: not done within " + LONGEST_SECONDS + " s of being told to stop");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The command has ended: nothing is left to wait for. */
    static void done() {
        DONE.countDown();
    }
}
