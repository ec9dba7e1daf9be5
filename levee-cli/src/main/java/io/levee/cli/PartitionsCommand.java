package io.levee.cli;

import io.levee.Store;
import io.levee.json.JsonOut;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Parameters;

/** {@code levee partitions}: the parts of a store and what they hold. */
@CommandLine.Command(
        name = "partitions",
        description = "The partitions of a store, by table and time: what they hold, their state and size.",
        footerHeading = "%nExample:%n",
        footer = "  levee partitions invocations")
final class PartitionsCommand extends Command {
    private static final List<String> COLUMNS = List.of("partition", "state", "from", "to", "rows", "bytes");

    @Parameters(paramLabel = "TABLE", arity = "0..1", description = "Only this table's.")
    private @Nullable String table;

    PartitionsCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        Map<String, @Nullable Object> answer = answer();
        if (json()) {
            console.json(answer);
        } else {
            console.say("engine: " + answer.get("engine"));
            print(console, answer.get("partitions") instanceof List<?> list ? list : List.of(), COLUMNS);
        }
        return OK;
    }

    private Map<String, @Nullable Object> answer() throws Exception {
        Map<String, @Nullable Object> answer = new LinkedHashMap<>();
        Remote remote = target.remote(console);
        if (remote != null) {
            answer.put("table", table);
            return remote.get("/v1/partitions", answer);
        }
        try (Store store = target.openToRead(console)) {
            if (table != null) {
                store.table(table);
            }
            answer.put("engine", store.engine());
            answer.put(
                    "partitions",
                    store.partitions().stream()
                            .filter(p -> table == null || p.id().table().equals(table))
                            .map(JsonOut::form)
                            .toList());
            return answer;
        }
    }

    /** Prints partitions in their JSON form. */
    static void print(Console console, List<?> partitions, List<String> columns) {
        Grid grid = new Grid(console, Grid.Format.TABLE, columns, ZoneId.of("UTC"));
        for (Object partition : partitions) {
            if (partition instanceof Map<?, ?> map) {
                List<@Nullable Object> row = new ArrayList<>();
                columns.forEach(name -> row.add(map.get(name)));
                grid.row(row);
            }
        }
        grid.end();
    }
}
