package io.levee.cli;

import io.levee.Column;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.ask.Forms;
import io.levee.ask.Texts;
import io.levee.internal.json.Json;
import io.levee.internal.query.Names;
import io.levee.json.JsonOut;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee query}: rows, newest first, a page at a time. */
@CommandLine.Command(
        name = "query",
        description = "Rows of a table, newest first. Prints the next page's cursor and what is known to be missing.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee query invocations --from 'now - 6h' --where \"state = 'FAILURE' AND runtime_ms >= 500\"",
            "  levee query invocations --columns task_name,state --limit 20 --order oldest",
            "  levee query invocations --order \"runtime_ms desc,task_name\" --limit 10",
            "  levee query heartbeats --newest-per node                        the last one of each node",
            "  levee query invocations --where \"args CONTAINS 'invoice 42' AND extra.retries > 2\" --details",
            "  levee query invocations --where \"state = 'FAILURE'\" --explain",
            "  levee query invocations --format csv --limit 1000000 > invocations.csv",
            "  levee query invocations --after CURSOR",
        })
final class QueryCommand extends Command {
    @Parameters(paramLabel = "TABLE", description = "The table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String table;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private FilterOptions rows;

    @Option(
            names = "--order",
            paramLabel = "ORDER",
            description = "newest or oldest first, or columns: \"duration desc,user\". Default: newest.")
    private @Nullable String order;

    @Option(
            names = "--newest-per",
            paramLabel = "A,B",
            description =
                    "Only the newest row of each combination of these columns, among those that --where lets through.")
    private @Nullable String newestPer;

    @Option(names = "--limit", paramLabel = "N", defaultValue = "100", description = "Most rows. Default: 100.")
    private long limit;

    @Option(names = "--after", paramLabel = "CURSOR", description = "The page after the one that printed this cursor.")
    private @Nullable String after;

    @Option(names = "--columns", paramLabel = "A,B", description = "Only these columns.")
    private @Nullable String columns;

    @Option(names = "--explain", description = "Say how it would be run, and do not run it.")
    private boolean explain;

    @Option(names = "--details", description = "Detail columns (arguments, payloads, …) too.")
    private boolean details;

    QueryCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        if (limit < 0) {
            throw usage("--limit must be 0 or more (got " + limit + ")");
        }
        rows.check(console);
        checkOrder();
        Remote remote = target.remote(console);
        if (remote != null) {
            return askServer(remote);
        }
        Query.Builder query = rows.query(table, console).limit(limit).after(after);
        Texts.order(query, order);
        query.newestPer(Texts.names(newestPer).toArray(String[]::new));
        if (details) {
            query.details();
        }
        try (Store store = target.openToRead(console)) {
            List<String> names = columns(store.table(table).spec());
            query.columns(columns == null ? List.of() : names);
            if (explain) {
                return explained(Forms.of(store.explain(query.build())));
            }
            try (Result<Row> result = store.query(query.build())) {
                return json() ? printJson(result, names) : print(result, names);
            }
        }
    }

    /** A word that is no order is wrong usage; a column that the table does not have shows when it is asked. */
    private void checkOrder() {
        try {
            Texts.order(Query.builder(table), order);
        } catch (LeveeException e) {
            throw usage("--order: " + e.what());
        }
    }

    private int explained(Map<String, @Nullable Object> explanation) {
        if (json()) {
            console.json(explanation);
        } else {
            new ExplanationText(console).print(explanation);
        }
        return OK;
    }

    private List<String> columns(TableSpec spec) {
        if (columns != null) {
            return Texts.names(columns).stream()
                    .map(name -> Names.column(spec, name).name())
                    .distinct()
                    .toList();
        }
        return spec.columns().stream()
                .filter(column -> details || !column.detail())
                .map(Column::name)
                .toList();
    }

    private int printJson(Result<Row> result, List<String> names) {
        try (JsonOut out = new JsonOut(console.out())) {
            out.beginObject().name("rows").beginArray();
            LeveeException error = null;
            try {
                for (Row row : result) {
                    out.row(row, names);
                }
            } catch (LeveeException e) {
                // Half of the answer is out already: the object is ended properly, and says that it is not whole.
                error = e;
            }
            out.endArray();
            if (error == null) {
                out.name("next").value(result.next()).name("coverage").value(JsonOut.form(result.coverage()));
            } else {
                out.name("error").value(JsonOut.form(error));
            }
            out.endObject().newline();
            if (error != null) {
                new Errors(console).print(error);
            }
            return error == null ? OK : FAILED;
        }
    }

    private int print(Result<Row> result, List<String> names) {
        if (rows.format() == Grid.Format.JSON) {
            try (JsonOut out = new JsonOut(console.out())) {
                for (Row row : result) {
                    out.row(row, names).newline();
                }
            }
        } else {
            List<String> header = new ArrayList<>(List.of("_seq"));
            header.addAll(names);
            Grid grid = rows.grid(console, header);
            for (Row row : result) {
                List<@Nullable Object> values = new ArrayList<>(header.size());
                values.add(row.seq());
                names.forEach(name -> values.add(row.get(name)));
                grid.row(values);
            }
            grid.end();
        }
        console.flush();
        after(result.next(), JsonOut.form(result.coverage()));
        return OK;
    }

    private void after(@Nullable Object next, @Nullable Object coverage) {
        if (next != null) {
            console.say("next page: --after " + next);
        }
        CoverageNote.print(console, coverage);
    }

    private int askServer(Remote remote) throws Exception {
        Map<String, @Nullable Object> params = rows.ask(remote, console);
        params.put("order", order);
        params.put("newestPer", newestPer);
        params.put("limit", limit);
        params.put("after", after);
        params.put("columns", columns);
        params.put("details", details ? "true" : null);
        params.put("explain", explain ? "true" : null);
        String path = Remote.path("v1", "tables", table, "records");
        if (explain) {
            return explained(remote.get(path, params));
        }
        if (json()) {
            remote.copy(path, params, console);
            return OK;
        }
        if (rows.otherZone()) {
            rows.times(new RemoteTimes(remote, table)::holds);
        }
        Map<String, @Nullable Object> page = remote.get(path, params);
        List<?> found = page.get("rows") instanceof List<?> list ? list : List.of();
        Grid grid = null;
        for (Object row : found) {
            if (row instanceof Map<?, ?> map) {
                if (rows.format() == Grid.Format.JSON) {
                    console.print(Json.write(map));
                    continue;
                }
                if (grid == null) {
                    List<String> header =
                            map.keySet().stream().map(String::valueOf).toList();
                    grid = rows.grid(console, header);
                }
                grid.row(new ArrayList<>(map.values()));
            }
        }
        if (grid != null) {
            grid.end();
        }
        console.flush();
        after(page.get("next"), page.get("coverage"));
        return OK;
    }
}
