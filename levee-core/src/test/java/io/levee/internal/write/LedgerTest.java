package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.ManualClock;
import io.levee.Overflow;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.InFlight;
import io.levee.engine.WriteRow;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.Micros;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the ledger is told: every loss once, whatever fails, and what is in flight (design section 5, G7–G9). */
class LedgerTest {
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .build();

    private final FakeEngine engine = new FakeEngine();
    private final Supervisor supervisor = new Supervisor();
    private final CountDownLatch stuck = new CountDownLatch(1);
    private final ManualClock clock = new ManualClock(NOW);
    private WriteService service;
    private TableState table;

    private void start(Overflow overflow) {
        StoreOptions options = StoreOptions.builder()
                .clock(clock)
                .queueRecords(10)
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
        engine.ledgerFailure = null;
        if (service != null) {
            service.close(Duration.ofSeconds(1));
        }
        supervisor.stop();
    }

    private void append(Instant at) {
        service.append(table, Row.of(SPEC).set("i", 1).set("at", at).build());
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
    }

    private long told() {
        return engine.ledgerLost().stream().mapToLong(Gap::count).sum();
    }

    @Test
    void shouldTellEachLossOnceAndAllAtTheLatestWhenTheStoreCloses() {
        start(Overflow.dropOldest());
        stickTheWriter();
        for (int i = 0; i < 1_000; i++) {
            append(NOW.plusMillis(i));
        }
        long lost = service.books().lost();
        assertThat(lost).isPositive();
        await().until(() -> told() == lost);
        stuck.countDown();
        CloseReport report = service.close(Duration.ofSeconds(5));
        assertThat(told()).isEqualTo(report.lost());
        assertThat(report.gaps().stream().mapToLong(Gap::count).sum()).isEqualTo(report.lost());
    }

    /** A ledger that cannot be written loses nothing, doubles nothing, and says so with its code; then it catches up. */
    @Test
    void shouldTellTheSameLossesAgainAfterAFailure() {
        start(Overflow.dropNewest());
        stickTheWriter();
        await().until(() -> engine.ledgerCalls() > 0);
        engine.ledgerFailure = new LeveeException(ErrorCode.DISK_FULL, "no room for the ledger");
        for (int i = 0; i < 500; i++) {
            append(NOW.plusMillis(i));
        }
        await().until(() -> service.ledger().failures() >= 2);
        assertThat(told()).isZero();
        assertThat(service.ledger().failure())
                .isNotNull()
                .matches(f -> f.error().contains("no room for the ledger"));
        List<Gap> refused = engine.refusedByLedger();
        long lost = service.books().lost();
        assertThat(lost).isPositive();

        engine.ledgerFailure = null;
        await().until(() -> told() == lost);
        assertThat(engine.ledgerLost()).as("first what was refused, as it was").containsAll(refused);
        await().until(() -> service.ledger().failure() == null);
    }

    /** G9: what could not be noted to the end is in the report, which is not clean then; so the next opening knows of a gap. */
    @Test
    void shouldSayInTheReportThatLossesCouldNotBeNoted() {
        start(Overflow.dropNewest());
        stickTheWriter();
        engine.ledgerFailure = new LeveeException(ErrorCode.IO_FAILED, "the ledger is gone");
        for (int i = 0; i < 500; i++) {
            append(NOW);
        }
        stuck.countDown();
        CloseReport report = service.close(Duration.ofSeconds(5));
        assertThat(report.clean()).isFalse();
        assertThat(report.reason()).contains("ledger").contains("the ledger is gone");
        assertThat(report.gaps()).isNotEmpty();
    }

    /** At any instant, a record that is not settled lies in what the ledger was told of its table, or is later than that telling. */
    @Test
    void shouldTellWhatIsInFlightUntilItIsSettled() {
        start(Overflow.dropNewest());
        stickTheWriter();
        Instant old = NOW.minus(Duration.ofDays(400));
        append(old);
        append(old.plusSeconds(60));
        InFlight wanted = new InFlight("events", Micros.of(old), Micros.of(old.plusSeconds(60)));
        await().until(() -> engine.inFlight().contains(wanted));
        append(old.minusSeconds(5));
        await().until(() -> engine.inFlight()
                .equals(List.of(new InFlight("events", Micros.of(old.minusSeconds(5)), wanted.toMicros()))));
        stuck.countDown();
        await().until(() -> engine.inFlight().isEmpty());
    }

    @Test
    void shouldKeepAWindowWhileAnythingInItIsUnsettledAndForgetItThen() {
        WriteQueue queue = new WriteQueue(100, io.levee.Bytes.mebi(1), Losses.none(), System::nanoTime);
        TableState state = new TableState(engine, SPEC);
        List<Pending> taken = new ArrayList<>();
        for (int round = 0; round < 4; round++) {
            queue.offer(new Pending(state, new Object[2], 1_000L * (round + 1), 10, null), Overflow.dropNewest());
            // Longer than a look: the first record stays unsettled.
            assertThat(queue.inFlight(0)).containsExactly(new InFlight("events", 1_000, 1_000L * (round + 1)));
        }
        taken.addAll(take(queue));
        assertThat(queue.inFlight(0)).as("in the writer's hands").containsExactly(new InFlight("events", 1_000, 4_000));
        taken.forEach(record -> record.settle(WriteRow.Outcome.STORED, 1, null));
        queue.tried(state, taken);
        queue.inFlight(0);
        queue.inFlight(0);
        assertThat(queue.inFlight(0)).isEmpty();
        assertThat(taken).hasSize(4);
    }

    private static List<Pending> take(WriteQueue queue) {
        try {
            return queue.take(100, 1_000_000, Long.MAX_VALUE);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldRoundTripTheCloseReport() {
        CloseReport report = new CloseReport(
                false,
                10,
                7,
                2,
                1,
                List.of(
                        new Gap("t", 5_000_001, 6_000_000, 2, LossReason.OVERFLOW),
                        new Gap("u", Long.MIN_VALUE, Long.MAX_VALUE, Gap.UNKNOWN, LossReason.UNCERTAIN)),
                "why");
        String json = io.levee.internal.json.Json.write(report.toMap());
        assertThat(CloseReport.fromMap(io.levee.internal.json.Json.object(json)))
                .isEqualTo(report);
        assertThat(CloseReport.fromMap(Map.of()).gaps()).isEmpty();
    }
}
