package io.levee.server;

import io.levee.Aggregation;
import io.levee.Column;
import io.levee.Expr;
import io.levee.Measure;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.internal.query.Names;
import io.levee.json.JsonOut;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads records: pages, streams, counts and groups. Everything runs under the client's watch and within its deadline. */
final class QueryRoutes {
    static final String NDJSON = "application/x-ndjson";

    private static final long DEFAULT_PAGE = 100;
    private static final long MAX_PAGE = 10_000;

    private final Store store;
    private final ClientWatch watch;

    QueryRoutes(Store store, ClientWatch watch) {
        this.store = store;
        this.watch = watch;
    }

    void addTo(Router router) {
        router.heavy("GET", "/v1/tables/{t}/records", this::records)
                .heavy("GET", "/v1/tables/{t}/count", this::count)
                .heavy("GET", "/v1/tables/{t}/aggregate", this::aggregate);
        new SqlRoutes(store, watch).addTo(router);
    }

    private void records(Exchange exchange) throws Exception {
        Params params = exchange.params("from", "to", "where", "order", "limit", "after", "columns", "details");
        TableSpec spec = store.table(exchange.variable("t")).spec();
        boolean lines = wantsLines(exchange);
        Query.Builder query = query(exchange, params, spec);
        query.limit(
                lines
                        ? params.number("limit", Query.NO_LIMIT, Query.NO_LIMIT)
                        : params.number("limit", DEFAULT_PAGE, MAX_PAGE));
        query.after(params.text("after"));
        if (oldestFirst(params.text("order"))) {
            query.oldestFirst();
        }
        List<String> asked = params.names("columns").stream()
                .map(name -> Names.column(spec, name).name())
                .distinct()
                .toList();
        boolean details = params.flag("details");
        query.columns(asked);
        if (details) {
            query.details();
        }
        List<String> columns = asked.isEmpty() ? columns(spec, details) : asked;
        watch.during(exchange.request(), () -> {
            try (Result<Row> result = store.query(query.build())) {
                if (lines) {
                    lines(exchange, result, columns);
                } else {
                    page(exchange, result, columns);
                }
            }
        });
    }

    private static List<String> columns(TableSpec spec, boolean details) {
        return spec.columns().stream()
                .filter(column -> details || !column.detail())
                .map(Column::name)
                .toList();
    }

    private static void page(Exchange exchange, Result<Row> result, List<String> columns) throws IOException {
        OutputStream body = exchange.stream(Exchange.JSON);
        JsonOut out = new JsonOut(body);
        out.beginObject().name("rows").beginArray();
        for (Row row : result) {
            out.row(row, columns);
        }
        out.endArray();
        out.name("next").value(result.next());
        out.name("coverage").value(JsonOut.form(result.coverage()));
        out.endObject();
        out.close();
        body.close();
    }

    /** One row a line and nothing else; a stream that failed half-way ends without its last chunk, so no client takes it for whole. */
    private static void lines(Exchange exchange, Result<Row> result, List<String> columns) throws IOException {
        String coverage = result.coverage().complete() ? "complete" : "incomplete";
        exchange.response().getHeaders().put("Levee-Coverage", coverage);
        OutputStream body = exchange.stream(NDJSON);
        JsonOut out = new JsonOut(body);
        for (Row row : result) {
            out.row(row, columns).newline();
        }
        out.close();
        body.close();
    }

    private void count(Exchange exchange) throws Exception {
        Params params = exchange.params("from", "to", "where");
        TableSpec spec = store.table(exchange.variable("t")).spec();
        Query query = query(exchange, params, spec).build();
        watch.during(exchange.request(), () -> {
            Aggregation.Groups groups = store.aggregate(new Aggregation(query, List.of(), List.of(Measure.count())));
            Map<String, @Nullable Object> answer = new LinkedHashMap<>();
            answer.put(
                    "count",
                    groups.groups().isEmpty() ? 0L : groups.groups().get(0).get(0));
            answer.put("coverage", JsonOut.form(groups.coverage()));
            exchange.json(200, answer);
        });
    }

    private void aggregate(Exchange exchange) throws Exception {
        Params params = exchange.params("by", "fn", "from", "to", "where");
        TableSpec spec = store.table(exchange.variable("t")).spec();
        Query query = query(exchange, params, spec).build();
        String functions = params.text("fn");
        List<Measure> measures = functions == null ? List.of(Measure.count()) : measures(functions);
        List<String> by = params.names("by");
        watch.during(exchange.request(), () -> {
            Aggregation.Groups groups = store.aggregate(new Aggregation(query, by, measures));
            OutputStream body = exchange.stream(Exchange.JSON);
            JsonOut out = new JsonOut(body);
            out.beginObject().name("columns").value(groups.columns());
            out.name("groups").beginArray();
            for (List<@Nullable Object> group : groups.groups()) {
                out.beginObject();
                for (int i = 0; i < group.size(); i++) {
                    out.name(groups.columns().get(i)).value(group.get(i));
                }
                out.endObject();
            }
            out.endArray();
            out.name("coverage").value(JsonOut.form(groups.coverage())).endObject();
            out.close();
            body.close();
        });
    }

    /** Range, filter and deadline, which all queries share. */
    private Query.Builder query(Exchange exchange, Params params, TableSpec spec) {
        Instant now = store.options().clock().instant();
        Query.Builder query = Query.builder(spec.name()).deadline(exchange.deadline(Query.DEFAULT_DEADLINE));
        Instant from = params.instant("from", now);
        if (from != null) {
            query.from(from);
        }
        Instant to = params.instant("to", now);
        if (to != null) {
            query.to(to);
        }
        String where = params.text("where");
        if (where != null) {
            query.where(Expr.parse(where, now));
        }
        return query;
    }

    private static List<Measure> measures(String text) {
        return Lists.split(text, false).stream().map(Measure::parse).toList();
    }

    private static boolean oldestFirst(@Nullable String order) {
        return switch (order == null ? "newest" : order.toLowerCase(Locale.ROOT)) {
            case "newest", "desc" -> false;
            case "oldest", "asc" -> true;
            default -> throw HttpProblem.badRequest("there is no order '" + order + "'", "use newest or oldest");
        };
    }

    private static boolean wantsLines(Exchange exchange) {
        String accept = exchange.header("Accept");
        return accept != null
                && (accept.contains(NDJSON)
                        || accept.contains("application/ndjson")
                        || accept.contains("application/jsonl"));
    }
}
