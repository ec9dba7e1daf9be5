package io.levee.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.thread.Scheduler;
import org.jspecify.annotations.Nullable;

/**
 * Ends the work of a request whose client has gone.
 *
 * <p>While a thread waits for the store nobody reads the connection, so its end would show only at the first write, perhaps
 * a deadline later. A watch looks every quarter of a second, and interrupts the thread when the client has closed: the store
 * cancels the query of an interrupted caller. Thread-safe.
 */
final class ClientWatch {
    private static final long PERIOD_MILLIS = 250;

    private final Server server;

    ClientWatch(Server server) {
        this.server = server;
    }

    /** Work that an interrupt may end. */
    @FunctionalInterface
    interface Work {
        /**
         * Works.
         *
         * @throws Exception any failure
         */
        void run() throws Exception;
    }

    /**
     * Runs work under watch, on the caller's thread. The request's body has to be read by then.
     *
     * @throws Exception what the work throws; a {@link ClientGoneException} where the client went away
     */
    void during(Request request, Work work) throws Exception {
        get(request, () -> {
            work.run();
            return true;
        });
    }

    /**
     * As {@link #during}, for work that has a result.
     *
     * @throws Exception what the work throws; a {@link ClientGoneException} where the client went away
     */
    <T> T get(Request request, Callable<T> work) throws Exception {
        Watch watch = new Watch(request, server.getScheduler());
        watch.schedule();
        try {
            return work.call();
        } catch (Exception e) {
            if (watch.end()) {
                throw new ClientGoneException(e);
            }
            throw e;
        } finally {
            watch.end();
        }
    }

    /** The client closed the connection before it had its answer. */
    static final class ClientGoneException extends IOException {
        private static final long serialVersionUID = 1L;

        ClientGoneException(Throwable cause) {
            super("the client closed the connection", cause);
        }
    }

    private static final class Watch implements Runnable {
        private final EndPoint endPoint;
        private final Connection connection;
        private final Scheduler scheduler;
        private final Thread worker = Thread.currentThread();
        private Scheduler.@Nullable Task next;
        private boolean ended;
        private boolean gone;

        Watch(Request request, Scheduler scheduler) {
            this.connection = request.getConnectionMetaData().getConnection();
            this.endPoint = connection.getEndPoint();
            this.scheduler = scheduler;
        }

        synchronized void schedule() {
            next = scheduler.schedule(this, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
        }

        @Override
        public synchronized void run() {
            if (ended) {
                return;
            }
            switch (look()) {
                case QUIET -> schedule();
                case GONE -> {
                    gone = true;
                    worker.interrupt();
                }
                case PIPELINED -> next = null;
            }
        }

        private enum Sight {
            QUIET,
            GONE,
            PIPELINED
        }

        /** Reads at most one byte. One that is there belongs to the client's next request, and goes where that is read from. */
        private Sight look() {
            ByteBuffer one = BufferUtil.allocate(1);
            try {
                int count = endPoint.fill(one);
                if (count == 0) {
                    return Sight.QUIET;
                }
                if (count < 0) {
                    return Sight.GONE;
                }
            } catch (IOException e) {
                // A reset connection is as good as a closed one.
                return Sight.GONE;
            }
            if (connection instanceof Connection.UpgradeTo buffered) {
                buffered.onUpgradeTo(one);
            }
            if (one.hasRemaining()) {
                // No room: a client that sent so much ahead of an answer has to send it again.
                return Sight.GONE;
            }
            return Sight.PIPELINED;
        }

        /** Ends the watch; the worker is not interrupted after this. Returns whether the client had gone. */
        synchronized boolean end() {
            if (!ended) {
                ended = true;
                if (next != null) {
                    next.cancel();
                }
                if (gone) {
                    // The interrupt was for this work alone; the pool's thread goes on to another request.
                    Thread.interrupted();
                }
            }
            return gone;
        }
    }
}
