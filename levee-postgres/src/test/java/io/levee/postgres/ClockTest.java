package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Health;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.RetentionPlan;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The heartbeat tells the next opening what the clock showed: one that is earlier than that, or years later, is suspect (T27). */
class ClockTest {
    private static final Instant NOON = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .retention(new RetentionRule(Duration.ofDays(2), null))
            .build();

    private final String address = PostgresServer.shared().newStore();

    private Store open(ManualClock clock) {
        return Levee.open(address, false, o -> o.clock(clock).retentionEvery(Duration.ofDays(1)));
    }

    private static void append(Store store, Instant at) {
        store.createTable(SPEC)
                .append(Row.of(SPEC).set("i", 1).set("at", at).build(), Ack.COMMITTED)
                .join();
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, -3650, 3650})
    void shouldSuspectTheClockOfAnOpening(int days) {
        ManualClock right = new ManualClock(NOON);
        try (Store store = open(right)) {
            append(store, NOON);
        }
        ManualClock wrong = new ManualClock(NOON.plus(Duration.ofDays(days)));
        try (Store store = open(wrong)) {
            assertThat(store.status().health().state()).isEqualTo(Health.State.DEGRADED);
            assertThat(store.status().health().reasons().toString())
                    .contains("LEVEE-423 CLOCK_SUSPECT", "the store was last written at 2026-05-20T12:00");
            append(store, NOON.plusSeconds(60));
            assertThat(store.planRetention().drops()).isEmpty();
            assertThat(store.acceptClock()).isTrue();
            assertThat(store.status().health()).isEqualTo(new Health(Health.State.UP, List.of()));
        }
    }

    @Test
    void shouldRefuseAPlanWhileTheClockIsSuspect() {
        ManualClock clock = new ManualClock(NOON);
        try (Store store = open(clock)) {
            append(store, NOON);
            clock.advance(Duration.ofDays(4));
            append(store, clock.instant());
            RetentionPlan plan = store.planRetention();
            assertThat(plan.drops()).hasSize(1);
            clock.jump(Duration.ofDays(-1));
            assertThatThrownBy(() -> store.applyRetention(plan))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CLOCK_SUSPECT));
            clock.jump(Duration.ofDays(1));
            store.status();
            clock.advance(Duration.ofMinutes(1));
            assertThat(store.applyRetention(plan).dropped()).hasSize(1);
        }
    }
}
