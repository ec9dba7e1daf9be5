package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.RetentionEvent;
import io.levee.RetentionPlan;
import io.levee.RunningQuery;
import io.levee.Store;
import io.levee.ask.Forms;
import io.levee.engine.Finding;
import io.levee.internal.time.MonotonicClock;
import io.levee.json.JsonOut;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Partitions, retention, what drops left behind, running queries, and what is wrong with the surroundings. Thread-safe. */
final class OperationRoutes {
    private static final long FINDINGS_SECONDS = 30;
    private static final int DEFAULT_EVENTS = 100;

    private final Store store;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private @Nullable List<Finding> findings;
    private long foundNanos;

    OperationRoutes(Store store) {
        this.store = store;
    }

    void addTo(Router router) {
        router.light("GET", "/v1/partitions", this::partitions)
                .light("GET", "/v1/queries", this::queries)
                .light("GET", "/v1/queries/slow", this::slow)
                .light("DELETE", "/v1/queries/{id}", this::cancel)
                .light("GET", "/v1/retention/plan", this::plan)
                .heavy("POST", "/v1/retention/apply", this::apply)
                .heavy("GET", "/v1/retention/events", this::events)
                .light("GET", "/v1/trash", this::trash)
                .heavy("POST", "/v1/trash/{partition}/restore", this::restore)
                .light("POST", "/v1/clock/accept", this::acceptClock)
                .heavy("GET", "/v1/warnings", this::warnings);
    }

    private void partitions(Exchange exchange) throws IOException {
        String table = exchange.params("table").text("table");
        if (table != null) {
            store.table(table);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("engine", store.engine());
        answer.put(
                "partitions",
                store.partitions().stream()
                        .filter(p -> table == null || p.id().table().equals(table))
                        .map(JsonOut::form)
                        .toList());
        exchange.json(200, answer);
    }

    private void queries(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(
                200,
                Map.of(
                        "queries",
                        store.queries().stream().map(RunningQuery::toMap).toList()));
    }

    private void slow(Exchange exchange) throws IOException {
        exchange.params();
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("slowerThanMs", store.options().slowQuery().toMillis());
        answer.put("queries", store.slowQueries().stream().map(Forms::of).toList());
        exchange.json(200, answer);
    }

    private void cancel(Exchange exchange) throws IOException {
        exchange.params();
        String id = exchange.variable("id");
        if (!cancelled(id)) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "no query of the number '" + id + "' runs")
                    .hint("GET /v1/queries lists those that do");
        }
        exchange.json(200, Map.of("cancelled", Long.parseLong(id)));
    }

    private boolean cancelled(String id) {
        try {
            return store.cancelQuery(Long.parseLong(id));
        } catch (NumberFormatException e) {
            // No number, so no query either.
            return false;
        }
    }

    private void plan(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(200, store.planRetention().toMap());
    }

    /** Applies the present plan; a plan id that was looked at before makes sure that it is still the same one. */
    private void apply(Exchange exchange) throws IOException {
        String wanted = exchange.params("plan").text("plan");
        RetentionPlan plan = store.planRetention();
        if (wanted != null && !wanted.equals(plan.id())) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "the plan '" + wanted + "' is not the present one any more")
                    .with("plan", plan.id())
                    .hint("look at GET /v1/retention/plan again");
        }
        exchange.json(200, store.applyRetention(plan).toMap());
    }

    private void events(Exchange exchange) throws IOException {
        Params params = exchange.params("table", "limit");
        String table = params.text("table");
        int limit = (int) params.number("limit", DEFAULT_EVENTS, RetentionEvent.MAX_EVENTS);
        exchange.json(
                200,
                Map.of(
                        "events",
                        store.retentionEvents(table, limit).stream()
                                .map(RetentionEvent::toMap)
                                .toList()));
    }

    private void acceptClock(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(200, Map.of("accepted", store.acceptClock()));
    }

    private void trash(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(
                200, Map.of("trash", store.trash().stream().map(JsonOut::form).toList()));
    }

    private void restore(Exchange exchange) throws IOException {
        exchange.params();
        PartitionId id = DroppedPartitions.named(store, exchange.variable("partition"));
        store.restore(id);
        exchange.json(200, Map.of("restored", id.toString()));
    }

    private void warnings(Exchange exchange) throws IOException {
        boolean all = exchange.params("all").flag("all");
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("engine", store.engine());
        answer.put(
                "findings",
                findings().stream()
                        .filter(finding -> all || finding.level() != Finding.Level.OK)
                        .map(JsonOut::form)
                        .toList());
        exchange.json(200, answer);
    }

    /** Looked at every {@value #FINDINGS_SECONDS} s at most: a check of the surroundings may take seconds. */
    private synchronized List<Finding> findings() {
        long now = clock.nanos();
        if (findings == null || now - foundNanos >= TimeUnit.SECONDS.toNanos(FINDINGS_SECONDS)) {
            findings = store.diagnose();
            foundNanos = clock.nanos();
        }
        return findings;
    }
}
