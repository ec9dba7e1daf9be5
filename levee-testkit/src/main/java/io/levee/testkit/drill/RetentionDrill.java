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
import org.jspecify.annotations.Nullable;

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
    public static final List<String> WAYS =
            List.of("DELETE", "BATCHED_DELETE", "DROP_TABLE", "LEVEE", "PG_DELETE", "PG_PARTMAN", "PG_LEVEE");

    private static final Map<String, String> NAMES = Map.of(
            "DELETE", "DELETE",
            "BATCHED_DELETE", "batched DELETE with pauses",
            "DROP_TABLE", "DROP TABLE in one file",
            "LEVEE", "Levee",
            "PG_DELETE", "DELETE on PostgreSQL",
            "PG_PARTMAN", "pg_partman",
            "PG_LEVEE", "Levee on PostgreSQL");

    private final Path directory;
    private final List<String> ways;
    private final String postgres;
    private final long bytes;
    private final int rate;
    private final Duration span;
    private final int sustain;
    private final Consumer<String> progress;

    /**
     * A drill.
     *
     * @param directory where stores and the picture are made; it has to be there
     * @param ways which of {@link #WAYS}; those of PostgreSQL only where there is a server
     * @param postgres a server's address, {@code postgres://user@host:port/db}; empty for none. Its user must be allowed to make schemas, and
     *     the extension pg_partman where that is not there
     * @param bytes how large the day is that goes
     * @param rate records a second meanwhile
     * @param span how long writing is watched before the drop, and at least during it
     * @param sustain how long, in seconds, as much goes as comes in, which is more than one file can delete; 0 to leave that
     *     out, as where one of the two ways is left out
     * @param progress told what is done
     */
    public RetentionDrill(
            Path directory,
            List<String> ways,
            String postgres,
            long bytes,
            int rate,
            Duration span,
            int sustain,
            Consumer<String> progress) {
        this.sustain = sustain;
        this.postgres = postgres;
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
        List<Verdict> verdicts = new ArrayList<>();
        long partition = 0;
        for (String way : ways) {
            if (way.startsWith("PG_") && postgres.isEmpty()) {
                continue;
            }
            Place place = place(way);
            try {
                progress.accept(NAMES.get(way) + ": writing two days of " + ofDay + " records");
                long filled = fill(way, place, ofDay);
                partition = way.equals("LEVEE") || partition == 0 ? filled : partition;
                progress.accept(NAMES.get(way) + ": giving one up beside " + rate + " records a second");
                String name = NAMES.getOrDefault(way, way);
                List<String> said = child(
                        RetentionChild.class,
                        way,
                        place.store(),
                        String.valueOf(rate),
                        String.valueOf(span.toMillis()),
                        String.valueOf(LONGEST.toMillis() / 2));
                Map<String, Object> ofWay = figures(name, said);
                found.add(ofWay);
                if (way.endsWith("LEVEE")) {
                    verdicts.addAll(Verdict.ofRetention(ofWay, (double) filled));
                }
                lines.add(RetentionPicture.line(name, said));
            } catch (SQLException e) {
                if (!way.equals("PG_PARTMAN")) {
                    throw new IllegalStateException(NAMES.get(way) + ": " + e.getMessage(), e);
                }
                // A server without the extension, or a user who may not make it.
                progress.accept(NAMES.get(way) + " is left out: " + e.getMessage());
            } finally {
                clear(way, place);
            }
        }
        Map<String, Object> figures = new LinkedHashMap<>();
        Map<String, Object> sustained = sustained();
        figures.put("rate", rate);
        figures.put("rows", ofDay);
        figures.put("partitionBytes", partition);
        figures.put("strategies", found);
        figures.put("sustained", sustained);
        verdicts.addAll(ofSustained(sustained));
        Verdict.into(figures, verdicts);
        Path picture = directory.resolve("drill-retention.svg");
        Files.writeString(picture, new RetentionPicture("while a day is given up", lines).svg());
        figures.put("svg", picture.toString());
        List<String> table = table(found, partition);
        if (!sustained.isEmpty()) {
            table.add(String.format(
                    Locale.ROOT,
                    "as much goes as comes in, %s records a second: after %d s %s wait for DELETE in one file, %s for Levee",
                    sustained.get("rate"),
                    sustain,
                    sustained.get("oldWaiting"),
                    sustained.get("leveeWaiting")));
        }
        verdicts.forEach(verdict -> table.add(verdict.line()));
        return new DrillOutcome(figures, table);
    }

    private static List<Verdict> ofSustained(Map<String, Object> sustained) {
        return sustained.get("rate") instanceof Number rate
                ? Verdict.ofSustained(rate.longValue(), longs(sustained.get("leveeQueue")))
                : List.of();
    }

    private static List<Long> longs(@Nullable Object list) {
        return list instanceof List<?> all ? all.stream().map(one -> (Long) one).toList() : List.of();
    }

    /** With a rate that leaves a single file no time for its deletes. */
    private Map<String, Object> sustained() throws IOException {
        Map<String, Object> figures = new LinkedHashMap<>();
        if (sustain == 0 || !ways.contains("DELETE") || !ways.contains("LEVEE")) {
            return figures;
        }
        Path place = Files.createDirectories(directory.resolve("sustained"));
        try {
            progress.accept("as much goes as comes in for " + sustain + " s: DELETE, then Levee");
            String seconds = String.valueOf(sustain);
            List<String> old = child(
                    SustainChild.class, "DELETE", place.resolve("history.db").toString(), seconds);
            String rateFound = values(old, "rate").get(0).toString();
            List<String> levee =
                    child(SustainChild.class, "LEVEE", place.resolve("levee").toString(), seconds, rateFound);
            figures.put("rate", values(old, "rate").get(0));
            figures.put("oldQueue", values(old, "queue"));
            figures.put("leveeQueue", values(levee, "queue"));
            figures.put("oldWaiting", values(old, "waiting").get(0));
            figures.put("leveeWaiting", values(levee, "waiting").get(0));
            return figures;
        } finally {
            delete(place);
        }
    }

    private static List<Long> values(List<String> said, String name) {
        return said.stream()
                .map(line -> line.split(" "))
                .filter(words -> words[0].equals(name))
                .map(words -> Long.valueOf(words[1]))
                .toList();
    }

    /** Where a way keeps its history, and what to remove behind it. */
    private record Place(String store, Path directory) {}

    private Place place(String way) throws IOException {
        Path own = Files.createDirectories(directory.resolve(way.toLowerCase(Locale.ROOT)));
        String store = switch (way) {
            case "LEVEE" -> own.toString();
            case "PG_DELETE", "PG_PARTMAN" -> postgres;
            case "PG_LEVEE" -> postgres + (postgres.contains("?") ? "&" : "?") + "schema=" + OneServer.LEVEE_SCHEMA;
            default -> own.resolve("history.db").toString();
        };
        return new Place(store, own);
    }

    /** Writes the two days before; returns what the first takes where that is known. */
    private long fill(String way, Place place, long ofDay) throws SQLException {
        return switch (way) {
            case "LEVEE" -> LeveeSide.fill(place.store, ofDay);
            case "PG_LEVEE" -> {
                OneServer.clear(postgres);
                yield LeveeSide.fill(place.store, ofDay);
            }
            case "PG_DELETE", "PG_PARTMAN" -> {
                OneServer.fill(place.store, OneServer.Way.valueOf(way), ofDay);
                yield 0;
            }
            default -> {
                OneFile.fill(Path.of(place.store), OneFile.Way.valueOf(way), ofDay);
                yield 0;
            }
        };
    }

    private void clear(String way, Place place) throws IOException {
        delete(place.directory);
        if (way.startsWith("PG_")) {
            try {
                OneServer.clear(postgres);
            } catch (SQLException e) {
                progress.accept("the schemas of the drill stay on the server: " + e.getMessage());
            }
        }
    }

    private List<String> child(Class<?> main, String... arguments) throws IOException {
        Path output = Files.createTempFile(directory, "child", ".txt");
        try (ChildProcess child = ChildProcess.java(main, arguments)
                // As a service runs: both sides with the optimising compiler and the same heap.
                .options("-XX:TieredStopAtLevel=4", "-Xms512m", "-Xmx1g")
                .output(output)
                .start()) {
            int status = child.await(LONGEST);
            if (status != 0) {
                throw new IllegalStateException("the process of '" + arguments[0] + "' ended with status " + status);
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
                figures.put(
                        words[0],
                        words[1].contains(".") ? (Object) Double.valueOf(words[1]) : (Object) Long.valueOf(words[1]));
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
