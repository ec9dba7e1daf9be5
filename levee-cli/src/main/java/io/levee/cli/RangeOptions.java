package io.levee.cli;

import io.levee.LeveeException;
import io.levee.Query;
import io.levee.internal.spec.Durations;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which times, how long the answer may take and how it is printed: the options that all questions share. */
class RangeOptions extends FromToOptions {
    @Option(
            names = "--zone",
            paramLabel = "ZONE",
            description = "Zone of times without an offset and of printed times. Default: UTC.")
    private @Nullable String zone;

    @Option(
            names = "--deadline",
            paramLabel = "TIME",
            description = "Waiting, running and fetching together, such as 5s. Default: 30s.")
    private @Nullable String deadline;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "TABLE",
            description = "table, json (one object a line) or csv. Default: table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: the option has a default.
    private Grid.Format format;

    private Predicate<String> times = label -> false;

    /** The range as a server takes it, and the deadline sent with every request. */
    Map<String, @Nullable Object> ask(Remote remote, Console console) {
        remote.deadline(Durations.text(deadline()));
        Map<String, @Nullable Object> params = new LinkedHashMap<>();
        params.put("from", from(console));
        params.put("to", to(console));
        return params;
    }

    /** The zone; UTC where none is given. */
    @Override
    ZoneId zone() {
        try {
            return ZoneId.of(zone == null ? "UTC" : zone);
        } catch (DateTimeException e) {
            throw usage("--zone: there is no zone '" + zone + "'; write one such as Europe/Berlin or +02:00");
        }
    }

    /** Whether times that come as text, as those of a server do, have to be printed in another way. */
    boolean otherZone() {
        return format != Grid.Format.JSON && !zone().equals(ZoneId.of("UTC"));
    }

    /** Says which columns of a server's answer hold times. */
    void times(Predicate<String> labels) {
        times = labels;
    }

    Duration deadline() {
        try {
            Duration parsed = deadline == null ? Query.DEFAULT_DEADLINE : Durations.parse(deadline);
            if (parsed.isZero() || parsed.isNegative()) {
                throw usage("--deadline must be longer than 0");
            }
            return parsed;
        } catch (LeveeException e) {
            throw usage("--deadline: " + e.what());
        }
    }

    Grid.Format format() {
        return format;
    }

    /** A grid of these columns, as asked for. */
    Grid grid(Console console, List<String> columns) {
        return new Grid(console, format, columns, zone()).times(times);
    }

    @Override
    void check(Console console) {
        zone();
        deadline();
        super.check(console);
    }
}
