package io.levee.server;

import io.levee.internal.time.MonotonicClock;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/**
 * The store's status as server-sent events, once a second. Thread-safe.
 *
 * <p>One event is made for all clients, from the status snapshot, on a thread of the HTTP pool. A client that has not taken
 * the event before misses this one; one that takes nothing for ten seconds is dropped. Nobody ever waits for a client.
 */
final class StatusStream {
    private static final System.Logger LOG = System.getLogger("io.levee.server");
    private static final long PERIOD_SECONDS = 1;
    private static final long END_SECONDS = 2;
    private static final long STALLED_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final ServerStatus status;
    private final Server server;
    private final int maxClients;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final Set<Client> clients = ConcurrentHashMap.newKeySet();
    private long number;
    private boolean closed;

    StatusStream(ServerStatus status, Server server, int maxClients) {
        this.status = status;
        this.server = server;
        this.maxClients = maxClients;
    }

    /** Begins to tick. */
    void start() {
        server.getScheduler()
                .schedule(() -> server.getThreadPool().execute(this::tick), PERIOD_SECONDS, TimeUnit.SECONDS);
    }

    int clients() {
        return clients.size();
    }

    /** Takes a client, which gets the present status at once. */
    void open(Exchange exchange) {
        exchange.params();
        synchronized (this) {
            if (closed || clients.size() >= maxClients) {
                throw new HttpProblem(
                                503,
                                "TOO_MANY_STREAMS",
                                "the status stream has " + maxClients + " clients already",
                                "poll /v1/status instead")
                        .header("Retry-After", "5");
            }
            exchange.response().setStatus(200);
            exchange.response().getHeaders().put(HttpHeader.CONTENT_TYPE, "text/event-stream");
            Client client = new Client(exchange, exchange.detach());
            clients.add(client);
            client.send("retry: 2000\n" + event());
        }
    }

    private void tick() {
        try {
            if (!clients.isEmpty()) {
                String event = event();
                clients.forEach(client -> client.send(event));
            }
        } catch (RuntimeException e) {
            // The stream must outlive a status that cannot be made: clients see a heartbeat, and the log says why.
            LOG.log(System.Logger.Level.WARNING, "no status for the stream", e);
            clients.forEach(client -> client.send(": heartbeat\n\n"));
        } finally {
            synchronized (this) {
                if (!closed) {
                    start();
                }
            }
        }
    }

    private synchronized String event() {
        number++;
        return "id: " + number + "\nevent: status\ndata: " + Json.text(status.toMap()) + "\n\n";
    }

    /** Ends all streams, and waits a moment for their last chunks to be sent. Idempotent. */
    void close() {
        synchronized (this) {
            closed = true;
        }
        List<CompletableFuture<Void>> ends = new ArrayList<>();
        for (Client client : clients) {
            ends.add(client.end);
            client.finish();
        }
        try {
            CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new)).get(END_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.log(System.Logger.Level.DEBUG, "a status stream was cut off: {0}", e.getMessage());
        }
    }

    private final class Client implements Callback {
        private final Exchange exchange;
        private final Callback done;
        private final CompletableFuture<Void> end = new CompletableFuture<>();
        private boolean writing;
        private boolean ended;
        private long since;
        private @Nullable Runnable afterWrite;

        Client(Exchange exchange, Callback done) {
            this.exchange = exchange;
            this.done = done;
        }

        void send(String event) {
            synchronized (this) {
                if (ended) {
                    return;
                }
                if (writing) {
                    if (clock.nanos() - since > STALLED_NANOS) {
                        drop();
                    }
                    return;
                }
                writing = true;
                since = clock.nanos();
            }
            exchange.response().write(false, ByteBuffer.wrap(event.getBytes(StandardCharsets.UTF_8)), this);
        }

        /** Closes the connection of a client that stopped reading; the write that waits for it then fails. */
        private void drop() {
            LOG.log(System.Logger.Level.DEBUG, "dropped a status stream client that stopped reading");
            exchange.cut("the client stopped reading");
        }

        @Override
        public void succeeded() {
            Runnable next;
            synchronized (this) {
                writing = false;
                next = afterWrite;
            }
            if (next != null) {
                next.run();
            }
        }

        @Override
        public void failed(Throwable error) {
            synchronized (this) {
                if (ended) {
                    return;
                }
                ended = true;
            }
            over();
            done.failed(error);
        }

        void finish() {
            synchronized (this) {
                if (ended) {
                    return;
                }
                if (writing) {
                    afterWrite = this::finish;
                    return;
                }
                ended = true;
            }
            exchange.response().write(true, ByteBuffer.allocate(0), Callback.from(done, this::over));
        }

        private void over() {
            clients.remove(this);
            end.complete(null);
        }
    }
}
