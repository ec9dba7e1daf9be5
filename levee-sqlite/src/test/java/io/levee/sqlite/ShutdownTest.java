package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A close settles everything, tells the truth about it, and leaves nothing behind. */
class ShutdownTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private final ExecutorService threads = Executors.newFixedThreadPool(6);

    @AfterEach
    void endThreads() {
        threads.shutdownNow();
    }

    private static Row row(long i) {
        return Row.of(SPEC)
                .set("i", i)
                .set("at", DAY1.plusSeconds(i % 5 * 86_400))
                .build();
    }

    private long rowsFound() {
        try (Store store = Levee.open(directory)) {
            assertThat(store.status().lastShutdown()).isEqualTo("CLEAN");
            return store.count(Query.builder("events").build());
        }
    }

    /** An executor that is shut down interrupts those who then close what they had open. */
    @Test
    void shouldCloseInOrderInAnInterruptedThread() {
        Store store = Levee.open(directory);
        Table<Row> events = store.createTable(SPEC);
        for (long i = 0; i < 5_000; i++) {
            events.append(row(i));
        }
        Thread.currentThread().interrupt();
        CloseReport report;
        try {
            report = store.close(Duration.ofSeconds(30));
        } finally {
            assertThat(Thread.interrupted()).as("still interrupted").isTrue();
        }
        assertThat(report.lost()).isZero();
        assertThat(rowsFound()).isEqualTo(5_000);
    }

    @Test
    void shouldBalanceTheBooksWhenAppendsRaceTheClose() throws Exception {
        Store store = Levee.open(directory);
        Table<Row> events = store.createTable(SPEC);
        AtomicLong taken = new AtomicLong();
        List<CompletableFuture<Receipt>> futures = Collections.synchronizedList(new ArrayList<>());
        List<Future<?>> producers = new ArrayList<>();
        CountDownLatch running = new CountDownLatch(4);
        for (int p = 0; p < 4; p++) {
            boolean waits = p % 2 == 0;
            producers.add(threads.submit(() -> {
                for (long i = 0; ; i++) {
                    try {
                        if (waits) {
                            futures.add(events.append(row(i), Ack.COMMITTED));
                        } else {
                            events.append(row(i));
                        }
                        taken.incrementAndGet();
                    } catch (LeveeException e) {
                        if (e.code() == ErrorCode.QUEUE_FULL) {
                            continue;
                        }
                        assertThat(e.code()).isEqualTo(ErrorCode.CLOSED);
                        return;
                    }
                    if (i == 500) {
                        running.countDown();
                    }
                }
            }));
        }
        assertThat(running.await(60, TimeUnit.SECONDS)).isTrue();
        List<Future<CloseReport>> closes = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            closes.add(threads.submit(() -> store.close(Duration.ofSeconds(30))));
        }
        CloseReport report = closes.get(0).get(60, TimeUnit.SECONDS);
        assertThat(closes.get(1).get(60, TimeUnit.SECONDS)).isSameAs(report);
        assertThat(store.close(Duration.ZERO)).isSameAs(report);
        for (Future<?> producer : producers) {
            producer.get(60, TimeUnit.SECONDS);
        }
        assertThat(report.clean()).as(report.reason()).isTrue();
        assertThat(report.accepted()).isEqualTo(taken.get());
        assertThat(report.stored() + report.lost()).isEqualTo(report.accepted());
        assertThat(futures).allMatch(CompletableFuture::isDone).noneMatch(CompletableFuture::isCompletedExceptionally);
        assertThat(rowsFound()).isEqualTo(report.stored());
    }

    @Test
    void shouldLeaveNoThreadBehind() {
        Store store = Levee.open(directory);
        store.createTable(SPEC).append(row(1));
        assertThat(leveeThreads()).contains("levee-writer", "levee-catalog", "levee-query-1", "levee-watchdog");
        store.close();
        await().until(() -> leveeThreads().isEmpty());
        assertThat(rowsFound()).isEqualTo(1);
        assertThat(Handles.open(directory.resolve("catalog.db"))).isZero();
        assertThat(Handles.open(directory.resolve("tables/events/2026-05-11.db")))
                .isZero();
    }

    private static List<String> leveeThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("levee-"))
                .sorted()
                .toList();
    }

    @Test
    void shouldRefuseWorkAfterTheClose() {
        Store store = Levee.open(directory);
        Table<Row> events = store.createTable(SPEC);
        store.close();
        List<Runnable> attempts = List.of(
                () -> events.append(row(1)),
                () -> events.append(row(1), Ack.COMMITTED).join(),
                () -> events.appendAll(List.of(row(1)), Ack.COMMITTED).join(),
                () -> events.query().count(),
                () -> store.query(Query.builder("events").build()).toList(),
                () -> store.createTable(TableSpec.builder("more")
                        .column("at", ColumnType.TIMESTAMP)
                        .time("at")
                        .build()));
        for (Runnable attempt : attempts) {
            assertThat(catchThrowableOfType(LeveeException.class, attempt::run).code())
                    .isEqualTo(ErrorCode.CLOSED);
        }
    }

    @Test
    void shouldEndQueriesThatStillRunWhenItCloses() throws Exception {
        Store store = Levee.open(directory);
        store.createTable(SPEC);
        Future<?> endless = threads.submit(() -> {
            try (var result = store.sql(io.levee.SqlQuery.of(
                    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"))) {
                return catchThrowableOfType(
                                LeveeException.class, () -> result.iterator().hasNext())
                        .code();
            }
        });
        await().until(() -> store.queries().stream().anyMatch(q -> q.toString().contains("running")));
        CloseReport report = store.close(Duration.ofSeconds(60));
        assertThat(endless.get(60, TimeUnit.SECONDS)).isEqualTo(ErrorCode.CANCELLED);
        assertThat(report.clean()).isTrue();
    }
}
