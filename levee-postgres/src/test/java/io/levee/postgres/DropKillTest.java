package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.PostgresServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * A process that drops and frees partitions is killed at each point of it: the next one finds whole partitions, live or in the trash, and
 * ends what was begun (G77). One child stands at every point at once, in a store for each, so that one kill is all of them.
 */
class DropKillTest {
    private static final Instant NOON = Instant.parse("2026-05-20T12:00:00Z");
    private static final int ROWS_A_DAY = 5;
    private static final int DAYS = 5;

    /** What the child says when it needs a query that outlives it. */
    private static final String READER_PLEASE = "a reader, please";

    /** Days that are past their age. */
    private static final int PAST = 3;

    /** Where the child stands when it is killed. */
    enum Point {
        /** The floor is raised; the catalog does not say yet that a drop begins. */
        FLOOR_RAISED("AND (state = 'dropping' OR", 1, true, "closed attached"),
        /** The catalog says so. */
        MARKED("DETACH PARTITION", 1, true, "dropping attached"),
        /** Detaching, and waiting for a query that began before. */
        PENDING("", 0, true, "dropping pending"),
        /** Detached, while the catalog still says that it goes. */
        DETACHED("DETACH PARTITION", 1, false, "dropping apart"),
        /** The first is gone, and the second begun. */
        SECOND("DETACH PARTITION", 2, true, "dropped apart"),
        /** Detached in the transaction that says so, which has not ended. */
        AT_ONCE("DETACH PARTITION", 1, false, "closed attached"),
        /** The table of a dropped one is deleted, in a transaction that has not ended. */
        FREEING("DROP TABLE", 1, false, "dropped apart"),
        /** One is freed, the next is not. */
        ONE_FREED("DROP TABLE", 2, true, "freed no table");

        private final String statement;
        private final int nth;
        private final boolean before;
        private final String left;

        /**
         * A point.
         *
         * @param nth which statement with that text; 0: none
         * @param before whether it stands before that statement, or behind it
         * @param left what the kill leaves of the first partition that goes
         */
        Point(String statement, int nth, boolean before, String left) {
            this.statement = statement;
            this.left = left;
            this.nth = nth;
            this.before = before;
        }

        boolean frees() {
            return this == FREEING || this == ONE_FREED;
        }
    }

