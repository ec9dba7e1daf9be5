package io.levee.testkit.drill;

import java.util.List;
import java.util.Locale;

/** Two lines of resident memory over time, and the budget, as SVG. */
final class MemoryPicture {
    private static final int WIDTH = 860;
    private static final int HEIGHT = 380;
    private static final int LEFT = 70;
    private static final int TOP = 50;
    private static final int BOTTOM = 50;
    private static final double MIB = 1 << 20;
    private static final int STEPS = 5;

    private final List<MemoryDrill.Sample> old;
    private final List<MemoryDrill.Sample> levee;
    private final long budget;
    private final double longest;
    private final double highest;

    MemoryPicture(List<MemoryDrill.Sample> old, List<MemoryDrill.Sample> levee, long budget) {
        this.old = old;
        this.levee = levee;
        this.budget = budget;
        this.longest = Math.max(1, Math.max(last(old), last(levee)));
        this.highest = Math.max(budget * 1.1, Math.max(most(old), most(levee)) * 1.05);
    }

    private static double last(List<MemoryDrill.Sample> samples) {
        return samples.isEmpty() ? 0 : samples.get(samples.size() - 1).millis();
    }

    private static double most(List<MemoryDrill.Sample> samples) {
        return samples.stream().mapToLong(MemoryDrill.Sample::bytes).max().orElse(0);
    }

    private double x(double millis) {
        return LEFT + (WIDTH - LEFT - 20) * millis / longest;
    }

    private double y(double bytes) {
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * bytes / highest;
    }

    /** The picture. */
    String svg() {
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">%n"
                        + "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>%n"
                        + "<text x=\"%d\" y=\"24\" font-size=\"16\">Resident memory over idle: a badly indexed grouped scan</text>%n",
                WIDTH,
                HEIGHT,
                LEFT));
        for (int i = 0; i <= STEPS; i++) {
            double bytes = highest * i / STEPS;
            svg.append(String.format(
                    Locale.ROOT,
                    "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>"
                            + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555\">%.0f MiB</text>%n",
                    LEFT,
                    y(bytes),
                    WIDTH - 20,
                    y(bytes),
                    LEFT - 6,
                    y(bytes) + 4,
                    bytes / MIB));
            double millis = longest * i / STEPS;
            svg.append(String.format(
                    Locale.ROOT,
                    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#555\">%.1f s</text>%n",
                    x(millis),
                    HEIGHT - BOTTOM + 20,
                    millis / 1000));
        }
        svg.append(String.format(
                Locale.ROOT,
                "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#888\" stroke-dasharray=\"6 4\"/>"
                        + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555\">Levee's budget</text>%n",
                LEFT,
                y((double) budget),
                WIDTH - 20,
                y((double) budget),
                WIDTH - 24,
                y((double) budget) - 5));
        line(svg, old, "#c0392b", "one file, cache 1e9 pages, sorts in memory", 0);
        line(svg, levee, "#1f6f8b", "Levee, default options", 1);
        return svg.append("</svg>\n").toString();
    }

    private void line(StringBuilder svg, List<MemoryDrill.Sample> samples, String colour, String name, int row) {
        StringBuilder points = new StringBuilder();
        for (MemoryDrill.Sample sample : samples) {
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(sample.millis()), y((double) sample.bytes())));
        }
        svg.append(String.format(
                Locale.ROOT,
                "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"%s\"/>"
                        + "<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>%n",
                colour,
                points.toString().trim(),
                LEFT + row * 330,
                HEIGHT - 8,
                colour,
                name));
    }
}
