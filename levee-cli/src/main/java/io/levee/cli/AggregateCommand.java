package io.levee.cli;

import io.levee.Aggregation;
import io.levee.Measure;
import io.levee.Order;
import io.levee.Query;
import io.levee.Store;
import io.levee.ask.Forms;
import io.levee.ask.Texts;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** {@code levee aggregate}: groups of rows with figures for each. */
@CommandLine.Command(
        name = "aggregate",
        description = "Groups of a table's rows, with figures for each group.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee aggregate invocations --by state",
            "  levee aggregate invocations --by task_name,state --fn \"count,avg(runtime_ms),p95(runtime_ms)\" --from 24h",
            "  levee aggregate invocations --by task_name --fn \"count,distinct(worker)\" --having \"count > 100\" \\",
            "      --order \"count desc\" --limit 10",
            "  levee aggregate borg_task_events --by '\"event type\"' --fn 'count,sum(\"CPU request\")'",
            "  levee aggregate invocations --by extra.region --explain",
            "",
            "p0 to p100 are percentiles, within 1 % of a value of that rank; distinct is exact up to 1,000 different values",
            "in a group and estimated above (standard error 0.81 %).",
        })
final class AggregateCommand extends AskCommand {
    @Option(
            names = "--by",
            paramLabel = "A,B",
            description = "The columns, or places in json columns, that make a group. Default: one group of all rows.")
    private @Nullable String by;

    @Option(
            names = "--fn",
            paramLabel = "FN,FN",
            defaultValue = "count",
            description =
                    "count, count(col), sum(col), avg(col), min(col), max(col), distinct(col), p95(col). Default: count.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: the option has a default.
    private String functions;

    @Option(
            names = "--having",
            paramLabel = "EXPR",
            description = "Which groups: \"count > 10 AND avg(runtime_ms) >= 500\", over group columns and figures.")
    private @Nullable String having;

    @Option(
            names = "--order",
            paramLabel = "ORDER",
            description = "The groups' order: \"count desc,state\". Default: by the group columns.")
    private @Nullable String order;

    @Option(names = "--limit", paramLabel = "N", description = "Most groups. Default: all.")
    private @Nullable Long limit;

    @Option(names = "--explain", description = "Say how it would be run, and do not run it.")
    private boolean explain;

    AggregateCommand(Console console) {
        super(console);
    }

    @Override
    void check() {
        if (limit != null && limit < 0) {
            throw usage("--limit must be 0 or more (got " + limit + ")");
        }
    }

    @Override
    Map<String, @Nullable Object> answer(Store store) {
        Query query = rows.query(table, console).build();
        List<Measure> measures = Texts.measures(functions);
        List<String> columns = Texts.names(by);
        List<Order> orders = Texts.groupOrders(order, columns);
        Aggregation aggregation = new Aggregation(
                query,
                columns,
                measures,
                Texts.having(having, console.clock().instant()),
                orders,
                limit == null ? Query.NO_LIMIT : limit);
        return explain ? Forms.of(store.explain(aggregation)) : Forms.of(store.aggregate(aggregation));
    }

    @Override
    String route() {
        return "aggregate";
    }

    @Override
    void ask(Map<String, @Nullable Object> params) {
        params.put("by", by);
        params.put("fn", functions);
        params.put("having", having);
        params.put("order", order);
        params.put("limit", limit);
        params.put("explain", explain ? "true" : null);
    }

    @Override
    void print(Map<String, @Nullable Object> answer) {
        if (explain) {
            new ExplanationText(console).print(answer);
            return;
        }
        rows(answer.get("groups"), texts(answer.get("columns")));
        notes(answer);
    }
}
