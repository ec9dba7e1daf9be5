package io.levee.testkit.drill;

import io.levee.testkit.fault.ChildProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The task monitor's incident: a day of history is given up while records come in at a fixed rate; by {@code DELETE}, by batches of it
 * with pauses, by {@code DROP TABLE} of a day's table in one file, and by Levee. Each in a process of its own, with the same records.
 */
public final class RetentionDrill {
    private static final Duration LONGEST = Duration.ofMinutes(30);
    private static final double MIB = 1 << 20;

    /** What a run takes in a partition with its indexes, rather too little, so that the day is as large as was asked for. */
    private static final long BYTES_A_RUN = 350;

    /** The ways, as {@code --ways} names them. */
    public static final List<String> WAYS = List.of("DELETE", "BATCHED_DELETE", "DROP_TABLE", "LEVEE");

    private static final Map<String, String> NAMES = Map.of(
            "DELETE", "DELETE",
            "BATCHED_DELETE", "batched DELETE with pauses",
            "DROP_TABLE", "DROP TABLE in one file",
            "LEVEE", "Levee");

    private final Path directory;
    private final List<String> ways;
    private final long bytes;
    private final int rate;
    private final Duration span;
    private final Consumer<String> progress;

    /**
     * A drill.
     *
     * @param directory where stores and the picture are made; it has to be there
     * @param ways which of {@link #WAYS}
     * @param bytes how large the day is that goes
     * @param rate records a second meanwhile
     * @param span how long writing is watched before the drop, and at least during it
     * @param progress told what is done
     */
    public RetentionDrill(
            Path directory, List<String> ways, long bytes, int rate, Duration span, Consumer<String> progress) {
        this.directory = directory;
        this.ways = List.copyOf(ways);
        this.bytes = bytes;
        this.rate = rate;
        this.span = span;
        this.progress = progress;
    }

    /** Does it; some minutes for a GB. */
    public DrillOutcome run() throws IOException {
        long ofDay = Math.max(1000, bytes / BYTES_A_RUN);
        List<Map<String, Object>> found = new ArrayList<>();
        List<RetentionPicture.Line> lines = new ArrayList<>();
        long partition = 0;
        for (String way : ways) {
            Path place = Files.createDirectories(directory.resolve(way.toLowerCase(Locale.ROOT)));
            Path store = way.equals("LEVEE") ? place : place.resolve("history.db");
            try {
                progress.accept(NAMES.get(way) + ": writing two days of " + ofDay + " records");
                if (way.equals("LEVEE")) {
                    partition = LeveeSide.fill(store.toString(), ofDay);
                } else {
                    OneFile.fill(store, OneFile.Way.valueOf(way), ofDay);
                }
                progress.accept(NAMES.get(way) + ": giving one up beside " + rate + " records a second");
                String name = NAMES.getOrDefault(way, way);
                List<String> said = child(way, store.toString());
                found.add(figures(name, said));
                lines.add(RetentionPicture.line(name, said));
            } catch (SQLException e) {
                throw new IllegalStateException("the one file cannot be written: " + e.getMessage(), e);
            } finally {
                delete(place);
            }
        }
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("rate", rate);
        figures.put("rows", ofDay);
        figures.put("partitionBytes", partition);
        figures.put("strategies", found);
        Path picture = directory.resolve("drill-retention.svg");
        Files.writeString(picture, new RetentionPicture(lines).svg());
        figures.put("svg", picture.toString());
        return new DrillOutcome(figures, table(found, partition));
    }

    private List<String> child(String way, String place) throws IOException {
        Path output = Files.createTempFile(directory, "child", ".txt");
        try (ChildProcess child = ChildProcess.java(
                        RetentionChild.class,
                        way,
                        place,
                        String.valueOf(rate),
                        String.valueOf(span.toMillis()),
                        String.valueOf(LONGEST.toMillis() / 2))
                // As a service runs: both sides with the optimising compiler and the same heap.
                .options("-XX:TieredStopAtLevel=4", "-Xms512m", "-Xmx512m")
                .output(output)
                .start()) {
            int status = child.await(LONGEST);
            if (status != 0) {
                throw new IllegalStateException("the process of '" + NAMES.get(way) + "' ended with status " + status);
            }
            return Files.readAllLines(output);
        } finally {
            Files.deleteIfExists(output);
        }
    }

    private static Map<String, Object> figures(String name, List<String> said) {
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("name", name);
        for (String line : said) {
            String[] words = line.split(" ", -1);
            if (words.length == 2) {
                figures.put(words[0], words[1].contains(".") ? (Object) Double.valueOf(words[1]) : (Object) Long.valueOf(words[1]));
            }
        }
        return figures;
    }

    private List<String> table(List<Map<String, Object>> found, long partition) {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(
                Locale.ROOT,
                "a day of %.0f MiB goes beside %d records a second; append to commit in ms",
                partition / MIB,
                rate));
        lines.add(String.format(
                Locale.ROOT,
                "%-28s %9s %9s %9s %9s %9s %9s %9s %8s %6s %10s %10s",
                "",
                "p50",
                "p99",
                "max",
                "p50 drop",
                "p99 drop",
                "max drop",
                "took",
                "queue",
                "lost",
                "freed MiB",
                "WAL MiB"));
        for (Map<String, Object> one : found) {
            lines.add(String.format(
                    Locale.ROOT,
                    "%-28s %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f %8.1fs %8.0f %6.0f %10.1f %10.1f",
                    one.get("name"),
                    number(one, "p50Before"),
                    number(one, "p99Before"),
                    number(one, "maxBefore"),
                    number(one, "p50During"),
                    number(one, "p99During"),
                    number(one, "maxDuring"),
                    number(one, "dropMs") / 1000,
                    number(one, "queuePeak"),
                    number(one, "lost"),
                    number(one, "bytesFreed") / MIB,
                    number(one, "walPeak") / MIB));
        }
        return lines;
    }

    private static double number(Map<String, Object> figures, String key) {
        return figures.get(key) instanceof Number number ? number.doubleValue() : 0;
    }

    static void delete(Path path) throws IOException {
        if (Files.exists(path)) {
            try (Stream<Path> all = Files.walk(path)) {
                for (Path one : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(one);
                }
            }
        }
    }
}
