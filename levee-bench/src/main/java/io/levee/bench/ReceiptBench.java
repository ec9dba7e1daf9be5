package io.levee.bench;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.Levee;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Store;
import io.levee.Table;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * How many records a second at each receipt level: in batches of 1,000, and one by one by many callers, each of whom waits for its
 * receipt before it sends the next. These share their commits, and at {@code DURABLE} their syncs.
 */
final class ReceiptBench {
    private static final Instant START = Instant.parse("2026-05-01T00:00:00Z");
    private static final int BATCH = 1000;

    private final Options options;

    ReceiptBench(Options options) {
        this.options = options;
    }

    void run() throws Exception {
        int records = options.number("--records", 500_000);
        int single = options.number("--single", 50_000);
        Invocation[] rows =
                Invocation.generate(records, START, Duration.ofDays(1).toMillis() - 1, 42);
        for (int round = 0; round <= options.number("--rounds", 3); round++) {
            for (Ack level : Ack.values()) {
                print(round, level + " in batches of " + BATCH, records, time(fresh -> batches(fresh, rows, level)));
                for (int callers : options.numbers("--callers", "1,16,64")) {
                    int count = Math.min(single, callers == 1 ? single / 10 : single);
                    print(
                            round,
                            level + " one by one, " + callers + " callers",
                            count,
                            time(fresh -> oneByOne(fresh, rows, count, callers, level)));
                }
            }
        }
    }

    private static void print(int round, String what, int records, double seconds) {
        if (round > 0) {
            System.out.printf("%-36s %,10.0f records/s  (%,d in %.2f s)%n", what, records / seconds, records, seconds);
        }
    }

    private double time(Contest.Contender body) throws Exception {
        Path fresh = options.fresh();
        long began = MonotonicClock.SYSTEM.nanos();
        body.run(fresh);
        double seconds = (MonotonicClock.SYSTEM.nanos() - began) / 1e9;
        Options.delete(fresh);
        return seconds;
    }

    private static Table<Invocation> table(Store store) {
        return store.table(
                Invocation.class,
                t -> t.partitionBy(PartitionBy.DAY).index("finishedAt").index("taskName", "finishedAt"));
    }

    private static Store open(Path fresh) {
        return Levee.open(fresh.resolve("history"), o -> o.memory(Bytes.mebi(512)));
    }

    private static void batches(Path fresh, Invocation[] rows, Ack level) {
        try (Store store = open(fresh)) {
            Table<Invocation> table = table(store);
            Deque<CompletableFuture<BatchReceipt>> flying = new ArrayDeque<>();
            for (int i = 0; i < rows.length; i += BATCH) {
                List<Invocation> batch = Arrays.asList(rows).subList(i, Math.min(rows.length, i + BATCH));
                flying.add(table.appendAll(batch, level, Overflow.block(Duration.ofMinutes(1))));
                while (flying.size() > 64) {
                    flying.remove().join();
                }
            }
            flying.forEach(CompletableFuture::join);
            // Until the last record is in the database, also where nobody waits: an accepted record is not a stored
            // one.
            check(store.close(Duration.ofMinutes(1)), rows.length);
        }
    }

    private static void oneByOne(Path fresh, Invocation[] rows, int count, int callers, Ack level) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(callers);
        try (Store store = open(fresh)) {
            Table<Invocation> table = table(store);
            List<Future<?>> done = new ArrayList<>();
            for (int caller = 0; caller < callers; caller++) {
                int first = caller;
                done.add(threads.submit(() -> {
                    for (int i = first; i < count; i += callers) {
                        table.append(rows[i], level).join();
                    }
                }));
            }
            for (Future<?> each : done) {
                each.get();
            }
            check(store.close(Duration.ofMinutes(1)), count);
        } finally {
            threads.shutdown();
        }
    }

    private static void check(CloseReport report, long expected) {
        if (report.stored() != expected || !report.clean()) {
            throw new IllegalStateException("stored " + report.stored() + " of " + expected + ": " + report);
        }
    }
}
