package io.levee.cli;

import io.levee.Store;
import io.levee.internal.spec.Durations;
import io.levee.json.JsonOut;
import io.levee.server.DroppedPartitions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
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
        private static final List<String> COLUMNS = List.of("partition", "from", "to", "rows", "bytes", "grace left");

        ListAll(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            List<?> trash = trash();
            if (json()) {
                console.json(Map.of("trash", trash));
            } else {
                PartitionsCommand.print(console, withGrace(trash), COLUMNS);
            }
            return OK;
        }

        /** The grace as a person reads it. */
        private static List<?> withGrace(List<?> trash) {
            List<Map<Object, @Nullable Object>> shown = new ArrayList<>();
            for (Object one : trash) {
                if (one instanceof Map<?, ?> map) {
                    Map<Object, @Nullable Object> row = new LinkedHashMap<>(map);
                    Object left = map.get("graceLeftMs");
                    row.put("grace left", left instanceof Number millis ? text(millis.longValue()) : "unknown");
                    shown.add(row);
                }
            }
            return shown;
        }

        private static String text(long millis) {
            Duration left = Duration.ofMillis(millis);
            return Durations.text(
                    left.toMinutes() >= 10
                            ? Duration.ofMinutes(left.toMinutes())
                            : Duration.ofSeconds(left.toSeconds()));
        }

        private List<?> trash() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                return remote.get("/v1/trash", Map.of()).get("trash") instanceof List<?> list ? list : List.of();
            }
            try (Store store = target.openToRead(console)) {
                return store.trash().stream().map(JsonOut::form).toList();
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
