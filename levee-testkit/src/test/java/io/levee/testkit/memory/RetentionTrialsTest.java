package io.levee.testkit.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Health;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Retention under clocks that misbehave slowly, tables that fail, and nobody who looks (T27, T5, G71, G82, pain 8). */
class RetentionTrialsTest {
    private static final Instant BEGIN = Instant.parse("2026-06-01T12:00:00Z");
    private static final Duration MAX_AGE = Duration.ofDays(5);

    private final ManualClock clock = new ManualClock(BEGIN);
    private Instant truth = BEGIN;

    private Store open(Duration every) {
        return Levee.open(
                "memory:",
                false,
                o -> o.clock(clock).memory(Bytes.mebi(64)).queryThreads(1).retentionEvery(every));
    }

    private static TableSpec spec(String name, RetentionRule rule) {
        return TableSpec.builder(name)
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static void append(Store store, TableSpec spec, Instant... times) {
        Table<Row> table = store.createTable(spec);
        List<Row> rows = new ArrayList<>();
        for (Instant at : times) {
            rows.add(Row.of(spec).set("i", rows.size()).set("at", at).build());
        }
        assertThat(table.appendAll(rows, Ack.COMMITTED).join().stored()).isEqualTo(times.length);
    }

    /** Forty days that are all past what their table is told to keep only now. */
    private void fortyOldDays(Store store, TableSpec spec) {
        Instant[] days = new Instant[40];
        for (int day = 0; day < days.length; day++) {
            days[day] = BEGIN.minus(Duration.ofDays(day));
        }
        append(store, spec("events", RetentionRule.KEEP_ALL), days);
        clock.advance(Duration.ofDays(30));
        store.createTable(spec);
    }

    private void pass(Duration time) {
        truth = truth.plus(time);
        clock.advance(time);
    }

    /** Whatever goes must be past its promise on the true timeline. */
    private int retain(Store store) {
        Map<String, PartitionInfo> before =
                store.partitions().stream().collect(Collectors.toMap(p -> p.id().toString(), p -> p));
        RetentionReport report = store.applyRetention(store.planRetention());
        Instant due = truth.minus(MAX_AGE);
        assertThat(report.dropped())
                .as("dropped at %s", truth)
                .allMatch(id -> before.get(id.toString()).maxMicros() < due.getEpochSecond() * 1_000_000);
        return report.dropped().size();
    }

    /**
     * One that stands still for a while, one that shakes, one that is set for summer and back, one that knows leap seconds.
     *
     * @param steps how often it misbehaves, once a minute
     * @param stepSeconds by how much: back where it stands still, else to and fro
     * @param suspect whether that has to be noticed
     */
    @ParameterizedTest
    @CsvSource({"stuck, 180, 60, true", "jitter, 180, 20, false", "summer, 2, 3600, true", "leap, 2, 1, false"})
    void shouldDropNothingThatIsNotDueUnderAClockThat(String is, int steps, int stepSeconds, boolean suspect) {
        TableSpec spec = spec("events", RetentionRule.maxAge(MAX_AGE));
        try (Store store = open(Duration.ofDays(9))) {
            for (int day = 0; day < 8; day++) {
                pass(Duration.ofDays(1));
                append(store, spec, truth);
                retain(store);
            }
            Duration step = Duration.ofSeconds(stepSeconds);
            Duration off = Duration.ZERO;
            boolean noticed = false;
            for (int i = 0; i < steps; i++) {
                pass(Duration.ofMinutes(1));
                Duration by = is.equals("stuck") || i % 2 == 1 ? step.negated() : step;
                clock.jump(by);
                off = off.plus(by);
                append(store, spec, clock.instant(), truth);
                retain(store);
                noticed |= store.status().health().state() != Health.State.UP
                        || store.planRetention().kept().get("events").contains("CLOCK_SUSPECT");
            }
            assertThat(noticed).isEqualTo(suspect);
            clock.jump(off.negated());
            for (int minute = 0; minute < 3; minute++) {
                retain(store);
                pass(Duration.ofMinutes(1));
            }
            assertThat(store.acceptClock()).as("it is trusted again by itself").isFalse();
            pass(Duration.ofDays(3));
            append(store, spec, truth);
            assertThat(retain(store)).as("retention works again").isPositive();
        }
    }

    /** Not with each pass, each time with another number (seen in the demo: a line a second). */
    @Test
    void shouldSayOnceThatTheOthersWaitHoweverManyPassesThatTakes() {
        TableSpec spec = spec("events", RetentionRule.maxAge(MAX_AGE));
        try (Store store = open(Duration.ofMillis(10))) {
            fortyOldDays(store, spec);
            await().until(() -> store.partitions().isEmpty());
            assertThat(store.retentionEvents("events", 100))
                    .filteredOn(event -> event.action() == RetentionEvent.Action.KEPT)
                    .singleElement()
                    .satisfies(event -> assertThat(event.toString())
                            .startsWith("kept events (by age): partitions are past their age, more than go at once"));
        }
    }

    /** A clock that is a day, or a year, ahead since before the store was opened looks like a store that rested: it costs a share only. */
    @Test
    void shouldTakeABoundedShareByItselfAndAllWhenAPersonSaysSo() {
        TableSpec spec = spec("events", RetentionRule.maxAge(MAX_AGE));
        try (Store store = open(Duration.ofSeconds(2))) {
            fortyOldDays(store, spec);
            await().until(() -> store.partitions().size() == 30);
            await().until(() -> store.retentionEvents("events", 20).stream()
                    .anyMatch(event -> event.action() == RetentionEvent.Action.KEPT));
            assertThat(store.retentionEvents("events", 20))
                    .anySatisfy(event -> {
                        assertThat(event.action()).isEqualTo(RetentionEvent.Action.KEPT);
                        assertThat(event.reason()).contains("levee retention apply");
                    })
                    .filteredOn(event -> event.action() == RetentionEvent.Action.DROPPED)
                    .hasSize(10);
            assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(30);
        }
    }

    private static StoreStatus.TableStatus status(Store store, String table) {
        return store.status().tables().stream()
                .filter(t -> t.name().equals(table))
                .findFirst()
                .orElseThrow();
    }

    /** Retention that never runs, whatever the reason, is seen. */
    @Test
    void shouldSayWhatIsOverdue() {
        TableSpec spec = spec("events", RetentionRule.maxAge(MAX_AGE));
        try (Store store = open(Duration.ofHours(10))) {
            append(store, spec, BEGIN);
            clock.advance(Duration.ofDays(7));
            await().until(() -> store.status().health().state() == Health.State.DEGRADED);
            assertThat(store.status().health().reasons())
                    .singleElement()
                    .satisfies(
                            reason -> assertThat(reason).contains("retention.overdue", "records of events", "PT48H"));
            assertThat(status(store, "events").overdueMs())
                    .isEqualTo(Duration.ofDays(2).toMillis());
            store.applyRetention(store.planRetention());
            await().until(() -> store.status().health().state() == Health.State.UP);
            assertThat(status(store, "events").overdueMs()).isZero();
            assertThat(status(store, "events").retention()).contains("within maxAge");
        }
    }

    @Test
    void shouldWarnOfTablesWithoutABound() {
        try (Store store = open(Duration.ofDays(1))) {
            append(store, spec("forgotten", RetentionRule.KEEP_ALL), BEGIN);
            append(store, spec("archive", RetentionRule.UNBOUNDED), BEGIN);
            append(store, spec("events", RetentionRule.maxAge(MAX_AGE)), BEGIN);
            await().until(() -> !store.status().warnings().isEmpty());
            assertThat(store.status().warnings()).singleElement().asString().contains("forgotten", "unbounded: true");
            assertThat(store.status().health().state()).isEqualTo(Health.State.UP);
            assertThat(store.planRetention().kept().get("archive")).contains("on purpose");
        }
    }

    /** One table whose rule cannot be kept (it has more keys than can be counted) keeps no other from its turn. */
    @Test
    void shouldKeepTablesApart() {
        TableSpec many =
                spec("a_many", RetentionRule.builder().keepNewest(1, "i").build());
        TableSpec spec = spec("events", RetentionRule.maxAge(MAX_AGE));
        try (Store store = open(Duration.ofMillis(300))) {
            Table<Row> table = store.createTable(many);
            for (int from = 0; from < 100_001; from += 20_000) {
                List<Row> rows = new ArrayList<>();
                for (int i = from; i < Math.min(100_001, from + 20_000); i++) {
                    rows.add(Row.of(many).set("i", i).set("at", BEGIN).build());
                }
                table.appendAll(rows, Ack.COMMITTED).join();
            }
            append(store, spec, BEGIN);
            clock.advance(Duration.ofDays(7));
            await().until(() ->
                    store.partitions().stream().noneMatch(p -> p.id().table().equals("events")));
            await().until(() -> store.status().health().reasons().stream()
                    .anyMatch(r -> r.contains("retention of a_many") && r.contains("LIMIT_EXCEEDED")));
            assertThat(store.planRetention().kept().get("a_many")).contains("cannot be planned");
        }
    }
}
