package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Receipt;
import io.levee.RecordLostException;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.RowQuery;
import io.levee.engine.WriteRow;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.Micros;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Changes of single records take their place among the records that are queued. */
class ChangesTest {
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .build();

    private final FakeEngine engine = new FakeEngine();
    private final Supervisor supervisor = new Supervisor();
    private final ExecutorService callers = Executors.newCachedThreadPool();
    private WriteService service;
    private TableState table;

    @BeforeEach
    void start() {
        StoreOptions options =
                StoreOptions.builder().closeTimeout(Duration.ofSeconds(5)).build();
        Tables tables = new Tables(engine, false);
        table = tables.declare(SPEC);
        service = new WriteService(engine, options, tables, supervisor);
        service.start();
    }

    @AfterEach
    void stop() {
        service.close(Duration.ofSeconds(1));
        supervisor.stop();
        callers.shutdownNow();
    }

    private static Row row(long i) {
        return Row.of(SPEC).set("i", i).set("at", NOW.plusMillis(i)).build();
    }

    private static List<RowQuery.Mark> mark(long seq) {
        return List.of(new RowQuery.Mark(0, seq));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void shouldKeepTheOrderOfRecordsAndChanges(long seed) {
        Random random = new Random(seed);
        List<Object> expected = new ArrayList<>();
        List<CompletableFuture<Integer>> changes = new ArrayList<>();
        // Changes are asked for without waiting, so that several are queued at once; their callers' order is this
        // loop's.
        Executor direct = Runnable::run;
        for (long i = 0; i < 3000; i++) {
            if (random.nextInt(40) == 0) {
                long seq = i;
                CompletableFuture<Integer> change = service.changes()
                        .inOrder(table, null, () -> engine.delete(SPEC, mark(seq), null, Ack.COMMITTED));
                changes.add(change.thenApplyAsync(n -> n, direct));
                expected.add("delete " + seq);
            } else {
                service.append(table, row(i));
                expected.add(i);
            }
        }
        changes.forEach(CompletableFuture::join);
        assertThat(service.flush(Duration.ofSeconds(60))).isTrue();
        assertThat(engine.stored()).as("seed " + seed).isEqualTo(expected);
        assertThat(changes).as("the seed gives changes").hasSizeGreaterThan(10);
    }

    @Test
    void shouldNotWaitForLaterRecordsWithAChange() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        service.append(table, row(1));
        CompletableFuture<Integer> change =
                service.changes().inOrder(table, null, () -> engine.delete(SPEC, mark(1), null, Ack.COMMITTED));
        assertThat(change.get(60, TimeUnit.SECONDS)).isEqualTo(1);
        engine.writing = (rows, seq) -> {
            try {
                held.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            engine.store(rows, seq);
        };
        service.append(table, row(2));
        CompletableFuture<Integer> behind =
                service.changes().inOrder(table, null, () -> engine.delete(SPEC, mark(2), null, Ack.COMMITTED));
        CompletableFuture<Receipt> later = service.append(table, row(3), Ack.COMMITTED);
        assertThat(behind).isNotDone();
        held.countDown();
        assertThat(behind.get(60, TimeUnit.SECONDS)).isEqualTo(1);
        later.get(60, TimeUnit.SECONDS);
        assertThat(engine.stored()).containsExactly(1L, "delete 1", 2L, "delete 2", 3L);
    }

    @Test
    void shouldWaitForARecordThatIsTriedAgain() throws Exception {
        boolean[] locked = {true};
        engine.writing = (rows, seq) -> {
            if (locked[0]) {
                locked[0] = false;
                rows.forEach(row ->
                        row.settle(WriteRow.Outcome.RETRY, 0, new LeveeException(ErrorCode.PARTITION_BUSY, "locked")));
            } else {
                engine.store(rows, seq);
            }
        };
        service.append(table, row(1));
        CompletableFuture<Integer> change =
                service.changes().inOrder(table, null, () -> engine.delete(SPEC, mark(1), null, Ack.COMMITTED));
        service.append(table, row(2));
        assertThat(change.get(60, TimeUnit.SECONDS)).isEqualTo(1);
        assertThat(service.flush(Duration.ofSeconds(60))).isTrue();
        assertThat(engine.stored()).containsExactly(1L, "delete 1", 2L);
    }

    @Test
    void shouldRefuseAChangeOnceTheStoreIsClosed() {
        service.close(Duration.ofSeconds(1));
        assertThatThrownBy(() -> service.changes().inOrder(table, null, () -> 1))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CLOSED));
    }

    @Test
    void shouldHandTheErrorOfAChangeToItsCallerAndGoOn() {
        CompletableFuture<Integer> change = service.changes().inOrder(table, null, () -> {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "locked");
        });
        assertThatThrownBy(change::join).isInstanceOf(CompletionException.class).hasMessageContaining("locked");
        assertThat(service.append(table, row(1), Ack.COMMITTED).join().seq()).isPositive();
    }

    @Test
    void shouldLoseWithItsReasonWhatRetentionOvertookInTheQueue() {
        CountDownLatch held = new CountDownLatch(1);
        engine.writing = (rows, seq) -> {
            try {
                held.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            engine.store(rows, seq);
        };
        CompletableFuture<Receipt> first = service.append(table, row(0), Ack.COMMITTED);
        org.awaitility.Awaitility.await().until(() -> engine.batches.get() > 0);
        CompletableFuture<Receipt> old = service.append(table, row(1), Ack.COMMITTED);
        CompletableFuture<Receipt> young = service.append(table, row(2000), Ack.COMMITTED);
        engine.floor = Micros.of(NOW.plusMillis(1000));
        held.countDown();
        first.join();
        young.join();
        assertThatThrownBy(old::join)
                .hasCauseInstanceOf(RecordLostException.class)
                .hasMessageContaining("retention dropped everything before");
        assertThat(service.losses().totals()).containsExactlyEntriesOf(java.util.Map.of(LossReason.EXPIRED, 1L));
        assertThat(service.troubles())
                .as("a record past its promise is no trouble of the writer")
                .isEmpty();
        assertThatThrownBy(() -> service.append(table, row(3)))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TIME_REFUSED));
    }
}
