package io.levee.cli;

import io.levee.Store;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** What the commands have in common whose answer is one object: of a store or of a server, printed alike. */
abstract class AskCommand extends Command {
    @Parameters(index = "0", paramLabel = "TABLE", description = "The table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    String table;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    FilterOptions rows;

    AskCommand(Console console) {
        super(console);
    }

    @Override
    final int run() throws Exception {
        rows.check(console);
        check();
        Remote remote = target.remote(console);
        if (remote == null) {
            try (Store store = target.openToRead(console)) {
                Map<String, @Nullable Object> answer = answer(store);
                if (json()) {
                    console.json(answer);
                } else {
                    print(answer);
                }
            }
            return OK;
        }
        Map<String, @Nullable Object> params = rows.ask(remote, console);
        ask(params);
        String path = Remote.path("v1", "tables", table, route());
        if (json()) {
            remote.copy(path, params, console);
        } else {
            if (rows.otherZone()) {
                RemoteTimes times = new RemoteTimes(remote, table);
                rows.times(label -> holdsTime(label, times));
            }
            print(remote.get(path, params));
        }
        return OK;
    }

    /** Whether a column of the answer holds times. */
    boolean holdsTime(String label, RemoteTimes times) {
        return times.holds(label);
    }

    /** Complains about the options before anything is opened. */
    abstract void check();

    /** The answer of a store, in the form that a server gives. */
    abstract Map<String, @Nullable Object> answer(Store store);

    /** The route of a server that answers, below the table. */
    abstract String route();

    /** Adds the parameters of the route. */
    abstract void ask(Map<String, @Nullable Object> params);

    /** Prints an answer for a person. */
    abstract void print(Map<String, @Nullable Object> answer);

    /** Prints a list of objects as rows, one column a name. */
    final void rows(@Nullable Object list, List<String> columns) {
        rows.grid(console, columns).objects(list);
        console.flush();
    }

    /** Says how far figures may be off, and what is missing. */
    final void notes(Map<String, @Nullable Object> answer) {
        if (answer.get("errors") instanceof Map<?, ?> errors) {
            errors.forEach((name, error) -> console.say(Printable.line(name + " is not exact: "
                    + (error instanceof Number number ? "within " + Percent.of(number.doubleValue()) : error))));
        }
        CoverageNote.print(console, answer.get("coverage"));
    }

    static List<String> texts(@Nullable Object list) {
        List<String> texts = new ArrayList<>();
        if (list instanceof List<?> values) {
            values.forEach(value -> texts.add(String.valueOf(value)));
        }
        return texts;
    }
}
