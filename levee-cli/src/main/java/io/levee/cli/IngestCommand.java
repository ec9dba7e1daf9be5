package io.levee.cli;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.ingest.FollowOptions;
import io.levee.ingest.Format;
import io.levee.ingest.Ingest;
import io.levee.ingest.IngestListener;
import io.levee.ingest.IngestReport;
import io.levee.ingest.RecordSource;
import io.levee.ingest.SpecFile;
import io.levee.internal.spec.Durations;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee ingest}: files of records into a table. */
@CommandLine.Command(
        name = "ingest",
        description = "Takes records from files or standard input: NDJSON, JSON arrays or CSV, plain, gzip or zstd.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee ingest invocations runs.ndjson.gz --spec invocations.yaml",
            "  levee ingest access access.csv --infer",
            "  app | levee ingest events -",
            "  levee ingest jobs 2013/*.ndjson.gz --spec jobs.yaml --errors bad.ndjson",
            "  levee ingest events --follow /var/log/app/events.ndjson --infer",
            "",
            "Bad records are named and left out; they fail the command only past --max-errors. It fails (status 1) when an",
            "input cannot be read to its end, when records were lost, or when there were records and none was stored. The",
            "first loss, or a queue that stays full, ends the reading: it says which lines were lost and where it ended.",
        })
