package io.levee.cli;

import io.levee.Levee;
import io.levee.Store;
import io.levee.StoreOptions;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that every command has. Flags come first, then the environment. */
final class Target {
    @Option(
            names = "--store",
            paramLabel = "DIR",
            description = "The store's directory. Default: $LEVEE_STORE, else ./history.")
    private @Nullable Path store;

    @Option(
            names = "--url",
            paramLabel = "URL",
            description = "Ask a running server instead of opening files. Default: $LEVEE_URL.")
    private @Nullable String url;

    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    boolean json() {
        return json;
    }

    /** The store's directory. */
    Path store(Console console) {
        if (store != null) {
            return store;
        }
        String fromEnv = console.env("LEVEE_STORE");
        return Path.of(fromEnv == null ? "history" : fromEnv);
    }

    /** The server to ask, or null where files are to be opened. {@code --store} wins over {@code $LEVEE_URL}. */
    @Nullable
    Remote remote(Console console) {
        String address = url != null ? url : store == null ? console.env("LEVEE_URL") : null;
        return address == null ? null : new Remote(address, console.env("LEVEE_TOKEN"));
    }

    /** Whether a server was asked for by flag. */
    boolean urlGiven() {
        return url != null;
    }

    /** Opens the store beside whoever writes to it. */
    Store openToRead(Console console) {
        return Levee.openReadOnly(store(console));
    }

    /** Opens the store as its writer. */
    Store openToWrite(Console console, Consumer<StoreOptions.Builder> options) {
        return Levee.open(store(console), options);
    }
}
