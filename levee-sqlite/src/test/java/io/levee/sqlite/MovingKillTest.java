package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.Result;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A store whose rows move between files all the time, read meanwhile and killed at any moment: each key is there once, with the value that
 * was acknowledged last or a later one.
 */
class MovingKillTest {
    private static final int KILLS = 4;
    private static final int KEYS = 40;
    /** More than is read ahead of a reader that rests. */
    private static final int MANY = 4_000;

    private static final int ROUNDS_BESIDE_READERS = 150;
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");
    private static final List<String> STATES = List.of("A", "new", "B");

    @TempDir
    Path directory;

    private static Store open(Path home) {
        return Levee.open(home, o -> o.asOf(NOW));
    }

    private static List<Row> round(TableSpec spec, long round) {
        return round(spec, round, KEYS);
    }

    private static List<Row> round(TableSpec spec, long round, int keys) {
        List<Row> rows = new ArrayList<>();
        for (long k = 0; k < keys; k++) {
            rows.add(Row.of(spec)
                    .set("k", k)
                    // Keys change class at different rounds, one of two of them in each.
                    .set("state", STATES.get((int) ((k + (round + k % 2) / 2) % 3)))
                    .set("v", round)
                    .set("at", NOW.minusSeconds(k))
                    .build());
        }
        return rows;
    }

    /** What is wrong with one answer; empty where each key is there once. */
    private static String wrong(
            String how, Iterable<? extends List<? extends @Nullable Object>> keysAndValues, long least, int keys) {
        Map<Object, Object> found = new TreeMap<>();
        for (List<? extends @Nullable Object> one : keysAndValues) {
            if (found.put(String.valueOf(one.get(0)), String.valueOf(one.get(1))) != null) {
                return how + ": key " + one.get(0) + " comes twice";
            }
            if (Long.parseLong(String.valueOf(one.get(1))) < least) {
                return how + ": key " + one.get(0) + " is of " + one.get(1) + ", before " + least;
            }
        }
        return found.size() == keys ? "" : how + ": " + found.size() + " keys";
    }

    private static String wrong(Store store, Table<Row> runs, int way, long least) {
        return wrong(store, runs, way, least, KEYS);
    }

    private static String wrong(Store store, Table<Row> runs, int way, long least, int keys) {
        switch (way) {
            case 0, 1 -> {
                try (Result<Row> rows = way == 0
                        ? runs.query().oldestFirst().limit(100_000).run()
                        : runs.query().newestPer("k").limit(100_000).run()) {
                    List<List<@Nullable Object>> all = new ArrayList<>();
                    rows.forEach(row -> all.add(List.of(row.get("k"), row.get("v"))));
                    return wrong(way == 0 ? "rows" : "newest of each", all, least, keys);
                }
            }
            case 2 -> {
                try (SqlResult rows = store.sql(SqlQuery.of("SELECT k, v FROM runs"))) {
                    return wrong("sql", rows, least, keys);
                }
            }
            default -> {
                long count = runs.query().count();
                List<List<@Nullable Object>> all = new ArrayList<>();
                runs.query()
                        .aggregate(List.of("k"), Measure.count(), Measure.max("v"))
                        .groups()
                        .forEach(row -> all.add(List.of(row.get(0), row.get(2))));
                return count == keys ? wrong("groups", all, least, keys) : "count: " + count;
            }
        }
    }

