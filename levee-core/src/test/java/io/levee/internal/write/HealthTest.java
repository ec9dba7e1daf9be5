package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.Health;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.ManualClock;
import io.levee.MigrationStatus;
import io.levee.PartitionId;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.StoreStatus;
import io.levee.TableSpec;
import io.levee.engine.Quarantined;
import io.levee.engine.WriteRow;
import io.levee.internal.status.StatusService;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.Micros;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Health says what is wrong now, since when and by which code, and is up again when it is over (G7, G26, G117; I12). */
class HealthTest {
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .build();

    private final FakeEngine engine = new FakeEngine();
    private final Supervisor supervisor = new Supervisor();
    private final ManualClock clock = new ManualClock(NOW);
    private WriteService service;
    private TableState table;
    private StatusService status;

    @BeforeEach
    void start() {
        StoreOptions options = StoreOptions.builder().clock(clock).build();
        Tables tables = new Tables(engine, false);
        table = tables.declare(SPEC);
        service = new WriteService(engine, options, tables, supervisor);
        status = new StatusService(engine, options, tables, supervisor, service);
        service.start();
    }

    @AfterEach
    void stop() {
        engine.writing = engine::store;
        service.close(Duration.ofSeconds(1));
        supervisor.stop();
    }

    private CompletableFuture<?> append(Instant at) {
        return service.append(table, Row.of(SPEC).set("i", 1).set("at", at).build(), Ack.COMMITTED);
    }

    private Health health() {
        return status.status().health();
    }

    @ParameterizedTest
    @CsvSource({
        "DISK_FULL, DOWN",
        "VOLUME_READ_ONLY, DOWN",
        "SERVER_UNAVAILABLE, DOWN",
        "IO_FAILED, DOWN",
        "PARTITION_BUSY, DEGRADED"
    })
    void shouldNameWhatKeepsRecordsFromBeingWrittenUntilTheyAre(ErrorCode code, Health.State state) {
        assertThat(health()).isEqualTo(new Health(Health.State.UP, List.of()));
        engine.writing = (rows, seq) -> rows.forEach(r ->
                r.settle(WriteRow.Outcome.RETRY, 0, new LeveeException(code, "said by the test").hint("end the test")));
        CompletableFuture<?> stored = append(NOW);
        await().until(() -> health().state() == state);
        assertThat(health().reasons())
                .singleElement()
                .asString()
                .startsWith(code.text() + " since 2026-05-10T12:00:00Z: ")
                .contains("events")
                .endsWith("said by the test Do: end the test");
        engine.writing = engine::store;
        stored.join();
        assertThat(health()).as("at once").isEqualTo(new Health(Health.State.UP, List.of()));
    }

    @Test
    void shouldBeDegradedWhileTheLedgerCannotBeWritten() {
        engine.ledgerFailure = new LeveeException(ErrorCode.DISK_FULL, "no room for the ledger");
        append(NOW).join();
        await().until(() -> health().state() == Health.State.DEGRADED);
        assertThat(health().reasons())
                .singleElement()
                .asString()
                .contains("since 2026-", "ledger", "LEVEE-507 DISK_FULL");
        assertThat(status.status().ledgerFailures()).isPositive();
        engine.ledgerFailure = null;
        await().until(() -> health().state() == Health.State.UP);
    }

    @Test
    void shouldBeDegradedWhileAPartitionIsInQuarantine() {
        engine.quarantined = List.of(new Quarantined(
                new PartitionId("events", "", "2026-05-09", 1),
                "quarantine/x",
                "page 4 is zero",
                Micros.of(NOW),
                10,
                1,
                2));
        engine.gaps = List.of(new Gap("events", 1, 2, 10, LossReason.QUARANTINED));
        StatusService fresh = new StatusService(
                engine, StoreOptions.builder().build(), new Tables(engine, false), supervisor, service);
        assertThat(fresh.status().health().state()).isEqualTo(Health.State.DEGRADED);
        assertThat(fresh.status().health().reasons())
                .singleElement()
                .asString()
                .contains("LEVEE-500 CORRUPT", "events/2026-05-09", "page 4 is zero");
        assertThat(fresh.status().quarantined()).isEqualTo(1);
        assertThat(fresh.status().gapRanges()).containsExactly(Map.entry(LossReason.QUARANTINED, 1L));
    }

    /** T27: a jump shows with its code, and records go on being taken, those of the right time and those of the clock's. */
    @Test
    void shouldSuspectAClockThatJumpsAndTakeRecordsAllTheSame() {
        for (int days : new int[] {1, 3650, -1, -3650}) {
            append(clock.instant()).join();
            Instant right = clock.instant();
            clock.jump(Duration.ofDays(days));
            assertThat(health().state()).isEqualTo(Health.State.DEGRADED);
            assertThat(health().reasons())
                    .singleElement()
                    .asString()
                    .startsWith("LEVEE-423 CLOCK_SUSPECT since " + right)
                    .contains("jumped by", right.toString(), clock.instant().toString());
            append(right).join();
            append(clock.instant()).join();
            clock.jump(Duration.ofDays(-days));
            clock.advance(Duration.ofMinutes(1));
            assertThat(health().state()).as("a look at it begins the minute").isEqualTo(Health.State.DEGRADED);
            clock.advance(Duration.ofMinutes(1));
            assertThat(health().state()).isEqualTo(Health.State.UP);
        }
    }

