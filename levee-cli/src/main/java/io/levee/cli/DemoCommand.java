package io.levee.cli;

import io.levee.LeveeException;
import io.levee.internal.spec.Durations;
import io.levee.server.Demo;
import io.levee.server.DemoOptions;
import io.levee.server.DemoReport;
import io.levee.server.ServerOptions;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** {@code levee demo}: the whole product in one command. */
@CommandLine.Command(
        name = "demo",
        description = "Server and page on a fresh store, fed live from a bundled sample of real records.",
        footerHeading = "%nExamples:%n",
        footer = {"  levee demo", "  levee demo --for 20s --json", "  levee demo --port 0"})
final class DemoCommand extends Command {
    @Option(
            names = "--port",
            paramLabel = "N",
            defaultValue = "" + ServerOptions.DEFAULT_PORT,
            description = "The port; 0 is any free one. Default: " + ServerOptions.DEFAULT_PORT + ".")
    private int port;

    @Option(
            names = "--for",
            paramLabel = "TIME",
            description = "How long, such as 20s. Default: until it is told to end.")
    private @Nullable String length;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "An absent or empty directory for the store, which stays.")
    private @Nullable Path directory;

    DemoCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        if (port < 0 || port > 65_535) {
            throw usage("--port must be from 0 to 65535 (got " + port + ")");
        }
        // The demo ends itself on a signal; this holds the process until its report is printed.
        Shutdown.onSignal(() -> {});
        DemoReport report = Demo.run(new DemoOptions(port, duration(), directory, console::say));
        console.say("stored " + report.stored() + ", lost " + report.lost() + ", " + report.partitions()
                + " partitions alive, " + report.dropped() + " dropped");
        if (json()) {
            console.json(report.toMap());
        }
        return report.lost() == 0 ? OK : FAILED;
    }

    private @Nullable Duration duration() {
        try {
            return length == null ? null : Durations.parse(length);
        } catch (LeveeException e) {
            throw usage("--for: " + e.what());
        }
    }
}
