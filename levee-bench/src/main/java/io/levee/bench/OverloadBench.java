package io.levee.bench;

import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.Levee;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.internal.json.Json;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Producers that are many times faster than the writer, under {@code DROP_OLDEST}, for minutes: the queue stays at its cap, memory stays
 * flat, every record is accounted for, and no producer ever waits. Prints one JSON object with a verdict.
 *
 * <p>Eight indexes make the writer slow; the table is kept within 1 GiB, and its time goes on an hour with each million records, so that
 * the disk is bounded too. To be run with a fixed heap, such as {@code java -Xms512m -Xmx512m -jar levee-bench.jar overload}.
 */
final class OverloadBench {
    private static final int RECORDS_AN_HOUR = 1_000_000;
    private static final long LONGEST_CALL_MICROS = TimeUnit.SECONDS.toMicros(1);

    private final Options options;
    private volatile boolean stop;

    OverloadBench(Options options) {
        this.options = options;
    }

    /** One producer: how many it appended, and its longest call. Written by its thread, read after its end. */
    private final class Producer implements Runnable {
        private final Table<Invocation> table;
        private final Invocation[] rows;
        private final Instant begin;
        private long appended;
        private long longestNanos;
        private @Nullable RuntimeException failure;

        Producer(Table<Invocation> table, Invocation[] rows, Instant begin) {
            this.table = table;
            this.rows = rows;
            this.begin = begin;
        }

        @Override
        public void run() {
            try {
                while (!stop) {
                    Invocation row = rows[(int) (appended % rows.length)];
                    Instant at = begin.plusSeconds(appended / RECORDS_AN_HOUR * 3600);
                    Invocation timed = row.finishingAt(at);
                    long from = MonotonicClock.SYSTEM.nanos();
                    table.append(timed);
                    longestNanos = Math.max(longestNanos, MonotonicClock.SYSTEM.nanos() - from);
                    appended++;
                }
            } catch (RuntimeException e) {
                failure = e;
            }
        }
    }

    /** A second's figures. */
    private record Sample(double seconds, long rssKib, long queued, boolean balanced) {}

    boolean run() throws Exception {
        double minutes = Double.parseDouble(options.text("--minutes", "10"));
        int producers = options.number("--producers", 2);
        int queue = options.number("--queue", 50_000);
        Path fresh = options.fresh();
        Map<String, Object> answer = new LinkedHashMap<>();
        List<String> failures = new ArrayList<>();
        Store store = Levee.open(
                fresh.resolve("history"),
                o -> o.memory(Bytes.mebi(256)).queueRecords(queue).overflow(Overflow.dropOldest()));
        try {
            overload(store, minutes, producers, queue, answer, failures);
        } finally {
            store.close();
            Options.delete(fresh);
        }
        answer.put("failures", failures);
        answer.put("pass", failures.isEmpty());
        System.out.println(Json.write(answer));
        return failures.isEmpty();
    }

