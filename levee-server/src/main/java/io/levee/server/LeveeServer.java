package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Store;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;

/**
 * A store over HTTP: see {@code docs/http.md} for its routes. Thread-safe.
 *
 * <p>Its pool, with threads {@code levee-http-N} and the timer {@code levee-http-timer}, is the one place outside the core's
 * supervisor that owns threads. They read sockets, parse, and wait for the store; they never touch the engine.
 */
public final class LeveeServer implements AutoCloseable {
    private static final int SPARE_THREADS = 12;
    /** Threads that go on with answers whose clients were waited for. */
    private static final int ANSWERING = 16;
    /** What the kernel holds for a client that does not read: bounded, because its own rule goes up to megabytes. */
    private static final int SEND_BUFFER_BYTES = 256 << 10;
    /** Longer than any query may take, because a connection is idle while its query runs. */
    private static final long IDLE_MILLIS = TimeUnit.SECONDS.toMillis(60);

    /** How long an open connection without a request, or a client that stopped sending, holds the stop up. */
    private static final long IDLE_AT_STOP_MILLIS = 200;

    private static final long STOP_MILLIS = TimeUnit.SECONDS.toMillis(5);

    private static final int ACCEPT_QUEUE = 512;

    private final Server server;
    private final ServerConnector connector;
    private final ServerOptions options;
    private final StatusStream stream;
    private final TailRoutes tails;
    private boolean closed;

    private LeveeServer(Store store, ServerOptions options) {
        this.options = options;
        QueuedThreadPool pool =
                new QueuedThreadPool(options.maxRequests() + options.maxTails() + ANSWERING + SPARE_THREADS, 4);
        pool.setName("levee-http");
        pool.setDaemon(true);
        server = new Server(pool, new ScheduledExecutorScheduler("levee-http-timer", true), null);
        connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http()));
        connector.setHost(options.host());
        connector.setPort(options.port());
        connector.setIdleTimeout(IDLE_MILLIS);
        connector.setAcceptQueueSize(ACCEPT_QUEUE);
        connector.setAcceptedSendBufferSize(SEND_BUFFER_BYTES);
        connector.setShutdownIdleTimeout(IDLE_AT_STOP_MILLIS);
        server.addConnector(connector);
        RequestCounters counters = new RequestCounters();
        ClientWatch watch = new ClientWatch(server);
        AnswerStreams answers =
                new AnswerStreams(watch, new Lane(pool, ANSWERING), server.getScheduler(), options.maxReaders());
        Gate gate = new Gate(pool, server.getScheduler(), options.maxRequests(), options.maxReaders());
        ServerStatus status = new ServerStatus(store, options, gate, answers);
        stream = new StatusStream(status, server, options.maxStreams());
        tails = new TailRoutes(store, options.maxTails(), watch);
        status.clients(stream::clients, tails::count);
        Router router = Routes.of(store, options, stream, tails, answers, status, counters, watch);
        server.setHandler(new GracefulHandler(
                new RootHandler(router, new Guard(options), gate, options, counters, store.engine())));
        server.setErrorHandler(new ProblemErrorHandler());
        server.setStopTimeout(STOP_MILLIS);
        server.setStopAtShutdown(false);
    }

    private static HttpConfiguration http() {
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setSendDateHeader(true);
        http.setRequestHeaderSize(16 << 10);
        http.setOutputBufferSize(32 << 10);
        // Keys stand in paths, whatever they hold: a slash, a percent sign, two dots. The router splits the path before
        // it
        // decodes the parts, and no path leads to a file, so nothing here can be ambiguous.
        http.setUriCompliance(UriCompliance.DEFAULT.with(
                "levee",
                UriCompliance.Violation.AMBIGUOUS_PATH_SEPARATOR,
                UriCompliance.Violation.AMBIGUOUS_PATH_ENCODING,
                UriCompliance.Violation.AMBIGUOUS_PATH_SEGMENT,
                UriCompliance.Violation.AMBIGUOUS_EMPTY_SEGMENT,
                UriCompliance.Violation.SUSPICIOUS_PATH_CHARACTERS));
        return http;
    }

    /**
     * Starts a server for a store, which it neither opens nor closes.
     *
     * @param store an open store
     * @param options where to listen and what to take
     * @return the running server, which has to be closed before the store
     * @throws LeveeException {@link ErrorCode#UNSAFE_ENVIRONMENT} for a host that others can reach, {@link ErrorCode#IO_FAILED}
     *     where the address cannot be bound
     */
    public static LeveeServer start(Store store, ServerOptions options) {
        options.requireLoopback();
        LeveeServer started = new LeveeServer(store, options);
        started.start();
        return started;
    }

    private void start() {
        try {
            server.start();
            stream.start();
        } catch (Exception e) {
            close();
            if (e instanceof IOException) {
                throw new LeveeException(
                                ErrorCode.IO_FAILED,
                                "cannot listen on " + options.host() + ":" + options.port() + ": " + rootMessage(e),
                                e)
                        .with("port", options.port())
                        .hint("choose another port, or 0 for any free one");
            }
            throw new LeveeException(ErrorCode.INTERNAL, "the HTTP server did not start: " + rootMessage(e), e);
        }
    }

    private static String rootMessage(Throwable error) {
        Throwable root = error;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }

    /** The address to open, with the port that was really bound: {@code http://127.0.0.1:7311}. */
    public String url() {
        String host = options.host().contains(":") ? "[" + options.host() + "]" : options.host();
        return "http://" + host + ":" + connector.getLocalPort();
    }

    /**
     * Stops in order: ends the tails and status streams, takes no new connections, gives running requests up to five seconds, closes.
     * Idempotent; a second caller waits for the first. The store stays open.
     */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        tails.close();
        stream.close();
        try {
            server.stop();
        } catch (Exception e) {
            // Requests that outlive the timeout were cut off: their clients see it, and nothing of the store is at
            // stake.
            System.getLogger("io.levee.server")
                    .log(System.Logger.Level.INFO, "the HTTP server stopped: {0}", e.getMessage());
        }
    }
}
