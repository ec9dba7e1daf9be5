package io.levee.cli;

import io.levee.Histogram;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.ask.Bins;
import io.levee.ask.Forms;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee histogram}: how the values of a column spread. */
@CommandLine.Command(
        name = "histogram",
        description = "How the values of a column spread: numbers of rows by bins, empty ones included.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee histogram invocations runtime_ms --bins 30",
            "  levee histogram jobs duration --width 10m --from-value 0 --count 36 --where \"queue = 'batch'\"",
            "  levee histogram jobs start_time --width 1h --from-value 2026-05-20 --count 24",
            "  levee histogram invocations runtime_ms --edges 0,10,100,1000,10000",
            "  levee histogram invocations extra.retries --bins 10 --json",
            "",
            "A bin holds the values from its begin (inclusive) to its end (exclusive). Values of durations and timestamps are",
            "lengths such as 10m, times, or numbers of microseconds.",
        })
final class HistogramCommand extends AskCommand {
    private static final Map<String, String> OPTIONS = Map.of("from", "--from-value", "most", "--bins");
    private static final int BAR = 40;

    @Parameters(index = "1", paramLabel = "COL", description = "The column, or a place in a json column.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String column;

    @Option(names = "--bins", paramLabel = "N", description = "At most so many bins of one round width. Default: 20.")
    private @Nullable String most;

    @Option(names = "--width", paramLabel = "W", description = "Bins of this width, with --from-value and --count.")
    private @Nullable String width;

    @Option(names = "--from-value", paramLabel = "V", description = "Where the first bin of --width begins.")
    private @Nullable String from;

    @Option(names = "--count", paramLabel = "N", description = "How many bins of --width.")
    private @Nullable String count;

    @Option(names = "--edges", paramLabel = "A,B,C", description = "Bins between these values, rising.")
    private @Nullable String edges;

    @Option(names = "--explain", description = "Say how it would be run, and do not run it.")
    private boolean explain;

    HistogramCommand(Console console) {
        super(console);
    }

    private static String option(String part) {
        return OPTIONS.getOrDefault(part, "--" + part);
    }

    private Bins bins() {
        return new Bins(most, width, from, count, edges);
    }

    @Override
    void check() {
        String complaint = bins().complaint(HistogramCommand::option);
        if (complaint != null) {
            throw usage(complaint);
        }
    }

    @Override
    Map<String, @Nullable Object> answer(Store store) {
        TableSpec spec = store.table(table).spec();
        Histogram histogram = new Histogram(
                rows.query(table, console).build(),
                column,
                bins().rule(spec, column, HistogramCommand::option, text -> rows.instant(text, console)));
        return explain
                ? Forms.of(store.explain(histogram))
                : Forms.of(store.histogram(histogram), Bins.type(spec, column));
    }

    @Override
    boolean holdsTime(String label, RemoteTimes times) {
        return (label.equals("from") || label.equals("to")) && times.holds(column);
    }

    @Override
    String route() {
        return "histogram";
    }

    @Override
    void ask(Map<String, @Nullable Object> params) {
        params.put("column", '"' + column.replace("\"", "\"\"") + '"');
        params.put("bins", most);
        params.put("width", width);
        params.put("fromValue", from);
        params.put("count", count);
        params.put("edges", edges);
        params.put("explain", explain ? "true" : null);
    }

    @Override
    void print(Map<String, @Nullable Object> answer) {
        if (explain) {
            new ExplanationText(console).print(answer);
            return;
        }
        if (rows.format() == Grid.Format.TABLE) {
            bars(answer.get("bins") instanceof List<?> bins ? bins : List.of());
        } else {
            rows(answer.get("bins"), List.of("from", "to", "count"));
        }
        List<String> outside = new ArrayList<>();
        outside(outside, answer, "below", "below the first bin");
        outside(outside, answer, "above", "above the last bin");
        outside(outside, answer, "nulls", "without a value");
        if (!outside.isEmpty()) {
            console.say("rows " + String.join(", ", outside));
        }
        notes(answer);
    }

    private static void outside(List<String> all, Map<String, @Nullable Object> answer, String key, String words) {
        if (answer.get(key) instanceof Number number && number.longValue() > 0) {
            all.add(words + ": " + number);
        }
    }

    private void bars(List<?> bins) {
        long greatest = bins.stream().mapToLong(HistogramCommand::count).max().orElse(0);
        Grid grid = rows.grid(console, List.of("from", "to", "count", ""));
        for (Object bin : bins) {
            if (bin instanceof Map<?, ?> map) {
                int length = greatest == 0 ? 0 : (int) Math.ceil((double) BAR * count(map) / greatest);
                List<@Nullable Object> row = new ArrayList<>();
                row.add(map.get("from"));
                row.add(map.get("to"));
                row.add(map.get("count"));
                row.add("█".repeat(length));
                grid.row(row);
            }
        }
        grid.end();
        console.flush();
    }

    private static long count(Object bin) {
        return bin instanceof Map<?, ?> map && map.get("count") instanceof Number number ? number.longValue() : 0;
    }
}
