package io.levee.testkit.drill;

import io.levee.testkit.fault.ChildProcess;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The packet analyser's incident: a column is filled in a table with what another knows, while records come in at a fixed rate and readers
 * read; by one correlated {@code UPDATE} of a single file, by chunks of it that begin from the front again and again, and by Levee. Each in a
 * process of its own, with the same records.
 */
public final class MigrationDrill {
    private static final Duration LONGEST = Duration.ofMinutes(60);
    private static final int READERS = 2;

    /** The chunked way is watched so many times as long as the one statement took: it would be done by then, if it ever were. */
    private static final int BOUND = 4;

    private static final String UPDATE = "one UPDATE";
    private static final String CHUNKED = "chunked UPDATE";
    private static final String LEVEE = "Levee";

    private final Path directory;
    private final Packets packets;
    private final long observations;
    private final int rate;
    private final int rounds;
    private final int batch;
    private final Duration idle;
    private final Consumer<String> progress;

    /**
     * A drill.
     *
     * @param directory where stores and the picture are made; it has to be there
     * @param transmissions rows of the table that gets the column
     * @param observations rows of the other, about
     * @param rate records a second meanwhile
     * @param rounds how often the {@code UPDATE} and Levee are done, each time from the beginning; medians count
     * @param batch rows of a chunk of the second way
     * @param idle how long writing and reading are watched before
     * @param progress told what is done
     */
    public MigrationDrill(
            Path directory,
            long transmissions,
            long observations,
            int rate,
            int rounds,
            int batch,
            Duration idle,
            Consumer<String> progress) {
        this.directory = directory;
        this.packets = new Packets(transmissions, observations);
        this.observations = observations;
        this.rate = rate;
        this.rounds = rounds;
        this.batch = batch;
        this.idle = idle;
        this.progress = progress;
    }

    /** A way's rounds: the figures of each, and what one of them said. */
    private record Found(Map<String, Object> figures, RetentionPicture.Line line) {}

    /** Does it; some minutes with 1,500,000 observations. */
    public DrillOutcome run() throws IOException {
        Path old = Files.createDirectories(directory.resolve("old"));
        Path levee = directory.resolve("levee");
        try {
            progress.accept("writing " + packets.transmissions() + " transmissions with about " + observations
                    + " observations into one SQLite file");
            PacketsFile.fill(old.resolve("history.db"), packets);
            progress.accept("writing them into a Levee store");
            PacketsLevee.fill(levee, packets);
            long longest = LONGEST.toMillis() / 2;
            Found update = rounds(UPDATE, "UPDATE", old, rounds, longest);
            long bound = Math.max(idle.toMillis(), (long) (BOUND * 1000 * number(update.figures, "seconds")));
            Found chunked = rounds(CHUNKED, "CHUNKED_UPDATE", old, 1, bound);
            Found migrated = rounds(LEVEE, "LEVEE", levee, rounds, longest);
            return outcome(List.of(update, chunked, migrated));
        } catch (SQLException e) {
            throw new IllegalStateException("the one file cannot be written: " + e.getMessage(), e);
        } finally {
            RetentionDrill.delete(old);
            RetentionDrill.delete(levee);
        }
    }

