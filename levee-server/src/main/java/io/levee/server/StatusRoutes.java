package io.levee.server;

import io.levee.Health;
import io.levee.Store;
import io.levee.StoreStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Health, metrics and status: all made from the store's cached snapshot, so a poll costs nothing. */
final class StatusRoutes {
    private final Store store;
    private final ServerStatus status;
    private final StatusStream stream;
    private final RequestCounters counters;

    StatusRoutes(Store store, ServerStatus status, StatusStream stream, RequestCounters counters) {
        this.status = status;
        this.store = store;
        this.stream = stream;
        this.counters = counters;
    }

    void addTo(Router router) {
        router.light("GET", "/health/live", this::live)
                .light("GET", "/health/ready", this::ready)
                .light("GET", "/health", this::health)
                .light("GET", "/metrics", this::metrics)
                .light("GET", "/v1/status", this::status)
                .light("GET", "/v1/status/stream", this::stream);
    }

    /** Up as long as the process answers: no state of the store is a reason to kill it. */
    private void live(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(200, Map.of("status", "UP"));
    }

    private void ready(Exchange exchange) throws IOException {
        exchange.params();
        Health health = store.status().health();
        exchange.json(health.state() == Health.State.DOWN ? 503 : 200, form(health));
    }

    private void health(Exchange exchange) throws IOException {
        exchange.params();
        StoreStatus status = store.status();
        Map<String, @Nullable Object> body = form(status.health());
        body.put("store", status.store());
        body.put("engine", status.engine());
        body.put("version", status.version());
        body.put("lastShutdown", status.lastShutdown());
        // The same objects as in the status, so that one look says what is lost, in doubt, refused, missing and
        // damaged.
        Map<String, @Nullable Object> all = status.toMap();
        // Migrations with them: what runs is no reason for another health, and yet to be seen here (G141).
        for (String detail : List.of(
                "lastClose",
                "lost",
                "uncertain",
                "refused",
                "gaps",
                "migrations",
                "migrationsRunning",
                "migrationsPaused",
                "migrationsError")) {
            body.put(detail, all.get(detail));
        }
        exchange.json(status.health().state() == Health.State.DOWN ? 503 : 200, body);
    }

    private static Map<String, @Nullable Object> form(Health health) {
        Map<String, @Nullable Object> body = new LinkedHashMap<>();
        body.put("status", health.state().name());
        body.put("reasons", health.reasons());
        return body;
    }

    private void metrics(Exchange exchange) throws IOException {
        exchange.params();
        String text = Metrics.text(store.status(), counters, status);
        exchange.bytes(200, "text/plain; version=0.0.4; charset=utf-8", text.getBytes(StandardCharsets.UTF_8));
    }

    private void status(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(200, status.toMap());
    }

    private void stream(Exchange exchange) throws IOException {
        if (exchange.request().getMethod().equals("HEAD")) {
            exchange.empty(200);
        } else {
            stream.open(exchange);
        }
    }
}
