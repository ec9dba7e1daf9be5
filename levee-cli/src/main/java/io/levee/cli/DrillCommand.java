package io.levee.cli;

import io.levee.Bytes;
import io.levee.LeveeException;
import io.levee.testkit.drill.DiskDrill;
import io.levee.testkit.drill.DrillOutcome;
import io.levee.testkit.drill.MemoryDrill;
import io.levee.testkit.drill.MigrationDrill;
import io.levee.testkit.drill.RetentionDrill;
import io.levee.testkit.drill.StartupDrill;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee drill}: an incident, the old way and Levee's side by side. */
@CommandLine.Command(
        name = "drill",
        description = {
            "One of the incidents that Levee was made for, the old way and Levee's side by side on this machine, with figures and a picture"
                    + " (SVG). Works in a directory of its own; what it writes there goes again, but for the picture.",
            "",
            "  memory   a badly indexed grouped scan over a job archive: what the process's memory grows by, and what the writer",
            "           notices. 4,000,000 jobs take some minutes and 8 GB of disk; --rows takes fewer.",
            "  retention",
            "           a day of a task monitor's history is given up while records come in: by DELETE, by batches of it with pauses,",
            "           by DROP TABLE in one file, and by Levee. What the records then wait, and what the disk gets back. A GB takes some",
            "           minutes and 5 GB of disk; --bytes takes less.",
            "  startup  a large store is started again after SIGKILL: beside an index that is built at start under a probe that kills it.",
            "           10,000 partitions and 1,000,000 rows take some minutes; --partitions and --rows take fewer.",
            "  migration",
            "           a column of a packet analyser's transmissions is filled with what another table knows, while records come in and",
            "           readers read: by one UPDATE, by chunks of it, and by Levee. 71,000 rows with 1,500,000 others take some minutes",
            "           and 6 GB of disk; --rows and --others take fewer.",
            "  disk     a store with a cap (--bytes) is written to for --seconds without a pause, queried and made to drop; what it takes",
            "           is looked at each second.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee drill memory",
            "  levee drill memory --rows 200000 --dir /srv/data --json",
            "  levee drill retention --bytes 100MB --rate 500",
            "  levee drill startup --partitions 500 --rows 200000",
            "  levee drill migration --rows 7100 --others 150000 --rounds 1",
            "  levee drill disk --bytes 64MiB --seconds 60",
        })
final class DrillCommand extends Command {
    private static final int DEFAULT_ROWS = 4_000_000;
    private static final int OLD_ROWS = 1_000_000;
    private static final int TRANSMISSIONS = 71_000;
    private static final int ROUNDS = 5;
    private static final double MIB = 1 << 20;
    /** How large the old database's file is made, with a hole. */
    private static final Bytes LEGACY = Bytes.gibi(10);

    private static final List<String> NAMES = List.of("memory", "retention", "startup", "migration", "disk");

    @Parameters(index = "0", paramLabel = "NAME", description = "Which: memory, retention, startup, migration, disk.")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private String name;

    @Option(
            names = "--rows",
            paramLabel = "N",
            description = "How many jobs (memory, default " + DEFAULT_ROWS
                    + "), rows of the old database (startup, default " + OLD_ROWS
                    + "), or rows that get the column (migration, default " + TRANSMISSIONS + ").")
    private @Nullable Integer rows;

    @Option(
            names = "--others",
            paramLabel = "N",
            description =
                    "How many rows the other table has, from which the column is filled (migration). Default: 1500000.")
    private int others = 1_500_000;

    @Option(
            names = "--batch",
            paramLabel = "N",
            description = "Rows of a chunk of the chunked UPDATE (migration). Default: 5000.")
    private int batch = 5000;

