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
import java.util.Map;
import java.util.function.Consumer;

/**
 * The job archive's incident: one badly indexed grouped scan, with the archive's settings and with Levee's defaults, each in a process of
 * its own. Shows what the resident set grows by over idle, and what the writer notices.
 */
public final class MemoryDrill {
    private static final long SEED = 20260521;
    private static final int DAYS = 90;

    /** The scan sorts this many keys: fewer rows are each taken several times, which is little work beside the sort. */
    private static final long KEYS = 4_000_000;

    private static final long MOST_TIMES = 20;

    private static final Duration LONGEST = Duration.ofMinutes(20);
    private static final double WATCHED_MILLIS = 5150;

    private final Path directory;
    private final long rows;
    private final int rounds;
    private final Duration deadline;
    private final Duration idle;
    private final Consumer<String> progress;

    /**
     * A drill.
     *
     * @param directory where stores and the picture are made; it has to be there
     * @param rows how many jobs
     * @param rounds how many times Levee's side is done; medians of the writer's figures, the worst of the others
     * @param deadline of Levee's query
     * @param idle how long the writer is watched before it
     * @param progress told what is done
     */
    public MemoryDrill(
            Path directory, long rows, int rounds, Duration deadline, Duration idle, Consumer<String> progress) {
        this.directory = directory;
        this.rows = rows;
        this.rounds = rounds;
        this.deadline = deadline;
        this.idle = idle;
        this.progress = progress;
    }

    /** One moment's resident set over idle. */
    record Sample(double millis, long bytes) {}

    /**
     * What was found.
     *
     * @param figures by name, such as {@code old.peakBytes}
     * @param picture the SVG
     */
    public record Outcome(Map<String, Object> figures, Path picture) {}

    private String sql() {
        long times = Math.max(1, Math.min(MOST_TIMES, KEYS / rows));
        String from = times == 1
                ? "job"
                : "job CROSS JOIN (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT " + times
                        + ") SELECT x FROM c)";
        String key =
                "json_extract(resources, '$[0].hostname') || '/' || json_extract(meta_data, '$.jobName') || '/' || job_id"
                        + (times == 1 ? "" : " || '/' || x");
        return "SELECT " + key
                + " AS k, count(*) AS jobs, avg(json_extract(footprint, '$.flops_any_avg')) AS flops FROM " + from
                + " GROUP BY k ORDER BY flops DESC LIMIT 10";
    }

    /** Does it; minutes for millions of rows. */
    public Outcome run() throws IOException {
        JobArchive archive = new JobArchive(SEED, rows, DAYS);
        Path file = directory.resolve("old.db");
        Path store = directory.resolve("levee");
        try {
            progress.accept("writing " + rows + " jobs into one SQLite file with eight indexes");
            JobStores.oneFile(file, archive, done -> {});
            progress.accept("writing them into a Levee store");
            JobStores.levee(store, archive, done -> {});
            progress.accept("the old way: cache_size 1e9 pages, temp_store MEMORY, no deadline");
            List<String> old = child("old", file.toString(), sql());
            progress.accept(
                    "Levee: default options, a deadline of " + deadline.toMillis() + " ms, " + rounds + " rounds");
            int threads = Math.max(1, Runtime.getRuntime().availableProcessors() - 1);
            List<String> levee = child(
                    "levee",
                    store.toString(),
                    sql(),
                    String.valueOf(deadline.toMillis()),
                    String.valueOf(rounds),
                    String.valueOf(idle.toMillis()),
                    String.valueOf(rows),
                    String.valueOf(DAYS),
                    String.valueOf(threads));
            return outcome(rounds(old).get(0), levee);
        } catch (SQLException e) {
            throw new IllegalStateException("the one file cannot be written: " + e.getMessage(), e);
        } finally {
            delete(file);
            delete(store);
        }
    }