    private Found rounds(String name, String way, Path filled, int times, long boundMillis)
            throws IOException, SQLException {
        List<Map<String, Object>> each = new ArrayList<>();
        List<String> said = List.of();
        for (int i = 0; i < times; i++) {
            progress.accept(name + (times > 1 ? ", round " + (i + 1) + " of " + times : "")
                    + ": filling the column beside " + rate + " records a second");
            Path place = way.equals("LEVEE") ? directory.resolve("round") : filled;
            try {
                if (way.equals("LEVEE")) {
                    copy(filled, place);
                } else if (i > 0 || !way.equals("UPDATE")) {
                    PacketsFile.reset(filled.resolve("history.db"), packets);
                }
                said = child(way, place, boundMillis);
                Map<String, Object> one = figures(said);
                progress.accept(String.format(
                        Locale.ROOT,
                        "  %.1f s, the writer waited up to %.0f ms (idle %.0f ms), readers' p95 %.1f ms (idle %.1f ms)",
                        number(one, "seconds"),
                        number(one, "writerMaxDuring"),
                        number(one, "writerMaxIdle"),
                        number(one, "readerP95During"),
                        number(one, "readerP95Idle")));
                each.add(one);
            } finally {
                RetentionDrill.delete(directory.resolve("round"));
            }
        }
        return new Found(medians(name, each), RetentionPicture.line(name, said));
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path one : all.sorted().toList()) {
                Path copy = to.resolve(from.relativize(one));
                Files.copy(one, copy);
                if (Files.isRegularFile(copy)) {
                    // Written back now, and not while somebody is watched.
                    try (FileChannel file = FileChannel.open(copy, StandardOpenOption.WRITE)) {
                        file.force(true);
                    }
                }
            }
        }
    }

    private List<String> child(String way, Path place, long boundMillis) throws IOException {
        Path output = Files.createTempFile(directory, "child", ".txt");
        String store = way.equals("LEVEE")
                ? place.toString()
                : place.resolve("history.db").toString();
        try (ChildProcess child = ChildProcess.java(
                        MigrationChild.class,
                        way,
                        store,
                        String.valueOf(packets.transmissions()),
                        String.valueOf(observations),
                        String.valueOf(rate),
                        String.valueOf(READERS),
                        String.valueOf(idle.toMillis()),
                        String.valueOf(boundMillis),
                        String.valueOf(batch))
                // As a service runs: both sides with the optimising compiler and the same heap.
                .options("-XX:TieredStopAtLevel=4", "-Xms512m", "-Xmx1g")
                .output(output)
                .start()) {
            int status = child.await(LONGEST);
            if (status != 0) {
                throw new IllegalStateException("the process of '" + way + "' ended with status " + status);
            }
            return Files.readAllLines(output);
        } finally {
            Files.deleteIfExists(output);
        }
    }

    private static Map<String, Object> figures(List<String> said) {
        Map<String, Object> figures = new LinkedHashMap<>();
        for (String line : said) {
            String[] words = line.split(" ", -1);
            if (words.length == 2) {
                figures.put(words[0], Double.valueOf(words[1]));
            }
        }
        double seconds = number(figures, "migrationMs") / 1000;
        double first = number(figures, "firstTenthMs");
        figures.put("seconds", seconds);
        figures.put("rowsPerSecond", seconds > 0 ? number(figures, "rows") / seconds : 0.0);
        figures.put("batchGrowth", first > 0 ? number(figures, "lastTenthMs") / first : 1.0);
        return figures;
    }

    /** The median of each figure; of what must not happen, the worst. */
    private static Map<String, Object> medians(String name, List<Map<String, Object>> each) {
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("name", name);
        for (String key : List.of(
                "readerP50Idle",
                "readerP95Idle",
                "readerP99Idle",
                "readerP50During",
                "readerP95During",
                "readerP99During",
                "writerP99Idle",
                "writerP99During",
                "writerMaxIdle",
                "writerMaxDuring",
                "seconds",
                "batches",
                "firstTenthMs",
                "lastTenthMs",
                "batchGrowth",
                "rowsPerSecond")) {
            figures.put(
                    key.startsWith("writerMax") ? key.replace("Max", "MaxStall") + "Ms" : key,
                    round(median(each.stream().map(one -> number(one, key)).toList())));
        }
        figures.put("writerMaxStallMs", figures.remove("writerMaxStallDuringMs"));
        figures.put("rounds", each.size());
        figures.put("terminated", each.stream().allMatch(one -> number(one, "terminated") == 1));
        for (String key : List.of("rows", "lost", "wrong", "readsFailed")) {
            figures.put(key, (long)
                    each.stream().mapToDouble(one -> number(one, key)).max().orElse(0));
        }
        return figures;
    }

    private static double median(List<Double> values) {
        return values.isEmpty() ? 0 : values.stream().sorted().toList().get(values.size() / 2);
    }

    private static double round(double value) {
        return Math.round(value * 1000) / 1000.0;
    }

    static double number(Map<String, @Nullable Object> figures, String key) {
        return figures.get(key) instanceof Number number ? number.doubleValue() : 0;
    }

    private DrillOutcome outcome(List<Found> found) throws IOException {
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("transmissions", packets.transmissions());
        figures.put("observations", observations);
        figures.put("rate", rate);
        figures.put("strategies", found.stream().map(Found::figures).toList());
        List<Verdict> verdicts = Verdict.ofMigration(found.get(2).figures, number(found.get(0).figures, "seconds"));
        Verdict.into(figures, verdicts);
        Path picture = directory.resolve("drill-migration.svg");
        List<RetentionPicture.Line> lines = found.stream().map(Found::line).toList();
        Files.writeString(picture, new RetentionPicture("while a column is filled", lines).svg());
        figures.put("svg", picture.toString());
        List<String> table = table(found);
        verdicts.forEach(verdict -> table.add(verdict.line()));
        return new DrillOutcome(figures, table);
    }

    private List<String> table(List<Found> found) {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(
                Locale.ROOT,
                "a column of %d rows is filled from about %d others beside %d records a second; times in ms",
                packets.transmissions(),
                observations,
                rate));
        lines.add(String.format(
                Locale.ROOT,
                "%-16s %21s %21s %13s %13s %9s %9s %7s %9s %6s %6s",
                "",
                "readers idle p50/95/99",
                "during p50/95/99",
                "writer p99",
                "longest",
                "took",
                "rows/s",
                "growth",
                "ended",
                "wrong",
                "lost"));
        for (Found one : found) {
            Map<String, Object> of = one.figures;
            lines.add(String.format(
                    Locale.ROOT,
                    "%-16s %22s %21s %13s %13s %8.1fs %9.0f %7.2f %9s %6.0f %6.0f",
                    of.get("name"),
                    three(of, "Idle"),
                    three(of, "During"),
                    two(of, "writerP99Idle", "writerP99During"),
                    two(of, "writerMaxStallIdleMs", "writerMaxStallMs"),
                    number(of, "seconds"),
                    number(of, "rowsPerSecond"),
                    number(of, "batchGrowth"),
                    Boolean.TRUE.equals(of.get("terminated")) ? "yes" : "stopped",
                    number(of, "wrong"),
                    number(of, "lost")));
        }
        return lines;
    }

    private static String three(Map<String, Object> of, String when) {
        return String.format(
                Locale.ROOT,
                "%.1f/%.1f/%.1f",
                number(of, "readerP50" + when),
                number(of, "readerP95" + when),
                number(of, "readerP99" + when));
    }

    private static String two(Map<String, Object> of, String idle, String during) {
        return String.format(Locale.ROOT, "%.0f > %.0f", number(of, idle), number(of, during));
    }
}
