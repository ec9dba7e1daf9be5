package io.levee.server;

import io.levee.Column;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.ask.Forms;
import io.levee.ask.Texts;
import io.levee.internal.query.Names;
import java.util.List;

/** Reads records: pages and streams, or how they would be read. */
final class QueryRoutes {
    static final String NDJSON = "application/x-ndjson";

    private static final long DEFAULT_PAGE = 100;
    private static final long MAX_PAGE = 10_000;

    private final Store store;
    private final ClientWatch watch;
    private final AnswerStreams answers;

    QueryRoutes(Store store, ClientWatch watch, AnswerStreams answers) {
        this.store = store;
        this.watch = watch;
        this.answers = answers;
    }

    void addTo(Router router) {
        router.reading("GET", "/v1/tables/{t}/records", this::records);
    }

    private void records(Exchange exchange) throws Exception {
        Asked asked =
                Asked.of(store, exchange, "order", "newestPer", "limit", "after", "columns", "details", "explain");
        Params params = asked.params();
        boolean lines = wantsLines(exchange);
        Query.Builder parts = asked.query();
        parts.limit(
                lines
                        ? params.number("limit", Query.NO_LIMIT, Query.NO_LIMIT)
                        : params.number("limit", DEFAULT_PAGE, MAX_PAGE));
        parts.after(params.text("after"));
        Texts.order(parts, params.text("order"));
        parts.newestPer(params.names("newestPer").toArray(String[]::new));
        boolean details = params.flag("details");
        List<String> named = params.names("columns").stream()
                .map(name -> Names.column(asked.spec(), name).name())
                .distinct()
                .toList();
        parts.columns(named);
        if (details) {
            parts.details();
        }
        Query query = parts.build();
        if (params.flag("explain")) {
            watch.during(exchange.request(), () -> exchange.json(200, Forms.of(store.explain(query))));
            return;
        }
        List<String> columns = named.isEmpty() ? columns(asked.spec(), details) : named;
        send(exchange, query, columns, lines);
    }

    /** A stream that failed half-way ends without its last chunk, so no client takes it for whole. */
    private void send(Exchange exchange, Query query, List<String> columns, boolean lines) throws Exception {
        Result<Row> result = store.query(query);
        if (!lines) {
            answers.send(exchange, Exchange.JSON, query.deadline(), Pieces.page(result, columns));
            return;
        }
        try {
            watch.during(exchange.request(), () -> {
                String coverage = result.coverage().complete() ? "complete" : "incomplete";
                exchange.response().getHeaders().put("Levee-Coverage", coverage);
            });
        } catch (Exception e) {
            result.close();
            throw e;
        }
        answers.send(exchange, NDJSON, query.deadline(), Pieces.lines(result, columns));
    }

    private static List<String> columns(TableSpec spec, boolean details) {
        return spec.columns().stream()
                .filter(column -> details || !column.detail())
                .map(Column::name)
                .toList();
    }

    private static boolean wantsLines(Exchange exchange) {
        String accept = exchange.header("Accept");
        return accept != null
                && (accept.contains(NDJSON)
                        || accept.contains("application/ndjson")
                        || accept.contains("application/jsonl"));
    }
}