    private static TableSpec spec(RetentionRule rule) {
        return TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static final TableSpec FOREVER = spec(RetentionRule.KEEP_ALL);
    private static final TableSpec TWO_DAYS = spec(RetentionRule.maxAge(Duration.ofDays(1)));

    /** Opens a store on a data source, and gives its engine away. */
    private static final class Opening implements EngineProvider {
        private final DataSource source;
        private final Duration grace;
        private @Nullable StorageEngine engine;

        Opening(DataSource source, Duration grace) {
            this.source = source;
            this.grace = grace;
        }

        @Override
        public boolean accepts(String address) {
            return true;
        }

        @Override
        public StorageEngine open(String schema, EngineSettings settings) {
            StorageEngine opened = io.levee.postgres.Opening.open(
                    Connections.of(source, "a test"), new Names(schema), settings, grace);
            engine = opened;
            return opened;
        }

        Store store(String schema, Duration retentionEvery) {
            return Levee.open(
                    this, schema, false, o -> o.asOf(NOON).queryThreads(1).retentionEvery(retentionEvery));
        }
    }

    /** Stands still at a point of the statements that go through it. */
    private static final class Standing {
        private final Point point;
        private final CountDownLatch reached = new CountDownLatch(1);
        private final AtomicInteger met = new AtomicInteger();

        Standing(Point point) {
            this.point = point;
        }

        DataSource on(DataSource real) {
            return proxy(DataSource.class, (method, arguments) -> {
                Object result = call(real, method, arguments);
                return result instanceof Connection connection ? on(connection) : result;
            });
        }

        private Connection on(Connection real) {
            return proxy(Connection.class, (method, arguments) -> {
                if (method.getName().equals("prepareStatement")) {
                    return at(String.valueOf(arguments[0]), () -> call(real, method, arguments));
                }
                Object result = call(real, method, arguments);
                return method.getName().equals("createStatement") ? on((Statement) result) : result;
            });
        }

        private Statement on(Statement real) {
            return proxy(
                    Statement.class,
                    (method, arguments) ->
                            arguments != null && arguments.length > 0 && arguments[0] instanceof String sql
                                    ? at(sql, () -> call(real, method, arguments))
                                    : call(real, method, arguments));
        }

        private Object at(String sql, Call call) throws Throwable {
            boolean meant = point.nth > 0 && sql.contains(point.statement) && met.incrementAndGet() == point.nth;
            if (meant && point.before) {
                stand();
            }
            Object result = call.run();
            if (meant) {
                stand();
            }
            return result;
        }

        void stand() {
            reached.countDown();
            while (true) {
                LockSupport.park();
            }
        }

        private interface Call {
            Object run() throws Throwable;
        }

        private interface Through {
            Object call(Method method, Object[] arguments) throws Throwable;
        }

        private static <T> T proxy(Class<T> type, Through through) {
            return type.cast(Proxy.newProxyInstance(
                    Standing.class.getClassLoader(),
                    new Class<?>[] {type},
                    (p, method, arguments) -> through.call(method, arguments)));
        }

        private static Object call(Object target, Method method, Object[] arguments) throws Throwable {
            try {
                return method.invoke(target, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }
    }

    /** Goes to a point in each of its stores, and says so. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) throws Exception {
            Address address = Address.parse(arguments[0], System.getenv());
            PGSimpleDataSource plain = new PGSimpleDataSource();
            plain.setUrl(address.url());
            plain.setUser(address.user());
            if (address.password() != null) {
                plain.setPassword(address.password());
            }
            List<Standing> all = new ArrayList<>();
            Iterator<String> schemas =
                    Arrays.asList(arguments).subList(1, arguments.length).iterator();
            for (Point point : Point.values()) {
                Standing standing = new Standing(point);
                all.add(standing);
                String schema = schemas.next();
                Thread thread = new Thread(() -> go(standing, plain, schema), point.name());
                thread.setDaemon(true);
                thread.start();
            }
            for (Standing standing : all) {
                standing.reached.await();
            }
            System.out.println("everywhere");
            standStill();
        }

        private static void go(Standing standing, DataSource plain, String schema) {
            Point point = standing.point;
            Opening opening = new Opening(standing.on(plain), point.frees() ? Duration.ZERO : Duration.ofHours(1));
            Store store = opening.store(schema, point.frees() ? Duration.ofMillis(20) : Duration.ofHours(1));
            fill(store, DAYS - 1, point == Point.AT_ONCE ? DAYS - 1 : 0);
            if (point == Point.PENDING) {
                pending(standing, plain, schema);
            }
            if (point == Point.AT_ONCE) {
                // All it has: nothing younger says that no rows come any more.
                PartitionInfo only = store.partitions().get(0);
                opening.engine.closePartition(only.id());
                opening.engine.raiseFloor("jobs", "", only.maxMicros() + 1);
                opening.engine.drop(only.id(), "test");
                return;
            }
            store.createTable(TWO_DAYS);
            store.applyRetention(store.planRetention());
        }

        private static void fill(Store store, int oldest, int newest) {
            Table<Row> table = store.createTable(FOREVER);
            List<Row> rows = new ArrayList<>();
            for (int day = oldest; day >= newest; day--) {
                for (int i = 0; i < ROWS_A_DAY; i++) {
                    rows.add(Row.of(FOREVER)
                            .set("at", NOON.minus(Duration.ofDays(day)).plusSeconds(i))
                            .set("n", day)
                            .build());
                }
            }
            assertThat(table.appendAll(rows, Ack.COMMITTED).join().stored()).isEqualTo(rows.size());
        }

        /** Asks for a query that is not done, which a detach has to wait for; and looks whether it waits. */
        private static void pending(Standing standing, DataSource plain, String schema) {
            System.out.println(READER_PLEASE);
            try {
                System.in.read();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            Thread watch = new Thread(() -> {
                try (Connection look = plain.getConnection()) {
                    while (!Boolean.TRUE.equals(Postgres.value(
                            look,
                            "SELECT EXISTS (SELECT 1 FROM pg_inherits WHERE inhdetachpending AND inhparent = '\""
                                    + schema + "\".jobs'::regclass)"))) {
                        LockSupport.parkNanos(1_000_000);
                    }
                    standing.reached.countDown();
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
            });
            watch.setDaemon(true);
            watch.start();
        }

        private static void standStill() {
            while (true) {
                LockSupport.park();
            }
        }
    }

    private final PostgresServer server = PostgresServer.shared();

    private Store open(String schema) {
        Store[] opened = new Store[1];
        // The server may take a moment to see that the process is gone.
        await().until(() -> {
            try {
                opened[0] = new Opening(server.dataSource(), Duration.ofHours(1)).store(schema, Duration.ofHours(1));
                return true;
            } catch (LeveeException e) {
                assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED);
                return false;
            }
        });
        return opened[0];
    }

    /** Rows of each day, as a query sees them. */
    private static Map<Long, Integer> days(Store store) {
        Map<Long, Integer> days = new TreeMap<>();
        try (Result<Row> rows =
                store.query(Query.builder("jobs").oldestFirst().limit(1000).build())) {
            rows.forEach(row -> days.merge((Long) row.get("n"), 1, Integer::sum));
        }
        return days;
    }

    private static List<Long> whole(Store store, Point point) {
        Map<Long, Integer> days = days(store);
        assertThat(days.values()).as("%s: whole days", point).containsOnly(ROWS_A_DAY);
        return List.copyOf(days.keySet());
    }

    @Test
    void shouldEndEveryDropThatAKillCutShort() throws SQLException {
        Map<Point, String> schemas = new EnumMap<>(Point.class);
        for (Point point : Point.values()) {
            String schema = PostgresServer.schema(server.newStore());
            schemas.put(point, schema);
        }
        // Of another process than the detach that waits for it: else the kill ends both, and the server does the detach
        // to its end.
        try (Connection reader = server.dataSource().getConnection()) {
            try (ChildJvm child = ChildJvm.start(
                    Child.class,
                    Stream.concat(Stream.of(server.address()), schemas.values().stream())
                            .toArray(String[]::new))) {
                child.linesUntil(READER_PLEASE);
                reader.setAutoCommit(false);
                Postgres.value(reader, "SELECT count(*) FROM \"" + schemas.get(Point.PENDING) + "\".jobs");
                child.send("there is one");
                child.linesUntil("everywhere");
                child.kill();
            }
            schemas.forEach((point, schema) -> await().untilAsserted(() -> assertThat(states(schema))
                    .as("%s", point)
                    .anySatisfy(one -> assertThat(one).isEqualTo("2026-05-" + (20 - (DAYS - 1)) + " " + point.left))));
            endDetach(schemas.get(Point.PENDING));
        }
        schemas.forEach(this::requireWhole);
    }

    /** A server does not see that a client is gone that waits for a lock: it would go on once it has it. */
    private void endDetach(String schema) {
        String waiting = " FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%DETACH PARTITION%"
                + schema + "%'";
        await().untilAsserted(() -> assertThat(server.texts("SELECT pg_terminate_backend(pid)" + waiting))
                .isEmpty());
    }

    private void requireWhole(Point point, String schema) {
        try (Store store = open(schema)) {
            List<Long> first = point == Point.AT_ONCE ? List.of((long) DAYS - 1) : whole(store, point);
            assertThat(whole(store, point)).as("%s", point).containsAll(first);
            if (point != Point.AT_ONCE) {
                assertThat(first).as("%s: what is young stays", point).contains(0L, 1L);
                store.createTable(TWO_DAYS);
                assertThat(store.applyRetention(store.planRetention()).blocked())
                        .as("%s", point)
                        .isEmpty();
                assertThat(whole(store, point)).as("%s", point).containsExactly(0L, 1L);
            }
            requireNothingHalf(point, schema);
            store.createTable(FOREVER);
            int freed = point == Point.ONE_FREED ? 1 : 0;
            List<PartitionId> trash =
                    store.dropped().stream().map(PartitionInfo::id).toList();
            assertThat(trash).as("%s", point).hasSize(point == Point.AT_ONCE ? 0 : PAST - freed);
            trash.forEach(store::restore);
            assertThat(whole(store, point))
                    .as("%s: all that was not freed comes back", point)
                    .hasSize(point == Point.AT_ONCE ? 1 : DAYS - freed);
            requireNothingHalf(point, schema);
        }
    }

    /** Catalog and server say the same of each partition, and no table is left that the catalog does not know. */
    private void requireNothingHalf(Point point, String schema) {
        assertThat(states(schema))
                .as("%s", point)
                .allSatisfy(one -> assertThat(one)
                        .isNotNull()
                        .matches(".* (open attached|closed attached|dropped apart|freed no table)"));
    }

    private List<@Nullable String> states(String schema) {
        String catalog = "\"" + schema + "_levee\".partitions";
        return server.texts("SELECT p.period || ' ' || p.state || ' ' || CASE WHEN c.oid IS NULL THEN 'no table' WHEN"
                + " i.inhrelid IS NULL THEN 'apart' WHEN i.inhdetachpending THEN 'pending' ELSE 'attached' END FROM "
                + catalog + " p FULL JOIN (SELECT * FROM pg_class WHERE relnamespace = '\"" + schema
                + "\"'::regnamespace AND relkind = 'r' AND relname LIKE 'jobs%') c ON c.relname = p.leaf"
                + " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid");
    }
}
