package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Aggregation;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.testkit.PostgresServer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Keys of an adopted table are written again and deleted while it is read, before it moves and while it does: every answer has each key once,
 * and a deleted one never again (G64).
 */
class SplitWritersTest {
    private static final int ROWS = 2_000;
    private static final int DELETED = 200;

    private final PostgresServer server = PostgresServer.shared();
    private final LegacyTables old = new LegacyTables(server);
    private final String address = server.newStore();
    private final long seed = Long.getLong("levee.seed", System.nanoTime());
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();
    private final AtomicInteger answers = new AtomicInteger();
    private final AtomicInteger written = new AtomicInteger();
    private final Map<String, Boolean> again = new ConcurrentHashMap<>();
    private final Map<String, Boolean> begun = new ConcurrentHashMap<>();
    private final Map<String, Boolean> deleted = new ConcurrentHashMap<>();

    private Thread start(Runnable what) {
        Thread thread = new Thread(() -> {
            try {
                while (!over.get() && failed.get() == null) {
                    what.run();
                }
            } catch (Throwable e) {
                failed.compareAndSet(null, e);
            }
        });
        thread.start();
        return thread;
    }

    /** Keys from {@link #DELETED} on are only written again; those below are written and deleted, and stay so. */
    private void write(Store store, SplittableRandom random) {
        int key = random.nextInt(ROWS);
        String name = SplitTest.key(key);
        if (deleted.containsKey(name)) {
            return;
        }
        SplitTest.again(store, key);
        again.put(name, true);
        if (key < DELETED) {
            begun.put(name, true);
            store.table("invocations").delete(Ack.COMMITTED, name).join();
            deleted.put(name, true);
        }
        written.incrementAndGet();
    }

    private void ask(Store store, String who) {
        try {
            int least = ROWS - begun.size();
            int sure = deleted.size();
            within(store.count(Query.builder("invocations").build()), least, sure, who + ", count");
            least = ROWS - begun.size();
            sure = deleted.size();
            long sum = store
                    .aggregate(new Aggregation(
                            Query.builder("invocations").build(), List.of("state"), List.of(Measure.count())))
                    .groups()
                    .stream()
                    .mapToLong(group -> (Long) group.get(1))
                    .sum();
            within(sum, least, sure, who + ", groups");
            sure = deleted.size();
            List<Object> counts = new ArrayList<>();
            try (SqlResult result =
                    store.sql(SqlQuery.of("SELECT count(*), count(DISTINCT task_id) FROM invocations"))) {
                result.forEach(counts::addAll);
            }
            assertThat(counts.get(0)).as("%s, sql, seed %s", who, seed).isEqualTo(counts.get(1));
            within((Long) counts.get(0), ROWS - DELETED, sure, who + ", sql");
            rows(store, who);
            answers.incrementAndGet();
        } catch (LeveeException e) {
            if (!e.retryable()) {
                throw e;
            }
        }
    }

    /** A key that is being deleted may be there or not. */
    private void within(long found, int leastBefore, int sure, String what) {
        int least = Math.min(leastBefore, ROWS - begun.size());
        assertThat(found).as("%s, seed %s", what, seed).isBetween((long) least, (long) ROWS - sure);
    }

    private void rows(Store store, String who) {
        Map<String, Boolean> gone = new HashMap<>(deleted);
        Map<String, Boolean> wanted = new HashMap<>(again);
        Map<String, String> found = new HashMap<>();
        try (Result<Row> rows = store.query(Query.builder("invocations").build())) {
            rows.forEach(row -> assertThat(found.put((String) row.get("task_id"), (String) row.get("task_name")))
                    .as("%s, %s twice, seed %s", who, row.get("task_id"), seed)
                    .isNull());
        }
        gone.keySet()
                .forEach(key -> assertThat(found).as("%s, seed %s", who, seed).doesNotContainKey(key));
        wanted.keySet().stream()
                .filter(key -> key.compareTo(SplitTest.key(DELETED)) >= 0)
                .forEach(key -> assertThat(found).as("%s, seed %s", who, seed).containsEntry(key, "again"));
        for (int i = DELETED; i < ROWS; i++) {
            assertThat(found).as("%s, seed %s", who, seed).containsKey(SplitTest.key(i));
        }
    }

    private void more(AtomicInteger of, int wanted) {
        int before = of.get();
        Awaitility.await()
                .atMost(java.time.Duration.ofMinutes(2))
                .until(() -> failed.get() != null || of.get() >= before + wanted);
    }

    @Test
    void shouldAnswerWithEachKeyOnceWhileKeysAreWrittenAgain() throws Exception {
        System.out.println("seed " + seed);
        old.monitor(ROWS, false);
        SplittableRandom random = new SplittableRandom(seed);
        try (Store store = SplitTest.open(address, point -> {}, 40, o -> {})) {
            store.createTable(LegacyTables.invocations().build());
            PartitionId id = store.adopt(
                            "invocations",
                            Adoption.ofTable(old.name("invocations")).time("finished_at"))
                    .partition();
            try (Store beside = Levee.open(address, true, o -> {})) {
                List<Thread> threads = List.of(
                        start(() -> write(store, random)),
                        start(() -> ask(store, "the writer's process")),
                        start(() -> ask(beside, "one that reads")));
                more(answers, 10);
                store.split(id);
                Awaitility.await()
                        .atMost(java.time.Duration.ofMinutes(2))
                        .until(() ->
                                failed.get() != null || store.splits().get(0).state() == SplitStatus.State.DONE);
                more(answers, 4);
                over.set(true);
                for (Thread thread : threads) {
                    thread.join();
                }
                if (failed.get() != null) {
                    throw new AssertionError("seed " + seed, failed.get());
                }
                assertThat(written.get()).isPositive();
                assertThat(store.splits().get(0).rowsDone()).isEqualTo(ROWS);
            }
        }
    }
}
