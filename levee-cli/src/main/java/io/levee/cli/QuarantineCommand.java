package io.levee.cli;

import io.levee.Store;
import io.levee.json.JsonOut;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/** {@code levee quarantine}: damaged partitions that were set aside. */
@CommandLine.Command(
        name = "quarantine",
        description = "Damaged partitions that were set aside.",
        subcommands = {QuarantineCommand.ListAll.class})
final class QuarantineCommand extends Command {
    QuarantineCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        throw usage("a command is missing: list");
    }

    /** {@code levee quarantine list}. */
    @CommandLine.Command(
            name = "list",
            description =
                    "The damaged partitions that were set aside: where they lie, why and since when, and what they should hold.",
            footerHeading = "%nExample:%n",
            footer = "  levee quarantine list --store history")
    static final class ListAll extends Command {
        private static final List<String> COLUMNS =
                List.of("partition", "since", "from", "to", "rows", "where", "reason");

        ListAll(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            List<?> quarantine = quarantine();
            if (json()) {
                console.json(Map.of("quarantine", quarantine));
                return OK;
            }
            Grid grid = new Grid(console, Grid.Format.TABLE, COLUMNS, ZoneId.of("UTC"));
            for (Object entry : quarantine) {
                if (entry instanceof Map<?, ?> map) {
                    List<@Nullable Object> row = new ArrayList<>();
                    COLUMNS.forEach(name -> row.add(map.get(name)));
                    grid.row(row);
                }
            }
            grid.end();
            return OK;
        }

        private List<?> quarantine() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                return remote.get("/v1/quarantine", Map.of()).get("quarantine") instanceof List<?> list
                        ? list
                        : List.of();
            }
            try (Store store = target.openToRead(console)) {
                return store.quarantined().stream().map(JsonOut::form).toList();
            }
        }
    }
}
