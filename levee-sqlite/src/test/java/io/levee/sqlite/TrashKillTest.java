package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.DroppedPartition;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.RollupSpec;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.testkit.ChildJvm;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process that drops partitions and brings them back all the time is killed at any moment: each partition is live or in the trash, its rows
 * are there once when it is back, and a time series, of live rows and of figures of what is gone, is the same all the time.
 */
class TrashKillTest {
    private static final int KILLS = 4;
    private static final int ROWS = 300;
    private static final int DAYS = 6;
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");

    @TempDir
    Path directory;

    private static TableSpec spec(int days) {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("i")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.maxAge(Duration.ofDays(days)))
                .rollup(RollupSpec.builder("daily")
                        .every(Duration.ofDays(1))
                        .measures(Measure.count(), Measure.sum("i"))
                        .build())
                .build();
    }

    private static Store open(Path home) {
        return Levee.open(
                home, o -> o.asOf(NOW).retentionEvery(Duration.ofHours(1)).trashGrace(Duration.ofDays(1)));
    }

    private static List<String> series(Store store) {
        return store
                .timeSeries(new TimeSeries(
                        Query.builder("events").build(),
                        Duration.ofDays(1),
                        List.of(),
                        List.of(Measure.count(), Measure.sum("i"))))
                .points()
                .stream()
                .filter(point -> !Long.valueOf(0).equals(point.figures().get(0)))
                .map(String::valueOf)
                .toList();
    }

    private static List<Long> numbers(Store store) {
        List<Long> numbers = new ArrayList<>();
        try (Result<Row> rows =
                store.query(Query.builder("events").oldestFirst().limit(10_000).build())) {
            rows.forEach(row -> numbers.add((Long) row.get("i")));
        }
        numbers.sort(null);
        return numbers;
    }

    private static List<DroppedPartition> trash(Store store) {
        return store.trash().stream()
                .filter(one -> one.partition().id().table().equals("events"))
                .toList();
    }

    /** Drops and restores until it is killed. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            SplittableRandom random = new SplittableRandom(Long.parseLong(arguments[1]));
            try (Store store = open(Path.of(arguments[0]))) {
                System.out.println("ready");
                while (true) {
                    store.createTable(spec(1 + random.nextInt(3)));
                    store.applyRetention(store.planRetention());
                    store.createTable(spec(1000));
                    List<DroppedPartition> gone = trash(store);
                    for (DroppedPartition one : gone) {
                        if (random.nextInt(4) > 0) {
                            store.restore(one.partition().id());
                        }
                    }
                    System.out.println(gone.size());
                }
            }
        }
    }

    @Test
    void shouldBringEachPartitionBackOnceWheneverItIsKilled() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        List<String> before;
        try (Store store = open(directory)) {
            Table<Row> events = store.createTable(spec(1000));
            List<Row> rows = new ArrayList<>();
            for (long i = 0; i < ROWS; i++) {
                rows.add(Row.of(events.spec())
                        .set("i", i)
                        .set("at", NOW.minus(Duration.ofDays(i % DAYS)))
                        .build());
            }
            events.appendAll(rows, Ack.COMMITTED).join();
            before = series(store);
            assertThat(before).hasSize(DAYS);
        }
        for (int kill = 0; kill < KILLS; kill++) {
            try (ChildJvm child = ChildJvm.start(Child.class, directory.toString(), Long.toString(random.nextLong()))) {
                assertThat(child.line()).isEqualTo("ready");
                if (kill == 0) {
                    assertThat(Integer.parseInt(String.valueOf(child.line())))
                            .as("something is dropped")
                            .isPositive();
                }
                TimeUnit.MILLISECONDS.sleep(random.nextInt(400));
                child.kill();
            }
            try (Store store = open(directory)) {
                store.createTable(spec(1000));
                assertThat(series(store)).as("live and dropped, seed %d", seed).isEqualTo(before);
                List<Long> live = numbers(store);
                assertThat(new TreeSet<>(live)).as("once, seed %d", seed).hasSize(live.size());
                List<DroppedPartition> gone = trash(store);
                assertThat(gone)
                        .as("seed %d", seed)
                        .allMatch(one -> one.graceLeft() != null
                                && one.graceLeft().compareTo(Duration.ofDays(1)) <= 0
                                && one.graceLeft().compareTo(Duration.ofHours(23)) > 0);
                gone.forEach(one -> store.restore(one.partition().id()));
                assertThat(trash(store)).isEmpty();
                assertThat(numbers(store))
                        .as("all back, seed %d", seed)
                        .isEqualTo(LongStream.range(0, ROWS).boxed().toList());
                assertThat(series(store)).as("all back, seed %d", seed).isEqualTo(before);
            }
        }
    }
}
