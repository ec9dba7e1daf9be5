package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.testkit.ChildJvm;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** A splitting whose process is killed goes on: no row of the adopted database is lost or there twice, whenever that is (G64, G84, T5). */
abstract class SplitKillConformance extends OldTopic {
    private static final int KILLS = 3;
    private static final int LATEST_MILLIS = 800;

    private final long seed = Long.getLong("levee.seed", System.nanoTime());
    private final SplittableRandom random = new SplittableRandom(seed);
    private final String address = engine().newStore();

    /** The keys whose new version the killed processes were told to be there. */
    private final Set<String> again = new HashSet<>();

    SplitKillConformance(EngineConformance kit) {
        super(kit);
    }

    @Test
    void shouldLoseAndDoubleNothingWheneverItIsKilled(TestReporter reporter) throws Exception {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        System.out.println("seed " + seed);
        old.monitor(SplitChild.ROWS, true);
        try (Store store = open(address, false)) {
            store.createTable(OldTables.invocations().build());
            assertThat(store.adopt("invocations", OldTables.monitor(old)).partition())
                    .isEqualTo(SplitChild.ADOPTED);
        }
        List<String> points = splittings().points();
        for (int i = 0; i < points.size(); i++) {
            String point = points.get(i);
            if (!point.equals(splittings().compared())) {
                child(point, -1);
                // What was left in its place must not pass for a partition once the next step has begun.
                check(point, i >= points.size() / 2 || random.nextBoolean());
            }
        }
        for (int kill = 0; kill < KILLS; kill++) {
            child("-", random.nextInt(LATEST_MILLIS));
            check("kill " + kill, random.nextBoolean());
        }
        child(splittings().compared(), -1);
        check(splittings().compared(), random.nextBoolean());
        try (Store store = openAfterKill(() -> splitting(address, SplitChild.AT_ONCE, point -> {}))) {
            store.split(SplitChild.ADOPTED);
            assertThat(await(store, SplitStatus.State.DONE).rowsDone()).isEqualTo(SplitChild.ROWS);
        }
        check("at the end", false);
    }

    private void child(String point, int millis) throws InterruptedException {
        try (ChildJvm child = ChildJvm.start(
                engine().childJvmOptions(),
                SplitChild.class,
                splittings().getClass().getName(),
                address,
                point,
                Long.toString(random.nextLong()))) {
            assertThat(child.line()).isEqualTo("ready");
            if (millis >= 0) {
                TimeUnit.MILLISECONDS.sleep(millis);
                child.kill();
            }
            // The last line may be cut off.
            child.rest().stream()
                    .filter(line -> line.startsWith("stored "))
                    .map(line -> line.substring("stored ".length()))
                    .filter(key -> key.length() == OldTables.key(0).length())
                    .forEach(again::add);
        }
    }

    /** Every key is there once, also where the adopted database has it still and it was written anew. */
    private void check(String when, boolean lose) {
        String what = "seed " + seed + " " + when;
        if (lose) {
            what += splittings().lose(address) ? ", what can be made anew lost" : "";
        }
        try (Store store = openAfterKill(() -> splitting(address, SplitChild.AT_ONCE, point -> {}))) {
            store.splits().stream()
                    .filter(s -> s.state() == SplitStatus.State.RUNNING)
                    .forEach(s -> store.stopSplit(s.partition()));
            check(store, what);
            assertThat(store.flush(Duration.ofSeconds(10))).isTrue();
        }
        splittings().check(address);
    }

    private void check(Store store, String what) {
        Map<String, String> keys = new HashMap<>();
        Set<Long> numbers = new HashSet<>();
        try (Result<Row> rows = store.query(Query.builder("invocations").build())) {
            rows.forEach(row -> {
                assertThat(keys.put(String.valueOf(row.get("task_id")), String.valueOf(row.get("task_name"))))
                        .as(what)
                        .isNull();
                assertThat(numbers.add(row.seq())).as(what).isTrue();
            });
        }
        assertThat(keys).as(what).hasSize(SplitChild.ROWS);
        assertThat(count(store, "invocations")).as(what).isEqualTo(SplitChild.ROWS);
        again.forEach(key -> assertThat(keys).as(what).containsEntry(key, "again"));
        again.stream()
                .limit(50)
                .forEach(key -> assertThat(store.table("invocations")
                                .find(key)
                                .orElseThrow()
                                .get("task_name"))
                        .as("%s: %s of %s", what, key, store.splits())
                        .isEqualTo("again"));
    }
}
