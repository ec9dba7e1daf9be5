package io.levee.server;

import io.levee.Aggregation;
import io.levee.Histogram;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Query;
import io.levee.Store;
import io.levee.TimeSeries;
import io.levee.ask.Bins;
import io.levee.ask.Forms;
import io.levee.ask.Texts;
import io.levee.internal.time.Micros;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Figures about records: groups, histograms, time series, distinct values and numbers of rows. */
final class GroupRoutes {
    private static final long DEFAULT_VALUES = 100;
    private static final long MAX_VALUES = 10_000;
    private static final Map<String, String> BIN_PARAMS = Map.of("from", "fromValue", "most", "bins");

    private final Store store;
    private final ClientWatch watch;
    private final AnswerStreams answers;

    GroupRoutes(Store store, ClientWatch watch, AnswerStreams answers) {
        this.store = store;
        this.watch = watch;
        this.answers = answers;
    }

    void addTo(Router router) {
        router.reading("GET", "/v1/tables/{t}/aggregate", this::aggregate)
                .reading("GET", "/v1/tables/{t}/histogram", this::histogram)
                .reading("GET", "/v1/tables/{t}/timeseries", this::timeSeries)
                .reading("GET", "/v1/tables/{t}/values", this::values)
                .reading("GET", "/v1/tables/{t}/count", this::count);
    }

    private void aggregate(Exchange exchange) throws Exception {
        Asked asked = Asked.of(store, exchange, "by", "fn", "having", "order", "limit", "explain");
        Params params = asked.params();
        List<String> by = params.names("by");
        Aggregation aggregation = new Aggregation(
                asked.query().build(),
                by,
                Texts.measures(params.text("fn")),
                Texts.having(params.text("having"), asked.now()),
                Texts.groupOrders(params.text("order"), by),
                params.number("limit", Query.NO_LIMIT, Query.NO_LIMIT));
        boolean explain = params.flag("explain");
        answer(
                exchange,
                aggregation.query(),
                () -> explain ? Forms.of(store.explain(aggregation)) : Forms.of(store.aggregate(aggregation)));
    }

    private void histogram(Exchange exchange) throws Exception {
        Asked asked = Asked.of(store, exchange, "column", "bins", "width", "fromValue", "count", "edges", "explain");
        Params params = asked.params();
        String column = column(params, "histogram");
        Bins bins = new Bins(
                params.text("bins"),
                params.text("width"),
                params.text("fromValue"),
                params.text("count"),
                params.text("edges"));
        Function<String, String> named = part -> BIN_PARAMS.getOrDefault(part, part);
        String complaint = bins.complaint(named);
        if (complaint != null) {
            throw HttpProblem.badRequest(
                    complaint, "give bins=20, or width=10&fromValue=0&count=20, or edges=0,1,10,100");
        }
        Histogram histogram = new Histogram(
                asked.query().build(), column, bins.rule(asked.spec(), column, named, text -> time(text, asked.now())));
        boolean explain = params.flag("explain");
        answer(
                exchange,
                histogram.query(),
                () -> explain
                        ? Forms.of(store.explain(histogram))
                        : Forms.of(store.histogram(histogram), Bins.type(asked.spec(), column)));
    }

    private static @Nullable Instant time(String text, Instant now) {
        try {
            return Micros.instant(Params.micros("value", text, now));
        } catch (LeveeException e) {
            // No time: whoever asked names the parameter.
            return null;
        }
    }

    private void timeSeries(Exchange exchange) throws Exception {
        Asked asked = Asked.of(store, exchange, "bucket", "by", "fn", "explain");
        Params params = asked.params();
        String bucket = params.text("bucket");
        if (bucket == null) {
            throw HttpProblem.badRequest("a time series needs a bucket", "add bucket=1m, or 10s, 1h, 1d");
        }
        TimeSeries series = new TimeSeries(
                asked.query().build(),
                Texts.length("bucket", bucket),
                params.names("by"),
                Texts.measures(params.text("fn")));
        boolean explain = params.flag("explain");
        answer(
                exchange,
                series.query(),
                () -> explain ? Forms.of(store.explain(series)) : Forms.of(store.timeSeries(series)));
    }

    private void values(Exchange exchange) throws Exception {
        Asked asked = Asked.of(store, exchange, "column", "limit");
        String column = column(asked.params(), "values");
        long limit = asked.params().number("limit", DEFAULT_VALUES, MAX_VALUES);
        Query query = asked.query().build();
        // One more than wanted shows whether there are more.
        answer(exchange, query, () -> Forms.values(store.values(query, column, limit + 1), limit));
    }

    private static String column(Params params, String route) {
        List<String> columns = params.names("column");
        if (columns.size() != 1) {
            throw HttpProblem.badRequest(
                    route + " needs one column (got " + columns.size() + ")",
                    "add column=NAME; a name that holds a comma stands in double quotes");
        }
        return columns.get(0);
    }

    private void count(Exchange exchange) throws Exception {
        Asked asked = Asked.of(store, exchange, "estimate");
        Query query = asked.query().build();
        boolean estimate = asked.params().flag("estimate");
        answer(exchange, query, () -> estimate ? Forms.of(store.estimate(query)) : exactly(query));
    }

    private Map<String, @Nullable Object> exactly(Query query) {
        Aggregation.Groups groups = store.aggregate(new Aggregation(query, List.of(), List.of(Measure.count())));
        boolean none = groups.groups().isEmpty();
        return Forms.count(!none && groups.groups().get(0).get(0) instanceof Long rows ? rows : 0, groups.coverage());
    }

    /** Makes an answer under the client's watch, and sends it. */
    private void answer(Exchange exchange, Query query, Supplier<Map<String, @Nullable Object>> question)
            throws Exception {
        Map<String, @Nullable Object> answer = watch.get(exchange.request(), question::get);
        answers.send(exchange, Exchange.JSON, query.deadline(), Pieces.object(answer));
    }
}
