package io.levee.server;

import io.levee.CursorInfo;
import io.levee.Store;
import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The places of readers who come again: listed, acknowledged, forgotten. Thread-safe. */
final class CursorRoutes {
    private static final int MAX_BODY = 4096;

    private final Store store;

    CursorRoutes(Store store) {
        this.store = store;
    }

    void addTo(Router router) {
        router.light("GET", "/v1/cursors", this::all)
                .light("GET", "/v1/tables/{t}/cursors", this::list)
                .heavy("PUT", "/v1/tables/{t}/cursors/{name}", this::acknowledge)
                .heavy("DELETE", "/v1/tables/{t}/cursors/{name}", this::delete);
    }

    private void all(Exchange exchange) throws IOException {
        exchange.params();
        answer(exchange, null);
    }

    private void list(Exchange exchange) throws IOException {
        exchange.params();
        answer(exchange, exchange.variable("t"));
    }

    private void answer(Exchange exchange, @Nullable String table) throws IOException {
        exchange.json(
                200,
                Map.of(
                        "cursors",
                        store.cursors(table).stream().map(CursorInfo::toMap).toList()));
    }

    private void acknowledge(Exchange exchange) throws IOException {
        exchange.params();
        String example = "{\"number\": 4711}";
        Map<String, @Nullable Object> body =
                RequestBody.object(RequestBody.text(exchange, MAX_BODY), example, "number", "gap");
        if (!(body.get("number") instanceof Long number)) {
            throw HttpProblem.badRequest("number must be the _number of a record", "send " + example);
        }
        Object gap = body.get("gap");
        if (gap != null && !(gap instanceof Long)) {
            throw HttpProblem.badRequest("gap must be the upTo of the gap that was told", null);
        }
        CursorInfo kept =
                store.table(exchange.variable("t")).acknowledge(exchange.variable("name"), number, (Long) gap);
        exchange.json(200, kept.toMap());
    }

    private void delete(Exchange exchange) throws IOException {
        exchange.params();
        boolean deleted = store.table(exchange.variable("t")).deleteCursor(exchange.variable("name"));
        exchange.json(200, Map.of("deleted", deleted));
    }
}
