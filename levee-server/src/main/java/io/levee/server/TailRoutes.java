package io.levee.server;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.Replay;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.Tail;
import io.levee.TailCursor;
import io.levee.internal.spec.Durations;
import io.levee.json.JsonOut;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

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

    /** The windows of a replay, where the client says none. */
    private static final Duration REPLAY_WINDOW = Duration.ofHours(4);

    private final Store store;
    private final ClientWatch watch;
    private final int most;
    private final Semaphore room;
    private final Set<Source> open = ConcurrentHashMap.newKeySet();
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
        Asked asked = asked(exchange);
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
        try {
            // Nothing is read or written for as long as nothing comes.
            exchange.request().addIdleTimeoutListener(timeout -> false);
            watch.during(exchange.request(), () -> new Follower(exchange, table, asked).run());
        } finally {
            room.release();
        }
    }

    /**
     * What a client asks for.
     *
     * @param after the number to begin after; of a cursor, where it begins if it is new
     * @param resumed whether the client has lost its connection and knows the number itself
     * @param from the begin of a replay, or null
     * @param follow whether it goes on after the replay
     */
    private record Asked(
            long after,
            boolean resumed,
            @Nullable String cursor,
            @Nullable Instant from,
            Duration window,
            boolean follow) {}

    private Asked asked(Exchange exchange) {
        Params params = exchange.params("after", "cursor", "from", "window", "follow");
        String cursor = params.text("cursor");
        Instant from = params.instant("from", store.options().clock().instant());
        String window = params.text("window");
        if (from == null && (window != null || params.text("follow") != null)) {
            throw HttpProblem.badRequest("window and follow are of a replay, which begins with from", null);
        }
        if (from != null && (cursor != null || params.text("after") != null)) {
            throw HttpProblem.badRequest("a replay from a time has no cursor and no number to begin after", null);
        }
        long last = last(exchange);
        long otherwise = cursor == null ? Tail.NOW : 0;
        return new Asked(
                last >= 0 ? last : params.number("after", otherwise, Tail.NOW),
                last >= 0,
                cursor,
                // A client that had the end of the replay goes on behind it.
                last >= 0 ? null : from,
                window == null ? REPLAY_WINDOW : Durations.parse(window),
                from == null || params.text("follow") == null || params.flag("follow"));
    }

    /** What is followed. */
    private interface Source extends AutoCloseable {
        Tail.Batch<Row> poll(Duration timeout);

        long position();

        @Override
        void close();
    }

    private static Source source(Table<Row> table, Asked asked) {
        if (asked.cursor() != null && !asked.resumed()) {
            TailCursor<Row> cursor = table.cursor(asked.cursor(), asked.after());
            return new Source() {
                @Override
                public Tail.Batch<Row> poll(Duration timeout) {
                    return cursor.poll(timeout);
                }

                @Override
                public long position() {
                    return cursor.position();
                }

                @Override
                public void close() {
                    cursor.close();
                }
            };
        }
        return source(table.tail(asked.after()));
    }

    private static Source source(Tail<Row> tail) {
        return new Source() {
            @Override
            public Tail.Batch<Row> poll(Duration timeout) {
                return tail.poll(timeout);
            }

            @Override
            public long position() {
                return tail.position();
            }

            @Override
            public void close() {
                tail.close();
            }
        };
    }

    /** What a client that lost its connection has; -1 where it says nothing. */
    private static long last(Exchange exchange) {
        String last = exchange.header("Last-Event-ID");
        if (last == null || last.isBlank()) {
            return -1;
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
        open.forEach(Source::close);
    }

    private final class Follower {
        private final Exchange exchange;
        private final Table<Row> table;
        private final Asked asked;
        private final List<String> columns;
        private final ByteArrayOutputStream events = new ByteArrayOutputStream();

        Follower(Exchange exchange, Table<Row> table, Asked asked) {
            this.exchange = exchange;
            this.table = table;
            this.asked = asked;
            this.columns = table.spec().columns().stream().map(Column::name).toList();
        }

        void run() throws IOException, InterruptedException {
            // What is refused is refused before the answer begins.
            try (Source first = asked.from() == null ? source(table, asked) : null) {
                exchange.response().setStatus(200);
                exchange.response().getHeaders().put(HttpHeader.CONTENT_TYPE, "text/event-stream");
                LeveeException failure;
                if (first != null) {
                    // The number alone is no event, and lets a client continue from here before its first record.
                    add("retry: 2000\nid: " + first.position() + "\n\n");
                    send();
                    failure = follow(first);
                } else {
                    failure = replay(asked.from());
                }
                if (failure != null && !closed) {
                    add("event: problem\ndata: "
                            + Json.text(Problems.of(failure).body()) + "\n\n");
                }
                send();
                exchange.end();
            }
        }

        private @Nullable LeveeException follow(Source source) throws IOException, InterruptedException {
            open.add(source);
            try {
                while (!closed) {
                    batch(source.poll(HEARTBEAT));
                }
                return null;
            } catch (LeveeException e) {
                if (Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                return e;
            } finally {
                open.remove(source);
            }
        }

        /** Rows as records without a number, then one event with the number to go on after. */
        private @Nullable LeveeException replay(@Nullable Instant from) throws IOException, InterruptedException {
            Replay done;
            try {
                Query.Builder query = Query.builder(table.spec().name()).details();
                if (from != null) {
                    query.from(from);
                }
                done = store.replay(query.build(), asked.window(), this::replayed);
            } catch (UncheckedIOException e) {
                throw e.getCause();
            } catch (LeveeException e) {
                if (Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                return e;
            }
            Map<String, Object> live = new LinkedHashMap<>();
            live.put("after", done.after());
            live.put("rows", done.rows());
            live.put("coverage", JsonOut.form(done.coverage()));
            add("id: " + done.after() + "\nevent: live\ndata: " + Json.text(live) + "\n\n");
            send();
            if (!asked.follow()) {
                return null;
            }
            try (Source tail = source(table.tail(done.after()))) {
                return follow(tail);
            }
        }

        private void replayed(Row row) {
            if (closed) {
                throw new LeveeException(ErrorCode.CLOSED, "the server is stopping");
            }
            add("event: record\ndata: ");
            try (JsonOut out = new JsonOut(events)) {
                out.row(row, columns);
            }
            add("\n\n");
            if (events.size() >= CHUNK_BYTES) {
                try {
                    send();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new LeveeException(ErrorCode.CANCELLED, "the client has gone", e);
                }
            }
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
