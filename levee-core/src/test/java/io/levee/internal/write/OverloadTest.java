package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.Overflow;
import io.levee.Receipt;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.supervisor.Supervisor;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Producers never wait under DROP_*, and a stop is bounded whatever hangs (G3, G18-G23, T16, T17). */
class OverloadTest {
    private static final int PRODUCERS = 8;
    private static final int EACH = 40_000;
    private static final int LIMIT = 5_000;
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .build();
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");

    private final FakeEngine engine = new FakeEngine();
    private final Supervisor supervisor = new Supervisor();
    private final CountDownLatch stuck = new CountDownLatch(1);
    private WriteService service;
    private TableState table;

    private void start(Overflow overflow, int queueRecords) {
        StoreOptions options = StoreOptions.builder()
                .queueRecords(queueRecords)
                .overflow(overflow)
                .build();
        Tables tables = new Tables(engine, false);
        table = tables.declare(SPEC);
        service = new WriteService(engine, options, tables, supervisor);
        service.start();
    }

    @AfterEach
    void stop() {
        stuck.countDown();
        service.close(Duration.ofSeconds(1));
        supervisor.stop();
    }

    private static Row row(long i) {
        return Row.of(SPEC).set("i", i).set("at", NOW.plusMillis(i)).build();
    }

    private void stick(List<? extends WriteRow> rows, io.levee.engine.SeqSource seq) {
        pass(stuck);
        engine.store(rows, seq);
    }

    private static void pass(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Stream<Overflow> policies() {
        return Stream.of(Overflow.dropOldest(), Overflow.dropNewest());
    }

    @ParameterizedTest
    @MethodSource("policies")
    void shouldNeverBlockAProducerWhileTheWriterIsStuck(Overflow policy) {
        start(policy, LIMIT);
        engine.writing = this::stick;
        service.append(table, row(-1));
        await().until(() -> engine.batches.get() > 0);
        CountDownLatch done = new CountDownLatch(PRODUCERS);
        for (int p = 0; p < PRODUCERS; p++) {
            long first = (long) p * EACH;
            supervisor.start("producer-" + p, task -> {
                for (long i = first; i < first + EACH; i++) {
                    service.append(table, row(i));
                }
                done.countDown();
            });
        }
        // The writer is stuck for good: had a producer waited for it, none of them would end.
        await().atMost(Duration.ofSeconds(60)).until(() -> {
            Books books = service.books();
            assertThat(books.accepted()).isEqualTo(books.stored() + books.queued() + books.lost() + books.uncertain());
            assertThat(books.queue().records()).isLessThanOrEqualTo(LIMIT);
            return done.getCount() == 0;
        });
        Books books = service.books();
        assertThat(books.accepted()).isEqualTo(PRODUCERS * (long) EACH + 1);
        assertThat(books.queue().records()).as("at its cap").isEqualTo(LIMIT);
        assertThat(books.lost()).isEqualTo(PRODUCERS * (long) EACH + 1 - LIMIT);
        stuck.countDown();
        assertThat(service.flush(Duration.ofSeconds(60))).isTrue();
        CloseReport report = service.close(Duration.ofSeconds(30));
        assertThat(report.clean()).isTrue();
        assertThat(report.stored()).isEqualTo(LIMIT);
        assertThat(engine.stored()).hasSize(LIMIT);
        assertThat(report.gaps().stream().mapToLong(g -> g.count()).sum()).isEqualTo(report.lost());
    }

    @Test
    void shouldCloseInBoundedTimeThoughTheWriterHangsAndTellEveryRecord() {
        start(Overflow.dropOldest(), LIMIT);
        engine.writing = this::stick;
        service.append(table, row(0));
        await().until(() -> engine.batches.get() > 0);
        CompletableFuture<Receipt> waited = service.append(table, row(1), Ack.COMMITTED);
        for (int i = 2; i < 100; i++) {
            service.append(table, row(i));
        }
        CloseReport report = service.close(Duration.ofMillis(100));
        assertThat(report.clean()).isFalse();
        assertThat(report.accepted()).isEqualTo(100);
        assertThat(report.uncertain()).as("in the hands of a writer that hangs").isEqualTo(1);
        assertThat(report.lost()).isEqualTo(99);
        assertThat(report.stored()).isZero();
        assertThat(report.gaps().stream().mapToLong(g -> g.count()).sum()).isEqualTo(100);
        await().until(waited::isCompletedExceptionally);
        stuck.countDown();
        await().until(() -> service.books().uncertain() == 0);
        assertThat(service.books().stored()).as("it came back after all").isEqualTo(1);
    }

    @Test
    void shouldCloseThoughTheDiskIsFullAndTellWhatIsLost() {
        start(Overflow.dropOldest(), LIMIT);
        engine.writing = (rows, seq) -> rows.forEach(
                r -> r.settle(Outcome.RETRY, 0, new io.levee.LeveeException(io.levee.ErrorCode.DISK_FULL, "no room")));
        for (int i = 0; i < 10 * LIMIT; i++) {
            service.append(table, row(i));
        }
        List<CompletableFuture<CloseReport>> twice = new ArrayList<>();
        twice.add(CompletableFuture.supplyAsync(() -> service.close(Duration.ofMillis(200))));
        twice.add(CompletableFuture.supplyAsync(() -> service.close(Duration.ofMillis(200))));
        for (CompletableFuture<CloseReport> close : twice) {
            CloseReport report = close.join();
            assertThat(report.accepted()).isEqualTo(10 * LIMIT);
            assertThat(report.lost()).isEqualTo(10 * LIMIT);
            assertThat(report.reason()).contains("could not be written");
        }
    }

    @Test
    void shouldGoOnAndCloseThoughStagesOfReceiptsBlock() throws Exception {
        start(Overflow.dropOldest(), LIMIT);
        CountDownLatch running = new CountDownLatch(2);
        for (int i = 0; i < 2; i++) {
            // A record that is stored before its stage is there would have that run here, and stop the test itself.
            CountDownLatch attached = new CountDownLatch(1);
            engine.writing = (rows, seq) -> {
                pass(attached);
                engine.store(rows, seq);
            };
            CompletableFuture<Void> blocked = service.append(table, row(i), Ack.COMMITTED)
                    .thenRun(() -> {
                        running.countDown();
                        pass(stuck);
                    });
            attached.countDown();
            assertThat(blocked).isNotNull();
            // A commit of its own, so that the second stage does not wait behind the first one in the same thread.
            assertThat(service.flush(Duration.ofSeconds(60))).isTrue();
        }
        CompletableFuture<Receipt> last = null;
        for (int i = 2; i < 1_200; i++) {
            // A commit each: more answers than the receipts thread's queue holds.
            last = service.append(table, row(i), Ack.COMMITTED);
            service.flush(Duration.ofSeconds(60));
        }
        assertThat(running.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(last.get(60, TimeUnit.SECONDS).seq()).isPositive();
        CloseReport report = service.close(Duration.ofSeconds(30));
        assertThat(report.clean()).isTrue();
        assertThat(report.stored()).isEqualTo(1_200);
    }
}
