package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.SlowQuery;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A repeated question reads only what was written to since: groups of closed partitions are kept. */
class PartialsTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");
    private static final int DAYS = 5;
    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("at", ColumnType.TIMESTAMP)
            .column("host", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private Store open() {
        return Levee.open(
                directory,
                o -> o.asOf(NOW)
                        .memory(Bytes.mebi(64))
                        .slowQuery(Duration.ofNanos(1))
                        .queryThreads(3));
    }

    private static void put(Store store, int daysAgo, long n) {
        Row row = Row.of(SPEC)
                .set("at", NOW.minus(Duration.ofDays(daysAgo)))
                .set("host", "h" + n % 2)
                .set("n", n)
                .build();
        store.createTable(SPEC).append(row, Ack.COMMITTED).join();
    }

    private static List<List<Object>> ask(Store store) {
        Query query = Query.builder("runs").where(Expr.ge("n", 0)).build();
        List<List<Object>> groups = new ArrayList<>();
        store.aggregate(new Aggregation(
                        query, List.of("host"), List.of(Measure.count(), Measure.sum("n"), Measure.distinct("n"))))
                .groups()
                .forEach(group -> groups.add(new ArrayList<>(group)));
        return groups;
    }

    /** How an aggregation is run now. */
    private static String plan(Store store) {
        // A query is noted when it has ended, which may be after its answer was read.
        long before = newest(store).map(SlowQuery::id).orElse(0L);
        ask(store);
        ask(store);
        long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (newest(store).map(SlowQuery::id).orElse(0L) < before + 2) {
            assertThat(System.nanoTime()).isLessThan(end);
            Thread.onSpinWait();
        }
        return newest(store).orElseThrow().plan();
    }

    private static Optional<SlowQuery> newest(Store store) {
        return store.slowQueries().stream().max(Comparator.comparingLong(SlowQuery::id));
    }

    @Test
    void shouldReadOnlyWhatWasWrittenToSince() {
        try (Store store = open()) {
            for (int day = 0; day < DAYS; day++) {
                put(store, day, day);
                put(store, day, day + 10);
            }
        }
        try (Store store = open()) {
            store.createTable(SPEC);
            List<List<Object>> first = ask(store);
            assertThat(first).containsExactly(List.of("h0", 6L, 42L, 6L), List.of("h1", 4L, 28L, 4L));
            assertThat(plan(store)).isEqualTo("5 parts, 5 of them cached");
            assertThat(ask(store)).isEqualTo(first);
            Table<Row> table = store.table("runs");
            // A shorter range that still lets whole partitions through uses them.
            table.query()
                    .between(NOW.minus(Duration.ofDays(2)), NOW.plusSeconds(1))
                    .count();
            // A late record makes its partition another one.
            put(store, 3, 100);
            assertThat(ask(store)).containsExactly(List.of("h0", 7L, 142L, 7L), List.of("h1", 4L, 28L, 4L));
            // It is open as long as nobody closed it: that one part is read each time.
            assertThat(plan(store)).isEqualTo("5 parts, 4 of them cached");
        }
        try (Store store = open()) {
            store.createTable(SPEC);
            assertThat(ask(store)).containsExactly(List.of("h0", 7L, 142L, 7L), List.of("h1", 4L, 28L, 4L));
        }
    }
}
