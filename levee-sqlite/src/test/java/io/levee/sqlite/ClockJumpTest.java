package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Health;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.RetentionPlan;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A wall clock that is wrong drops nothing that is not due on the true timeline, and no record is refused for it (T27, T28, G15, G16). */
class ClockJumpTest {
    private static final Instant BEGIN = Instant.parse("2026-06-01T12:00:00Z");
    private static final Duration MAX_AGE = Duration.ofDays(5);
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .retention(new RetentionRule(MAX_AGE, null))
            .build();

    @TempDir
    private Path dir;

    /** What time it really is, whatever the store's clock shows. */
    private Instant truth = BEGIN;

    private ManualClock clock = new ManualClock(BEGIN);

    /** When the wrong time is seen. */
    enum When {
        /** By the last writer, and not by this one. */
        BEFORE_BOOT,
        /** By this writer from the beginning. */
        AT_BOOT,
        /** From some moment on. */
        RUNNING
    }

    static Stream<Arguments> jumps() {
        List<Arguments> all = new ArrayList<>();
        for (int days : new int[] {1, 3650, -1, -3650}) {
            for (When when : When.values()) {
                for (boolean stamped : new boolean[] {false, true}) {
                    // A store that was opened a day ahead cannot be told from one that rested for a day.
                    if (days != 1 || when != When.AT_BOOT || !stamped) {
                        all.add(Arguments.of(days, when, stamped));
                    }
                }
            }
        }
        return all.stream();
    }

    private Store open() {
        return Levee.open(
                dir, o -> o.clock(clock).memory(Bytes.mebi(32)).queryThreads(1).retentionEvery(Duration.ofDays(1)));
    }

    private void pass(Duration time) {
        truth = truth.plus(time);
        clock.advance(time);
    }

    private static void append(Store store, Instant at) {
        Table<Row> table = store.createTable(SPEC);
        table.append(Row.of(SPEC).set("i", 1).set("at", at).build(), Ack.COMMITTED)
                .join();
    }

    /** By the wrong clock: taken, unless retention has dropped what is that old. */
    private void appendStamped(Store store) {
        try {
            append(store, clock.instant());
        } catch (LeveeException e) {
            assertThat(e.code()).isEqualTo(ErrorCode.TIME_REFUSED);
            assertThat(clock.instant()).isBefore(truth.minus(MAX_AGE));
        }
    }

    /** A week of history, a record a day, of which nothing is due any more. */
    private void fill(Store store) {
        for (int day = 0; day < 8; day++) {
            pass(Duration.ofDays(1));
            append(store, clock.instant());
        }
        retain(store);
    }

    /** Runs retention; whatever goes must be past its promise on the true timeline. */
    private List<String> retain(Store store) {
        Map<String, PartitionInfo> before =
                store.partitions().stream().collect(Collectors.toMap(p -> p.id().toString(), p -> p));
        RetentionReport report = store.applyRetention(store.planRetention());
        long due = micros(truth.minus(MAX_AGE));
        assertThat(report.dropped())
                .as("dropped at %s", truth)
                .allMatch(id -> before.get(id.toString()).maxMicros() < due);
        return report.dropped().stream().map(Object::toString).toList();
    }

    private static long micros(Instant instant) {
        return Math.addExact(Math.multiplyExact(instant.getEpochSecond(), 1_000_000L), instant.getNano() / 1000);
    }

    @ParameterizedTest
    @MethodSource("jumps")
    void shouldDropNothingThatIsNotDue(int days, When when, boolean stamped) {
        Duration jump = Duration.ofDays(days);
        Store store = open();
        fill(store);
        if (when == When.AT_BOOT) {
            store.close();
            clock = new ManualClock(truth.plus(jump));
            store = open();
        } else {
            clock.jump(jump);
        }
        for (int look = 0; look < 3; look++) {
            pass(Duration.ofHours(3));
            if (stamped) {
                appendStamped(store);
            }
            append(store, truth);
            retain(store);
        }
        if (when == When.BEFORE_BOOT) {
            store.close();
            clock = new ManualClock(truth);
            store = open();
        } else {
            clock.jump(jump.negated());
        }
        append(store, truth);
        for (int minute = 0; minute < 3; minute++) {
            retain(store);
            pass(Duration.ofMinutes(1));
        }
        boolean nobodyKnows = when == When.BEFORE_BOOT && days != -1 || when == When.AT_BOOT && days == 1;
        assertThat(store.acceptClock())
                .as("only a person can say which of two times is right")
                .isEqualTo(nobodyKnows);
        assertThat(store.status().health()).isEqualTo(new Health(Health.State.UP, List.of()));
        pass(Duration.ofDays(3));
        append(store, truth);
        assertThat(retain(store)).as("retention works again").isNotEmpty();
        assertThat(store.close(Duration.ofSeconds(10)).clean()).isTrue();
    }

    @Test
    void shouldSayWhyNothingIsDroppedAndRefuseAPlanOfBefore() {
        try (Store store = open()) {
            fill(store);
            pass(Duration.ofDays(2));
            append(store, truth);
            RetentionPlan plan = store.planRetention();
            assertThat(plan.drops()).isNotEmpty();
            clock.jump(Duration.ofDays(1));
            assertThat(store.planRetention().drops()).isEmpty();
            assertThat(store.planRetention().kept().get("events")).startsWith("LEVEE-423 CLOCK_SUSPECT");
            assertThatThrownBy(() -> store.applyRetention(plan)).isInstanceOfSatisfying(LeveeException.class, e -> {
                assertThat(e.code()).isEqualTo(ErrorCode.CLOCK_SUSPECT);
                assertThat(e.hint()).contains("levee clock accept");
            });
            assertThat(store.acceptClock()).isTrue();
            assertThat(store.applyRetention(plan).dropped()).hasSameSizeAs(plan.drops());
        }
    }

    /** T28. */
    @Test
    void shouldRefuseAndCountWhatCannotBeAndDropNothingForIt() {
        try (Store store = open()) {
            fill(store);
            int partitions = store.partitions().size();
            Table<Row> table = store.table("events");
            List<Row> rows = Stream.of(truth, Instant.parse("2100-01-01T00:00:00Z"), truth, Instant.EPOCH, truth)
                    .map(at -> Row.of(SPEC).set("i", 1).set("at", at).build())
                    .toList();
            BatchReceipt receipt = table.appendAll(rows, Ack.COMMITTED).join();
            assertThat(receipt.stored()).isEqualTo(3);
            assertThat(receipt.rejected())
                    .extracting(r -> r.index() + " " + r.error().code())
                    .containsExactly("1 TIME_REFUSED", "3 TIME_REFUSED");
            assertThat(store.status().refusedByReason()).isEqualTo(Map.of("FUTURE", 1L, "BEFORE_1980", 1L));
            assertThat(retain(store)).isEmpty();
            assertThat(store.partitions()).hasSize(partitions);
            assertThat(store.gaps()).as("refused is not lost").isEmpty();
        }
    }
}
