package io.levee.cli;

import io.levee.Aggregation;
import io.levee.Aggregation.Groups;
import io.levee.Measure;
import io.levee.Query;
import io.levee.Store;
import io.levee.json.JsonOut;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee aggregate}: groups of rows with figures for each. */
@CommandLine.Command(
        name = "aggregate",
        description = "Groups of a table's rows, with figures for each group.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee aggregate invocations --by state",
            "  levee aggregate invocations --by task_name,state --fn \"count,avg(runtime_ms),max(runtime_ms)\" --from 24h",
            "  levee aggregate borg_task_events --by '\"event type\"' --fn 'count,sum(\"CPU request\")'",
            "  levee aggregate invocations --fn count --where \"state = 'FAILURE'\"",
        })
final class AggregateCommand extends Command {
    @Parameters(paramLabel = "TABLE", description = "The table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String table;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private FilterOptions rows;

    @Option(
            names = "--by",
            paramLabel = "A,B",
            description = "The columns that make a group. Default: one group of all rows.")
    private @Nullable String by;

    @Option(
            names = "--fn",
            paramLabel = "FN,FN",
            defaultValue = "count",
            description = "count, count(col), sum(col), avg(col), min(col), max(col). Default: count.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: the option has a default.
    private String functions;

    AggregateCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        rows.check(console);
        Remote remote = target.remote(console);
        if (remote != null) {
            return askServer(remote);
        }
        Query query = rows.query(table, console).build();
        List<Measure> measures =
                Split.parts(functions).stream().map(Measure::parse).toList();
        List<String> columns = by == null ? List.of() : Split.names(by);
        try (Store store = target.openToRead(console)) {
            print(store.aggregate(new Aggregation(query, columns, measures)));
        }
        return OK;
    }

    private void print(Groups groups) {
        if (json()) {
            List<Map<String, @Nullable Object>> objects = new ArrayList<>();
            for (List<@Nullable Object> group : groups.groups()) {
                Map<String, @Nullable Object> object = new LinkedHashMap<>();
                for (int i = 0; i < group.size(); i++) {
                    object.put(groups.columns().get(i), group.get(i));
                }
                objects.add(object);
            }
            Map<String, @Nullable Object> answer = new LinkedHashMap<>();
            answer.put("columns", groups.columns());
            answer.put("groups", objects);
            answer.put("coverage", JsonOut.form(groups.coverage()));
            console.json(answer);
            return;
        }
        Grid grid = rows.grid(console, groups.columns());
        groups.groups().forEach(grid::row);
        grid.end();
        console.flush();
        CoverageNote.print(console, JsonOut.form(groups.coverage()));
    }

    private int askServer(Remote remote) throws Exception {
        Map<String, @Nullable Object> params = rows.ask(remote, console);
        params.put("by", by);
        params.put("fn", functions);
        String path = Remote.path("v1", "tables", table, "aggregate");
        if (json()) {
            remote.copy(path, params, console);
            return OK;
        }
        Map<String, @Nullable Object> answer = remote.get(path, params);
        List<String> columns = answer.get("columns") instanceof List<?> names
                ? names.stream().map(String::valueOf).toList()
                : List.of();
        Grid grid = rows.grid(console, columns);
        if (answer.get("groups") instanceof List<?> groups) {
            for (Object group : groups) {
                if (group instanceof Map<?, ?> map) {
                    grid.row(new ArrayList<>(map.values()));
                }
            }
        }
        grid.end();
        console.flush();
        CoverageNote.print(console, answer.get("coverage"));
        return OK;
    }
}
