package io.levee.cli;

import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which event times. */
class FromToOptions {
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

    @Nullable
    Instant from(Console console) {
        return time("--from", from, console);
    }

    @Nullable
    Instant to(Console console) {
        return time("--to", to, console);
    }

    private @Nullable Instant time(String option, @Nullable String text, Console console) {
        if (text == null) {
            return null;
        }
        Instant time = instant(text, console);
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

    /** The zone of times without an offset. */
    ZoneId zone() {
        return ZoneOffset.UTC;
    }

    /** Complains about values before anything is opened. */
    void check(Console console) {
        from(console);
        to(console);
    }

    ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
