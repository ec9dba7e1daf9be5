package io.levee.testkit.drill;

import java.util.List;
import java.util.Locale;

/** Lines of bytes over time below a limit, as SVG. Used by one thread. */
final class BytesOverTime {
    private static final int WIDTH = 860;
    private static final int HEIGHT = 380;
    private static final int LEFT = 70;
    private static final int TOP = 50;
    private static final int BOTTOM = 50;
    private static final int STEPS = 5;
    private static final double MIB = 1 << 20;

    private final double longest;
    private final double highest;
    private final StringBuilder svg = new StringBuilder();
    private int lines;

    /**
     * An empty picture.
     *
     * @param longest the end of the time, in milliseconds
     * @param highest the most bytes
     */
    BytesOverTime(String title, double longest, double highest) {
        this.longest = Math.max(1, longest);
        this.highest = highest;
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">%n"
                        + "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>%n<text x=\"%d\" y=\"24\" font-size=\"16\">%s</text>%n",
                WIDTH, HEIGHT, LEFT, title);
        for (int i = 0; i <= STEPS; i++) {
            double bytes = highest * i / STEPS;
            double millis = this.longest * i / STEPS;
            across(bytes, "stroke=\"#ddd\"");
            add(
                    "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555\">%.0f MiB</text>%n",
                    LEFT - 6, y(bytes) + 4, bytes / MIB);
            add(
                    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#555\">%.1f s</text>%n",
                    x(millis), HEIGHT - BOTTOM + 20, millis / 1000);
        }
    }

    private void add(String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values));
    }

    private void across(double bytes, String look) {
        add("<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" %s/>", LEFT, y(bytes), WIDTH - 20, y(bytes), look);
    }

    private double x(double millis) {
        return LEFT + (WIDTH - LEFT - 20) * millis / longest;
    }

    private double y(double bytes) {
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * bytes / highest;
    }

    /** A dashed line for what is not to be passed. */
    BytesOverTime limit(double bytes, String name, String colour) {
        across(bytes, "stroke=\"" + colour + "\" stroke-dasharray=\"6 4\"");
        add(
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"%s\">%s</text>%n",
                WIDTH - 24, y(bytes) - 5, colour, name);
        return this;
    }

    /**
     * A line, named below the picture.
     *
     * @param points milliseconds and bytes
     */
    BytesOverTime line(List<double[]> points, String name, String colour) {
        StringBuilder text = new StringBuilder();
        points.forEach(point -> text.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(point[0]), y(point[1]))));
        add(
                "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"%s\"/>"
                        + "<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>%n",
                colour, text.toString().trim(), LEFT + lines++ * 330, HEIGHT - 8, colour, name);
        return this;
    }

    /** The picture. */
    String svg() {
        return svg + "</svg>\n";
    }
}
