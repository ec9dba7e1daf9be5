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

    private static double number(Map<String, Object> figures, String key) {
        return figures.get(key) instanceof Number number ? number.doubleValue() : 0;
    }
}
