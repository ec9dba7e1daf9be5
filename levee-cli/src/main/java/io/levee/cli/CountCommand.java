package io.levee.cli;

import io.levee.Aggregation;
import io.levee.Measure;
import io.levee.Query;
import io.levee.Store;
import io.levee.ask.Forms;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** {@code levee count}: how many rows. */
@CommandLine.Command(
        name = "count",
        description = "How many rows a table has, or a filter finds.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee count invocations --where \"state = 'FAILURE'\" --from 24h",
            "  levee count invocations --estimate --where \"runtime_ms > 500\"",
        })
final class CountCommand extends AskCommand {
    @Option(names = "--estimate", description = "About how many, without reading them all.")
    private boolean estimate;

    CountCommand(Console console) {
        super(console);
    }

    @Override
    void check() {
        if (rows.format() != Grid.Format.TABLE) {
            throw usage("--format: a count is one number; --json prints it as an object");
        }
    }

    @Override
    Map<String, @Nullable Object> answer(Store store) {
        Query query = rows.query(table, console).build();
        if (estimate) {
            return Forms.of(store.estimate(query));
        }
        Aggregation.Groups groups = store.aggregate(new Aggregation(query, List.of(), List.of(Measure.count())));
        boolean none = groups.groups().isEmpty();
        return Forms.count(
                !none && groups.groups().get(0).get(0) instanceof Long counted ? counted : 0, groups.coverage());
    }

    @Override
    String route() {
        return "count";
    }

    @Override
    void ask(Map<String, @Nullable Object> params) {
        params.put("estimate", estimate ? "true" : null);
    }

    @Override
    void print(Map<String, @Nullable Object> answer) {
        console.print(String.valueOf(answer.get("rows")));
        console.flush();
        if (!Boolean.TRUE.equals(answer.get("exact"))) {
            console.say("an estimate, by " + answer.get("how"));
        }
        notes(answer);
    }
}
