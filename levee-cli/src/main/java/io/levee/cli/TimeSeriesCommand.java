package io.levee.cli;

import io.levee.LeveeException;
import io.levee.Store;
import io.levee.TimeSeries;
import io.levee.ask.Forms;
import io.levee.ask.Texts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** {@code levee timeseries}: figures by buckets of event time. */
@CommandLine.Command(
        name = "timeseries",
        description = "Figures by buckets of event time, empty buckets included.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee timeseries invocations --bucket 1m --from 6h",
            "  levee timeseries invocations --bucket 1h --by state --fn count --from 24h --format csv",
            "  levee timeseries invocations --bucket 1d --fn \"count,p95(runtime_ms)\" --where \"task_name = 'send_mail'\"",
            "",
            "Buckets begin at whole multiples of their width, UTC; those of whole weeks on Mondays.",
        })
final class TimeSeriesCommand extends AskCommand {
    @Option(
            names = "--bucket",
            paramLabel = "TIME",
            required = true,
            description = "The width of a bucket: 10s, 1m, 1h, 1d.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String bucket;

    @Option(
            names = "--by",
            paramLabel = "A,B",
            description = "The columns, or places in json columns, that make a series. Default: one series.")
    private @Nullable String by;

    @Option(
            names = "--fn",
            paramLabel = "FN,FN",
            defaultValue = "count",
            description =
                    "count, count(col), sum(col), avg(col), min(col), max(col), distinct(col), p95(col). Default: count.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: the option has a default.
    private String functions;

    @Option(names = "--explain", description = "Say how it would be run, and do not run it.")
    private boolean explain;

    TimeSeriesCommand(Console console) {
        super(console);
    }

    @Override
    void check() {
        bucket();
    }

    private Duration bucket() {
        try {
            return Texts.length("--bucket", bucket);
        } catch (LeveeException e) {
            throw usage(e.what());
        }
    }

    @Override
    Map<String, @Nullable Object> answer(Store store) {
        TimeSeries series = new TimeSeries(
                rows.query(table, console).build(), bucket(), Texts.names(by), Texts.measures(functions));
        return explain ? Forms.of(store.explain(series)) : Forms.of(store.timeSeries(series));
    }

    @Override
    boolean holdsTime(String label, RemoteTimes times) {
        return label.equals("at") || times.holds(label);
    }

    @Override
    String route() {
        return "timeseries";
    }

    @Override
    void ask(Map<String, @Nullable Object> params) {
        params.put("bucket", bucket);
        params.put("by", by);
        params.put("fn", functions);
        params.put("explain", explain ? "true" : null);
    }

    @Override
    void print(Map<String, @Nullable Object> answer) {
        if (explain) {
            new ExplanationText(console).print(answer);
            return;
        }
        List<String> columns = new ArrayList<>(List.of("at"));
        texts(answer.get("columns")).forEach(name -> columns.add(name.equals("at") ? "by.at" : name));
        rows(answer.get("points"), columns);
        if (answer.get("rawFrom") != null) {
            console.say("points before " + answer.get("rawFrom") + " come from a rollup: their rows are gone");
        }
        notes(answer);
    }
}
