package io.levee.cli;

import io.levee.CursorInfo;
import io.levee.Store;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee cursors}: who reads a table, and how far. */
@CommandLine.Command(
        name = "cursors",
        description = {
            "The named cursors of a table, or of all: who reads, up to which number, and when that was said last.",
            "A cursor that nobody moves any more costs nothing, and can be deleted.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee cursors invocations",
            "  levee cursors invocations --delete mailer",
        })
final class CursorsCommand extends Command {
    private static final List<String> COLUMNS = List.of("table", "name", "number", "created", "changed");

    @Parameters(paramLabel = "TABLE", arity = "0..1", description = "Only this table's.")
    private @Nullable String table;

    @Option(names = "--delete", paramLabel = "NAME", description = "Forget this cursor of the table.")
    private @Nullable String delete;

    CursorsCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        if (delete != null && table == null) {
            throw usage("--delete needs the cursor's table");
        }
        Map<String, ? extends @Nullable Object> answer = answer();
        if (json()) {
            console.json(answer);
            return OK;
        }
        if (delete != null) {
            boolean deleted = Boolean.TRUE.equals(answer.get("deleted"));
            console.say(deleted ? "deleted" : "there is no such cursor");
            return OK;
        }
        Grid grid = new Grid(console, Grid.Format.TABLE, COLUMNS, ZoneOffset.UTC);
        for (Object cursor : answer.get("cursors") instanceof List<?> list ? list : List.of()) {
            if (cursor instanceof Map<?, ?> map) {
                List<@Nullable Object> row = new ArrayList<>();
                COLUMNS.forEach(name -> row.add(map.get(name)));
                grid.row(row);
            }
        }
        grid.end();
        return OK;
    }

    private Map<String, ? extends @Nullable Object> answer() throws Exception {
        Remote remote = target.remote(console);
        if (remote != null) {
            if (delete != null) {
                return remote.send(
                        "DELETE",
                        Remote.path("v1", "tables", String.valueOf(table), "cursors", delete),
                        Map.of(),
                        null);
            }
            return remote.get(table == null ? "/v1/cursors" : Remote.path("v1", "tables", table, "cursors"), Map.of());
        }
        try (Store store = target.openToRead(console)) {
            if (delete != null && table != null) {
                return Map.of("deleted", store.table(table).deleteCursor(delete));
            }
            return Map.of(
                    "cursors",
                    store.cursors(table).stream().map(CursorInfo::toMap).toList());
        }
    }
}
