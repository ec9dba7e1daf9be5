package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.RetentionPlan;
import io.levee.RunningQuery;
import io.levee.Store;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Partitions, retention and running queries. */
final class OperationRoutes {
    private final Store store;

    OperationRoutes(Store store) {
        this.store = store;
    }

    void addTo(Router router) {
        router.light("GET", "/v1/partitions", this::partitions)
                .light("GET", "/v1/queries", this::queries)
                .light("DELETE", "/v1/queries/{id}", this::cancel)
                .light("GET", "/v1/retention/plan", this::plan)
                .heavy("POST", "/v1/retention/apply", this::apply);
    }

    private void partitions(Exchange exchange) throws IOException {
        String table = exchange.params("table").text("table");
        if (table != null) {
            store.table(table);
        }
        exchange.json(
                200,
                Map.of(
                        "partitions",
                        store.partitions().stream()
                                .filter(partition ->
                                        table == null || partition.id().table().equals(table))
                                .map(OperationRoutes::form)
                                .toList()));
    }

    private static Map<String, @Nullable Object> form(PartitionInfo partition) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("table", partition.id().table());
        map.put("partition", partition.id().toString());
        map.put("class", partition.id().retentionClass());
        map.put("period", partition.id().period());
        map.put("n", partition.id().n());
        map.put("state", partition.state().name().toLowerCase(Locale.ROOT));
        map.put("from", partition.minMicros() == Long.MIN_VALUE ? null : Micros.text(partition.minMicros()));
        map.put("to", partition.maxMicros() == Long.MAX_VALUE ? null : Micros.text(partition.maxMicros()));
        map.put("rows", partition.rows() < 0 ? null : partition.rows());
        map.put("bytes", partition.bytes());
        return map;
    }

    private void queries(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(
                200,
                Map.of(
                        "queries",
                        store.queries().stream().map(RunningQuery::toMap).toList()));
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
}
