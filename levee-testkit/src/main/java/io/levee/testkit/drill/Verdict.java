package io.levee.testkit.drill;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a drill's promise says, and whether its figures keep it.
 *
 * @param what the promise, with the bounds in numbers
 * @param holds whether it was kept
 * @param found the figure that decides
 */
public record Verdict(String what, boolean holds, String found) {
    private static final double MIB = 1 << 20;

    /** Most that a wait may be longer during a drop than before. */
    static final double LONGEST_SHARE = 2;

    /** Least of a partition's bytes that a drop gives back. */
    static final double LEAST_FREED = 0.99;

    /** Adds the verdicts to a drill's figures, as {@code verdicts} and {@code holds}. */
    static void into(Map<String, Object> figures, List<Verdict> verdicts) {
        figures.put("verdicts", verdicts.stream().map(Verdict::toMap).toList());
        figures.put("holds", verdicts.stream().allMatch(Verdict::holds));
    }

    /** As {@code --json} has it. */
    Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("what", what);
        map.put("holds", holds);
        map.put("found", found);
        return map;
    }

    /** A line for people. */
    String line() {
        return (holds ? "holds:  " : "BROKEN: ") + what + " (" + found + ")";
    }

    /**
     * What the drill of retention promises of one way.
     *
     * @param way the figures of a way of Levee's
     * @param partitionBytes what its day took
     */
    static List<Verdict> ofRetention(Map<String, Object> way, double partitionBytes) {
        String name = way.get("name") + ": ";
        double before = number(way, "maxBefore");
        double during = number(way, "maxDuring");
        double freed = number(way, "bytesFreed");
        List<Verdict> verdicts = new ArrayList<>();
        verdicts.add(new Verdict(
                name + "the longest wait during the drop is at most twice the longest before",
                number(way, "finished") == 1 && during <= LONGEST_SHARE * before,
                String.format(Locale.ROOT, "%.1f ms before, %.1f ms during", before, during)));
        verdicts.add(new Verdict(
                name + "at least 99 % of the partition's bytes come back",
                freed >= LEAST_FREED * partitionBytes && partitionBytes > 0,
                String.format(Locale.ROOT, "%.1f of %.1f MiB", freed / MIB, partitionBytes / MIB)));
        verdicts.add(new Verdict(
                name + "no record is lost",
                number(way, "lost") == 0,
                String.format(Locale.ROOT, "%.0f of %.0f", number(way, "lost"), number(way, "written"))));
        return verdicts;
    }

    /**
     * What it promises where as much goes as comes in: once it has begun, Levee's queue is never more than what comes in within two seconds.
     * Whether the one file's grows is its own affair: {@code oldQueue} shows it.
     */
    static List<Verdict> ofSustained(long rate, List<Long> levee) {
        if (levee.size() < 2) {
            return List.of();
        }
        long most = levee.subList(levee.size() / 2, levee.size()).stream()
                .mapToLong(Long::longValue)
                .max()
                .orElse(0);
        return List.of(new Verdict(
                "as much goes as comes in: Levee's queue is at most two seconds of what comes in",
                most <= 2 * rate,
                most + " records at most, " + rate + " come in a second"));
    }

    /** What a migration may add to the readers' 95th percentile, and to the writer's longest wait. */
    static final double MORE_READER_MILLIS = 20;

    static final double MORE_WRITER_MILLIS = 50;

    /** With longer waits than these while nothing is done the machine is busy with something else, and "above idle" says nothing. */
    static final double IDLE_READER_MILLIS = 50;

    static final double IDLE_WRITER_MILLIS = 250;

    /** Most that a row may cost at the end over one at the beginning, and the whole over one statement. */
    static final double MOST_GROWTH = 1.2;

    static final double MOST_TIMES = 2;

    /**
     * What the drill of migration promises of Levee.
     *
     * @param levee its figures
     * @param updateSeconds how long the one statement took
     */
    static List<Verdict> ofMigration(Map<String, Object> levee, double updateSeconds) {
        double reader = number(levee, "readerP95During") - number(levee, "readerP95Idle");
        double writer = number(levee, "writerMaxStallMs") - number(levee, "writerMaxStallIdleMs");
        double growth = number(levee, "batchGrowth");
        double seconds = number(levee, "seconds");
        List<Verdict> verdicts = new ArrayList<>();
        verdicts.add(quiet(levee));
        verdicts.add(new Verdict(
                "readers' p95 is at most 20 ms above idle",
                reader <= MORE_READER_MILLIS,
                String.format(
                        Locale.ROOT,
                        "%.1f ms idle, %.1f ms during",
                        number(levee, "readerP95Idle"),
                        number(levee, "readerP95During"))));
        verdicts.add(new Verdict(
                "the writer's longest wait is at most 50 ms above idle",
                writer <= MORE_WRITER_MILLIS,
                String.format(
                        Locale.ROOT,
                        "%.1f ms idle, %.1f ms during",
                        number(levee, "writerMaxStallIdleMs"),
                        number(levee, "writerMaxStallMs"))));
        verdicts.add(new Verdict(
                "a row of the last tenth costs at most 1.2 times one of the first",
                growth > 0 && growth <= MOST_GROWTH,
                String.format(Locale.ROOT, "%.2f times", growth)));
        verdicts.add(new Verdict(
                "it takes at most twice as long as the one UPDATE",
                seconds > 0 && seconds <= MOST_TIMES * updateSeconds,
                String.format(Locale.ROOT, "%.1f s, %.1f s for the UPDATE", seconds, updateSeconds)));
        verdicts.add(new Verdict(
                "it ends, every row has what it should, and nothing is lost",
                Boolean.TRUE.equals(levee.get("terminated"))
                        && number(levee, "wrong") == 0
                        && number(levee, "lost") == 0
                        && number(levee, "readsFailed") == 0,
                String.format(
                        Locale.ROOT,
                        "%s, %.0f wrong, %.0f lost, %.0f reads failed",
                        Boolean.TRUE.equals(levee.get("terminated")) ? "ended" : "did not end",
                        number(levee, "wrong"),
                        number(levee, "lost"),
                        number(levee, "readsFailed"))));
        return verdicts;
    }

    /** A figure above a bad idle one is easy to keep: such a run proves nothing, and must not say that all holds. */
    private static Verdict quiet(Map<String, Object> levee) {
        double reader = number(levee, "readerP95Idle");
        double writer = number(levee, "writerMaxStallIdleMs");
        return new Verdict(
                "the machine is quiet enough to tell: idle, readers' p95 is at most 50 ms, and no write waits over 250 ms",
                reader <= IDLE_READER_MILLIS && writer <= IDLE_WRITER_MILLIS,
                String.format(Locale.ROOT, "%.1f ms and %.1f ms", reader, writer));
    }

    private static double number(Map<String, Object> figures, String key) {
        return figures.get(key) instanceof Number number ? number.doubleValue() : 0;
    }
}
