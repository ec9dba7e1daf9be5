package io.levee.server;

import io.levee.json.JsonOut;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Scheduler;
import org.jspecify.annotations.Nullable;

/**
 * Sends answers of any length in chunks of about {@value #CHUNK_BYTES} bytes. A client that does not take its chunk costs that chunk and no
 * thread: its answer is made further when it has (and its query gives its slot back meanwhile). One that has not taken its chunk when
 * the deadline is over is cut off. Thread-safe.
 *
 * <p>Answers of one chunk are sent as they are. Of longer ones at most so many are open at the same time; another one is
 * refused with {@code LEVEE-503 TOO_MANY_READERS} before its first byte.
 */
final class AnswerStreams {
    static final int CHUNK_BYTES = 32 << 10;

    private static final System.Logger LOG = System.getLogger("io.levee.server");
    /** Chunks that one answer may send in a row while others wait for a thread. */
    private static final int TURN = 32;
    /** What a client gets to take its last chunk, beyond the query's deadline. */
    private static final long GRACE_MILLIS = 2000;

    private final ClientWatch watch;
    private final Lane lane;
    private final Scheduler timer;
    private final int most;
    private final Semaphore places;

    /**
     * Streams.
     *
     * @param most most answers of more than a chunk at the same time
     */
    AnswerStreams(ClientWatch watch, Lane lane, Scheduler timer, int most) {
        this.watch = watch;
        this.lane = lane;
        this.timer = timer;
        this.most = most;
        this.places = new Semaphore(most);
    }

    /** How many answers of more than a chunk are open. */
    int open() {
        return most - places.availablePermits();
    }

    /**
     * Sends an answer. Returns when it is sent, or when it waits for its client: it is then sent further by other threads.
     *
     * @param deadline how long the whole answer may take
     * @param pieces the answer, closed when it is sent or not wanted any more
     * @throws Exception what making the answer throws, and {@link IOException} where the client has gone
     */
    void send(Exchange exchange, String contentType, Duration deadline, Pieces pieces) throws Exception {
        new Answer(exchange, contentType, deadline, pieces).begin();
    }

    private final class Answer {
        private final Exchange exchange;
        private final String contentType;
        private final Duration deadline;
        private final Pieces pieces;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final JsonOut out = new JsonOut(bytes);
        private @Nullable Callback detached;
        private Scheduler.@Nullable Task cut;
        private boolean begun;
        private boolean placed;

        Answer(Exchange exchange, String contentType, Duration deadline, Pieces pieces) {
            this.exchange = exchange;
            this.contentType = contentType;
            this.deadline = deadline;
            this.pieces = pieces;
        }

        void begin() throws Exception {
            boolean over = true;
            try {
                over = work(false);
                // Parked: it belongs to other threads from here on.
            } finally {
                if (over) {
                    end();
                }
            }
            if (over && detached != null) {
                detached.succeeded();
            }
        }

        private void resume() {
            try {
                if (!work(true)) {
                    return;
                }
            } catch (Throwable e) {
                fail(e);
                return;
            }
            end();
            whole();
        }

        private void whole() {
            if (detached != null) {
                detached.succeeded();
            }
        }

        /** Cuts the answer off: its client sees that it is not whole. */
        private void fail(Throwable error) {
            end();
            LOG.log(System.Logger.Level.DEBUG, "an answer was cut off: {0}", String.valueOf(error.getMessage()));
            if (detached != null) {
                detached.failed(error);
            }
        }

        private void end() {
            if (cut != null) {
                cut.cancel();
            }
            pieces.close();
            out.close();
            if (placed) {
                placed = false;
                places.release();
            }
        }

        /** Sends as much as the client takes. Answers whether that was all. */
        private boolean work(boolean again) throws Exception {
            return watch.get(exchange.request(), () -> pump(again));
        }

        private boolean pump(boolean again) throws IOException {
            for (int sent = 1; ; sent++) {
                boolean last = !fill();
                if (!last) {
                    takePlace();
                }
                if (!begun) {
                    begun = true;
                    exchange.start(contentType);
                }
                Write write = new Write(last);
                ByteBuffer chunk = ByteBuffer.wrap(bytes.toByteArray());
                bytes.reset();
                exchange.response().write(last, chunk, write);
                if (!write.done()) {
                    detach();
                    if (write.park()) {
                        return false;
                    }
                }
                write.check();
                if (last) {
                    return true;
                }
                if (again && sent % TURN == 0 && lane.crowded()) {
                    lane.execute(this::resume);
                    return false;
                }
            }
        }

        /** Makes the next chunk. Answers whether there is more behind it. */
        private boolean fill() {
            boolean more = true;
            while (more && bytes.size() < CHUNK_BYTES) {
                more = pieces.next(out);
            }
            out.flush();
            return more;
        }

        private void takePlace() {
            if (!placed && !places.tryAcquire()) {
                throw new HttpProblem(
                                503,
                                "TOO_MANY_READERS",
                                most + " long answers are being read already",
                                "try again later, or ask for less: answers up to 32 KiB are always sent")
                        .header("Retry-After", "1");
            }
            placed = true;
        }

        private void detach() {
            if (detached == null) {
                detached = exchange.detach();
                long millis = deadline.toMillis() + GRACE_MILLIS;
                cut = timer.schedule(
                        () -> exchange.cut("the client did not take its answer within the deadline"),
                        millis,
                        TimeUnit.MILLISECONDS);
            }
        }

        /** The client took a chunk that it had been waited for, or went. */
        private void taken(boolean last, @Nullable Throwable failure) {
            Runnable next = failure != null
                    ? () -> fail(failure)
                    : last
                            ? () -> {
                                end();
                                whole();
                            }
                            : this::resume;
            try {
                lane.execute(next);
            } catch (RejectedExecutionException e) {
                // The server stops.
                fail(e);
            }
        }

        /** One chunk on its way. */
        private final class Write implements Callback {
            private final boolean last;
            private boolean done; // guarded by this
            private boolean parked; // guarded by this
            private @Nullable Throwable failure; // guarded by this

            Write(boolean last) {
                this.last = last;
            }

            synchronized boolean done() {
                return done;
            }

            /** Leaves the rest to whoever completes the write; false where it is complete already. */
            synchronized boolean park() {
                parked = !done;
                return parked;
            }

            synchronized void check() throws IOException {
                if (failure != null) {
                    throw new IOException("the client has gone", failure);
                }
            }

            @Override
            public void succeeded() {
                complete(null);
            }

            @Override
            public void failed(Throwable error) {
                complete(error);
            }

            private void complete(@Nullable Throwable error) {
                synchronized (this) {
                    done = true;
                    failure = error;
                    if (!parked) {
                        return;
                    }
                }
                taken(last, error);
            }

            @Override
            public InvocationType getInvocationType() {
                return InvocationType.NON_BLOCKING;
            }
        }
    }
}