    @Option(
            names = "--partitions",
            paramLabel = "N",
            description = "How many partitions the store has that is started. Default: 10000.")
    private int partitions = 10_000;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "How often Levee's side is done (memory, migration; there the one UPDATE too). Default: "
                    + ROUNDS + ".")
    private int rounds = ROUNDS;

    @Option(
            names = "--deadline",
            paramLabel = "MS",
            description = "The deadline of Levee's query, in milliseconds. Default: 5000.")
    private int deadline = 5000;

    @Option(
            names = "--bytes",
            paramLabel = "SIZE",
            description = "How large the day is that goes (retention), or the cap (disk). Default: 1GiB.")
    private String bytes = "1GiB";

    @Option(
            names = "--ways",
            split = ",",
            paramLabel = "WAY",
            description =
                    "Which ways of retention: DELETE, BATCHED_DELETE, DROP_TABLE, LEVEE, PG_DELETE, PG_PARTMAN, PG_LEVEE. Default: all.")
    private List<String> ways = RetentionDrill.WAYS;

    @Option(
            names = "--sustain",
            paramLabel = "N",
            description = "How many seconds as much goes as comes in (retention). Default: 20; 0 to leave that out.")
    private int sustain = 20;

    @Option(
            names = "--postgres",
            paramLabel = "ADDRESS",
            description =
                    "A server for the ways of retention on PostgreSQL, such as postgres://me@localhost/test; the password"
                            + " comes from PGPASSWORD. Default: none, and they are left out.")
    private String postgres = "";

    @Option(names = "--rate", paramLabel = "N", description = "Records a second beside it. Default: 1000.")
    private int rate = 1000;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            description = "How long the records are watched before, and at least meanwhile (retention, default 15),"
                    + " before the column is filled (migration, default 10), or written (disk, default 60).")
    private @Nullable Integer seconds;

    @Option(names = "--dir", paramLabel = "DIR", description = "Where to work. Default: ./drill.")
    private Path directory = Path.of("drill");

    DrillCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws IOException {
        if (!NAMES.contains(name)) {
            throw usage("there is no drill '" + name + "': " + String.join(", ", NAMES));
        }
        if (rows(1000) < 1000 || rounds < 1 || deadline < 100) {
            throw usage("--rows must be at least 1000, --rounds at least 1, --deadline at least 100");
        }
        if (others < 1000 || batch < 1) {
            throw usage("--others must be at least 1000, --batch at least 1");
        }
        if (sustain < 0 || rate < 1 || rate > 1_000_000 || seconds(1) < 1 || partitions < 1 || partitions > 15_000) {
            throw usage(
                    "--rate must be from 1 to 1,000,000, --seconds at least 1, --sustain at least 0, --partitions from 1 to 15,000");
        }
        if (postgres.matches("[^/]*//[^@/]*:[^@/]*@.*")) {
            throw usage("--postgres: a password does not belong there, where process lists show it: use PGPASSWORD");
        }
        localOnly();
        Files.createDirectories(directory);
        switch (name) {
            case "memory" -> memory();
            case "retention" ->
                show(new RetentionDrill(
                                directory,
                                ways(),
                                postgres,
                                bytes(),
                                rate,
                                Duration.ofSeconds(seconds(15)),
                                sustain,
                                console::say)
                        .run());
            case "startup" ->
                show(new StartupDrill(directory, partitions, rows(OLD_ROWS), LEGACY.value(), console::say).run());
            case "migration" ->
                show(new MigrationDrill(
                                directory,
                                rows(TRANSMISSIONS),
                                others,
                                rate,
                                rounds,
                                batch,
                                Duration.ofSeconds(seconds(10)),
                                console::say)
                        .run());
            default ->
                show(new DiskDrill(directory, new Bytes(bytes()), Duration.ofSeconds(seconds(60)), console::say).run());
        }
        return OK;
    }

    private List<String> ways() {
        for (String way : ways) {
            if (!RetentionDrill.WAYS.contains(way)) {
                throw usage("--ways: there is no way '" + way + "': " + String.join(", ", RetentionDrill.WAYS));
            }
        }
        return ways;
    }

    private long bytes() {
        try {
            return Bytes.parse(bytes).value();
        } catch (LeveeException | IllegalArgumentException e) {
            throw usage("--bytes: " + (e instanceof LeveeException known ? known.what() : e.getMessage()));
        }
    }

    private int rows(int otherwise) {
        return rows == null ? otherwise : rows;
    }

    private int seconds(int otherwise) {
        return seconds == null ? otherwise : seconds;
    }

    private void show(DrillOutcome outcome) {
        if (json()) {
            console.json(outcome.figures());
        } else {
            outcome.table().forEach(console::print);
            if (outcome.figures().containsKey("svg")) {
                console.print("picture: " + outcome.figures().get("svg"));
            }
        }
    }

    private void memory() throws IOException {
        MemoryDrill drill = new MemoryDrill(
                directory,
                rows(DEFAULT_ROWS),
                rounds,
                Duration.ofMillis(deadline),
                Duration.ofMillis(deadline),
                console::say);
        Map<String, Object> figures = drill.run().figures();
        if (json()) {
            console.json(figures);
        } else {
            print(figures);
        }
    }

    private void print(Map<String, Object> figures) {
        console.print(String.format(Locale.ROOT, "%-34s %14s %14s", "resident memory over idle", "one file", "Levee"));
        both("at its peak", figures, "peakBytes");
        both("1 s after the query's end", figures, "after1sBytes");
        both("5 s after the query's end", figures, "afterBytes");
        console.print(String.format(
                Locale.ROOT, "%-34s %14s %10.0f MiB", "budget", "none", mebi(figures, "levee.budgetBytes")));
        console.print(String.format(
                Locale.ROOT,
                "%-34s %11.0f ms %11.0f ms",
                "the query ended after",
                number(figures, "old.queryMs"),
                number(figures, "levee.deadlineMs") + number(figures, "levee.overrunMs")));
        console.print(String.format(
                Locale.ROOT,
                "%-34s %14s %11.1f ms",
                "past its deadline of " + figures.get("levee.deadlineMs") + " ms by",
                "",
                number(figures, "levee.overrunMs")));
        console.print(String.format(
                Locale.ROOT,
                "%-34s %14s %11.1f ms (idle %.1f ms)",
                "the writer's p99 commit meanwhile",
                "",
                number(figures, "levee.writerP99Ms"),
                number(figures, "levee.writerP99IdleMs")));
        console.print("picture: " + figures.get("svg"));
    }

    private void both(String what, Map<String, Object> figures, String key) {
        console.print(String.format(
                Locale.ROOT,
                "%-34s %10.0f MiB %10.0f MiB",
                what,
                mebi(figures, "old." + key),
                mebi(figures, "levee." + key)));
    }

    private static double mebi(Map<String, Object> figures, String key) {
        return number(figures, key) / MIB;
    }

    private static double number(Map<String, Object> figures, String key) {
        return figures.get(key) instanceof Number number ? number.doubleValue() : 0;
    }
}
