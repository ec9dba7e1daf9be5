package io.levee.cli;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.Replay;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.internal.spec.Durations;
import io.levee.json.JsonOut;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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
            "  levee tail invocations --cursor mailer | ./mailer",
            "  levee tail invocations --from 'now - 2d' --window 4h",
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

    @Option(
            names = "--cursor",
            paramLabel = "NAME",
            description =
                    "Go on where this reader was: a place that the store keeps, and moves when lines are printed. Each record"
                            + " comes at least once. A new one begins with everything, or with --after.")
    private @Nullable String cursor;

    @Option(
            names = "--from",
            paramLabel = "TIME",
            description =
                    "First print the rows from this event time on, oldest first, then a line {\"live\":…}, then follow.")
    private @Nullable String from;

    @Option(
            names = "--window",
            paramLabel = "TIME",
            description = "Of --from: read so much event time at once, 4h by default.")
    private @Nullable String window;

    @Option(names = "--no-follow", description = "Of --from: end with the line {\"live\":…}.")
    private boolean noFollow;

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
        if (from == null && (window != null || noFollow)) {
            throw usage("--window and --no-follow are of a replay, which begins with --from");
        }
        if (from != null && (cursor != null || after != null || limit != null)) {
            throw usage("--from goes without --cursor, --after and --limit: it prints everything from there on");
        }
        Instant begins = from == null
                ? null
                : Times.parse(from, ZoneOffset.UTC, console.clock().instant());
        if (from != null && begins == null) {
            throw usage("--from: '" + from + "' is no time; write 2026-05-20T10:00:00Z, 2026-05-20, 'now - 6h' or 6h");
        }
        // Once: the process waits at its end for each that was told.
        Shutdown.onSignal(() -> stopped.set(true));
        Remote remote = target.remote(console);
        if (remote != null) {
            Map<String, @Nullable Object> params = new LinkedHashMap<>();
            params.put("after", after);
            params.put("cursor", cursor);
            params.put("from", begins);
            params.put("window", window);
            params.put("follow", noFollow ? "false" : null);
            try (Feed feed = RemoteTail.open(remote, table, params)) {
                return follow(feed, longest);
            }
        }
        try (Store store = target.openToRead(console)) {
            Table<Row> followed = store.table(table);
            Long begin = after;
            if (begins != null) {
                Replay replay = replay(store, begins);
                if (replay == null) {
                    return FAILED;
                }
                begin = replay.after();
                if (noFollow) {
                    report(begin);
                    CoverageNote.print(console, JsonOut.form(replay.coverage()));
                    return OK;
                }
            }
            try (Feed feed = new LocalTail(followed, begin, cursor)) {
                return follow(feed, longest);
            }
        }
    }

    /** Prints the rows from a time on; null where it was told to stop. */
    private @Nullable Replay replay(Store store, Instant begin) {
        List<String> columns =
                store.table(table).spec().columns().stream().map(Column::name).toList();
        try {
            Replay replay =
                    store.replay(Query.builder(table).from(begin).details().build(), window(), row -> {
                        if (stopped.get()) {
                            throw new LeveeException(ErrorCode.CANCELLED, "told to end");
                        }
                        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                        try (JsonOut out = new JsonOut(bytes)) {
                            out.row(row, columns);
                        }
                        console.print(bytes.toString(StandardCharsets.UTF_8));
                        printed++;
                    });
            Map<String, Object> live = new LinkedHashMap<>();
            live.put("after", replay.after());
            live.put("rows", replay.rows());
            live.put("coverage", JsonOut.form(replay.coverage()));
            console.print(JsonOut.text(Map.of("live", live)));
            console.flush();
            return replay;
        } catch (LeveeException e) {
            if (stopped.get()) {
                console.say("ended after " + printed + " rows of the replay; begin it again");
                return null;
            }
            throw e;
        }
    }

    private Duration window() {
        try {
            return Durations.parse(window == null ? "4h" : window);
        } catch (LeveeException e) {
            throw usage("--window: " + e.what());
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
        long end = longest == null ? Long.MAX_VALUE : console.nanos().nanos() + longest.toNanos();
        long last = feed.position();
        long left = Long.MAX_VALUE;
        boolean live = false;
        while (left > 0 && !full() && !stopped.get()) {
            left = longest == null ? Long.MAX_VALUE : end - console.nanos().nanos();
            Feed.Batch batch = feed.poll(Duration.ofNanos(Math.max(0, Math.min(left, LOOK_EVERY.toNanos()))));
            for (Feed.Line line : batch.lines()) {
                if (!full()) {
                    console.print(line.json());
                    printed += line.record() ? 1 : 0;
                    last = line.record() ? line.number() : last;
                    live |= line.json().startsWith("{\"live\":");
                }
            }
            console.flush();
            if (!batch.lines().isEmpty()) {
                // Only what is out of this process is done with.
                feed.done(last);
            }
            if (batch.ended() && noFollow && live) {
                report(feed.position());
                CoverageNote.print(console, feed.coverage());
                return OK;
            }
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
