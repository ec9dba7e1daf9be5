package io.levee.cli;

import io.levee.testkit.drill.MemoryDrill;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
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
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee drill memory",
            "  levee drill memory --rows 200000 --dir /srv/data --json",
        })
final class DrillCommand extends Command {
    private static final int DEFAULT_ROWS = 4_000_000;
    private static final int ROUNDS = 5;
    private static final double MIB = 1 << 20;

    @Parameters(index = "0", paramLabel = "NAME", description = "Which: memory.")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private String name;

    @Option(names = "--rows", paramLabel = "N", description = "How many jobs. Default: " + DEFAULT_ROWS + ".")
    private int rows = DEFAULT_ROWS;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "How often Levee's side is done. Default: " + ROUNDS + ".")
    private int rounds = ROUNDS;

    @Option(
            names = "--deadline",
            paramLabel = "MS",
            description = "The deadline of Levee's query, in milliseconds. Default: 5000.")
    private int deadline = 5000;

    @Option(names = "--dir", paramLabel = "DIR", description = "Where to work. Default: ./drill.")
    private Path directory = Path.of("drill");

    DrillCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws IOException {
        if (!name.equals("memory")) {
            throw usage("there is no drill '" + name + "': memory");
        }
        if (rows < 1000 || rounds < 1 || deadline < 100) {
            throw usage("--rows must be at least 1000, --rounds at least 1, --deadline at least 100");
        }
        localOnly();
        MemoryDrill drill = new MemoryDrill(
                Files.createDirectories(directory),
                rows,
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
        return OK;
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
