package io.levee.cli;

import io.levee.Store;
import io.levee.ask.Forms;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee values}: the different values of a column. */
@CommandLine.Command(
        name = "values",
        description =
                "The different values of a column with their numbers of rows, the most frequent first: for filter menus.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee values invocations state",
            "  levee values invocations task_name --limit 20 --from 24h",
            "  levee values invocations extra.region --json",
        })
final class ValuesCommand extends AskCommand {
    private static final long MOST = 10_000;

    @Parameters(index = "1", paramLabel = "COL", description = "The column, or a place in a json column.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String column;

    @Option(names = "--limit", paramLabel = "N", defaultValue = "100", description = "Most values. Default: 100.")
    private long limit;

    ValuesCommand(Console console) {
        super(console);
    }

    @Override
    void check() {
        if (limit < 0 || limit > MOST) {
            throw usage("--limit must be from 0 to " + MOST + " (got " + limit + ")");
        }
    }

    @Override
    Map<String, @Nullable Object> answer(Store store) {
        // One more than wanted shows whether there are more.
        return Forms.values(store.values(rows.query(table, console).build(), column, limit + 1), limit);
    }

    @Override
    boolean holdsTime(String label, RemoteTimes times) {
        return label.equals("value") && times.holds(column);
    }

    @Override
    String route() {
        return "values";
    }

    @Override
    void ask(Map<String, @Nullable Object> params) {
        params.put("column", '"' + column.replace("\"", "\"\"") + '"');
        params.put("limit", limit);
    }

    @Override
    void print(Map<String, @Nullable Object> answer) {
        rows(answer.get("values"), List.of("value", "count"));
        if (Boolean.TRUE.equals(answer.get("more"))) {
            console.say("there are more values; --limit N shows more");
        }
        notes(answer);
    }
}
