package io.levee.testkit.conformance;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.TailCursor;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.supervisor.Supervisor;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * The main class of a JVM that opens a store beside this one, and does what its standard input says, a line at a time: {@code open
 * w|r ADDRESS}, {@code append I}, {@code count}, {@code keep ROUND}, {@code feed ADDRESS}. It answers each with one line, {@code keep} with a
 * line for each receipt, {@code follow CURSOR} with lines for each record and commit, and {@code feed} with a line for each batch, until it is killed.
 */
final class ChildStore {
    /** Plain appends, named by round and number. */
    static final TableSpec EVENTS = TableSpec.builder("events")
            .column("round", ColumnType.INTEGER)
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    /** States by key, with a version that only grows. */
    static final TableSpec STATES = TableSpec.builder("states")
            .column("k", ColumnType.INTEGER)
            .column("version", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .build();

    static final int KEYS = 200;
    private static final int FED_AT_ONCE = 25;
    private static final int IN_FLIGHT = 400;
    private static final Instant START = Instant.parse("2026-05-10T00:00:00Z");

    private final PrintStream out =
            new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    private @Nullable Store store;

    private ChildStore() {}

    /** See the class. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        ChildStore child = new ChildStore();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            try {
                child.out.println(child.answer(line.split(" ", 3)));
            } catch (LeveeException e) {
                child.out.println("refused " + e.code() + " pid=" + e.details().get("pid") + " host="
                        + e.details().get("host") + " " + e.getMessage().replace('\n', ' '));
            }
        }
        if (child.store != null) {
            child.store.close();
        }
    }

    private String answer(String[] words) throws InterruptedException {
        if (words[0].equals("open")) {
            Store opened = Levee.open(words[2], words[1].equals("r"), o -> o.asOf(START.plusSeconds(864_000)));
            store = opened;
            return "open";
        }
        if (words[0].equals("feed")) {
            feed(words[1]);
        }
        Store opened = store;
        if (opened == null) {
            return "nothing is open";
        }
        switch (words[0]) {
            case "append" -> {
                Table<Row> events = opened.createTable(EVENTS);
                return "seq "
                        + events.append(event(0, Long.parseLong(words[1])), Ack.COMMITTED)
                                .join()
                                .seq();
            }
            case "count" -> {
                return "count " + opened.count(Query.builder("events").build());
            }
            case "follow" -> follow(opened, words[1]);
            case "retire" -> {
                opened.createTable(RollupConformance.jobs(RollupConformance.SHORT));
                out.println("retiring");
                return "retired "
                        + opened.applyRetention(opened.planRetention())
                                .dropped()
                                .size();
            }
            default -> keep(opened, Long.parseLong(words[1]));
        }
        return "";
    }

    static Row event(long round, long i) {
        return Conformance.row(EVENTS, "round", round, "i", i, "at", at(i), "text", "event " + i);
    }

    /** Reads the events behind a named cursor without end; says each before it says that it is done with it. */
    private void follow(Store opened, String name) {
        try (TailCursor<Row> cursor = opened.table(EVENTS.name()).cursor(name)) {
            while (true) {
                List<Tail.Entry<Row>> entries =
                        cursor.poll(Duration.ofSeconds(1)).entries();
                entries.forEach(entry -> out.println("got " + entry.value().get("i") + ";"));
                if (!entries.isEmpty()) {
                    cursor.commit();
                    out.println("committed");
                }
            }
        }
    }

    private static Instant at(long i) {
        return START.plusSeconds(i % 7 * 86_400 + i % 1000);
    }

    /** Appends without end, and says which receipts it got. */
    private void keep(Store opened, long round) throws InterruptedException {
        Table<Row> events = opened.createTable(EVENTS);
        Table<Row> states = opened.createTable(STATES);
        Semaphore inFlight = new Semaphore(IN_FLIGHT);
        for (long i = 0; ; i++) {
            long n = i;
            long version = round * 1_000_000_000 + n;
            inFlight.acquire(2);
            // Both levels are to outlive the process; one in twenty waits for the disk too.
            var unusedEvent = events.append(event(round, n), n % 20 == 0 ? Ack.DURABLE : Ack.COMMITTED)
                    .thenAccept(receipt -> said(inFlight, "e " + n, receipt));
            Row state = Conformance.row(STATES, "k", n % KEYS, "version", version, "at", at(n));
            var unusedState = states.append(state, Ack.COMMITTED)
                    .thenAccept(receipt -> said(inFlight, "s " + n % KEYS + " " + version, receipt));
        }
    }

    /** Reads a source from its start without end, and says how far it is committed. */
    private void feed(String address) {
        EngineUnderTest found = () -> address;
        StorageEngine engine = found.provider(address)
                .open(address, new EngineSettings(StoreOptions.builder().build(), false, new Supervisor()));
        long[] numbers = new long[2];
        for (long i = 1; ; i += FED_AT_ONCE) {
            List<WriteRow> rows = new ArrayList<>();
            for (long line = i; line < i + FED_AT_ONCE; line++) {
                rows.add(SourceConformance.line("log", line));
            }
            engine.append(SourceConformance.LINES, rows, Ack.COMMITTED, () -> {
                if (numbers[0] == numbers[1]) {
                    numbers[0] = engine.reserveSeq(SourceConformance.LINES.name(), 1000);
                    numbers[1] = numbers[0] + 1000;
                }
                return numbers[0]++;
            });
            engine.afterBatch();
            rows.forEach(row -> {
                if (row.outcome() != Outcome.STORED && row.outcome() != Outcome.KNOWN) {
                    throw new IllegalStateException(row.outcome() + " " + row.error());
                }
            });
            out.println("fed " + (i + FED_AT_ONCE - 1));
        }
    }

    private void said(Semaphore inFlight, String what, Receipt receipt) {
        out.println(what + " " + receipt.seq());
        inFlight.release();
    }
}
