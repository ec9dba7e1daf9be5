package io.levee.server;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.ingest.Ingest;
import io.levee.ingest.IngestReport;
import io.levee.ingest.RecordSource;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import org.eclipse.jetty.http.HttpHeader;

/** Takes records: the body is read as it comes, parsed, and queued, and the answer waits for the level asked for. */
final class IngestRoutes {
    private static final int LOOK_AHEAD = 4096;

    private final Store store;
    private final ServerOptions options;

    IngestRoutes(Store store, ServerOptions options) {
        this.store = store;
        this.options = options;
    }

    void addTo(Router router) {
        router.heavy("POST", "/v1/tables/{t}/records", this::ingest);
    }

    private void ingest(Exchange exchange) throws IOException {
        Ack ack = exchange.params("ack").ack();
        Table<Row> table = store.table(exchange.variable("t"));
        IngestOutcome outcome = new IngestOutcome();
        IngestReport report;
        LeveeException broken;
        try (RecordSource records = source(exchange, table.spec())) {
            report = Ingest.run(
                    records, table, ack, Overflow.reject(), store.options().queueRecords(), outcome);
            broken = records.failure();
        } catch (LeveeException e) {
            RequestBody.drain(exchange);
            // Nothing was taken, and the client is to know that it has to send everything again.
            throw e.code() == ErrorCode.QUEUE_FULL ? outcome.describe(e, IngestReport.NONE) : e;
        }
        LeveeException failed = outcome.failure(report, broken);
        if (failed == null) {
            exchange.json(200, outcome.answer(report));
        } else {
            RequestBody.drain(exchange);
            throw failed;
        }
    }

    private RecordSource source(Exchange exchange, TableSpec spec) throws IOException {
        String header = exchange.request().getHeaders().get(HttpHeader.CONTENT_TYPE);
        String type = header == null ? "" : header.split(";", 2)[0].trim().toLowerCase(Locale.ROOT);
        InputStream body = new BufferedInputStream(RequestBody.open(exchange, options.maxBody()), 64 << 10);
        int longest = options.maxLineBytes();
        return switch (type) {
            case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines" ->
                RecordSource.ndjson(body, spec, longest);
            case "text/csv" -> RecordSource.csv(body, spec, longest);
            case "",
                    "application/json",
                    "text/plain",
                    "application/octet-stream",
                    "application/x-www-form-urlencoded" ->
                beginsWithBracket(body)
                        ? RecordSource.jsonArray(body, spec, longest)
                        : RecordSource.ndjson(body, spec, longest);
            default ->
                throw new HttpProblem(
                        415,
                        "UNSUPPORTED_TYPE",
                        "records cannot be sent as '" + header + "'",
                        "use application/x-ndjson, application/json or text/csv");
        };
    }

    /** Looks at the first byte that is not blank: curl and others send every body with a type of their own choosing. */
    private static boolean beginsWithBracket(InputStream body) throws IOException {
        body.mark(LOOK_AHEAD);
        try {
            for (int i = 0; i < LOOK_AHEAD; i++) {
                int b = body.read();
                boolean blank = b == ' ' || b == '\t' || b == '\r' || b == '\n';
                boolean byteOrderMark = b == 0xEF || b == 0xBB || b == 0xBF;
                if (!blank && !byteOrderMark) {
                    return b == '[';
                }
            }
            return false;
        } catch (RequestBody.TooLargeException e) {
            throw e.problem();
        } finally {
            body.reset();
        }
    }
}
