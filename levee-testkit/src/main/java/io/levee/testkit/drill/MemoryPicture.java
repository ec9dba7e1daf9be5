package io.levee.testkit.drill;

import java.util.List;

/** Two lines of resident memory over time, and the budget, as SVG. */
final class MemoryPicture {
    private MemoryPicture() {}

    /** The picture. */
    static String svg(List<MemoryDrill.Sample> old, List<MemoryDrill.Sample> levee, long budget) {
        double highest = Math.max(budget * 1.1, Math.max(most(old), most(levee)) * 1.05);
        return new BytesOverTime(
                        "Resident memory over idle: a badly indexed grouped scan",
                        Math.max(last(old), last(levee)),
                        highest)
                .limit((double) budget, "Levee's budget", "#888")
                .line(points(old), "one file, cache 1e9 pages, sorts in memory", "#c0392b")
                .line(points(levee), "Levee, default options", "#1f6f8b")
                .svg();
    }

    private static List<double[]> points(List<MemoryDrill.Sample> samples) {
        return samples.stream()
                .map(sample -> new double[] {sample.millis(), sample.bytes()})
                .toList();
    }

    private static double last(List<MemoryDrill.Sample> samples) {
        return samples.isEmpty() ? 0 : samples.get(samples.size() - 1).millis();
    }

    private static double most(List<MemoryDrill.Sample> samples) {
        return samples.stream().mapToLong(MemoryDrill.Sample::bytes).max().orElse(0);
    }
}
