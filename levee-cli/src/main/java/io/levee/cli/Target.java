package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Store;
import io.levee.StoreOptions;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that every command has. Flags come first, then the environment. */
final class Target {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    @Option(
            names = "--store",
            paramLabel = "DIR",
            description = "The store: a directory, or postgres://user@host/db?schema=levee with the password in"
                    + " $PGPASSWORD or a password file. Default: $LEVEE_STORE, else ./history.")
    private @Nullable String store;

    @Option(
            names = "--url",
            paramLabel = "URL",
            description = "Ask a running server instead of opening the store. Default: $LEVEE_URL.")
    private @Nullable String url;

    @Option(names = "--json", description = "Print one JSON object on standard output and nothing else.")
    private boolean json;

    private final Map<String, String> inUse = new LinkedHashMap<>();

    boolean json() {
        return json;
    }

    /** Refuses what must not stand on a command line. */
    void check() {
        if (store != null && Addresses.holdsPassword(store)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--store holds a password, which every user of this machine can see in the list of processes;"
                            + " put it into $PGPASSWORD or a password file");
        }
    }

    /** The store's address as it was given: never to be printed. */
    private String address(Console console) {
        if (store != null) {
            return store;
        }
        String fromEnv = console.env("LEVEE_STORE");
        return fromEnv == null ? "history" : fromEnv;
    }

    /** The server to ask, or null where a store is to be opened. {@code --store} wins over {@code $LEVEE_URL}. */
    @Nullable
    Remote remote(Console console) {
        String server = url != null ? url : store == null ? console.env("LEVEE_URL") : null;
        if (server == null) {
            return null;
        }
        inUse.put("server", server);
        return new Remote(server, console.env("LEVEE_TOKEN"));
    }

    /** Whether a server was asked for by flag. */
    boolean urlGiven() {
        return url != null;
    }

    /** The address of a store that is to be made. */
    String newStore(Console console) {
        String address = address(console);
        inUse.put("store", address);
        return address;
    }

    /** Opens the store beside whoever writes to it. */
    Store openToRead(Console console) {
        return opened(Levee.open(address(console), true, options -> {}));
    }

    /** Opens an existing store to look at it before it is written to; where its catalog is lost, that is rebuilt first. */
    Store openToLook(Console console) {
        try {
            return openToRead(console);
        } catch (LeveeException e) {
            if (e.code() != ErrorCode.CORRUPT) {
                throw e;
            }
            console.say(
                    e.what() + ": it is rebuilt from the partition files, and what that cost is told by levee gaps");
            openToWrite(console, options -> {}).close();
            return openToRead(console);
        }
    }

    /** Opens an existing store as its writer, so that damage can be set aside; beside another writer, to read only. */
    Store openToVerify(Console console) {
        try {
            return openExisting(console);
        } catch (LeveeException e) {
            if (e.code() != ErrorCode.STORE_LOCKED) {
                throw e;
            }
            console.say("another process writes to the store: damage is told, not set aside");
            return openToRead(console);
        }
    }

    /** Opens the store as its writer, creating it where there is none. */
    Store openToWrite(Console console, Consumer<StoreOptions.Builder> options) {
        return opened(Levee.open(address(console), false, options));
    }

    /** Opens the store as its writer; a command that changes records must not leave a new store where there was none. */
    Store openExisting(Console console) {
        openToLook(console).close();
        return openToWrite(console, options -> {});
    }

    private Store opened(Store opened) {
        inUse.put("store", opened.address());
        inUse.put("engine", opened.engine());
        return opened;
    }

    /** The server, or the store and its engine, as far as the command got: what its errors are about. */
    Map<String, String> inUse() {
        return inUse;
    }
}
