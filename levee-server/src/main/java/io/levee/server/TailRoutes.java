package io.levee.server;

import io.levee.Column;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.Tail;
import io.levee.json.JsonOut;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.util.Callback;

/**
 * Follows a table as server-sent events. Each client has a thread of the pool, which is large enough for all of them: it waits
 * for records, and for the client to take them. A client that leaves is noticed within a quarter of a second, one that takes
 * nothing for ten seconds is dropped; either can continue where it was. Thread-safe.
 */
final class TailRoutes {
    private static final System.Logger LOG = System.getLogger("io.levee.server");
    private static final Duration HEARTBEAT = Duration.ofSeconds(15);
    private static final long STALLED_SECONDS = 10;
    /** What is handed to the connection at once: small, so that a slow client shows that it takes something. */
    private static final int CHUNK_BYTES = 32 << 10;

    private final Store store;
    private final ClientWatch watch;
    private final int most;
    private final Semaphore room;
    private final Set<Tail<Row>> open = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    TailRoutes(Store store, int most, ClientWatch watch) {
        this.store = store;
        this.most = most;
        this.room = new Semaphore(most);
        this.watch = watch;
    }

    void addTo(Router router) {
        router.light("GET", "/v1/tables/{t}/tail", this::tail);
    }

    /** How many clients follow. */
    int count() {
        return open.size();
    }

    private void tail(Exchange exchange) throws Exception {
        long after = after(exchange);
        Table<Row> table = store.table(exchange.variable("t"));
        if (exchange.request().getMethod().equals("HEAD")) {
            exchange.empty(200);
            return;
        }
        if (!room.tryAcquire()) {
            throw new HttpProblem(
                            429,
                            "TOO_MANY_TAILS",
                            most + " clients follow tables already",
                            "try again when one has left")
                    .header("Retry-After", "5");
        }
        try (Tail<Row> tail = table.tail(after)) {
            open.add(tail);
            try {
                // Nothing is read or written for as long as nothing comes.
                exchange.request().addIdleTimeoutListener(timeout -> false);
                watch.during(exchange.request(), () -> new Follower(exchange, table, tail).run());
            } finally {
                open.remove(tail);
            }
        } finally {
            room.release();
        }
    }

    /** Where to go on: what a client that lost its connection has, then what it asked for, then only what is new. */
    private static long after(Exchange exchange) {
        Params params = exchange.params("after");
        long asked = params.number("after", Tail.NOW, Tail.NOW);
        String last = exchange.header("Last-Event-ID");
        if (last == null || last.isBlank()) {
            return asked;
        }
        try {
            long number = Long.parseLong(last.trim());
            if (number >= 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Falls through to the one error below.
        }
        throw HttpProblem.badRequest("Last-Event-ID must be a record's number (got '" + last + "')", null);
    }

    /** Ends all tails, each within a second. Idempotent. */
    void close() {
        closed = true;
        open.forEach(Tail::close);
    }

    private final class Follower {
        private final Exchange exchange;
        private final Tail<Row> tail;
        private final List<String> columns;
        private final ByteArrayOutputStream events = new ByteArrayOutputStream();

        Follower(Exchange exchange, Table<Row> table, Tail<Row> tail) {
            this.exchange = exchange;
            this.tail = tail;
            this.columns = table.spec().columns().stream().map(Column::name).toList();
        }

        void run() throws IOException, InterruptedException {
            exchange.response().setStatus(200);
            exchange.response().getHeaders().put(HttpHeader.CONTENT_TYPE, "text/event-stream");
            // The number alone is no event, and lets a client continue from here before its first record.
            add("retry: 2000\nid: " + tail.position() + "\n\n");
            send();
            LeveeException failure = null;
            while (failure == null && !closed) {
                try {
                    batch(tail.poll(HEARTBEAT));
                } catch (LeveeException e) {
                    if (Thread.currentThread().isInterrupted()) {
                        throw e;
                    }
                    failure = e;
                }
            }
            if (failure != null && !closed) {
                add("event: problem\ndata: " + Json.text(Problems.of(failure).body()) + "\n\n");
            }
            send();
            exchange.end();
        }

        private void batch(Tail.Batch<Row> batch) throws IOException, InterruptedException {
            Tail.Missed missed = batch.missed();
            if (missed != null) {
                // Before the records: a client that continues after them would not be told again.
                add("event: gap\ndata: " + Json.text(JsonOut.form(missed)) + "\n\n");
            } else if (batch.entries().isEmpty()) {
                add(": heartbeat\n\n");
            }
            for (Tail.Entry<Row> entry : batch.entries()) {
                add("id: " + entry.number() + "\nevent: record\ndata: ");
                try (JsonOut out = new JsonOut(events)) {
                    out.entry(entry, columns);
                }
                add("\n\n");
                if (events.size() >= CHUNK_BYTES) {
                    send();
                }
            }
            send();
        }

        private void add(String text) {
            events.writeBytes(text.getBytes(StandardCharsets.UTF_8));
        }

        /** Hands on what was made, and waits for the client to take it. */
        private void send() throws IOException, InterruptedException {
            ByteBuffer bytes = ByteBuffer.wrap(events.toByteArray());
            events.reset();
            while (bytes.hasRemaining()) {
                ByteBuffer chunk = bytes.slice(bytes.position(), Math.min(CHUNK_BYTES, bytes.remaining()));
                bytes.position(bytes.position() + chunk.remaining());
                write(chunk);
            }
        }

        private void write(ByteBuffer chunk) throws IOException, InterruptedException {
            Callback.Completable done = new Callback.Completable();
            exchange.response().write(false, chunk, done);
            try {
                done.get(STALLED_SECONDS, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                throw new IOException("the client has gone", e);
            } catch (TimeoutException e) {
                LOG.log(System.Logger.Level.DEBUG, "dropped a client that follows and stopped reading");
                exchange.cut("the client stopped reading");
                throw new IOException("the client stopped reading", e);
            }
        }
    }
}
