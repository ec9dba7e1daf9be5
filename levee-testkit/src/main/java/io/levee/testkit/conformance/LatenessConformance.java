package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** A row lies in the partition of its event time, whenever it comes; queries never see partitions. */
abstract class LatenessConformance extends Conformance {
    private static final Instant MIDNIGHT = Instant.parse("2026-05-20T00:00:00Z");

    private final Store store;

    LatenessConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
    }

    private static TableSpec spec(String name, PartitionBy by) {
        return TableSpec.builder(name)
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(by)
                .build();
    }

    private List<String> periods(String table) {
        return store.partitions().stream()
                .map(PartitionInfo::id)
                .filter(id -> id.table().equals(table))
                .map(id -> id.period())
                .toList();
    }

    /** G58: the last microsecond before a boundary and the first behind it, in UTC, for every width, over awkward dates. */
    @Test
    void shouldPartAtTheBoundaryExactly() {
        Map<PartitionBy, List<String>> boundaries = Map.of(
                PartitionBy.HOUR, List.of("2026-05-20T11:00:00Z", "2024-02-29T00:00:00Z"),
                PartitionBy.DAY, List.of("2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z", "2025-12-31T00:00:00Z"),
                PartitionBy.WEEK, List.of("2024-12-30T00:00:00Z", "2026-05-18T00:00:00Z", "2021-01-04T00:00:00Z"),
                PartitionBy.MONTH, List.of("2024-03-01T00:00:00Z", "2026-01-01T00:00:00Z"),
                PartitionBy.YEAR, List.of("1981-01-01T00:00:00Z", "2026-01-01T00:00:00Z"));
        boundaries.forEach((by, times) -> {
            TableSpec spec = spec("by_" + by.specName(), by);
            Table<Row> table = store.createTable(spec);
            List<Row> rows = new ArrayList<>();
            for (String time : times) {
                Instant at = Instant.parse(time);
                rows.add(row(spec, "i", 1L, "at", at));
                rows.add(row(spec, "i", -1L, "at", at.minusNanos(1000)));
            }
            append(table, rows);
            assertThat(periods(spec.name()))
                    .as("%s", by)
                    .hasSize(distinctPeriods(by, times))
                    .doesNotHaveDuplicates();
            for (String time : times) {
                Instant at = Instant.parse(time);
                assertThat(read(
                                store,
                                Query.builder(spec.name())
                                        .from(at)
                                        .to(at.plusSeconds(1))
                                        .build(),
                                "i"))
                        .as("from %s", time)
                        .containsExactly(1L);
                assertThat(read(
                                store,
                                Query.builder(spec.name())
                                        .from(at.minusSeconds(1))
                                        .to(at)
                                        .build(),
                                "i"))
                        .as("to %s", time)
                        .containsExactly(-1L);
            }
        });
    }

    private static int distinctPeriods(PartitionBy by, List<String> times) {
        return (int) times.stream()
                .map(Instant::parse)
                .flatMap(at -> java.util.stream.Stream.of(at, at.minusNanos(1000)))
                .map(at -> io.levee.engine.Period.of(by, at.getEpochSecond() * 1_000_000 + at.getNano() / 1000))
                .distinct()
                .count();
    }

    /** G63: none twice, none missing, on either side. */
    @Test
    void shouldTakeABatchThatStraddlesMidnight() {
        TableSpec spec = spec("events", PartitionBy.DAY);
        Table<Row> table = store.createTable(spec);
        List<Row> rows = new ArrayList<>();
        for (long i = -500; i < 500; i++) {
            rows.add(row(spec, "i", i, "at", MIDNIGHT.plusNanos(i * 1000)));
        }
        java.util.Collections.shuffle(rows, new java.util.Random(7));
        append(table, rows);
        assertThat(periods("events")).containsExactly("2026-05-19", "2026-05-20");
        List<Object> expected = new ArrayList<>();
        for (long i = -500; i < 500; i++) {
            expected.add(i);
        }
        assertThat(read(store, all(spec), "i")).isEqualTo(expected);
        assertThat(store.partitions()).allMatch(p -> p.rows() == 500 && p.rangeKnown());
    }

    /** Late rows go where their time says, without a new partition where there is one. */
    @Test
    void shouldTakeLateRows(TestReporter reporter) {
        TableSpec spec = spec("events", PartitionBy.DAY);
        Table<Row> table = store.createTable(spec);
        for (int back : new int[] {0, 3, 1, 40, 0, 3, 1, 2, 40}) {
            append(table, row(spec, "i", (long) back, "at", NOW.minus(Duration.ofDays(back))));
        }
        assertThat(read(store, all(spec), "i")).containsExactly(40L, 40L, 3L, 3L, 2L, 1L, 1L, 0L, 0L);
        assertThat(periods("events")).isSorted();
        if (!store.capabilities().contains(Capability.SIBLINGS)) {
            // There is nothing to refuse: what siblings are for is that a late row need not wait.
            reportLack(store, Capability.SIBLINGS, reporter);
            assertThat(periods("events")).doesNotHaveDuplicates();
            assertThat(store.partitions()).allMatch(p -> p.id().n() == 1);
        }
    }

    @Test
    void shouldRefuseTimesThatCannotBe() {
        TableSpec spec = spec("events", PartitionBy.DAY);
        Table<Row> table = store.createTable(spec);
        for (Instant wrong :
                List.of(Instant.EPOCH, Instant.parse("1979-12-31T23:59:59Z"), NOW.plus(Duration.ofDays(3)))) {
            refused(ErrorCode.TIME_REFUSED, () -> table.append(row(spec, "at", wrong)));
        }
        append(table, row(spec, "i", 1L, "at", NOW.plus(Duration.ofHours(47))));
        append(table, row(spec, "i", 2L, "at", Instant.parse("1980-01-01T00:00:00Z")));
        assertThat(store.count(all(spec))).isEqualTo(2);
    }

    @Test
    void shouldKeepEverythingInOnePartitionWhereNoneIsWanted() {
        TableSpec spec = spec("states", PartitionBy.NONE);
        Table<Row> table = store.createTable(spec);
        append(
                table,
                row(spec, "i", 1L, "at", Instant.parse("1980-01-01T00:00:00Z")),
                row(spec, "i", 2L, "at", NOW.plus(Duration.ofDays(1))));
        assertThat(periods("states")).containsExactly("all");
        assertThat(read(store, all(spec), "i")).containsExactly(1L, 2L);
    }

    /** The width of new periods grows with the span; rows of narrow and wide partitions are one table all the same. */
    @Test
    void shouldWidenPeriodsAsTheSpanGrows() {
        TableSpec spec = spec("auto", PartitionBy.AUTO);
        Table<Row> table = store.createTable(spec);
        List<Object> expected = new ArrayList<>();
        // 30 days in the first batches, each of a few hours; then years back, in between and again at the end.
        for (int day = 30; day > 0; day -= 3) {
            fill(table, expected, NOW.minus(Duration.ofDays(day)), Duration.ofHours(2));
        }
        fill(table, expected, NOW.minus(Duration.ofDays(900)), Duration.ofDays(20));
        fill(table, expected, NOW.minus(Duration.ofDays(15)), Duration.ofHours(7));
        fill(table, expected, NOW.minus(Duration.ofDays(300)), Duration.ofDays(3));
        fill(table, expected, NOW.minus(Duration.ofDays(9000)), Duration.ofDays(700));
        fill(table, expected, NOW.minus(Duration.ofDays(31)), Duration.ofDays(2));
        fill(table, expected, NOW.minus(Duration.ofDays(4)), Duration.ofHours(3));
        expected.sort(java.util.Comparator.comparingLong(i -> (Long) i));
        assertThat(read(store, all(spec), "i")).isEqualTo(expected);
        assertThat(store.partitions().size()).isLessThan(200);
        for (int day = 0; day < 1000; day += 37) {
            Instant from = NOW.minus(Duration.ofDays(day + 40));
            Instant to = NOW.minus(Duration.ofDays(day));
            List<Object> within = expected.stream()
                    .filter(i -> (Long) i >= from.getEpochSecond() && (Long) i < to.getEpochSecond())
                    .toList();
            assertThat(read(
                            store,
                            Query.builder("auto")
                                    .oldestFirst()
                                    .from(from)
                                    .to(to)
                                    .build(),
                            "i"))
                    .isEqualTo(within);
        }
    }

    /** Ten rows, a step apart; each is named by its second. */
    private static void fill(Table<Row> table, List<Object> expected, Instant from, Duration step) {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            Instant at = from.plus(step.multipliedBy(i)).plusSeconds(expected.size());
            if (at.isBefore(NOW)) {
                rows.add(row(table.spec(), "i", at.getEpochSecond(), "at", at));
                expected.add(at.getEpochSecond());
            }
        }
        append(table, rows);
    }
}
