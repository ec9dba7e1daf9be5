package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Levee;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.testkit.PostgresServer;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/**
 * A splitting whose sessions are ended goes on: no row of the adopted table is lost or there twice, whenever that is (G64, T5). One whose
 * process is killed is the conformance kit's.
 */
class SplitKillTest {
    private static final int ROWS = 4_000;

    private final PostgresServer server = PostgresServer.shared();
    private final LegacyTables old = new LegacyTables(server);
    private final String address = server.newStore();
    private final long seed = Long.getLong("levee.seed", System.nanoTime());
    private final SplittableRandom random = new SplittableRandom(seed);

    private void begin() {
        old.monitor(ROWS, true);
        try (Store store = Levee.open(address, false, o -> {})) {
            store.createTable(LegacyTables.invocations().build());
            store.adopt(
                    "invocations",
                    Adoption.ofTable(old.name("invocations"))
                            .time("finished_at")
                            .details("invocation_details", "task_id"));
        }
    }

    /** Every key is there once, also where the adopted table has it still and it was written anew. */
    private void check(Set<String> again, String what) {
        // The server may not have noticed the end of the killed process yet.
        Store opened = Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .ignoreExceptions()
                .until(() -> SplitTest.open(address, point -> {}, 100, o -> {}), s -> true);
        try (Store store = opened) {
            store.splits().stream()
                    .filter(s -> s.state() == SplitStatus.State.RUNNING)
                    .forEach(s -> store.stopSplit(s.partition()));
            check(store, again, what);
        }
        new PostgresSplittings().check(address);
    }

    private static void check(Store store, Set<String> again, String what) {
        Map<String, String> keys = new HashMap<>();
        Set<Long> numbers = new HashSet<>();
        try (Result<Row> rows = store.query(Query.builder("invocations").build())) {
            rows.forEach(row -> {
                assertThat(keys.put((String) row.get("task_id"), (String) row.get("task_name")))
                        .as(what)
                        .isNull();
                assertThat(numbers.add(row.seq())).as(what).isTrue();
            });
        }
        assertThat(keys).as(what).hasSize(ROWS);
        again.forEach(key -> assertThat(keys).as(what).containsEntry(key, "again"));
        assertThat(store.count(Query.builder("invocations").build())).as(what).isEqualTo(ROWS);
    }

    @Test
    void shouldLoseAndDoubleNothingWhenItsSessionsAreEndedAtRandom() throws Exception {
        System.out.println("seed " + seed);
        begin();
        Set<String> again = new HashSet<>();
        AtomicBoolean over = new AtomicBoolean();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        try (Store store = SplitTest.open(address, point -> {}, 100, o -> {})) {
            store.table("invocations");
            Thread writer = new Thread(() -> {
                try {
                    SplittableRandom keys = new SplittableRandom(seed);
                    while (!over.get()) {
                        int key = keys.nextInt(ROWS);
                        SplitTest.again(store, key);
                        again.add(SplitTest.key(key));
                    }
                } catch (Throwable e) {
                    failed.compareAndSet(null, e);
                }
            });
            writer.start();
            store.split(AdoptedCatalog.id("invocations", 1));
            String schema = PostgresServer.schema(address);
            for (int kill = 0; kill < 12; kill++) {
                LockSupport.parkNanos(random.nextLong(120_000_000));
                // Those of this store alone: other tests have theirs on the same server.
                server.texts(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'levee %'"
                                + " AND query LIKE '%" + schema + "%' ORDER BY hashtext(pid::text || " + kill
                                + ") LIMIT 2");
            }
            SplitTest.await(store, SplitStatus.State.DONE);
            over.set(true);
            writer.join();
            assertThat(failed.get()).as("seed %d", seed).isNull();
            assertThat(store.splits().get(0).rowsDone()).isEqualTo(ROWS);
            check(store, again, "seed " + seed);
        }
        check(again, "seed " + seed + ", opened again");
    }
}
