package io.levee.cli;

import io.levee.Bytes;
import io.levee.Store;
import io.levee.engine.Verification;
import io.levee.json.JsonOut;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Parameters;

/** {@code levee verify}: checksums of all closed partitions. */
@CommandLine.Command(
        name = "verify",
        description = {
            "Checks each partition byte by byte against what it was when it was closed. Status 1 where one is damaged.",
            "A running server, and a store that nobody else writes to, set a damaged partition aside at once; beside a",
            "writer in another process the command only tells.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee verify --store history",
            "  levee verify invocations --url http://127.0.0.1:7311 --json",
        })
final class VerifyCommand extends Command {
    private static final long EVERY_NANOS = TimeUnit.SECONDS.toNanos(3);

    @Parameters(paramLabel = "TABLE", arity = "0..1", description = "Only this table's partitions.")
    private @Nullable String table;

    private long saidNanos;
    private long read;

    VerifyCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        saidNanos = console.nanos().nanos();
        Map<String, @Nullable Object> answer = answer();
        if (json()) {
            console.json(answer);
        } else {
            if (answer.get("partitions") instanceof List<?> list) {
                list.forEach(this::print);
            }
            console.print(answer.get("ok") + " whole, " + answer.get("damaged") + " damaged, " + answer.get("unchecked")
                    + " not checked; " + size(answer.get("bytes")) + " read");
            console.flush();
        }
        return Long.valueOf(0).equals(answer.get("damaged")) ? OK : FAILED;
    }

    private Map<String, @Nullable Object> answer() throws Exception {
        Remote remote = target.remote(console);
        if (remote != null) {
            Map<String, @Nullable Object> params = new java.util.LinkedHashMap<>();
            params.put("table", table);
            return remote.send("POST", "/v1/verify", params, null);
        }
        try (Store store = target.openToVerify(console)) {
            List<Verification> found = new ArrayList<>();
            int all = (int) store.partitions().stream()
                    .filter(p -> table == null || p.id().table().equals(table))
                    .count();
            store.verify(table, one -> {
                found.add(one);
                progress(one, found.size(), all);
            });
            return JsonOut.verified(found);
        }
    }

    /** A line every few seconds, and one for each damage, on standard error. */
    private void progress(Verification one, int done, int all) {
        read += one.bytes();
        if (one.state() == Verification.State.DAMAGED) {
            console.say("damaged: " + one.id() + ": " + Printable.line(one.detail()));
        }
        long now = console.nanos().nanos();
        if (now - saidNanos >= EVERY_NANOS) {
            saidNanos = now;
            console.say("verified " + done + " of " + all + " partitions, " + new Bytes(read));
        }
    }

    private void print(Object entry) {
        if (entry instanceof Map<?, ?> one) {
            String detail = String.valueOf(one.get("detail"));
            console.print(String.format(
                            Locale.ROOT,
                            "%-9s %s  %s%s",
                            one.get("state"),
                            one.get("partition"),
                            size(one.get("bytes")),
                            detail.isEmpty() ? "" : "  " + Printable.line(detail))
                    .stripTrailing());
        }
    }

    private static String size(@Nullable Object bytes) {
        return bytes instanceof Number number ? new Bytes(Math.max(0, number.longValue())).toString() : "?";
    }
}
