package io.levee.server;

import io.levee.Ack;
import io.levee.Column;
import io.levee.EraseReport;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.json.JsonOut;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Single records by their key, which is the rest of the path: a segment a column. And the erasure of all that a filter finds. */
final class RecordRoutes {
    private static final String RECORD = "/v1/tables/{t}/records/{...}";
    private static final int MAX_WHERE_BYTES = 1 << 20;
    private static final int MAX_RECORD_BYTES = 16 << 20;

    private final Store store;
    private final ClientWatch watch;

    RecordRoutes(Store store, ClientWatch watch) {
        this.store = store;
        this.watch = watch;
    }

    void addTo(Router router) {
        router.reading("GET", RECORD, this::find)
                .heavy("PATCH", RECORD, this::update)
                .heavy("DELETE", RECORD, this::delete)
                .heavy("POST", "/v1/tables/{t}/erase", this::erase);
    }

    private void find(Exchange exchange) throws Exception {
        exchange.params();
        Table<Row> table = store.table(exchange.variable("t"));
        List<String> columns = table.spec().columns().stream().map(Column::name).toList();
        watch.during(exchange.request(), () -> {
            Row record = table.findWithin(exchange.deadline(Query.DEFAULT_DEADLINE), key(exchange))
                    .orElseThrow(() -> missing(exchange));
            OutputStream body = exchange.stream(Exchange.JSON);
            JsonOut out = new JsonOut(body);
            out.beginObject().name("found").value(true).name("record").row(record, columns);
            out.endObject().close();
            body.close();
        });
    }

    private void update(Exchange exchange) throws Exception {
        Ack ack = exchange.params("ack").ack();
        Table<Row> table = store.table(exchange.variable("t"));
        Map<String, @Nullable Object> changes =
                RequestBody.object(RequestBody.text(exchange, MAX_RECORD_BYTES), "{\"column\": value, …}");
        if (changes.isEmpty()) {
            throw HttpProblem.badRequest("the body names no column", "send {\"column\": value, …}");
        }
        change(exchange, () -> table.update(changes, ack, key(exchange)));
        exchange.json(200, Map.of("updated", true));
    }

    private void delete(Exchange exchange) throws Exception {
        Ack ack = exchange.params("ack").ack();
        Table<Row> table = store.table(exchange.variable("t"));
        change(exchange, () -> table.delete(ack, key(exchange)));
        exchange.json(200, Map.of("deleted", 1));
    }

    /** The start of a change, whose future tells whether there was such a record. */
    @FunctionalInterface
    private interface Change {
        CompletableFuture<Boolean> start();
    }

    /** Waits for a change; 404 where there was nothing to be changed. */
    private void change(Exchange exchange, Change change) throws Exception {
        Duration longest = exchange.deadline(Query.DEFAULT_DEADLINE);
        watch.during(exchange.request(), () -> {
            try {
                if (!change.start().get(longest.toNanos(), TimeUnit.NANOSECONDS)) {
                    throw missing(exchange);
                }
            } catch (ExecutionException e) {
                throw e.getCause() instanceof LeveeException known ? known : e;
            } catch (TimeoutException e) {
                throw new LeveeException(
                                ErrorCode.DEADLINE,
                                "not written within " + longest.toMillis() + " ms; it still may be",
                                e)
                        .hint("see GET /v1/status for what keeps the writer, and read the record again");
            }
        });
    }

    private static Object[] key(Exchange exchange) {
        return exchange.rest().toArray();
    }

    private static LeveeException missing(Exchange exchange) {
        return new LeveeException(
                        ErrorCode.NOT_FOUND, exchange.variable("t") + " has no record of the key " + exchange.rest())
                .hint("a record is found once it is committed; retention may have dropped it");
    }

    private void erase(Exchange exchange) throws IOException {
        exchange.params();
        Table<Row> table = store.table(exchange.variable("t"));
        String example = "{\"where\": \"user = 'x'\"}";
        String where = RequestBody.text(
                RequestBody.object(RequestBody.text(exchange, MAX_WHERE_BYTES), example, "where"), "where");
        if (where == null || where.isBlank()) {
            throw HttpProblem.badRequest("the body has no \"where\"", "send " + example);
        }
        Expr filter = Expr.parse(where, store.options().clock().instant());
        // It takes as long as reading the table does, and goes on when the client leaves: half an erasure helps nobody.
        exchange.request().addIdleTimeoutListener(timeout -> false);
        EraseReport report = table.erase(filter);
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("deleted", report.deleted());
        answer.put("pending", report.pending());
        exchange.json(200, answer);
    }
}
