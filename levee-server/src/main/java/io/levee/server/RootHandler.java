package io.levee.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
    private final Gate gate;
    private final int maxHeavy;
    private final RequestCounters counters;
    private final String engine;

    RootHandler(Router router, Guard guard, Gate gate, ServerOptions options, RequestCounters counters, String engine) {
        super(InvocationType.BLOCKING);
        this.router = router;
        this.guard = guard;
        this.gate = gate;
        this.maxHeavy = options.maxRequests();
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
            if (!run(match.route(), exchange, callback)) {
                return true;
            }
        } catch (Throwable error) {
            fail(request, response, callback, error);
            return true;
        }
        if (!exchange.isDetached()) {
            callback.succeeded();
        }
        return true;
    }

    /** Answers now, or later on another thread: then it returns false. */
    private boolean run(Router.Route route, Exchange exchange, Callback callback) throws Exception {
        if (route.weight() == Router.Weight.LIGHT) {
            route.endpoint().handle(exchange);
            return true;
        }
        if (gate.enter()) {
            work(route, exchange);
            return true;
        }
        if (route.weight() == Router.Weight.READING && gate.await(new Waiting(route, exchange, callback))) {
            return false;
        }
        throw overloaded();
    }

    private void work(Router.Route route, Exchange exchange) throws Exception {
        try {
            route.endpoint().handle(exchange);
        } finally {
            gate.leave();
        }
    }

    private HttpProblem overloaded() {
        return new HttpProblem(
                        503, "OVERLOADED", "the server works on " + maxHeavy + " requests already", "try again later")
                .header("Retry-After", "1");
    }

    /** A request that waits for its turn. */
    private final class Waiting implements Gate.Visitor {
        private final Router.Route route;
        private final Exchange exchange;
        private final Callback callback;

        Waiting(Router.Route route, Exchange exchange, Callback callback) {
            this.route = route;
            this.exchange = exchange;
            this.callback = callback;
        }

        @Override
        public void enter() {
            try {
                work(route, exchange);
            } catch (Throwable error) {
                fail(exchange.request(), exchange.response(), callback, error);
                return;
            }
            if (!exchange.isDetached()) {
                callback.succeeded();
            }
        }

        @Override
        public void turnedAway() {
            fail(exchange.request(), exchange.response(), callback, overloaded());
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
