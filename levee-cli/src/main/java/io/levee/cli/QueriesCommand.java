package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Parameters;

/** {@code levee queries}: the queries that a server runs, and ending one. */
@CommandLine.Command(
        name = "queries",
        description = "The queries that a running server has, with their age and state.",
        subcommands = QueriesCommand.Cancel.class,
        footerHeading = "%nExamples:%n",
        footer = {"  levee queries --url http://127.0.0.1:7311", "  levee queries cancel 17 --url http://127.0.0.1:7311"
        })
final class QueriesCommand extends Command {
    private static final List<String> COLUMNS = List.of("id", "state", "ageMs", "remainingMs", "what");

    QueriesCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        Map<String, @Nullable Object> answer = server(this).get("/v1/queries", Map.of());
        if (json()) {
            console.json(answer);
            return OK;
        }
        Grid grid = new Grid(console, Grid.Format.TABLE, COLUMNS, ZoneId.of("UTC"));
        if (answer.get("queries") instanceof List<?> queries) {
            for (Object query : queries) {
                if (query instanceof Map<?, ?> map) {
                    List<@Nullable Object> row = new ArrayList<>();
                    COLUMNS.forEach(name -> row.add(map.get(name)));
                    grid.row(row);
                }
            }
        }
        grid.end();
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
