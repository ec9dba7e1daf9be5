package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Health;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.Receipt;
import io.levee.RecordLostException;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.StoreStatus;
import io.levee.TableSpec;
import io.levee.engine.RowQuery;
import io.levee.engine.WriteRow;
import io.levee.internal.query.Gaps;
import io.levee.internal.status.StatusService;
import io.levee.internal.supervisor.Supervisor;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The writing half of a store over an engine that misbehaves: the books balance, and the writer survives. */
class WritingTest {
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .build();

    private final FakeEngine engine = new FakeEngine();
    private final Supervisor supervisor = new Supervisor();
    private final CountDownLatch stuck = new CountDownLatch(1);
    private WriteService service;
    private TableState table;
    private StatusService status;

    private void start(Consumer<StoreOptions.Builder> choose) {
        StoreOptions.Builder builder = StoreOptions.builder().closeTimeout(Duration.ofSeconds(5));
        choose.accept(builder);
        StoreOptions options = builder.build();
        Tables tables = new Tables(engine, false);
        table = tables.declare(SPEC);
        service = new WriteService(engine, options, tables, supervisor);
        status = new StatusService(engine, options, tables, supervisor, service);
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

    private void stickTheWriter() {
        engine.writing = (rows, seq) -> {
            try {
                stuck.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            engine.store(rows, seq);
        };
        long before = engine.batches.get();
        service.append(table, row(-1));
        assertThat(service.onWriter(() -> 0)).as("makes the writer look now").isNotNull();
        await().until(() -> engine.batches.get() > before);
    }

    private void booksBalance() {
        Books books = service.books();
        assertThat(books.stored() + books.lost() + books.queued() + books.uncertain())
                .isEqualTo(books.accepted());
        assertThat(books.queue().records()).isLessThanOrEqualTo(books.queue().limitRecords());
        assertThat(books.queue().bytes()).isBetween(0L, books.queue().limitBytes());
    }

    /** G74: of what was counted as too many, as many stay as were erased or replaced since, the youngest of them. */
    @Test
    void shouldLeaveWhatMayBeWantedSinceItWasCounted() {
        start(o -> {});
        List<RowQuery.Mark> marks =
                List.of(new RowQuery.Mark(1, 11), new RowQuery.Mark(2, 12), new RowQuery.Mark(3, 13));
        long[] younger = {2, 1, 0};
        long counted = table.removed();
        service.changes().deleteRows(table, List.of(new RowQuery.Mark(9, 99)), null);
        assertThat(service.changes().deletePast(table, marks, younger, counted)).isEqualTo(2);
        assertThat(engine.stored()).contains("delete 11", "delete 12").doesNotContain("delete 13");
        assertThat(service.changes().deletePast(table, marks.subList(2, 3), new long[] {0}, table.removed()))
                .as("nothing went since, what it deletes itself left aside")
                .isEqualTo(1);
    }

    @Test
    void shouldDropTheOldestAndNeverBlockWhileTheWriterIsStuck() {
        start(o -> o.queueRecords(10));
        stickTheWriter();
        CompletableFuture<Receipt> waitedFor = service.append(table, row(0), Ack.COMMITTED);
        for (int i = 1; i <= 1000; i++) {
            service.append(table, row(i));
            booksBalance();
        }
        assertThat(service.books().lost()).isEqualTo(1000 - 8);
        assertThat(status.status().lostByReason())
                .containsExactlyEntriesOf(java.util.Map.of(LossReason.OVERFLOW, 992L));
        assertThat(new Gaps(engine, service).touching("events", Long.MIN_VALUE, Long.MAX_VALUE))
                .singleElement()
                .matches(g -> g.count() == 992);
        assertThat(service.losses().gaps()).singleElement().matches(g -> g.count() == 992);
        stuck.countDown();
        assertThat(waitedFor.join().seq()).isPositive();
        assertThat(service.flush(Duration.ofSeconds(60))).isTrue();
        assertThat(engine.stored()).containsExactly(-1L, 0L, 993L, 994L, 995L, 996L, 997L, 998L, 999L, 1000L);
        CloseReport report = service.close(Duration.ofSeconds(5));
        assertThat(report.accepted()).isEqualTo(1002);
        assertThat(report.stored()).isEqualTo(10);
        assertThat(report.lost()).isEqualTo(992);
        assertThat(report.clean()).isTrue();
    }

    @Test
    void shouldNeverEvictWhatIsWaitedFor() {
        start(o -> o.queueRecords(5));
        stickTheWriter();
        List<CompletableFuture<Receipt>> waiting = IntStream.range(0, 4)
                .mapToObj(i -> service.append(table, row(i), Ack.COMMITTED))
                .toList();
        service.append(table, row(9));
        assertThat(service.books().lost())
                .as("the new one is the only one that nobody waits for and nobody writes")
                .isEqualTo(1);
        assertThatThrownBy(() -> service.append(table, row(9), Ack.COMMITTED)).hasMessageContaining("QUEUE_FULL");
        booksBalance();
        assertThat(service.books().lost()).isEqualTo(1);
        stuck.countDown();
        waiting.forEach(CompletableFuture::join);
    }

    @Test
    void shouldShedTheNewestWhereThatIsThePolicy() {
        start(o -> o.queueRecords(3).overflow(Overflow.dropNewest()));
        stickTheWriter();
        for (int i = 0; i < 10; i++) {
            service.append(table, row(i));
            booksBalance();
        }
        assertThat(service.books().lost()).isEqualTo(8);
        stuck.countDown();
        assertThat(service.flush(Duration.ofSeconds(60))).isTrue();
        assertThat(engine.stored()).containsExactly(-1L, 0L, 1L);
    }

    @Test
    void shouldRejectABatchWholeAndBlockNoLongerThanAllowed() {
        start(o -> o.queueRecords(5));
        stickTheWriter();
        List<Row> six = IntStream.range(0, 6).mapToObj(WritingTest::row).toList();
        List<Row> five = six.subList(0, 5);
        assertThat(refused(six, Overflow.reject())).isEqualTo(ErrorCode.TOO_LARGE);
        assertThat(refused(five, Overflow.reject())).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(service.books().accepted()).isEqualTo(1);
        CompletableFuture<BatchReceipt> some = all(six, Overflow.block(Duration.ofMillis(50)));
        assertThat(service.books().accepted()).isEqualTo(5);
        booksBalance();
        stuck.countDown();
        BatchReceipt receipt = some.join();
        assertThat(receipt.stored()).isEqualTo(4);
        assertThat(receipt.rejected()).extracting(BatchReceipt.Rejection::index).containsExactly(4, 5);
    }

    private CompletableFuture<BatchReceipt> all(List<Row> rows, Overflow overflow) {
        return service.appendAll(
                table,
                rows,
                IntStream.range(0, rows.size()).toArray(),
                new ArrayList<>(),
                List.of(),
                Ack.COMMITTED,
                overflow);
    }

    private ErrorCode refused(List<Row> rows, Overflow overflow) {
        return catchThrowableOfType(LeveeException.class, () -> all(rows, overflow))
                .code();
    }

    @Test
    void shouldSurviveAnEngineThatThrowsAndCountTheLossExactly() {
        start(o -> {});
        for (Throwable failure : List.of(
                new IllegalStateException("boom"),
                new LeveeException(ErrorCode.IO_FAILED, "io"),
                new StackOverflowError())) {
            engine.writing = (rows, seq) -> {
                if (failure instanceof Error e) {
                    throw e;
                }
                throw (RuntimeException) failure;
            };
            assertThatThrownBy(
                            () -> service.append(table, row(1), Ack.COMMITTED).join())
                    .isInstanceOf(CompletionException.class)
                    .hasCauseInstanceOf(RecordLostException.class);
            await().until(() -> status.status().health().state() == Health.State.DOWN);
        }
        engine.writing = (rows, seq) -> {
            // The first half is written, the rest is not.
            List<? extends WriteRow> half = rows.subList(0, rows.size() / 2);
            engine.store(half, seq);
            rows.subList(rows.size() / 2, rows.size())
                    .forEach(r -> r.settle(WriteRow.Outcome.FAILED, 0, new LeveeException(ErrorCode.IO_FAILED, "io")));
        };
        BatchReceipt receipt = all(
                        IntStream.range(0, 10).mapToObj(WritingTest::row).toList(), Overflow.reject())
                .join();
        assertThat(receipt.stored()).isEqualTo(5);
        assertThat(receipt.lost()).isEqualTo(5);
        engine.writing = engine::store;
        assertThat(service.append(table, row(5), Ack.COMMITTED).join().seq()).isPositive();
        booksBalance();
        await().until(() -> status.status().health().state() == Health.State.DEGRADED);
        StoreStatus now = status.status();
        assertThat(now.lostByReason()).containsEntry(LossReason.WRITE_FAILED, 8L);
        CloseReport report = service.close(Duration.ofSeconds(5));
        assertThat(report.lost()).isEqualTo(8);
        assertThat(report.stored()).isEqualTo(6);
        assertThat(report.gaps().stream().mapToLong(g -> g.count()).sum()).isEqualTo(8);
    }

    @Test
    void shouldTryAgainInOrderWhatCannotBeWrittenYet() {
        start(o -> {});
        CountDownLatch refusals = new CountDownLatch(3);
        engine.writing = (rows, seq) -> {
            if (refusals.getCount() == 0) {
                engine.store(rows, seq);
                return;
            }
            refusals.countDown();
            rows.forEach(r -> r.settle(WriteRow.Outcome.RETRY, 0, new LeveeException(ErrorCode.DISK_FULL, "full")));
        };
        List<CompletableFuture<Receipt>> all = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            all.add(service.append(table, row(i), Ack.COMMITTED));
        }
        all.forEach(CompletableFuture::join);
        assertThat(engine.stored())
                .isEqualTo(
                        IntStream.range(0, 100).mapToObj(i -> (Object) (long) i).toList());
        booksBalance();
        assertThat(service.books().lost()).isZero();
    }

    @Test
    void shouldWaitInAFlushForWhatIsTriedAgainThoughLaterRecordsAreStored() {
        start(o -> {});
        engine.writing = (rows, seq) -> {
            for (WriteRow row : rows) {
                if (row.values()[0].equals(0L)) {
                    row.settle(WriteRow.Outcome.RETRY, 0, new LeveeException(ErrorCode.PARTITION_BUSY, "locked"));
                } else {
                    engine.store(List.of(row), seq);
                }
            }
        };
        service.append(table, row(0));
        CompletableFuture<Boolean> flushed = CompletableFuture.supplyAsync(() -> service.flush(Duration.ofSeconds(60)));
        await().until(() -> engine.batches.get() > 0);
        for (int i = 1; i <= 5; i++) {
            service.append(table, row(i), Ack.COMMITTED).join();
        }
        assertThat(flushed).isNotDone();
        assertThat(service.flush(Duration.ofMillis(100))).isFalse();
        engine.writing = engine::store;
        assertThat(flushed.join()).isTrue();
        assertThat(engine.stored()).contains(0L);
    }

    @Test
    void shouldSayWhatWasLeftWhenTheCloseRunsOutOfTime() {
        start(o -> {});
        engine.writing = (rows, seq) ->
                rows.forEach(r -> r.settle(WriteRow.Outcome.RETRY, 0, new LeveeException(ErrorCode.DISK_FULL, "full")));
        CompletableFuture<Receipt> never = service.append(table, row(1), Ack.COMMITTED);
        service.append(table, row(2));
        CloseReport report = service.close(Duration.ofMillis(200));
        assertThat(report.clean()).isFalse();
        assertThat(report.reason()).contains("2 records");
        assertThat(report.accepted()).isEqualTo(2);
        assertThat(report.lost()).isEqualTo(2);
        supervisor.stop();
        assertThat(never).isCompletedExceptionally();
        assertThat(catchThrowableOfType(LeveeException.class, () -> service.append(table, row(3)))
                        .code())
                .isEqualTo(ErrorCode.CLOSED);
    }

    @Test
    void shouldRestartATaskThatFailsAndShowIt() {
        start(o -> {});
        CountDownLatch failures = new CountDownLatch(2);
        CountDownLatch done = new CountDownLatch(1);
        supervisor.start("levee-test", task -> {
            if (failures.getCount() > 0) {
                failures.countDown();
                throw new IllegalStateException("not yet");
            }
            done.await();
            task.ran("did it");
        });
        await().until(() -> failures.getCount() == 0);
        assertThat(supervisor.failing()).singleElement().asString().contains("levee-test", "not yet");
        assertThat(status.status().health().state()).isEqualTo(Health.State.DEGRADED);
        done.countDown();
        await().until(() -> supervisor.failing().isEmpty());
        assertThat(status.status().health().state()).isEqualTo(Health.State.UP);
        assertThat(supervisor.statuses())
                .filteredOn(t -> t.name().equals("levee-test"))
                .singleElement()
                .matches(t -> t.failures() == 2 && t.state().equals("ended"));
    }
}
