package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Store;
import io.levee.internal.spec.Durations;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee tail}: follow a table. */
@CommandLine.Command(
        name = "tail",
        description =
                "Follows a table: its new and changed records as they are committed, a JSON object a line, each with the"
                        + " _number to continue after. A line {\"gap\":…} tells what retention dropped before it was read.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee tail invocations",
            "  levee tail invocations --after 0 --limit 1000 --url http://127.0.0.1:7311",
            "  levee tail invocations --after 4711 --for 10s > new.ndjson",
        })
final class TailCommand extends Command {
    /** The end of a wait is looked at this often; records that come end it at once. */
    private static final Duration LOOK_EVERY = Duration.ofSeconds(1);

    @Parameters(paramLabel = "TABLE", description = "The table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String table;

    @Option(
            names = "--after",
            paramLabel = "SEQ",
            description = "Begin after this _number; 0 is everything there is. Default: only what comes from now on.")
    private @Nullable Long after;

    @Option(names = "--cursor", paramLabel = "NAME", description = "Not built yet: a place that the store keeps.")
    private @Nullable String cursor;

    @Option(
            names = "--for",
            paramLabel = "TIME",
            description = "How long, such as 10s. Default: until it is told to end.")
    private @Nullable String length;

    @Option(names = "--limit", paramLabel = "N", description = "End after N records. Default: never.")
    private @Nullable Long limit;

    private final AtomicBoolean stopped = new AtomicBoolean();
    private long printed;

    TailCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        Duration longest = length();
        if (after != null && after < 0) {
            throw usage("--after must be 0 or more (got " + after + ")");
        }
        if (limit != null && limit < 1) {
            throw usage("--limit must be 1 or more (got " + limit + ")");
        }
        if (cursor != null) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, "cursors that the store keeps are not built yet")
                    .hint("keep the last _number yourself, and continue with --after");
        }
        Remote remote = target.remote(console);
        if (remote != null) {
            try (Feed feed = RemoteTail.open(remote, table, after)) {
                return follow(feed, longest);
            }
        }
        try (Store store = target.openToRead(console);
                Feed feed = new LocalTail(store.table(table), after)) {
            return follow(feed, longest);
        }
    }

    private @Nullable Duration length() {
        try {
            return length == null ? null : Durations.parse(length);
        } catch (LeveeException e) {
            throw usage("--for: " + e.what());
        }
    }

    private int follow(Feed feed, @Nullable Duration longest) throws Exception {
        Shutdown.onSignal(() -> stopped.set(true));
        long end = longest == null ? Long.MAX_VALUE : console.nanos().nanos() + longest.toNanos();
        long last = feed.position();
        long left = Long.MAX_VALUE;
        while (left > 0 && !full() && !stopped.get()) {
            left = longest == null ? Long.MAX_VALUE : end - console.nanos().nanos();
            Feed.Batch batch = feed.poll(Duration.ofNanos(Math.max(0, Math.min(left, LOOK_EVERY.toNanos()))));
            for (Feed.Line line : batch.lines()) {
                if (!full()) {
                    console.print(line.json());
                    printed += line.record() ? 1 : 0;
                    last = line.record() ? line.number() : last;
                }
            }
            console.flush();
            if (batch.ended()) {
                console.say("the server ended the stream");
                report(feed.position());
                return FAILED;
            }
        }
        report(full() ? last : feed.position());
        CoverageNote.print(console, feed.coverage());
        return OK;
    }

    private boolean full() {
        return limit != null && printed >= limit;
    }

    private void report(long last) {
        console.say(String.format(Locale.ROOT, "%,d records; continue with --after %d", printed, last));
    }
}
