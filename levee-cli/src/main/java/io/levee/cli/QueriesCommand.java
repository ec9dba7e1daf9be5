package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.time.ZoneId;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee queries}: the queries that a server runs, and ending one. */
@CommandLine.Command(
        name = "queries",
        description = "The queries that a running server has, with their age, state and plan; or those that were slow.",
        subcommands = QueriesCommand.Cancel.class,
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee queries --url http://127.0.0.1:7311",
            "  levee queries --slow --url http://127.0.0.1:7311",
            "  levee queries cancel 17 --url http://127.0.0.1:7311",
        })
final class QueriesCommand extends Command {
    /** What is shown of a query where a server tells it, in this order; "what" and what else it tells come last. */
    private static final List<String> FIRST =
            List.of("id", "state", "ageMs", "remainingMs", "waitedMs", "ranMs", "rows", "end", "at", "what");

    @Option(names = "--slow", description = "The newest of the queries that took longer than the server's limit.")
    private boolean slow;

    QueriesCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        Map<String, @Nullable Object> answer = server(this).get(slow ? "/v1/queries/slow" : "/v1/queries", Map.of());
        if (json()) {
            console.json(answer);
            return OK;
        }
        List<?> queries = answer.get("queries") instanceof List<?> list ? list : List.of();
        Set<String> columns = new LinkedHashSet<>(FIRST);
        Set<String> told = new LinkedHashSet<>();
        for (Object query : queries) {
            if (query instanceof Map<?, ?> map) {
                map.keySet().forEach(name -> told.add(String.valueOf(name)));
            }
        }
        columns.retainAll(told);
        columns.addAll(told);
        if (queries.isEmpty()) {
            console.say(slow ? "no query took longer than " + answer.get("slowerThanMs") + " ms" : "no query runs");
        } else {
            new Grid(console, Grid.Format.TABLE, List.copyOf(columns), ZoneId.of("UTC")).objects(queries);
            console.flush();
        }
        return OK;
    }

    /** A process knows its own queries only, and this one has none. */
    private static Remote server(Command command) {
        Remote remote = command.target.remote(command.console);
        if (remote == null) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, "queries belong to the process that runs them")
                    .hint("ask the server: --url http://127.0.0.1:7311");
        }
        return remote;
    }

    /** {@code levee queries cancel}. */
    @CommandLine.Command(
            name = "cancel",
            description = "Ends a query.",
            footerHeading = "%nExample:%n",
            footer = "  levee queries cancel 17 --url http://127.0.0.1:7311")
    static final class Cancel extends Command {
        @Parameters(paramLabel = "ID", description = "The query's number.")
        private long id;

        Cancel(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            Map<String, @Nullable Object> answer =
                    server(this).send("DELETE", Remote.path("v1", "queries", Long.toString(id)), Map.of(), null);
            if (json()) {
                console.json(answer);
            } else {
                console.say("cancelled " + id);
            }
            return OK;
        }
    }
}