    /** Moves rows until it is killed, beside a query after the other. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (Store store = open(Path.of(arguments[0]))) {
                Table<Row> runs = store.createTable(MovesTest.RUNS);
                long first = Long.parseLong(arguments[1]);
                runs.appendAll(round(runs.spec(), first), Ack.COMMITTED).join();
                Thread reading = new Thread(() -> {
                    for (int i = 0; ; i++) {
                        String wrong = wrong(store, runs, i % 4, 0);
                        if (!wrong.isEmpty()) {
                            System.out.println(wrong);
                        }
                    }
                });
                reading.setDaemon(true);
                reading.start();
                System.out.println("ready");
                for (long round = first + 1; ; round++) {
                    runs.appendAll(round(runs.spec(), round), Ack.COMMITTED).join();
                    System.out.println(round);
                }
            }
        }
    }

    @Test
    void shouldHaveEachKeyOnceWheneverItIsKilled() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        long round = 1;
        for (int kill = 0; kill < KILLS; kill++) {
            try (ChildJvm child = ChildJvm.start(Child.class, directory.toString(), Long.toString(round))) {
                assertThat(child.line()).isEqualTo("ready");
                TimeUnit.MILLISECONDS.sleep(random.nextInt(400));
                child.kill();
                for (String line : child.rest()) {
                    if (!line.isEmpty()) {
                        assertThat(line).as("seed %d", seed).matches("\\d+");
                        round = Math.max(round, Long.parseLong(line));
                    }
                }
            }
            try (Store store = open(directory)) {
                Table<Row> runs = store.createTable(MovesTest.RUNS);
                for (int way = 0; way < 4; way++) {
                    assertThat(wrong(store, runs, way, round))
                            .as("seed %d", seed)
                            .isEmpty();
                }
                round += 2;
                runs.appendAll(round(runs.spec(), round), Ack.COMMITTED).join();
                for (int way = 0; way < 4; way++) {
                    assertThat(wrong(store, runs, way, round))
                            .as("seed %d", seed)
                            .isEmpty();
                }
            }
            assertThat(MovesTest.stored(directory)).as("seed %d", seed).hasSize(KEYS);
            round++;
        }
    }

    @Test
    void shouldCountEachKeyOnceBesideAMovingWriter() throws Exception {
        try (Store store = open(directory)) {
            Table<Row> runs = store.createTable(MovesTest.RUNS);
            runs.appendAll(round(runs.spec(), 1), Ack.COMMITTED).join();
            AtomicReference<String> wrong = new AtomicReference<>("");
            List<Thread> readers = new ArrayList<>();
            AtomicLong done = new AtomicLong(1);
            for (int way = 0; way < 4; way++) {
                int own = way;
                Thread reader = new Thread(() -> {
                    int asked = 0;
                    while (wrong.get().isEmpty() && (done.get() < ROUNDS_BESIDE_READERS || asked < 5)) {
                        long least = done.get();
                        String found;
                        try {
                            found = wrong(store, runs, own, least);
                        } catch (RuntimeException e) {
                            found = e.toString();
                        }
                        if (!found.isEmpty()) {
                            wrong.compareAndSet("", found);
                        }
                        asked++;
                    }
                });
                reader.start();
                readers.add(reader);
            }
            for (long round = 2; round <= ROUNDS_BESIDE_READERS && wrong.get().isEmpty(); round++) {
                runs.appendAll(round(runs.spec(), round), Ack.COMMITTED).join();
                done.set(round);
            }
            for (Thread reader : readers) {
                reader.join(Duration.ofSeconds(60).toMillis());
            }
            assertThat(wrong.get()).isEmpty();
        }
        assertThat(MovesTest.stored(directory)).hasSize(KEYS);
    }

    /** A query of before keeps copies in their old files: neither a backup nor another process takes them for rows. */
    @Test
    void shouldNotBackUpOrShowOthersWhatWasLeftBehind() throws Exception {
        Path home = directory.resolve("store");
        Path backup = directory.resolve("backup");
        Path restored = directory.resolve("restored");
        try (Store store = open(home)) {
            Table<Row> runs = store.createTable(MovesTest.RUNS);
            runs.appendAll(round(runs.spec(), 1, MANY), Ack.COMMITTED).join();
            try (Result<Row> rows = runs.query().oldestFirst().limit(100_000).run()) {
                Iterator<Row> reading = rows.iterator();
                reading.next();
                for (long round = 2; round < 6; round++) {
                    runs.appendAll(round(runs.spec(), round, MANY), Ack.COMMITTED)
                            .join();
                }
                assertThat(MovesTest.stored(home))
                        .as("there is something left behind")
                        .hasSizeGreaterThan(MANY);
                store.backup(backup);
                try (Store reader = Levee.openReadOnly(home)) {
                    for (int way = 0; way < 4; way++) {
                        assertThat(wrong(reader, reader.table("runs"), way, 5, MANY))
                                .isEmpty();
                    }
                }
            }
        }
        Levee.restore(backup, restored.toString());
        try (Store store = open(restored)) {
            for (int way = 0; way < 4; way++) {
                assertThat(wrong(store, store.table("runs"), way, 5, MANY)).isEmpty();
            }
        }
        assertThat(MovesTest.stored(restored)).hasSize(MANY);
    }
}
