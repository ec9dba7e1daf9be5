package io.levee.cli;

import io.levee.Migration;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.ingest.SpecFile;
import io.levee.ingest.SpecFiles;
import io.levee.json.JsonOut;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee table}: declare and inspect tables. */
@CommandLine.Command(
        name = "table",
        description = "Declare and inspect tables.",
        subcommands = {TableCommand.Create.class, TableCommand.ListAll.class, TableCommand.Show.class})
final class TableCommand extends Command {
    TableCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        throw usage("a command is missing: create, list or show");
    }

    /** {@code levee table create}. */
    @CommandLine.Command(
            name = "create",
            description = "Declares a table, or adds columns to it. Creates the store where there is none.",
            footerHeading = "%nExample:%n",
            footer = "  levee table create invocations --spec invocations.yaml")
    static final class Create extends Command {
        @Parameters(paramLabel = "NAME", description = "The table's name.")
        @SuppressWarnings("NullAway.Init") // Set by picocli: required.
        private String name;

        @Option(names = "--spec", paramLabel = "FILE", required = true, description = "The spec, YAML or JSON.")
        @SuppressWarnings("NullAway.Init") // Set by picocli: required.
        private Path file;

        Create(Console console) {
            super(console);
        }

        /** The work of migrations ends with this process: who declares them should know. */
        private void underWay(Store store, SpecFile spec) {
            Set<String> ids = spec.migrations().stream().map(Migration::id).collect(Collectors.toSet());
            if (!ids.isEmpty() && store.migrations().stream().anyMatch(m -> ids.contains(m.id()) && m.open())) {
                console.say("its migrations go on with the next process that opens the store for writing;"
                        + " levee migrate resume does them now");
            }
        }

        @Override
        int run() throws Exception {
            SpecFile spec = SpecFile.read(file, name);
            Remote remote = target.remote(console);
            if (remote != null) {
                String body = JsonOut.text(spec.toMap());
                Map<String, @Nullable Object> created =
                        remote.send("PUT", Remote.path("v1", "tables", name), Map.of(), body);
                print(this, TableSpec.fromMap(created));
                return OK;
            }
            try (Store store = target.openToWrite(console, options -> {})) {
                print(this, spec.declare(store).spec());
                underWay(store, spec);
            }
            return OK;
        }
    }

    /** {@code levee table list}. */
    @CommandLine.Command(
            name = "list",
            description = "The tables.",
            footerHeading = "%nExample:%n",
            footer = "  levee table list --json")
    static final class ListAll extends Command {
        ListAll(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                Map<String, @Nullable Object> answer = remote.get("/v1/tables", Map.of());
                if (json()) {
                    console.json(answer);
                } else if (answer.get("tables") instanceof List<?> tables) {
                    tables.forEach(t ->
                            console.print(String.valueOf(t instanceof Map<?, ?> map ? map.get("table") : t)));
                }
                return OK;
            }
            try (Store store = target.openToRead(console)) {
                if (json()) {
                    console.json(Map.of(
                            "tables",
                            store.tables().stream().map(TableSpec::toMap).toList()));
                } else {
                    store.tables().forEach(spec -> console.print(spec.name()));
                }
            }
            return OK;
        }
    }

    /** {@code levee table show}. */
    @CommandLine.Command(
            name = "show",
            description = "A table's spec, as YAML.",
            footerHeading = "%nExample:%n",
            footer = "  levee table show invocations")
    static final class Show extends Command {
        @Parameters(paramLabel = "NAME", description = "The table's name.")
        @SuppressWarnings("NullAway.Init") // Set by picocli: required.
        private String name;

        Show(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                print(this, TableSpec.fromMap(remote.get(Remote.path("v1", "tables", name), Map.of())));
                return OK;
            }
            try (Store store = target.openToRead(console)) {
                print(this, store.table(name).spec());
            }
            return OK;
        }
    }

    private static void print(Command command, TableSpec spec) {
        if (command.json()) {
            command.console.json(spec.toMap());
        } else {
            command.console.print(SpecFiles.yaml(spec).stripTrailing());
        }
    }
}