    /** T28, G16: times that cannot be are refused, with a reason, and counted. */
    @Test
    void shouldCountRecordsThatAreRefusedForTheirTime() {
        for (String refused : List.of("2100-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "2100-01-01T00:00:00Z")) {
            append(NOW).join();
            assertThatThrownBy(() -> append(Instant.parse(refused)))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TIME_REFUSED));
        }
        StoreStatus now = status.status();
        assertThat(now.refusedByReason()).isEqualTo(Map.of("FUTURE", 2L, "BEFORE_1980", 1L));
        assertThat(now.toMap().get("refused"))
                .isEqualTo(Map.of("total", 3L, "byReason", Map.of("FUTURE", 2L, "BEFORE_1980", 1L)));
        assertThat(now.accepted()).isEqualTo(3);
        assertThat(table.newestMicros()).isEqualTo(Micros.of(NOW));
    }

    @Test
    void shouldTellWhatTheLastCloseReported() {
        engine.lastReport =
                new CloseReport(false, 5, 3, 2, 0, List.of(new Gap("events", 1, 2, 2, LossReason.SHUTDOWN)), "cut off");
        StatusService fresh = new StatusService(
                engine, StoreOptions.builder().build(), new Tables(engine, false), supervisor, service);
        assertThat(fresh.status().lastClose()).isEqualTo(engine.lastReport);
        assertThat(fresh.status().toMap().get("lastClose").toString()).contains("cut off", "SHUTDOWN");
    }

    private static MigrationStatus migration(MigrationStatus.State state, String error) {
        return new MigrationStatus(
                "fill",
                "events",
                "backfill",
                state,
                40,
                100,
                1,
                3,
                0,
                null,
                error,
                null,
                "",
                Instant.parse("2026-05-10T12:00:00Z"));
    }

    /** G141, G143: one that runs is told and is nothing wrong; one that failed stays until somebody takes it up again. */
    @Test
    void shouldTellOfMigrationsThatRunAndThatFailed() {
        StatusService fresh = new StatusService(
                engine, StoreOptions.builder().build(), new Tables(engine, false), supervisor, service);
        fresh.migrations(() -> List.of(migration(MigrationStatus.State.RUNNING, null)), () -> false);
        assertThat(fresh.status().health().state()).isEqualTo(Health.State.UP);
        assertThat(fresh.status().toMap())
                .containsEntry("migrationsRunning", true)
                .containsEntry("migrationsPaused", false)
                .containsEntry("migrationsError", null);
        assertThat(fresh.status().toMap().get("migrations").toString())
                .contains("id=fill, status=running, rowsDone=40, rowsTotal=100, rate=0.0, etaSeconds=null, error=null");
        StatusService later = new StatusService(
                engine, StoreOptions.builder().build(), new Tables(engine, false), supervisor, service);
        later.migrations(
                () -> List.of(migration(MigrationStatus.State.FAILED, "no such function: nosuch")), () -> false);
        assertThat(later.status().health().state()).isEqualTo(Health.State.DEGRADED);
        assertThat(later.status().health().reasons())
                .containsExactly("the migration fill of events failed at 2026-05-10T12:00:00Z, after 40 rows: no such"
                        + " function: nosuch");
        assertThat(later.status().toMap()).containsEntry("migrationsRunning", false);
    }

    /** G144, G145: read once a second, whoever asks; what cannot be read is an error and no empty list. */
    @Test
    void shouldReadMigrationsOnceASecondAndTellWhatCannotBeRead() {
        StatusService fresh = new StatusService(
                engine, StoreOptions.builder().build(), new Tables(engine, false), supervisor, service);
        AtomicLong asked = new AtomicLong();
        fresh.migrations(
                () -> {
                    asked.incrementAndGet();
                    throw new LeveeException(ErrorCode.CORRUPT, "page 7 is zero");
                },
                () -> false);
        long began = System.nanoTime();
        for (int i = 0; i < 500; i++) {
            assertThat(fresh.status().migrations().error()).contains("page 7 is zero");
        }
        assertThat(asked.get()).isLessThanOrEqualTo(2 + (System.nanoTime() - began) / 1_000_000_000);
        assertThat(fresh.status().health().state()).isEqualTo(Health.State.DEGRADED);
        assertThat(fresh.status().health().reasons())
                .singleElement()
                .asString()
                .contains("how far the migrations are cannot be read", "page 7 is zero");
        assertThat(fresh.status().toMap().get("migrationsError").toString()).contains("page 7 is zero");
    }

    @Test
    void shouldForgetLossesAfterAMinute() {
        AtomicLong nanos = new AtomicLong();
        LossLog log = new LossLog(List.of(), nanos::get, Clock.fixed(NOW, java.time.ZoneOffset.UTC));
        assertThat(log.recent()).isEmpty();
        log.note("t", 1, LossReason.OVERFLOW);
        nanos.addAndGet(Duration.ofSeconds(40).toNanos());
        log.note("t", 1, LossReason.OVERFLOW);
        nanos.addAndGet(Duration.ofSeconds(60).toNanos());
        assertThat(log.recent()).containsExactly(new LossLog.Recent(LossReason.OVERFLOW, 2, Micros.of(NOW)));
        nanos.incrementAndGet();
        assertThat(log.recent()).isEmpty();
        log.note("t", 1, LossReason.OVERFLOW);
        assertThat(log.recent()).containsExactly(new LossLog.Recent(LossReason.OVERFLOW, 1, Micros.of(NOW)));
        assertThat(log.totals()).containsEntry(LossReason.OVERFLOW, 3L);
    }
}