    private void overload(
            Store store, double minutes, int count, int queue, Map<String, Object> answer, List<String> failures)
            throws InterruptedException, IOException {
        Table<Invocation> table = store.table(
                Invocation.class,
                t -> t.partitionBy(PartitionBy.HOUR)
                        .keepWithin(Bytes.gibi(1))
                        .index("finishedAt")
                        .index("taskId")
                        .index("taskName", "finishedAt")
                        .index("state", "finishedAt")
                        .index("worker", "finishedAt")
                        .index("queue", "finishedAt")
                        .index("runtimeMs")
                        .index("exceptionType", "taskId"));
        Instant begin = Instant.parse("2024-01-01T00:00:00Z");
        Invocation[] rows = Invocation.generate(10_000, begin, 1000, 42);
        List<Producer> producers = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Producer producer = new Producer(table, rows, begin);
            producers.add(producer);
            threads.add(new Thread(producer, "producer-" + i));
        }
        long from = MonotonicClock.SYSTEM.nanos();
        threads.forEach(Thread::start);
        List<Sample> samples = sample(store, from, minutes, count);
        stop = true;
        for (Thread thread : threads) {
            thread.join();
        }
        CloseReport report = store.close(Duration.ofMinutes(2));
        judge(report, producers, samples, queue, answer, failures);
    }

    /** Once a second; what the producers had in their hands between two reads of the books shows in none. */
    private static List<Sample> sample(Store store, long from, double minutes, int producers)
            throws InterruptedException, IOException {
        List<Sample> samples = new ArrayList<>();
        double end = minutes * 60;
        for (double at = 0; at < end; at = (MonotonicClock.SYSTEM.nanos() - from) / 1e9) {
            TimeUnit.MILLISECONDS.sleep(1000);
            StoreStatus status = store.status();
            long accounted = status.stored() + status.queue().records() + status.lost() + status.uncertain();
            samples.add(new Sample(at + 1, rssKib(), status.queue().records(), accounted == status.accepted()));
            if (samples.size() % 10 == 0) {
                System.err.printf(
                        "%4.0f s: accepted %,d, stored %,d, lost %,d, queued %,d, RSS %,d KiB, %d producers%n",
                        at + 1,
                        status.accepted(),
                        status.stored(),
                        status.lost(),
                        status.queue().records(),
                        samples.get(samples.size() - 1).rssKib,
                        producers);
            }
        }
        return samples;
    }

    private static void judge(
            CloseReport report,
            List<Producer> producers,
            List<Sample> samples,
            int queue,
            Map<String, Object> answer,
            List<String> failures) {
        long appended = producers.stream().mapToLong(p -> p.appended).sum();
        long longestMicros =
                producers.stream().mapToLong(p -> p.longestNanos).max().orElse(0) / 1000;
        long mostQueued = samples.stream().mapToLong(Sample::queued).max().orElse(0);
        long unbalanced = samples.stream().filter(s -> !s.balanced).count();
        double overload = (double) appended / Math.max(1, report.stored());
        // The first third fills caches and compiles; from then on memory has to be flat.
        List<Sample> steady = samples.subList(samples.size() / 3, samples.size());
        double slope = slope(steady);
        double meanRss = steady.stream().mapToLong(Sample::rssKib).average().orElse(0);
        double grown = slope * steady.size();
        for (Producer producer : producers) {
            check(failures, producer.failure == null, "a producer ended with " + producer.failure);
        }
        check(failures, report.clean(), "the store did not close in order: " + report.reason());
        check(failures, report.accepted() == appended, appended + " appended, " + report.accepted() + " accepted");
        check(
                failures,
                report.accepted() == report.stored() + report.lost() + report.uncertain(),
                "stored, lost and uncertain are not what was accepted");
        check(failures, unbalanced == 0, unbalanced + " samples of the books did not balance");
        check(failures, mostQueued <= queue, mostQueued + " records queued with a cap of " + queue);
        check(failures, mostQueued >= queue * 9L / 10, "the queue was never near its cap: no overload");
        check(failures, overload >= 10, "only " + overload + " times as many records as were stored");
        check(failures, longestMicros < LONGEST_CALL_MICROS, "a call took " + longestMicros + " µs");
        check(failures, grown < Math.max(16_384, 0.05 * meanRss), "RSS grew by " + Math.round(grown) + " KiB");
        answer.put("seconds", samples.size());
        answer.put("maxHeapMiB", Runtime.getRuntime().maxMemory() >> 20);
        answer.put("appended", appended);
        answer.put("accepted", report.accepted());
        answer.put("stored", report.stored());
        answer.put("lost", report.lost());
        answer.put("overload", Math.round(overload * 10) / 10.0);
        answer.put("queueLimit", queue);
        answer.put("mostQueued", mostQueued);
        answer.put("longestCallMicros", longestMicros);
        answer.put("meanRssKiB", Math.round(meanRss));
        answer.put("rssSlopeKiBPerMinute", Math.round(slope * 60));
        answer.put("rssKiB", samples.stream().map(Sample::rssKib).toList());
    }

    private static void check(List<String> failures, boolean holds, String otherwise) {
        if (!holds) {
            failures.add(otherwise);
        }
    }

    /** By least squares: KiB a second. */
    private static double slope(List<Sample> samples) {
        double meanX = samples.stream().mapToDouble(Sample::seconds).average().orElse(0);
        double meanY = samples.stream().mapToDouble(Sample::rssKib).average().orElse(0);
        double over = 0;
        double under = 0;
        for (Sample sample : samples) {
            over += (sample.seconds - meanX) * (sample.rssKib - meanY);
            under += (sample.seconds - meanX) * (sample.seconds - meanX);
        }
        return under == 0 ? 0 : over / under;
    }

    private static long rssKib() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        throw new IOException("/proc/self/status has no VmRSS");
    }
}
