package io.levee.cli;

import io.levee.Store;
import io.levee.json.JsonOut;
import io.levee.server.DroppedPartitions;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Parameters;

/** {@code levee trash}: dropped partitions whose grace lasts. */
@CommandLine.Command(
        name = "trash",
        description = "Dropped partitions that can still be brought back, and bringing one back.",
        subcommands = {TrashCommand.ListAll.class, TrashCommand.Restore.class})
final class TrashCommand extends Command {
    TrashCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        throw usage("a command is missing: list or restore");
    }

    /** {@code levee trash list}. */
    @CommandLine.Command(
            name = "list",
            description = "The dropped partitions that can still be brought back.",
            footerHeading = "%nExample:%n",
            footer = "  levee trash list --store history")
    static final class ListAll extends Command {
        ListAll(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            List<?> trash = trash();
            if (json()) {
                console.json(Map.of("trash", trash));
            } else {
                PartitionsCommand.print(console, trash);
            }
            return OK;
        }

        private List<?> trash() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                return remote.get("/v1/trash", Map.of()).get("trash") instanceof List<?> list ? list : List.of();
            }
            try (Store store = target.openToRead(console)) {
                return store.dropped().stream().map(JsonOut::form).toList();
            }
        }
    }

    /** {@code levee trash restore}. */
    @CommandLine.Command(
            name = "restore",
            description = "Brings a dropped partition back. It is past its promise: retention may drop it again.",
            footerHeading = "%nExample:%n",
            footer = "  levee trash restore invocations/2026-05-20")
    static final class Restore extends Command {
        @Parameters(paramLabel = "PARTITION", description = "The partition, as trash list names it.")
        @SuppressWarnings("NullAway.Init") // Set by picocli: required.
        private String partition;

        Restore(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                remote.send("POST", Remote.path("v1", "trash", partition, "restore"), Map.of(), null);
            } else {
                try (Store store = target.openExisting(console)) {
                    store.restore(DroppedPartitions.named(store, partition));
                }
            }
            if (json()) {
                console.json(Map.of("restored", partition));
            } else {
                console.say("restored " + Printable.line(partition));
            }
            return OK;
        }
    }
}