final class IngestCommand extends Command {
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);
    private static final Duration FLUSH = Duration.ofMinutes(1);

    /** How long what still waits is tried when the command is cut off. */
    private static final Duration CUT_OFF = Duration.ofSeconds(2);

    @Parameters(index = "0", paramLabel = "TABLE", description = "The table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String table;

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "FILE", description = "The inputs; - is standard input.")
    private List<String> files = List.of();

    @Option(
            names = "--follow",
            description =
                    "Go on with what comes: the one FILE may grow and rotate. Each whole line is taken exactly once,"
                            + " also after a kill. Ends on SIGTERM or Ctrl-C.")
    private boolean follow;

    @ArgGroup
    private @Nullable Declaration declaration;

    @Option(
            names = "--ack",
            paramLabel = "LEVEL",
            description = "accepted (queued), committed (survives a process crash) or durable (synced)."
                    + " Default: committed, with --follow durable.")
    private @Nullable Ack givenAck;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "AUTO",
            description = "ndjson, json, csv or auto. Default: auto, from the first bytes.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: the option has a default.
    private Format format;

    @Option(
            names = "--as-of",
            paramLabel = "TIME",
            description = "Historical import: times are judged as if it were this time.")
    private @Nullable String asOf;

    @Mixin
    private final DiskOptions disk = new DiskOptions();

    @Option(
            names = "--max-errors",
            paramLabel = "N",
            description = "Stop after more than N bad records. Default: never.")
    private @Nullable Long maxErrors;

    @Option(
            names = "--errors",
            paramLabel = "FILE",
            description = "Write every bad record's place and reason there, as NDJSON.")
    private @Nullable Path errorsFile;

    @Option(
            names = "--max-line-bytes",
            paramLabel = "N",
            defaultValue = "" + RecordSource.DEFAULT_MAX_LINE_BYTES,
            description = "Longer records are skipped and named. Default: 16 MiB.")
    private int maxLineBytes;

    /** What {@code --follow} alone takes. */
    static final class FollowFlags {
        @Option(
                names = "--from-end",
                description = "With --follow, the first time: only what comes from now on. Default: from the start.")
        private boolean fromEnd;

        @Option(names = "--from-start", description = "With --follow, the first time: all that is there (the default).")
        @SuppressWarnings("UnusedVariable") // Read by picocli: what it says is so without it.
        private boolean fromStart;
    }

    @ArgGroup
    private @Nullable FollowFlags first;

    @Option(
            names = "--source",
            paramLabel = "NAME",
            description = "With --follow: the name under which the store keeps the place. Default: follow:PATH.")
    private @Nullable String source;

    @Option(
            names = "--for",
            paramLabel = "TIME",
            description = "With --follow: how long, such as 10s. Default: for ever.")
    private @Nullable String length;

    private final AtomicReference<@Nullable Store> writing = new AtomicReference<>();
    private Ack ack = Ack.COMMITTED;
    private IngestReport total = IngestReport.NONE;
    private boolean inputFailed;
    private boolean tooManyErrors;
    private final LostLines lostLines;

    IngestCommand(Console console) {
        super(console);
        this.lostLines = new LostLines(console);
    }

    @Override
    int run() throws Exception {
        check();
        Remote remote = target.remote(console);
        if (remote != null) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, "ingest through a server is not built yet")
                    .hint("POST the records to /v1/tables/" + table
                            + "/records, or use --store on the machine that has it");
        }
        Inputs inputs = new Inputs(console);
        Map<String, InputStream> opened = new LinkedHashMap<>();
        if (!follow) {
            Shutdown.onSignal(inputs::stop, () -> {
                Store waiting = writing.get();
                if (waiting != null) {
                    waiting.close(CUT_OFF);
                }
            });
        }
        Declaration from = declaration == null ? new Declaration() : declaration;
        Optional<SpecFile> spec = from.resolve(target, console, table, files.get(0), format, inputs, opened, !follow);
        try (Rejections rejections = new Rejections(console, errorsFile)) {
            Store store = target.openToWrite(console, options());
            writing.set(store);
            if (store.status().lastShutdown().equals("UNCLEAN")) {
                console.say("the store was not closed in order the last time: levee gaps says what may be missing");
            }
            return follow ? follow(store, spec, rejections) : ingest(store, spec, rejections, inputs, opened);
        }
    }

    private int follow(Store store, Optional<SpecFile> spec, Rejections rejections) {
        Table<Row> into = declared(store, spec);
        FollowOptions options =
                new FollowOptions(format, maxLineBytes, first != null && first.fromEnd, ack, console.nanos());
        FollowRun run = new FollowRun(console, table, Path.of(files.get(0)), source, rejections, length());
        return run.run(store, into, options, json()).isEmpty() ? OK : FAILED;
    }

    private Table<Row> declared(Store store, Optional<SpecFile> spec) {
        return spec.isPresent() ? spec.get().declare(store) : store.table(table);
    }

    private int ingest(
            Store store,
            Optional<SpecFile> spec,
            Rejections rejections,
            Inputs inputs,
            Map<String, InputStream> opened) {
        long partitions = 0;
        CloseReport closed;
        try {
            Table<Row> into = declared(store, spec);
            try (Progress progress = new Progress(console, Inputs.size(files))) {
                for (String file : files) {
                    ingest(inputs, opened, file, into, rejections, progress);
                }
            }
            if (ack == Ack.ACCEPTED) {
                store.flush(FLUSH);
            }
            partitions = store.partitions().stream()
                    .filter(p -> p.id().table().equals(table))
                    .count();
        } finally {
            closed = store.close(store.options().closeTimeout());
        }
        return report(rejections, partitions, closed, inputs.stopped());
    }

    private void check() {
        if (maxErrors != null && maxErrors < 0) {
            throw usage("--max-errors must be 0 or more (got " + maxErrors + ")");
        }
        if (maxLineBytes < 1024 || maxLineBytes > 1 << 30) {
            throw usage("--max-line-bytes must be from 1024 to 1073741824 (got " + maxLineBytes + ")");
        }
        if (files.stream().filter(Inputs.STDIN::equals).count() > 1) {
            throw usage("standard input (-) can be read only once");
        }
        ack = givenAck != null ? givenAck : follow ? Ack.DURABLE : Ack.COMMITTED;
        if (follow) {
            checkFollow();
        } else if (first != null || source != null || length != null) {
            throw usage("--from-end, --from-start, --source and --for go with --follow");
        }
    }

    private void checkFollow() {
        if (files.size() != 1 || files.get(0).equals(Inputs.STDIN)) {
            throw usage("--follow takes one FILE, and not standard input, which levee ingest reads to its end anyway");
        }
        if (maxErrors != null) {
            throw usage("--max-errors does not go with --follow: a bad line never ends it");
        }
        if (format == Format.JSON) {
            throw usage("--format json does not go with --follow: an array has no end that could be waited for");
        }
        length();
    }

    private @Nullable Duration length() {
        try {
            return length == null ? null : Durations.parse(length);
        } catch (LeveeException e) {
            throw usage("--for: " + e.what());
        }
    }

    private Consumer<StoreOptions.Builder> options() {
        if (asOf == null) {
            return disk::apply;
        }
        Instant instant = Times.parse(asOf, ZoneOffset.UTC, console.clock().instant());
        if (instant == null) {
            throw usage("--as-of: '" + asOf + "' is no time; write 2026-05-20T10:00:00Z, 2026-05-20 or 'now - 6h'");
        }
        return options -> disk.apply(options.asOf(instant));
    }

    private void ingest(
            Inputs inputs,
            Map<String, InputStream> opened,
            String file,
            Table<Row> into,
            Rejections rejections,
            Progress progress) {
        if (inputs.stopped() || tooManyErrors) {
            return;
        }
        if (lostLines.ended()) {
            lostLines.leftOut(file);
            return;
        }
        RecordSource source;
        try {
            InputStream known = opened.remove(file);
            InputStream in = known == null ? inputs.open(file) : known;
            source = RecordSource.open(in, format, into.spec(), maxLineBytes);
        } catch (LeveeException e) {
            // The other files are still taken; this one fails the command at its end.
            inputFailed = true;
            console.say(file + " is left out:");
            new Errors(console).print(e);
            return;
        }
        try (RecordSource records = source) {
            Listener listener = new Listener(inputs, file, rejections, progress, total.read());
            total = total.plus(Ingest.run(records, into, ack, Overflow.block(LONGEST_WAIT), listener));
            inputFailed |= records.failure() != null && !inputs.stopped();
        }
    }

    private final class Listener implements IngestListener {
        private final Inputs inputs;
        private final String file;
        private final Rejections rejections;
        private final Progress progress;
        private final long before;

        Listener(Inputs inputs, String file, Rejections rejections, Progress progress, long before) {
            this.inputs = inputs;
            this.file = file;
            this.rejections = rejections;
            this.progress = progress;
            this.before = before;
        }

        @Override
        public void rejected(long line, LeveeException error) {
            rejections.add(file, line, error);
            tooManyErrors |= maxErrors != null && rejections.count() > maxErrors;
            if (error.code() == ErrorCode.QUEUE_FULL) {
                // Nothing was written for as long as it may wait: the rest would wait as long, batch by batch.
                lostLines.full(file, line);
            }
        }

        @Override
        public void lost(long count, long from, long to, @Nullable LeveeException error) {
            lostLines.lost(file, count, from, to, error, writing.get());
        }

        @Override
        public void endedAfter(long line) {
            lostLines.endedAfter(file, line);
        }

        @Override
        public void progress(long read, long bytes) {
            progress.at(before + read, inputs.bytes());
        }

        @Override
        public boolean stopped() {
            return tooManyErrors || inputs.stopped() || lostLines.ended();
        }
    }

    private int report(Rejections rejections, long partitions, CloseReport closed, boolean stopped) {
        // What was only accepted may have been lost after its receipt: the close report has the last word.
        long lostLater = ack == Ack.ACCEPTED ? Math.max(0, Math.min(total.stored(), closed.lost() - total.lost())) : 0;
        long stored = total.stored() - lostLater;
        long lost = total.lost() + lostLater;
        Map<String, @Nullable Object> report = new LinkedHashMap<>();
        report.put("table", table);
        report.put("read", total.read());
        report.put("stored", stored);
        report.put("updated", total.updated());
        report.put("rejected", total.rejected());
        report.put("lost", lost);
        report.put("seconds", Math.round(total.seconds() * 1000) / 1000.0);
        report.put("partitions", partitions);
        report.put("rejectedByCode", rejections.byCode());
        lostLines.into(report);
        report.put("stopped", stopped);
        console.say(String.format(
                Locale.ROOT,
                "%sread %,d: stored %,d, updated %,d, rejected %,d, lost %,d, in %.1f s (%,.0f records/s), %d partitions",
                stopped ? "stopped. " : "",
                total.read(),
                stored,
                total.updated(),
                total.rejected(),
                lost,
                total.seconds(),
                total.read() / Math.max(0.001, total.seconds()),
                partitions));
        List<String> failures = new ArrayList<>();
        if (inputFailed) {
            failures.add("not every input could be read to its end");
        }
        if (tooManyErrors) {
            failures.add("more than " + maxErrors + " bad records");
        }
        if (lost > 0) {
            failures.add(lost + " records were lost");
        }
        failures.addAll(lostLines.failures());
        if (total.read() > 0 && stored + total.updated() == 0) {
            failures.add("no record was stored");
        }
        rejections.byCode().forEach((code, count) -> console.say("rejected " + count + ": " + code));
        failures.forEach(failure -> console.say("failed: " + failure));
        report.put("failures", failures);
        if (json()) {
            console.json(report);
        }
        return failures.isEmpty() ? OK : FAILED;
    }
}
