package io.levee.testkit.drill;

import java.util.List;

/** What a store takes over time, and its cap, as SVG. */
final class DiskPicture {
    private DiskPicture() {}

    /**
     * The picture.
     *
     * @param samples milliseconds and allocated bytes
     * @param cap bytes
     */
    static String svg(List<double[]> samples, long cap) {
        double longest = samples.isEmpty() ? 1 : samples.get(samples.size() - 1)[0];
        double highest = samples.stream().mapToDouble(sample -> sample[1]).reduce((double) cap, Math::max) * 1.1;
        return new BytesOverTime("Allocated bytes of a store with a cap, written to without a pause", longest, highest)
                .limit((double) cap, "the cap", "#c0392b")
                .line(samples, "Levee", "#1f6f8b")
                .svg();
    }
}
