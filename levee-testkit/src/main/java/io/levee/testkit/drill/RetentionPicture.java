package io.levee.testkit.drill;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** How long records took to their commit, each way a panel of its own with the same logarithmic scale, as SVG. */
final class RetentionPicture {
    private static final int WIDTH = 860;
    private static final int PANEL = 150;
    private static final int LEFT = 70;
    private static final int TOP = 46;
    private static final double LEAST = 1;

    /**
     * One way.
     *
     * @param begun when the drop began, milliseconds
     * @param ended when it had ended
     * @param points moments and the longest wait of each, milliseconds
     */
    record Line(String name, double begun, double ended, List<double[]> points) {}

    private final String title;
    private final List<Line> lines;
    private final double highest;

    /**
     * A picture.
     *
     * @param title what is shaded
     */
    RetentionPicture(String title, List<Line> lines) {
        this.title = title;
        this.lines = lines;
        this.highest = lines.stream()
                .flatMap(line -> line.points.stream())
                .mapToDouble(point -> point[1])
                .reduce(100, Math::max);
    }

    /** Reads what a child said. */
    static Line line(String name, List<String> said) {
        double begun = 0;
        double took = 0;
        List<double[]> points = new ArrayList<>();
        for (String one : said) {
            String[] words = one.split(" ", -1);
            switch (words[0]) {
                case "begunMs" -> begun = Double.parseDouble(words[1]);
                case "dropMs", "migrationMs" -> took = Double.parseDouble(words[1]);
                case "piece" -> points.add(new double[] {Double.parseDouble(words[1]), Double.parseDouble(words[2])});
                default -> {
                    // A figure for the table.
                }
            }
        }
        return new Line(name, begun, begun + took, points);
    }

    /** The picture. */
    String svg() {
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">%n"
                        + "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>%n"
                        + "<text x=\"%d\" y=\"24\" font-size=\"16\">From append to commit %s (shaded): the longest of each 0.1 s</text>%n",
                WIDTH,
                TOP + PANEL * lines.size() + 10,
                LEFT,
                title));
        for (int i = 0; i < lines.size(); i++) {
            panel(svg, lines.get(i), TOP + PANEL * i);
        }
        return svg.append("</svg>\n").toString();
    }

    private void panel(StringBuilder svg, Line line, int top) {
        double longest = line.points.isEmpty() ? 1 : Math.max(1, line.points.get(line.points.size() - 1)[0]);
        double from = x(line.begun, longest);
        svg.append(String.format(
                Locale.ROOT,
                "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#f3e3c3\"/>%n",
                from,
                top + 20,
                Math.max(1, x(Math.min(line.ended, longest), longest) - from),
                PANEL - 40));
        for (double millis = LEAST; millis <= highest; millis *= 10) {
            svg.append(String.format(
                    Locale.ROOT,
                    "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>"
                            + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555\" font-size=\"11\">%s</text>%n",
                    LEFT,
                    y(millis, top),
                    WIDTH - 20,
                    y(millis, top),
                    LEFT - 6,
                    y(millis, top) + 4,
                    millis < 1000 ? Math.round(millis) + " ms" : Math.round(millis / 1000) + " s"));
        }
        StringBuilder points = new StringBuilder();
        for (double[] point : line.points) {
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(point[0], longest), y(point[1], top)));
        }
        svg.append(String.format(
                Locale.ROOT,
                "<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"%s\" points=\"%s\"/>"
                        + "<text x=\"%d\" y=\"%d\">%s, %.0f s</text>%n",
                line.name.startsWith("Levee") ? "#1f6f8b" : "#c0392b",
                points.toString().trim(),
                LEFT,
                top + 14,
                line.name,
                longest / 1000));
    }

    private static double x(double millis, double longest) {
        return LEFT + (WIDTH - LEFT - 20) * millis / longest;
    }

    private double y(double millis, int top) {
        double share = Math.log(Math.max(LEAST, millis) / LEAST) / Math.log(highest / LEAST);
        return top + PANEL - 20 - (PANEL - 40) * share;
    }
}
