package io.levee.cli;

import io.levee.Store;
import io.levee.json.JsonOut;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code levee gaps}: what is known to be missing. */
@CommandLine.Command(
        name = "gaps",
        description = {
            "What is known to be missing: ranges of event time, with the number of records and the reason.",
            "The number is empty where nobody can know it. Nothing listed means that nothing is missing.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee gaps invocations",
            "  levee gaps invocations --from 'now - 1d' --json",
        })
final class GapsCommand extends Command {
    private static final List<String> COLUMNS = List.of("table", "from", "to", "count", "reason");

    @Parameters(paramLabel = "TABLE", arity = "0..1", description = "Only this table's.")
    private @Nullable String table;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli before call().
    private RangeOptions range;

    GapsCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        range.check(console);
        Map<String, @Nullable Object> answer = answer();
        if (json()) {
            console.json(answer);
            return OK;
        }
        Grid grid = range.grid(console, COLUMNS);
        for (Object gap : answer.get("gaps") instanceof List<?> list ? list : List.of()) {
            if (gap instanceof Map<?, ?> map) {
                List<@Nullable Object> row = new ArrayList<>();
                COLUMNS.forEach(name -> row.add(map.get(name)));
                grid.row(row);
            }
        }
        grid.end();
        if (Boolean.TRUE.equals(answer.get("complete"))) {
            console.say("nothing is known to be missing");
        }
        return OK;
    }

    private Map<String, @Nullable Object> answer() throws Exception {
        Remote remote = target.remote(console);
        if (remote != null) {
            Map<String, @Nullable Object> params = range.ask(remote, console);
            params.put("table", table);
            return remote.get("/v1/gaps", params);
        }
        try (Store store = target.openToRead(console)) {
            return new LinkedHashMap<>(JsonOut.form(store.gaps(table, range.from(console), range.to(console))));
        }
    }
}
