package io.levee.cli;

import io.levee.EraseReport;
import io.levee.Expr;
import io.levee.Query;
import io.levee.Store;
import io.levee.json.JsonOut;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee erase}: every record that a filter finds, for good. */
@CommandLine.Command(
        name = "erase",
        description =
                "Deletes every record that a filter finds, for good: also from what drops left behind. Says first how"
                        + " many there are, and asks.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee erase invocations --where \"user = 'jane'\"",
            "  levee erase invocations --where \"user = 'jane'\" --yes --json",
        })
final class EraseCommand extends Command {
    private static final Duration LONGEST_COUNT = Duration.ofMinutes(10);

    @Parameters(paramLabel = "TABLE", description = "The table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String table;

    @Option(names = "--where", paramLabel = "EXPR", required = true, description = "Which records, as for query.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String where;

    @Option(names = "--yes", description = "Do not ask. Needed where no person can be asked.")
    private boolean yes;

    EraseCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        Remote remote = target.remote(console);
        return remote == null ? local() : ask(remote);
    }

    private int local() throws Exception {
        Expr filter = Expr.parse(where, console.clock().instant());
        long count;
        try (Store store = target.openToRead(console)) {
            store.table(table);
            count = store.count(
                    Query.builder(table).where(filter).deadline(LONGEST_COUNT).build());
        }
        if (!agreed(count)) {
            return FAILED;
        }
        try (Store store = target.openToWrite(console, options -> {})) {
            EraseReport report = store.table(table).erase(filter);
            return print(report.deleted(), report.pending());
        }
    }

    private int ask(Remote remote) throws Exception {
        Map<String, @Nullable Object> params = new LinkedHashMap<>();
        params.put("where", where);
        Object count =
                remote.get(Remote.path("v1", "tables", table, "count"), params).get("count");
        if (!agreed(count instanceof Number number ? number.longValue() : 0)) {
            return FAILED;
        }
        Map<String, @Nullable Object> answer = remote.send(
                "POST", Remote.path("v1", "tables", table, "erase"), Map.of(), JsonOut.text(Map.of("where", where)));
        long deleted = answer.get("deleted") instanceof Number number ? number.longValue() : 0;
        return print(deleted, answer.get("pending") instanceof List<?> pending ? pending : List.of());
    }

    /** Says how many records are meant, and has a person agree. */
    private boolean agreed(long count) throws IOException {
        console.say(String.format(
                Locale.ROOT, "%,d records of %s match %s", count, Printable.line(table), Printable.line(where)));
        if (yes) {
            return true;
        }
        if (!console.inTerminal() || !console.errTerminal()) {
            throw usage("erase deletes records for good, and nobody can be asked here: say --yes");
        }
        console.say("Delete them for good? Type yes:");
        String line = new BufferedReader(new InputStreamReader(console.in(), StandardCharsets.UTF_8)).readLine();
        if (line != null && line.trim().equalsIgnoreCase("yes")) {
            return true;
        }
        console.say("nothing was deleted");
        return false;
    }

    private int print(long deleted, List<?> pending) {
        if (json()) {
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("deleted", deleted);
            answer.put("pending", pending);
            console.json(answer);
        } else {
            console.say(String.format(Locale.ROOT, "deleted %,d records", deleted));
            pending.forEach(what -> console.say("not reached: " + Printable.line(String.valueOf(what))));
        }
        return OK;
    }
}
