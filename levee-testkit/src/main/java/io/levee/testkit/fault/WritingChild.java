package io.levee.testkit.fault;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.RecordLostException;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The main class of a process that writes the {@link Load} with queries and retention beside it, says each receipt on its standard output
 * ({@link Receipts}), and is killed. Arguments are {@code name=value}: {@code store, seed, first} (number of the first record), {@code
 * shift} (seconds that its clock is ahead), {@code records} (how many before it ends; 0: for ever) and {@code end} (how it ends then:
 * {@code close, exit, error}).
 */
public final class WritingChild {
    private static final int IN_FLIGHT = 300;
    private static final int QUERY_EVERY = 250;
    private static final int RETENTION_EVERY = 700;
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    private final FileOutputStream out = new FileOutputStream(FileDescriptor.out);
    private final Semaphore inFlight = new Semaphore(IN_FLIGHT);
    private final Clock clock;
    private final Load load;
    private final Map<String, String> options;

    private WritingChild(Map<String, String> options) {
        this.options = options;
        this.clock = clock(Long.parseLong(options.getOrDefault("shift", "0")));
        this.load = new Load(Long.parseLong(options.getOrDefault("seed", "1")));
    }

    /** The clock of a run that moves on from crash to crash. */
    static Clock clock(long shiftSeconds) {
        return Clock.offset(Clock.systemUTC(), Duration.ofSeconds(shiftSeconds));
    }

    /** How every process of a run opens its store. */
    static Consumer<StoreOptions.Builder> opening(long shiftSeconds) {
        return options -> options.clock(clock(shiftSeconds))
                .memory(Bytes.mebi(32))
                .queueRecords(20_000)
                .queryThreads(2)
                .retentionEvery(Duration.ofSeconds(1))
                .overflow(Overflow.dropOldest());
    }

    /** See the class. */
    public static void main(String[] arguments) throws InterruptedException {
        ChildProcess.endWithParent();
        Map<String, String> options = new HashMap<>();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            options.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        new WritingChild(options).run();
    }

    private void run() throws InterruptedException {
        String address = options.getOrDefault("store", ".");
        say("P opening");
        long from = System.nanoTime();
        Store store;
        try {
            store = Levee.open(address, false, opening(Long.parseLong(options.getOrDefault("shift", "0"))));
        } catch (LeveeException e) {
            say("P refused " + e.code() + " " + e.what().replace('\n', ' '));
            return;
        }
        say("P open " + (System.nanoTime() - from) + " " + store.status().lastShutdown());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(store), "close"));
        Sampler.start(store, violation -> say("P sampled " + violation.invariant() + " " + violation.what()));
        write(store);
        switch (options.getOrDefault("end", "close")) {
            case "exit" -> System.exit(7);
            case "error" -> throw new IllegalStateException("the error that nobody catches, as ordered");
            default -> close(store);
        }
    }

    private void close(Store store) {
        say("P closing");
        CloseReport report = store.close(Duration.ofSeconds(20));
        say("P closed " + report.clean() + " " + report.accepted() + " " + report.stored() + " " + report.lost() + " "
                + report.uncertain());
    }

    private void write(Store store) throws InterruptedException {
        Table<Row> events = store.createTable(Load.EVENTS);
        Table<Row> states = store.createTable(Load.STATES);
        long first = Long.parseLong(options.getOrDefault("first", "0"));
        long records = Long.parseLong(options.getOrDefault("records", "0"));
        for (long i = 0; records == 0 || i < records; i++) {
            Load.Step step = load.step(first + i, Instant.now(clock));
            append(step.keyed() ? states : events, step);
            if (i % QUERY_EVERY == QUERY_EVERY - 1) {
                query(store);
            }
            if (i % RETENTION_EVERY == RETENTION_EVERY - 1) {
                store.applyRetention(store.planRetention());
            }
        }
    }

    private void append(Table<Row> table, Load.Step step) throws InterruptedException {
        if (step.level() == Ack.ACCEPTED) {
            table.append(load.row(step));
            say(Receipts.line(step, Ack.ACCEPTED, 0));
            return;
        }
        if (!inFlight.tryAcquire(1, 120, TimeUnit.SECONDS)) {
            say("P stuck: no receipt within two minutes");
            Runtime.getRuntime().halt(4);
        }
        var unused = table.append(load.row(step), step.level()).whenComplete((receipt, e) -> settled(step, receipt, e));
    }

    private void settled(Load.Step step, @Nullable Receipt receipt, @Nullable Throwable e) {
        inFlight.release();
        if (receipt != null) {
            say(Receipts.line(step, receipt.level(), receipt.seq()));
            return;
        }
        String reason = e instanceof RecordLostException lost ? lost.reason().name() : String.valueOf(e);
        say("L " + (step.keyed() ? "s " : "e ") + step.seq() + " " + reason.replace('\n', ' '));
    }

    /** A page of the newest and one over everything, by their deadlines (I7). */
    private void query(Store store) {
        long from = System.nanoTime();
        try (Result<Row> rows =
                store.query(Query.builder("events").limit(50).deadline(DEADLINE).build())) {
            rows.toList();
        } catch (LeveeException e) {
            if (e.code() == ErrorCode.CANCELLED || e.code() == ErrorCode.CLOSED) {
                return; // The store closes.
            }
            say("P query " + e.code() + " " + e.what().replace('\n', ' '));
        }
        long took = System.nanoTime() - from;
        if (took > DEADLINE.toNanos() + TimeUnit.MILLISECONDS.toNanos(250)) {
            say("P late " + took);
        }
    }

    /** One write, so that a kill cannot tear a line. */
    private void say(String line) {
        try {
            out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("the oracle is gone", e);
        }
    }
}
