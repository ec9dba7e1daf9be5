package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Producers that offer far more than the disk takes: the queue stays at its cap, memory flat, the books exact to the record (G3, G5, G6, G11).
 * Five seconds in the suite; {@code -Dlevee.long=true -Dlevee.minutes=10} for the figures, in a JVM of a fixed heap.
 */
class OverloadTest {
    private static final int PRODUCERS = 4;

    @TempDir
    Path directory;

    @Test
    void shouldStayWithinItsLimitsUnderOverload() throws Exception {
        long seconds = Boolean.getBoolean("levee.long") ? Long.getLong("levee.minutes", 10) * 60 : 5;
        run(directory, seconds);
    }

    /** The same without a test runner: {@code java -Xmx256m … OverloadTest DIRECTORY SECONDS}. */
    public static void main(String[] args) throws Exception {
        run(Path.of(args[0]), Long.parseLong(args[1]));
    }

    private static void run(Path directory, long seconds) throws Exception {
        TableSpec spec = TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .build();
        int limit = 100_000;
        AtomicBoolean end = new AtomicBoolean();
        LongAdder offered = new LongAdder();
        ExecutorService producers = Executors.newFixedThreadPool(PRODUCERS);
        List<Long> resident = new ArrayList<>();
        CloseReport report;
        try (Store store = Levee.open(
                directory.resolve("store"), o -> o.memory(Bytes.mebi(128)).queueRecords(limit))) {
            Table<Row> table = store.createTable(spec);
            List<Future<?>> running = new ArrayList<>();
            for (int p = 0; p < PRODUCERS; p++) {
                running.add(producers.submit(() -> {
                    // The same records again and again: making them costs more than offering them.
                    List<Row> rows = new ArrayList<>();
                    Instant now = Instant.now();
                    for (long i = 0; i < 1024; i++) {
                        rows.add(Row.of(spec)
                                .set("i", i)
                                .set("at", now)
                                .set("text", "overload " + i)
                                .build());
                    }
                    for (int i = 0; !end.get(); i++) {
                        table.append(rows.get(i & 1023));
                        offered.increment();
                    }
                }));
            }
            for (long s = 0; s < seconds; s++) {
                // The pause between two samples; nothing here depends on its length.
                assertThat(producers.awaitTermination(1, TimeUnit.SECONDS)).isFalse();
                StoreStatus status = store.status();
                StoreStatus.Queue queue = status.queue();
                assertThat(status.accepted())
                        .isEqualTo(status.stored()
                                + queue.records()
                                + queue.spilledRecords()
                                + status.lost()
                                + status.uncertain());
                assertThat(queue.records()).isBetween(0L, (long) limit);
                assertThat(queue.bytes()).isBetween(0L, queue.limitBytes());
                resident.add(status.memory().rssBytes());
                if (seconds > 60 && s % 30 == 0) {
                    System.out.printf(
                            "%d s: offered %d, stored %d, lost %d, queued %d, rss %d MiB%n",
                            s,
                            offered.sum(),
                            status.stored(),
                            status.lost(),
                            queue.records(),
                            status.memory().rssBytes() >> 20);
                }
            }
            end.set(true);
            for (Future<?> producer : running) {
                producer.get(60, TimeUnit.SECONDS);
            }
            report = store.close(Duration.ofSeconds(60));
        } finally {
            end.set(true);
            producers.shutdownNow();
        }
        assertThat(report.clean()).as(report.reason()).isTrue();
        assertThat(report.accepted()).as("exact to the record").isEqualTo(offered.sum());
        assertThat(report.stored() + report.lost()).isEqualTo(report.accepted());
        try (Store store = Levee.openReadOnly(directory.resolve("store"))) {
            assertThat(store.count(io.levee.Query.builder("events").build())).isEqualTo(report.stored());
        }
        if (seconds > 60) {
            // Once the caches are filled, more time must not take more memory.
            assertThat(resident.get(resident.size() - 1)).isLessThan(resident.get(resident.size() / 4) * 5 / 4);
        }
        System.out.printf(
                "overload: %d s, %d offered, %d stored (1 of %.1f), rss from %d to %d MiB%n",
                seconds,
                report.accepted(),
                report.stored(),
                (double) report.accepted() / report.stored(),
                resident.get(resident.size() / 4) >> 20,
                resident.get(resident.size() - 1) >> 20);
    }
}
