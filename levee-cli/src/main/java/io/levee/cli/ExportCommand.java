package io.levee.cli;

import io.levee.Column;
import io.levee.Expr;
import io.levee.Query;
import io.levee.Replay;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.ask.Texts;
import io.levee.ingest.RecordExport;
import io.levee.internal.query.Names;
import io.levee.json.JsonOut;
import java.io.BufferedOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee export}: a range of a table as a file that {@code levee ingest} takes. */
@CommandLine.Command(
        name = "export",
        description = {
            "Writes the records of a range, oldest first, in the form that levee ingest takes for the same table: times in the",
            "columns' own formats, details too. Streams, so that memory stays bounded at any size, beside whoever writes.",
            "A file has its name only once it is whole; one that ends in .gz is compressed.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee export invocations --from 2026-05-01 --to 2026-06-01 --format ndjson --out may.ndjson.gz",
            "  levee export invocations --where \"state = 'FAILURE'\" --format csv > failures.csv",
            "  levee export invocations --format ndjson --store a | levee ingest invocations - --store b",
        })
final class ExportCommand extends Command {
    /** How records are written. */
    enum Form {
        NDJSON,
        CSV
    }

    private static final Duration WINDOW = Duration.ofDays(1);

    @Parameters(paramLabel = "TABLE", description = "The table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String table;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private ExportRange rows;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "NDJSON",
            description = "ndjson (one object a line) or csv. Default: ndjson.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: the option has a default.
    private Form form;

    @Option(names = "--out", paramLabel = "FILE", description = "The file. Default: standard output.")
    private @Nullable Path out;

    @Option(names = "--columns", paramLabel = "A,B", description = "Only these columns. Default: all, details too.")
    private @Nullable String columns;

    @Option(names = "--iso", description = "Times as ISO-8601, whatever the columns' formats are.")
    private boolean iso;

    private long written;

    ExportCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        localOnly();
        if (json() && out == null) {
            throw usage("--json needs --out: standard output is for one of them");
        }
        rows.check(console);
        try (Store store = target.openToRead(console)) {
            Path file = out;
            Replay replay = file == null ? write(store, new Kept(console.out())) : write(store, file);
            console.flush();
            tell(replay, file);
            return OK;
        }
    }

    private Replay write(Store store, Path file) throws IOException {
        Path partial = file.resolveSibling(file.getFileName() + ".part");
        boolean done = false;
        // Also where Ctrl-C ends it.
        partial.toFile().deleteOnExit();
        try {
            Replay replay;
            try (OutputStream to =
                    compressed(file, new BufferedOutputStream(Files.newOutputStream(partial), 1 << 16))) {
                replay = write(store, to);
            }
            Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            written = Files.size(file);
            done = true;
            return replay;
        } finally {
            if (!done) {
                Files.deleteIfExists(partial);
            }
        }
    }

    private static OutputStream compressed(Path file, OutputStream out) throws IOException {
        return file.toString().endsWith(".gz") ? new GZIPOutputStream(out, 1 << 16) : out;
    }

    private Replay write(Store store, OutputStream to) throws IOException {
        TableSpec spec = store.table(table).spec();
        Query.Builder query = rows.query(table, console);
        if (columns == null) {
            query.details();
        } else {
            query.columns(names(spec));
        }
        try (RecordExport export = new RecordExport(to, spec, names(spec), form == Form.CSV, iso)) {
            return store.replay(query.build(), WINDOW, export::write);
        }
    }

    private List<String> names(TableSpec spec) {
        if (columns == null) {
            return spec.columns().stream().map(Column::name).toList();
        }
        return Texts.names(columns).stream()
                .map(name -> Names.column(spec, name).name())
                .distinct()
                .toList();
    }

    private void tell(Replay replay, @Nullable Path file) {
        if (json()) {
            Map<String, @Nullable Object> answer = new LinkedHashMap<>();
            answer.put("rows", replay.rows());
            answer.put("file", String.valueOf(file));
            answer.put("bytes", written);
            answer.put("after", replay.after());
            answer.put("coverage", JsonOut.form(replay.coverage()));
            console.json(answer);
            return;
        }
        console.say(String.format(Locale.ROOT, "exported %,d records", replay.rows()));
        CoverageNote.print(console, JsonOut.form(replay.coverage()));
    }

    /** Standard output, which is not ours to close. */
    private static final class Kept extends FilterOutputStream {
        Kept(OutputStream out) {
            super(out);
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            out.write(bytes, from, length);
        }

        @Override
        public void close() throws IOException {
            flush();
        }
    }

    /** As for a query, without the forms that are for people. */
    static final class ExportRange extends FromToOptions {
        @Option(names = "--where", paramLabel = "EXPR", description = "Filter, as for query.")
        private @Nullable String where;

        Query.Builder query(String table, Console console) {
            Query.Builder query = Query.builder(table);
            Instant first = from(console);
            Instant end = to(console);
            if (first != null) {
                query.from(first);
            }
            if (end != null) {
                query.to(end);
            }
            if (where != null) {
                query.where(Expr.parse(where, console.clock().instant()));
            }
            return query;
        }
    }
}
