package io.levee.server;

import io.levee.Store;
import io.levee.engine.Verification;
import io.levee.json.JsonOut;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What is missing, what was set aside, and checking the rest. Thread-safe. */
final class CompletenessRoutes {
    private final Store store;

    CompletenessRoutes(Store store) {
        this.store = store;
    }

    void addTo(Router router) {
        router.light("GET", "/v1/gaps", this::gaps)
                .light("GET", "/v1/quarantine", this::quarantine)
                .heavy("POST", "/v1/verify", this::verify);
    }

    private void gaps(Exchange exchange) throws IOException {
        Params params = exchange.params("table", "from", "to");
        Instant now = store.options().clock().instant();
        exchange.json(
                200,
                JsonOut.form(store.gaps(params.text("table"), params.instant("from", now), params.instant("to", now))));
    }

    private void quarantine(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(
                200,
                Map.of(
                        "quarantine",
                        store.quarantined().stream().map(JsonOut::form).toList()));
    }

    /** Each partition is sent as it is done, so that the connection does not look idle while the files are read. */
    private void verify(Exchange exchange) throws IOException {
        String table = exchange.params("table").text("table");
        if (table != null) {
            store.table(table);
        }
        OutputStream body = exchange.stream(Exchange.JSON);
        JsonOut out = new JsonOut(body);
        out.beginObject().name("partitions").beginArray();
        List<Verification> found = new ArrayList<>();
        try {
            store.verify(table, one -> {
                found.add(one);
                out.value(JsonOut.form(one)).flush();
                try {
                    body.flush();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        out.endArray();
        JsonOut.verified(found).forEach((name, value) -> {
            if (!name.equals("partitions")) {
                out.name(name).value(value);
            }
        });
        out.endObject();
        out.close();
        body.close();
    }
}
