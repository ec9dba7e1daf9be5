package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Aggregation;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.TimeSeries;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Every kind of query, all through a splitting, by its own process and one that only reads, while others lock the table, write it anew, add
 * columns to it, and end sessions: each answer is what it was before, or an error that says to ask again (G54, G64, T5).
 */
class SplitReadersTest {
    private static final int ROWS = 4_000;
    private static final int TROUBLES = 15;

    private final PostgresServer server = PostgresServer.shared();
    private final LegacyTables old = new LegacyTables(server);
    private final String address = server.newStore();
    private final long seed = Long.getLong("levee.seed", System.nanoTime());
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();
    private final AtomicInteger answered = new AtomicInteger();

    private static Map<String, Function<Store, Object>> questions() {
        Map<String, Function<Store, Object>> all = new LinkedHashMap<>();
        all.put("newest first", store -> pages(store, Query.builder("checks").newestFirst()));
        all.put("oldest first", store -> pages(store, Query.builder("checks").oldestFirst()));
        all.put(
                "another order",
                store -> pages(store, Query.builder("checks").orderBy(Order.desc("latency_ns"), Order.asc("site_id"))));
        all.put(
                "filtered",
                store -> pages(
                        store,
                        Query.builder("checks").where(Expr.parse("site_id = 7 AND up = true", LegacyTables.BEGIN))));
        all.put(
                "newest per site",
                store -> pages(
                        store, Query.builder("checks").newestPer("site_id").orderBy(Order.asc("site_id"))));
        all.put("count", store -> store.count(Query.builder("checks").build()));
        all.put(
                "count of a range",
                store -> store.count(Query.builder("checks")
                        .from(LegacyTables.BEGIN.plusSeconds(500))
                        .to(LegacyTables.BEGIN.plusSeconds(2_500))
                        .build()));
        all.put(
                "groups",
                store -> List.copyOf(store
                        .aggregate(new Aggregation(
                                Query.builder("checks").build(),
                                List.of("site_id"),
                                List.of(Measure.count(), Measure.max("latency_ns"), Measure.parse("count(up)"))))
                        .groups()
                        .stream()
                        .map(Object::toString)
                        .sorted()
                        .toList()));
        all.put(
                "series",
                store -> store
                        .timeSeries(new TimeSeries(
                                Query.builder("checks").build(),
                                Duration.ofMinutes(10),
                                List.of(),
                                List.of(Measure.count())))
                        .points()
                        .stream()
                        .map(p -> p.at() + " " + p.figures())
                        .toList());
        all.put("sql", SplitReadersTest::sql);
        all.put(
                "followed",
                store -> store.table("checks")
                        .tail(0)
                        .poll(Duration.ofMillis(1))
                        .entries()
                        .size());
        return all;
    }

    private static Object sql(Store store) {
        List<String> rows = new ArrayList<>();
        try (SqlResult result =
                store.sql(SqlQuery.of("SELECT site_id, count(*), sum(latency_ns), min(_seq), max(_seq) FROM"
                        + " checks GROUP BY site_id ORDER BY site_id"))) {
            result.forEach(row -> rows.add(row.toString()));
        }
        return rows;
    }

    private static List<String> pages(Store store, Query.Builder query) {
        List<String> all = new ArrayList<>();
        String after = null;
        do {
            try (Result<Row> result = store.query(query.limit(700).after(after).build())) {
                result.forEach(row -> all.add(row.seq() + " " + row.time() + " " + row.get("latency_ns")));
                after = result.next();
            }
        } while (after != null);
        return all;
    }

    /** Asks one after the other until it is over, and then each once more. */
    private void ask(Store store, String who, Map<String, Object> wanted) {
        try {
            while (!over.get() && failed.get() == null) {
                questions().forEach((name, question) -> answer(store, who, name, question, wanted));
            }
            questions().forEach((name, question) -> answer(store, who, name, question, wanted));
        } catch (Throwable e) {
            failed.compareAndSet(null, e);
        }
    }

    private void answer(
            Store store, String who, String name, Function<Store, Object> question, Map<String, Object> wanted) {
        Object found;
        try {
            found = question.apply(store);
        } catch (LeveeException e) {
            // An administrator may cancel a query, or end its session.
            boolean ended = String.valueOf(e.details().get("sqlState")).startsWith("57");
            if (!e.retryable() && !ended && e.code() != io.levee.ErrorCode.DEADLINE) {
                throw e;
            }
            return;
        }
        answered.incrementAndGet();
        assertThat(found).as("%s, asked by the %s, seed %s", name, who, seed).isEqualTo(wanted.get(name));
    }

    private void trouble(SplittableRandom random) throws SQLException {
        String schema = PostgresServer.schema(address);
        switch (random.nextInt(6)) {
            case 0 -> {
                try (Connection c = old.open();
                        Statement s = c.createStatement()) {
                    c.setAutoCommit(false);
                    s.execute("LOCK TABLE check_history IN ACCESS EXCLUSIVE MODE");
                    LockSupport.parkNanos(random.nextLong(250_000_000));
                    c.rollback();
                }
            }
            case 1 -> {
                // Not with other statements: that would be a transaction.
                try (Connection c = old.open();
                        Statement s = c.createStatement()) {
                    s.execute("VACUUM FULL check_history");
                }
            }
            case 2 ->
                old.run("ALTER TABLE check_history ADD COLUMN more" + random.nextInt(1_000_000) + " integer DEFAULT 7");
            case 3 -> old.run("ANALYZE check_history");
            case 4 ->
                server.texts(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'levee %'"
                                + " AND query LIKE '%" + schema + "%' ORDER BY hashtext(pid::text || "
                                + random.nextInt() + ") LIMIT 2");
            default ->
                server.texts("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'levee %'"
                        + " AND query LIKE '%" + schema + "%' AND state = 'active' LIMIT 2");
        }
    }

    @Test
    void shouldAnswerAsBeforeAllThroughWhateverOthersDo() throws Exception {
        System.out.println("seed " + seed);
        old.checks(ROWS);
        SplittableRandom random = new SplittableRandom(seed);
        try (Store store = SplitTest.open(address, point -> {}, 50, o -> {})) {
            store.createTable(LegacyTables.checkSpec().build());
            PartitionId id = store.adopt(
                            "checks",
                            Adoption.ofTable(old.name("check_history")).map("up", "is_up"))
                    .partition();
            Map<String, Object> wanted = new LinkedHashMap<>();
            questions().forEach((name, question) -> wanted.put(name, question.apply(store)));
            assertThat((List<?>) wanted.get("newest first")).hasSize(ROWS);
            try (Store beside = Levee.open(address, true, o -> {})) {
                List<Thread> readers = List.of(
                        new Thread(() -> ask(store, "writer's process", wanted)),
                        new Thread(() -> ask(beside, "one that reads", wanted)));
                readers.forEach(Thread::start);
                store.split(id);
                for (int i = 0; i < TROUBLES && failed.get() == null; i++) {
                    LockSupport.parkNanos(random.nextLong(150_000_000));
                    trouble(random);
                }
                SplitStatus done = SplitTest.await(store, SplitStatus.State.DONE);
                over.set(true);
                for (Thread reader : readers) {
                    reader.join();
                }
                if (failed.get() != null) {
                    throw new AssertionError("seed " + seed, failed.get());
                }
                assertThat(done.rowsMoved()).isEqualTo(ROWS);
                assertThat(answered.get()).isGreaterThan(2 * questions().size() - 1);
            }
        }
    }
}
