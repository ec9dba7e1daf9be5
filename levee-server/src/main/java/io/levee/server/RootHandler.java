package io.levee.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** The way of every request: guard, route, limit, endpoint, and one place where failures become answers. Thread-safe. */
final class RootHandler extends Handler.Abstract {
    private static final System.Logger LOG = System.getLogger("io.levee.server");

    private final Router router;
    private final Guard guard;
    private final Semaphore heavy;
    private final int maxHeavy;
    private final RequestCounters counters;
    private final String engine;

    RootHandler(Router router, Guard guard, ServerOptions options, RequestCounters counters, String engine) {
        super(InvocationType.BLOCKING);
        this.router = router;
        this.guard = guard;
        this.maxHeavy = options.maxRequests();
        this.heavy = new Semaphore(maxHeavy);
        this.counters = counters;
        this.engine = engine;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        counters.begin();
        Request.addCompletionListener(request, error -> counters.end(response.getStatus()));
        response.getHeaders().put("X-Content-Type-Options", "nosniff");
        response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
        Exchange exchange = new Exchange(request, response, callback, Map.of(), List.of());
        try {
            guard.check(request);
            // As it was sent: the router decodes it. CONNECT has none.
            String path = Objects.requireNonNullElse(request.getHttpURI().getPath(), "");
            Router.Match match = router.find(request.getMethod(), path);
            exchange = new Exchange(request, response, callback, match.variables(), match.segments());
            run(match.route(), exchange);
        } catch (Throwable error) {
            fail(request, response, callback, error);
            return true;
        }
        if (!exchange.isDetached()) {
            callback.succeeded();
        }
        return true;
    }

    private void run(Router.Route route, Exchange exchange) throws Exception {
        if (route.weight() == Router.Weight.LIGHT) {
            route.endpoint().handle(exchange);
            return;
        }
        if (!heavy.tryAcquire()) {
            throw new HttpProblem(
                            503,
                            "OVERLOADED",
                            "the server works on " + maxHeavy + " requests already",
                            "try again later")
                    .header("Retry-After", "1");
        }
        counters.beginWork();
        try {
            route.endpoint().handle(exchange);
        } finally {
            counters.endWork();
            heavy.release();
        }
    }

    /** Answers with the error; where an answer has begun, or nobody listens any more, cuts the connection instead. */
    private void fail(Request request, Response response, Callback callback, Throwable error) {
        if (Problems.clientGone(error) || response.isCommitted()) {
            LOG.log(
                    System.Logger.Level.DEBUG,
                    "cut off {0}: {1}",
                    request.getHttpURI().getPath(),
                    error);
            callback.failed(error);
            return;
        }
        Problems.Answer answer = Problems.of(error);
        answer.body().put("engine", engine);
        response.reset();
        HttpFields.Mutable headers = response.getHeaders();
        headers.put("X-Content-Type-Options", "nosniff");
        headers.put(HttpHeader.CACHE_CONTROL, "no-store");
        headers.put(HttpHeader.CONTENT_TYPE, Problems.CONTENT_TYPE);
        answer.headers().forEach(headers::put);
        response.setStatus(answer.status());
        try {
            Content.Sink.write(response, true, ByteBuffer.wrap(Json.bytes(answer.body())));
            callback.succeeded();
        } catch (IOException e) {
            callback.failed(e);
        }
    }
}
