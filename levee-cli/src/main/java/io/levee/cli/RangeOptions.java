package io.levee.cli;

import io.levee.LeveeException;
import io.levee.Query;
import io.levee.internal.spec.Durations;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which times, how long the answer may take and how it is printed: the options that all questions share. */
class RangeOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    @Option(
            names = "--from",
            paramLabel = "TIME",
            description = "First event time (inclusive): 2026-05-20T10:00:00Z, 2026-05-20, 'now - 6h' or 6h.")
    private @Nullable String from;

    @Option(names = "--to", paramLabel = "TIME", description = "End of the event times (exclusive).")
    private @Nullable String to;

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

    @Nullable
    Instant from(Console console) {
        return time("--from", from, console);
    }

    @Nullable
    Instant to(Console console) {
        return time("--to", to, console);
    }

    /** The range as a server takes it, and the deadline sent with every request. */
    Map<String, @Nullable Object> ask(Remote remote, Console console) {
        remote.deadline(Durations.text(deadline()));
        Map<String, @Nullable Object> params = new LinkedHashMap<>();
        params.put("from", from(console));
        params.put("to", to(console));
        return params;
    }

    private @Nullable Instant time(String option, @Nullable String text, Console console) {
        if (text == null) {
            return null;
        }
        Instant time = Times.parse(text, zone(), console.clock().instant());
        if (time == null) {
            throw usage(
                    option + ": '" + text + "' is no time; write 2026-05-20T10:00:00Z, 2026-05-20, 'now - 6h' or 6h");
        }
        return time;
    }

    /** A time as in {@code --from}; null where the text is none. */
    @Nullable
    Instant instant(String text, Console console) {
        return Times.parse(text, zone(), console.clock().instant());
    }

    /** The zone; UTC where none is given. */
    private ZoneId zone() {
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

    /** Complains about values before anything is opened. */
    void check(Console console) {
        zone();
        deadline();
        from(console);
        to(console);
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
