package io.levee.cli;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Parameters;

/** What {@code get}, {@code update} and {@code delete} have in common: one record, by its key. Status 1 where there is none. */
abstract class RecordCommand extends Command {
    @Parameters(index = "0", paramLabel = "TABLE", description = "The table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    String table;

    @Parameters(
            index = "1..*",
            arity = "1..*",
            paramLabel = "KEY",
            description =
                    "The key: one argument for each of its columns, in their order. After -- it may begin with a dash.")
    List<String> key = List.of();

    RecordCommand(Console console) {
        super(console);
    }

    @Override
    final int run() throws Exception {
        check();
        Remote remote = target.remote(console);
        if (remote == null) {
            return local();
        }
        try {
            return ask(remote, path());
        } catch (LeveeException e) {
            if (e.code() == ErrorCode.NOT_FOUND) {
                return missing();
            }
            throw e;
        }
    }

    /** Complains about the other options. */
    void check() {}

    abstract int local() throws Exception;

    /** Asks a server, which refuses with {@code NOT_FOUND} where there is no such record. */
    abstract int ask(Remote remote, String path) throws Exception;

    /** Says that there is no such record. */
    abstract int missing();

    final void sayMissing() {
        console.say(Printable.line(table + " has no record of the key " + key));
    }

    private String path() {
        return Remote.path("v1", "tables", table, "records") + Remote.path(key.toArray(String[]::new));
    }

    final Object[] values() {
        return key.toArray();
    }

    static List<String> columns(Table<Row> table) {
        return table.spec().columns().stream().map(Column::name).toList();
    }

    /** A change of the one record. */
    @FunctionalInterface
    interface Change {
        CompletableFuture<Boolean> start(Table<Row> table);
    }

    /** Makes a change as the store's writer, and answers whether there was such a record. */
    final boolean write(Change change) throws Exception {
        try (Store store = target.openExisting(console)) {
            return change.start(store.table(table)).get();
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            throw cause instanceof LeveeException known ? known : e;
        }
    }

    /** A flag of the answer that a command prints. */
    final int answer(boolean done, String name, Object value, String said) {
        if (json()) {
            console.json(java.util.Map.of(name, value));
        } else if (done) {
            console.say(said);
        } else {
            sayMissing();
        }
        return done ? OK : FAILED;
    }

    /** A value as a person reads it. */
    final void line(int width, String name, @Nullable Object value) {
        String padded = name + " ".repeat(Math.max(0, width - name.codePointCount(0, name.length())));
        console.print(Printable.line(padded + "  " + Grid.text(value, java.time.ZoneOffset.UTC))
                .stripTrailing());
    }
}
