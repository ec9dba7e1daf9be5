package io.levee.testkit.drill;

import java.util.List;
import java.util.Locale;

/** What a store takes over time, and its cap, as SVG. */
final class DiskPicture {
    private static final int WIDTH = 860;
    private static final int HEIGHT = 300;
    private static final int LEFT = 80;
    private static final int TOP = 40;
    private static final int BOTTOM = 36;
    private static final int STEPS = 4;
    private static final double MIB = 1 << 20;

    private final List<double[]> samples;
    private final double cap;
    private final double longest;
    private final double highest;

    DiskPicture(List<double[]> samples, double cap) {
        this.samples = samples;
        this.cap = cap;
        this.longest = samples.isEmpty() ? 1 : Math.max(1, samples.get(samples.size() - 1)[0]);
        this.highest = samples.stream().mapToDouble(sample -> sample[1]).reduce(cap, Math::max) * 1.1;
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
                        + "<text x=\"%d\" y=\"24\" font-size=\"16\">Allocated bytes of a store with a cap, written to without a pause</text>%n",
                WIDTH,
                HEIGHT,
                LEFT));
        for (int i = 0; i <= STEPS; i++) {
            double bytes = highest * i / STEPS;
            svg.append(String.format(
                    Locale.ROOT,
                    "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>"
                            + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555\">%.0f MiB</text>"
                            + "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#555\">%.0f s</text>%n",
                    LEFT,
                    y(bytes),
                    WIDTH - 20,
                    y(bytes),
                    LEFT - 6,
                    y(bytes) + 4,
                    bytes / MIB,
                    x(longest * i / STEPS),
                    HEIGHT - 12,
                    longest * i / STEPS / 1000));
        }
        StringBuilder points = new StringBuilder();
        for (double[] sample : samples) {
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(sample[0]), y(sample[1])));
        }
        return svg.append(String.format(
                        Locale.ROOT,
                        "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#c0392b\" stroke-dasharray=\"6 4\"/>"
                                + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#c0392b\">the cap</text>%n"
                                + "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"#1f6f8b\" points=\"%s\"/>%n",
                        LEFT,
                        y(cap),
                        WIDTH - 20,
                        y(cap),
                        WIDTH - 24,
                        y(cap) - 5,
                        points.toString().trim()))
                .append("</svg>\n")
                .toString();
    }
}