    private List<String> child(String... arguments) throws IOException {
        Path output = Files.createTempFile(directory, "child", ".txt");
        try (ChildProcess child = ChildProcess.java(MemoryChild.class, arguments)
                .options("-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch")
                .output(output)
                .start()) {
            int status = child.await(LONGEST);
            if (status != 0) {
                throw new IllegalStateException(
                        "the process of the " + arguments[0] + " side ended with status " + status);
            }
            return Files.readAllLines(output);
        } finally {
            Files.deleteIfExists(output);
        }
    }

    /** One query: what came before and after it. */
    private record Round(List<Sample> samples, double endedMillis, String end) {
        long peak() {
            return samples.stream().mapToLong(Sample::bytes).max().orElse(0);
        }

        /** The growth this long after its end. */
        long after(double millis) {
            return samples.stream()
                    .filter(s -> s.millis >= endedMillis + millis)
                    .findFirst()
                    .map(Sample::bytes)
                    .orElse(0L);
        }
    }

    private static List<Round> rounds(List<String> lines) {
        List<Round> rounds = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            String[] words = lines.get(i).split(" ", 3);
            if (words[0].equals("idle")) {
                rounds.add(
                        round(lines.subList(i, lines.size()), Double.parseDouble(words[1]), Long.parseLong(words[2])));
            }
        }
        return rounds;
    }

    private static Round round(List<String> lines, double begun, long idle) {
        List<Sample> samples = new ArrayList<>();
        double ended = Double.MAX_VALUE;
        String end = "";
        for (String line : lines) {
            String[] words = line.split(" ", 3);
            double at = Double.parseDouble(words[1]) - begun;
            if (words[0].equals("ended") && end.isEmpty()) {
                ended = at;
                end = words[2];
            } else if (words[0].equals("rss") && (end.isEmpty() || at <= ended + WATCHED_MILLIS)) {
                samples.add(new Sample(at, Math.max(0, Long.parseLong(words[2]) - idle)));
            }
        }
        return new Round(samples, ended, end);
    }

    private static List<Double> values(List<String> lines, String name) {
        return lines.stream()
                .map(line -> line.split(" ", 3))
                .filter(words -> words[0].equals(name))
                .map(words -> Double.parseDouble(words[2]))
                .toList();
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    private Outcome outcome(Round old, List<String> lines) throws IOException {
        List<Round> levee = rounds(lines);
        Round worst = levee.get(0);
        long after = 0;
        long afterOne = 0;
        for (Round round : levee) {
            worst = round.peak() > worst.peak() ? round : worst;
            after = Math.max(after, round.after(5000));
            afterOne = Math.max(afterOne, round.after(1000));
        }
        long budget = values(lines, "budget").get(0).longValue();
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("rows", rows);
        figures.put("old.peakBytes", old.peak());
        figures.put("old.after1sBytes", old.after(1000));
        figures.put("old.afterBytes", old.after(5000));
        figures.put("old.queryMs", old.endedMillis());
        figures.put("levee.peakBytes", worst.peak());
        figures.put("levee.after1sBytes", afterOne);
        figures.put("levee.afterBytes", after);
        figures.put("levee.budgetBytes", budget);
        figures.put("levee.deadlineMs", deadline.toMillis());
        figures.put("levee.end", worst.end());
        figures.put(
                "levee.overrunMs",
                values(lines, "overrun").stream().mapToDouble(v -> v).max().orElse(0));
        figures.put("levee.writerP99IdleMs", median(values(lines, "writerIdle")));
        figures.put("levee.writerP99Ms", median(values(lines, "writer")));
        Path picture = directory.resolve("drill-memory.svg");
        Files.writeString(picture, MemoryPicture.svg(old.samples(), worst.samples(), budget));
        figures.put("svg", picture.toString());
        return new Outcome(figures, picture);
    }

    private static void delete(Path path) throws IOException {
        for (String suffix : List.of("", "-wal", "-shm")) {
            Path file = path.resolveSibling(path.getFileName() + suffix);
            if (Files.exists(file)) {
                try (var all = Files.walk(file)) {
                    for (Path one : all.sorted(Comparator.reverseOrder()).toList()) {
                        Files.deleteIfExists(one);
                    }
                }
            }
        }
    }
}
