package io.levee.cli;

import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.ingest.SpecFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee adopt}: an existing SQLite database, or a table of the same PostgreSQL database, as a partition, where it lies. */
@CommandLine.Command(
        name = "adopt",
        description =
                "Takes an existing SQLite database over where it lies, in milliseconds at any size: its rows are in"
                        + " every query from now on. It is never written to, and dropped as a whole once its newest row is past"
                        + " the table's retention; its file is deleted only where --take was said. A store in PostgreSQL takes"
                        + " over tables of its own database: without DB, --source names them with their schema.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee adopt /var/lib/monitor/monitor.db --table invocations --source invocations --time finished_at \\",
            "              --details invocation_details --details-key task_id",
            "  levee adopt uptime.db --table checks --spec checks.yaml --source check_history --time checked_at \\",
            "              --map monitor=site_id --take",
            "  levee adopt --store postgres://levee@db/jobs --table invocations --source public.invocations --time finished_at",
            "  levee adopt monitor.db --table invocations --source invocations --split",
        })
final class AdoptCommand extends Command {
    private static final long EVERY_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final long POLL_MILLIS = 100;

    @Parameters(
            paramLabel = "DB",
            arity = "0..1",
            description = "The database file; none where the table lies in the store's own PostgreSQL database.")
    private @Nullable Path database;

    @Option(
            names = "--table",
            paramLabel = "NAME",
            required = true,
            description = "Our table, as whose rows it is read.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String table;

    @Option(
            names = "--spec",
            paramLabel = "FILE",
            description = "Declares our table first, as levee table create does.")
    private @Nullable Path specFile;

    @Option(names = "--source", paramLabel = "TABLE", required = true, description = "Its table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String source;

    @Option(
            names = "--time",
            paramLabel = "COL",
            split = ",",
            description =
                    "Its column of the event time; of several, the first that is not null counts. Default: named as"
                            + " ours.")
    private List<String> time = List.of();

    @Option(
            names = "--time-unit",
            paramLabel = "UNIT",
            description = "How its times are written: text (ISO-8601), s, ms, us or ns. Default: as its newest one.")
    private @Nullable String timeUnit;

    @Option(names = "--details", paramLabel = "TABLE", description = "Its table of details; may be missing.")
    private @Nullable String details;

    @Option(
            names = "--details-key",
            paramLabel = "COL",
            description = "The column that joins the two tables. Default: our key.")
    private @Nullable String detailsKey;

    @Option(
            names = "--map",
            paramLabel = "OURS=THEIRS",
            description = "A column of another name. Columns of the same name need no word.")
    private Map<String, String> columns = new LinkedHashMap<>();

    @Option(
            names = "--take",
            description = "The database is the store's own from now on: its files are deleted when it is dropped.")
    private boolean take;

    @Option(
            names = "--split",
            description =
                    "Moves its rows into the table's own partitions, step by step; waits until that is done. Ended"
                            + " before, it goes on with the next process that writes to the store. Every query has each row once"
                            + " all the time; at the end the database is compared once more and let go.")
    private boolean split;

    @Option(names = "--stop-split", description = "Stops moving rows that --split began, until --split is said again.")
    private boolean stopSplit;

    AdoptCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        if (target.remote(console) != null) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, "a server adopts nothing by request")
                    .hint("stop it and name the store with --store, or say adopt: in the spec that it declares");
        }
        Adoption adoption = new Adoption(
                database == null ? "" : database.toAbsolutePath().normalize().toString(),
                source,
                time,
                timeUnit == null ? null : Adoption.TimeUnit.of(timeUnit),
                details,
                detailsKey,
                columns,
                take);
        try (Store store =
                specFile == null ? target.openExisting(console) : target.openToWrite(console, options -> {})) {
            if (specFile != null) {
                SpecFile.read(specFile, table).declare(store);
            }
            AdoptionReport report = store.adopt(table, adoption);
            if (!split && !stopSplit) {
                print(report);
                return OK;
            }
            SplitStatus status = stopSplit ? store.stopSplit(report.partition()) : store.split(report.partition());
            return print(stopSplit ? status : await(store, status));
        }
    }

    /** Tells every few seconds how far it is, on standard error. */
    private SplitStatus await(Store store, SplitStatus begun) throws InterruptedException {
        SplitStatus now = begun;
        long said = console.nanos().nanos();
        String note = "";
        while (now.state() == SplitStatus.State.RUNNING) {
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
            now = store.splits().stream()
                    .filter(s -> s.partition().equals(begun.partition()))
                    .findFirst()
                    .orElse(begun);
            long nanos = console.nanos().nanos();
            if (nanos - said >= EVERY_NANOS || !now.note().equals(note)) {
                said = nanos;
                note = now.note();
                console.say(String.format(
                        Locale.ROOT,
                        "%,d of about %,d rows moved%s",
                        now.rowsDone(),
                        now.rowsTotal(),
                        note.isEmpty() ? "" : "; it waits: " + Printable.line(note)));
            }
        }
        return now;
    }

    private int print(SplitStatus status) throws Exception {
        if (json()) {
            console.json(status.toMap());
        } else {
            console.print(String.format(
                    Locale.ROOT,
                    "%s %s: %,d of %,d rows dealt with: %,d moved (%,d of them without a time), %,d replaced by later ones of"
                            + " their key, %,d too old, %,d without a key; %,d values could not be read",
                    status.partition(),
                    status.state(),
                    status.rowsDone(),
                    status.rowsTotal(),
                    status.rowsMoved(),
                    status.timeless(),
                    status.superseded(),
                    status.expired(),
                    status.keyless(),
                    status.unreadable()));
            if (!status.note().isEmpty()) {
                console.print(Printable.line(status.note()));
            }
        }
        return status.state() == SplitStatus.State.BLOCKED ? FAILED : OK;
    }

    private void print(AdoptionReport report) {
        report.notes().forEach(note -> console.say("note: " + Printable.line(note)));
        if (json()) {
            console.json(report.toMap());
            return;
        }
        Map<String, @Nullable Object> map = report.toMap();
        String what = report.dropped()
                ? " was adopted before, and is dropped since"
                : report.fresh() ? " is adopted" : " was adopted before";
        String where = database == null
                ? report.adoption().source()
                : report.adoption().database();
        console.print(Printable.line(where) + what + " as " + report.partition());
        console.print(String.format(
                Locale.ROOT,
                "about %,d rows from %s to %s; times are read as %s; %.3f s",
                report.rowsEstimate(),
                map.get("from") == null ? "?" : map.get("from"),
                map.get("to") == null ? "?" : map.get("to"),
                map.get("timeUnit") == null ? "what their type says" : map.get("timeUnit"),
                report.took().toNanos() / 1e9));
    }
}
