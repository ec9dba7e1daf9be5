package io.levee.cli;

import io.levee.Bytes;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Migrations and their plans as people read them, from the JSON form. */
final class MigrationText {
    private MigrationText() {}

    /** How far they are, a line each. */
    static void status(Console console, List<Map<?, ?>> migrations) {
        if (migrations.isEmpty()) {
            console.print("no migrations");
            return;
        }
        Grid grid = new Grid(
                console,
                Grid.Format.TABLE,
                List.of("id", "table", "kind", "status", "rows", "rate", "left", "partitions", "note"),
                ZoneId.of("UTC"));
        for (Map<?, ?> one : migrations) {
            List<@Nullable Object> row = new ArrayList<>();
            row.add(one.get("id"));
            row.add(one.get("table"));
            row.add(one.get("kind"));
            row.add(one.get("status"));
            row.add(rows(one));
            row.add("running".equals(one.get("status")) ? rate(one) : "");
            row.add("running".equals(one.get("status")) ? eta(one.get("etaSeconds")) : "");
            row.add(partitions(one));
            // An error is printed whole below: a cell is cut.
            row.add(one.get("error") == null ? one.get("note") : "see below");
            grid.row(row);
        }
        grid.end();
        for (Map<?, ?> one : migrations) {
            if (one.get("error") != null) {
                console.print(Printable.line(one.get("id") + " failed: " + one.get("error")));
            }
        }
    }

    /** What they would do, a paragraph each. */
    static void plan(Console console, Map<String, ? extends @Nullable Object> plan) {
        List<Map<?, ?>> steps = MigrationWait.wanted(plan, one -> true);
        if (steps.isEmpty()) {
            console.print("nothing is to be done");
        }
        for (Map<?, ?> step : steps) {
            console.print(Printable.line(step.get("id") + " (" + step.get("kind") + " of " + step.get("table") + "): "
                    + step.get("status")));
            line(console, "does", step.get("what"));
            line(
                    console,
                    "touches",
                    String.format(
                            Locale.ROOT,
                            "%,d partitions, %,d rows, %s",
                            number(step, "partitions"),
                            number(step, "rows"),
                            size(step.get("bytes"))));
            line(
                    console,
                    "disk",
                    number(step, "diskNeeded") > 0
                            ? size(step.get("diskNeeded")) + " free meanwhile"
                            : "nothing to speak of");
            line(
                    console,
                    "takes",
                    step.get("expectedSeconds") == null
                            ? "unknown: nothing could be measured"
                            : about(seconds(step.get("expectedSeconds"))) + ", measured on a sample");
            if (step.get("untouched") instanceof List<?> list) {
                list.forEach(one -> line(console, "leaves", one));
            }
            if (step.get("needsApproval") != null) {
                line(console, "approval", "needed: " + step.get("needsApproval"));
            }
            line(console, "undo", step.get("undo"));
        }
        if (Boolean.TRUE.equals(plan.get("needsApproval"))) {
            console.print("apply it with --approve: some of it waits for that");
        }
    }

    private static String about(double seconds) {
        return seconds < 0.01 ? "no time to speak of" : "about " + span(seconds);
    }

    private static void line(Console console, String name, @Nullable Object what) {
        console.print(String.format(Locale.ROOT, "  %-9s %s", name, Printable.line(String.valueOf(what))));
    }

    /** Rows done of those there are, with their part. */
    static String rows(Map<?, ?> one) {
        long done = number(one, "rowsDone");
        long total = number(one, "rowsTotal");
        if (total < 0) {
            return String.format(Locale.ROOT, "%,d rows", Math.max(0, done));
        }
        // Down, so that 100 % is all of them.
        String part = total == 0 ? "" : String.format(Locale.ROOT, " (%d %%)", Math.min(100, done * 100 / total));
        return String.format(Locale.ROOT, "%,d of %,d rows%s", done, total, part);
    }

    /** Partitions done of those there are. */
    static String partitions(Map<?, ?> one) {
        long total = number(one, "partitionsTotal");
        String done = String.format(Locale.ROOT, "%,d", Math.max(0, number(one, "partitionsDone")));
        return total < 0 ? done : done + String.format(Locale.ROOT, " of %,d", total);
    }

    static String rate(Map<?, ?> one) {
        double rate = seconds(one.get("rate"));
        return String.format(Locale.ROOT, rate < 10 ? "%,.1f rows/s" : "%,.0f rows/s", rate);
    }

    /** The time left with a word before it; nothing where nobody can say. */
    static String left(Map<?, ?> one) {
        return one.get("etaSeconds") == null ? "" : ", " + eta(one.get("etaSeconds")) + " left";
    }

    private static String eta(@Nullable Object seconds) {
        return seconds == null ? "?" : span(seconds(seconds));
    }

    private static String span(double seconds) {
        if (seconds < 0.01) {
            return "0 s";
        }
        if (seconds < 1) {
            return String.format(Locale.ROOT, "%.2f s", seconds);
        }
        long whole = Math.round(seconds);
        if (whole < 120) {
            return whole + " s";
        }
        return whole < 7200
                ? whole / 60 + " min " + whole % 60 + " s"
                : whole / 3600 + " h " + whole % 3600 / 60 + " min";
    }

    private static double seconds(@Nullable Object value) {
        return value instanceof Number number ? number.doubleValue() : 0;
    }

    private static long number(Map<?, ?> map, String name) {
        return map.get(name) instanceof Number number ? number.longValue() : -1;
    }

    private static String size(@Nullable Object bytes) {
        return bytes instanceof Number number ? new Bytes(Math.max(0, number.longValue())).toString() : "?";
    }
}
