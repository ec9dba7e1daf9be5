package io.levee.bench;

import io.levee.Bytes;
import io.levee.Levee;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Store;
import io.levee.Table;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * What {@code append} at {@code ACCEPTED} costs its caller: filling the row, the time guard, the queue's lock.
 *
 * <p>{@code keepsUp}: the queue is emptied before each iteration and has room for all of it, so that nothing is shed.
 * {@code overload}: a queue of 20,000 records under {@code DROP_OLDEST} that is always full: each append evicts one record and counts it.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class EnqueueBench {
    /** Appends of an iteration that keeps up, all threads together: the queue has room for them. */
    private static final int ITERATION = 400_000;

    /** A store with its queue, shared by all producers. */
    @State(Scope.Benchmark)
    public static class Queue {
        /** How large the queue is: {@code keepsUp} or {@code overload}. */
        @Param({"keepsUp", "overload"})
        @SuppressWarnings("NullAway.Init") // Set by JMH.
        public String load;

        @SuppressWarnings("NullAway.Init") // Made by open().
        private Path directory;

        @SuppressWarnings("NullAway.Init") // Made by open().
        private Store store;

        @SuppressWarnings("NullAway.Init") // Made by open().
        private Table<Invocation> table;

        @SuppressWarnings("NullAway.Init") // Made by open().
        private Invocation[] rows;

        /** Opens a store. */
        @Setup
        public void open() throws IOException {
            Instant start = Instant.parse("2026-05-01T00:00:00Z");
            rows = Invocation.generate(10_000, start, Duration.ofDays(1).toMillis() - 1, 42);
            directory = java.nio.file.Files.createTempDirectory("bench");
            store = Levee.open(
                    directory.resolve("history"),
                    o -> o.memory(Bytes.gibi(2))
                            .queueRecords(load.equals("overload") ? 20_000 : ITERATION + 10_000)
                            .overflow(Overflow.dropOldest()));
            table = store.table(Invocation.class, t -> t.partitionBy(PartitionBy.DAY));
        }

        /** Empties the queue. */
        @Setup(Level.Iteration)
        public void empty() {
            if (!load.equals("overload") && !store.flush(Duration.ofMinutes(2))) {
                throw new IllegalStateException("the queue was not empty after two minutes");
            }
        }

        /** Closes and deletes it. */
        @TearDown
        public void close() throws IOException {
            long lost = store.close(Duration.ofMinutes(2)).lost();
            if (load.equals("keepsUp") && lost > 0) {
                throw new IllegalStateException(lost + " records were shed where none should be");
            }
            Options.delete(directory);
        }
    }

    /** Which record a producer appends next. */
    @State(Scope.Thread)
    public static class Producer {
        private int next;

        int next(int length) {
            next = next + 1 == length ? 0 : next + 1;
            return next;
        }
    }

    /** One append. */
    @Benchmark
    public void append(Queue queue, Producer producer) {
        queue.table.append(queue.rows[producer.next(queue.rows.length)]);
    }

    /** Runs it with each number of producers. */
    static void run(Options options) throws RunnerException {
        int iterations = options.number("--iterations", 10);
        for (int producers : options.numbers("--producers", "1,2,4,8")) {
            System.out.println("# producers: " + producers);
            // Single shots of a known number of appends: however fast they are, the queue has room for them.
            new Runner(new OptionsBuilder()
                            .include(EnqueueBench.class.getSimpleName())
                            .param("load", "keepsUp")
                            .mode(Mode.SingleShotTime)
                            .warmupBatchSize(ITERATION / producers)
                            .measurementBatchSize(ITERATION / producers)
                            .warmupIterations(iterations)
                            .measurementIterations(iterations)
                            .timeUnit(TimeUnit.MICROSECONDS)
                            .threads(producers)
                            .forks(1)
                            .build())
                    .run()
                    .forEach(result -> {
                        double micros = result.getPrimaryResult().getScore();
                        System.out.printf(
                                "producers %d, keeps up: %.0f ns an append (per thread; %d appends in %.1f ms)%n",
                                producers, micros * 1000 * producers / ITERATION, ITERATION / producers, micros / 1000);
                    });
            new Runner(new OptionsBuilder()
                            .include(EnqueueBench.class.getSimpleName())
                            .param("load", "overload")
                            .warmupIterations(3)
                            .measurementIterations(iterations)
                            .measurementTime(TimeValue.seconds(1))
                            .warmupTime(TimeValue.seconds(1))
                            .threads(producers)
                            .forks(1)
                            .build())
                    .run()
                    .forEach(result -> System.out.printf(
                            "producers %d, overload: %.0f ns an append (per thread)%n",
                            producers, result.getPrimaryResult().getScore()));
        }
    }
}
