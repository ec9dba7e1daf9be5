package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Levee;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.testkit.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A splitting that is killed goes on: no row of the adopted database is lost or there twice, whenever that is (G64, T5). */
class SplitKillTest {
    private static final int ROWS = 8_000;
    private static final int KILLS = 3;

    @TempDir
    Path directory;

    /** Goes on with the splitting, writes some of its keys anew, and stops dead at a point if it is told one. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            Path home = Path.of(arguments[0]);
            Splitting.Point dead = arguments[1].equals("-") ? null : Splitting.Point.valueOf(arguments[1]);
            long seed = Long.parseLong(arguments[2]);
            int[] reached = {(int) (seed & 3)};
            Store store = SplitTest.open(
                    home,
                    point -> {
                        if (point == dead && --reached[0] <= 0) {
                            Runtime.getRuntime().halt(1);
                        }
                    },
                    1_000,
                    o -> {});
            Table<Row> table = store.table("invocations");
            store.split(AdoptedCatalog.id("invocations", 1));
            System.out.println("ready");
            SplittableRandom random = new SplittableRandom(seed);
            while (store.splits().get(0).state() != SplitStatus.State.DONE) {
                String key = String.format("task-%08d", random.nextInt(ROWS));
                // Before it is there: it may be, and nobody be told.
                System.out.println(key);
                table.append(
                                Row.of(table.spec())
                                        .set("task_id", key)
                                        .set("task_name", "again")
                                        .set("state", "SUCCESS")
                                        .set("finished_at", LegacyData.BEGIN.plus(Duration.ofHours(20)))
                                        .build(),
                                Ack.COMMITTED)
                        .join();
                System.out.println("stored " + key);
            }
            store.close();
            System.out.println("done");
        }
    }

    @Test
    void shouldLoseAndDoubleNothingWheneverItIsKilled() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Path file = directory.resolve("old.db");
        LegacyData.monitor(file, ROWS, true);
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home)) {
            store.createTable(LegacyData.invocations().build());
            store.adopt(
                    "invocations",
                    Adoption.of(file, "invocations").time("finished_at").details("invocation_details", "task_id"));
        }
        Set<String> again = new HashSet<>();
        for (Splitting.Point point : Splitting.Point.values()) {
            if (point != Splitting.Point.VERIFIED) {
                child(home, point.name(), random.nextLong(), again, -1);
                // What a step left in its place must not pass for a partition once the next one has begun.
                boolean lost = point.compareTo(Splitting.Point.IN_PLACE) >= 0 || random.nextBoolean();
                check(home, again, seed + " " + point, lost);
            }
        }
        for (int kill = 0; kill < KILLS; kill++) {
            child(home, "-", random.nextLong(), again, random.nextInt(1500));
            check(home, again, seed + " kill " + kill, random.nextBoolean());
        }
        child(home, "-", random.nextLong(), again, -1);
        try (Store store = Levee.open(home)) {
            SplitStatus done = store.splits().get(0);
            assertThat(done.state()).isEqualTo(SplitStatus.State.DONE);
            assertThat(done.rowsDone()).isEqualTo(ROWS);
        }
        check(home, again, seed + " at the end", false);
    }

    private static void child(Path home, String point, long seed, Set<String> again, int millis) throws Exception {
        try (ChildJvm child = ChildJvm.start(Child.class, home.toString(), point, Long.toString(seed))) {
            assertThat(child.line()).isEqualTo("ready");
            if (millis >= 0) {
                TimeUnit.MILLISECONDS.sleep(millis);
                child.kill();
            }
            child.rest().stream().filter(line -> line.contains("task-")).forEach(again::add);
        }
    }

    /** Every key is there once, also where the adopted database has it still and it was written anew. */
    private static void check(Path home, Set<String> again, String when, boolean catalogLost) throws Exception {
        String what = when + (catalogLost ? ", the catalog lost" : "");
        if (catalogLost) {
            Files.delete(home.resolve("catalog.db"));
            Files.deleteIfExists(home.resolve("catalog.db-wal"));
            Files.deleteIfExists(home.resolve("catalog.db-shm"));
        }
        try (Store store = SplitTest.open(home, point -> {}, 1_000, o -> {})) {
            store.splits().stream()
                    .filter(s -> s.state() == SplitStatus.State.RUNNING)
                    .forEach(s -> store.stopSplit(s.partition()));
            Map<String, Integer> keys = new HashMap<>();
            Set<Long> numbers = new HashSet<>();
            try (Result<Row> rows = store.query(Query.builder("invocations").build())) {
                rows.forEach(row -> {
                    keys.merge((String) row.get("task_id"), 1, Integer::sum);
                    assertThat(numbers.add(row.seq())).as(what).isTrue();
                });
            }
            assertThat(keys).as(what).hasSize(ROWS);
            keys.forEach(
                    (key, times) -> assertThat(times).as("%s: %s", what, key).isEqualTo(1));
            again.stream()
                    .filter(line -> line.startsWith("stored "))
                    .limit(50)
                    .forEach(line -> assertThat(store.table("invocations")
                                    .find(line.substring("stored ".length()))
                                    .orElseThrow()
                                    .get("task_name"))
                            .as("%s: %s of %s", what, line, store.splits())
                            .isEqualTo("again"));
            assertThat(store.flush(Duration.ofSeconds(10))).isTrue();
        }
    }
}
