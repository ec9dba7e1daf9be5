package io.levee.bench;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.Receipt;
import io.levee.Store;
import io.levee.Table;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.ConcurrentHistogram;

/**
 * How long it takes from the moment a record was to be sent until its receipt, at fixed rates.
 *
 * <p>One record at a time, each at its own instant of a schedule that does not wait for the store: where the sender falls behind, the
 * delay counts (coordinated omission corrected by intended times). The receipt is taken where a caller's stage would run.
 */
final class LatencyBench {
    private static final Instant START = Instant.parse("2026-05-01T00:00:00Z");
    private static final int WARM_UP_SECONDS = 5;
    /** A stage that is further behind than this is told as saturated, not measured for ever. */
    private static final int LONGEST_QUEUE = 150_000;

    private final Options options;

    LatencyBench(Options options) {
        this.options = options;
    }

    void run() throws Exception {
        int seconds = options.number("--seconds", 30);
        Ack level = Ack.valueOf(options.text("--ack", "COMMITTED").toUpperCase(java.util.Locale.ROOT));
        for (int rate : options.numbers("--rates", "1000,10000,50000")) {
            Path fresh = options.fresh();
            try (Store store = Levee.open(fresh.resolve("history"), o -> o.memory(Bytes.gibi(1)))) {
                Table<Invocation> table = store.table(
                        Invocation.class,
                        t -> t.partitionBy(PartitionBy.DAY).index("finishedAt").index("taskName", "finishedAt"));
                Invocation[] rows =
                        Invocation.generate(100_000, START, Duration.ofDays(1).toMillis() - 1, 42);
                at(table, rows, rate, WARM_UP_SECONDS, level);
                print(rate, seconds, level, at(table, rows, rate, seconds, level));
            }
            Options.delete(fresh);
        }
    }

    private static ConcurrentHistogram at(Table<Invocation> table, Invocation[] rows, int rate, int seconds, Ack level)
            throws Exception {
        ConcurrentHistogram micros = new ConcurrentHistogram(TimeUnit.MINUTES.toMicros(2), 3);
        Semaphore room = new Semaphore(LONGEST_QUEUE);
        long count = (long) rate * seconds;
        long began = MonotonicClock.SYSTEM.nanos() + TimeUnit.MILLISECONDS.toNanos(50);
        CompletableFuture<?> last = CompletableFuture.completedFuture(null);
        for (long i = 0; i < count; i++) {
            long intended = began + i * 1_000_000_000L / rate;
            awaitNanos(intended);
            room.acquire();
            CompletableFuture<Receipt> receipt = table.append(rows[(int) (i % rows.length)], level);
            last = receipt.whenComplete((value, error) -> {
                micros.recordValue((MonotonicClock.SYSTEM.nanos() - intended) / 1000);
                room.release();
            });
        }
        last.join();
        room.acquire(LONGEST_QUEUE);
        return micros;
    }

    private static void awaitNanos(long instant) {
        for (long left = instant - MonotonicClock.SYSTEM.nanos();
                left > 0;
                left = instant - MonotonicClock.SYSTEM.nanos()) {
            if (left > 100_000) {
                LockSupport.parkNanos(left - 60_000);
            } else {
                Thread.onSpinWait();
            }
        }
    }

    private static void print(int rate, int seconds, Ack level, ConcurrentHistogram micros) {
        System.out.printf(
                "%s at %,d records/s for %d s: p50 %.2f  p99 %.2f  p99.9 %.2f  max %.2f ms (%,d receipts)%n",
                level,
                rate,
                seconds,
                micros.getValueAtPercentile(50) / 1000.0,
                micros.getValueAtPercentile(99) / 1000.0,
                micros.getValueAtPercentile(99.9) / 1000.0,
                micros.getMaxValue() / 1000.0,
                micros.getTotalCount());
    }
}
