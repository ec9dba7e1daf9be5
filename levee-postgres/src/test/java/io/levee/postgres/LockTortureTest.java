package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.testkit.PostgresServer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * T29: partitions are made, dropped, brought back and freed, in random order, while rows come in and foreign sessions read for long and
 * change the schema. Nothing deadlocks, no row is lost, nothing stays half dropped, and the writer never waits for longer than a slice.
 *
 * <p>{@code -Dlevee.torture.rounds=1000} for the long form, {@code -Dlevee.seed=…} for the same order again.
 */
class LockTortureTest {
    private static final int ROUNDS = Integer.getInteger("levee.torture.rounds", 150);
    private static final Instant START = Instant.parse("2026-05-20T00:00:00Z");
    private static final Duration KEPT = Duration.ofHours(6);

    /** What the work of one call may take beside its waits, on a machine that has other things to do. */
    private static final Duration WORK = Duration.ofSeconds(20);

    /** Where foreign DDL has several partitions locked, a batch waits a slice for all of them, and then for each up to its patience. */
    private static final int SLICES_BESIDE_DDL = 4;

    /** How late the server's timer may be on a busy machine; without its limit, the readers here keep a lock for up to 800 ms. */
    private static final Duration LATE_TIMER = Duration.ofMillis(150);

    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .column("name", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.HOUR)
            .index("name")
            .retention(RetentionRule.maxAge(KEPT))
            .build();

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final Names names = new Names(PostgresServer.schema(address));
    private final ManualClock clock = new ManualClock(START);
    private final long seed = Long.getLong("levee.seed", new Random().nextLong());
    private final Random random = new Random(seed);
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicLong stored = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private final Map<String, AtomicLong> longest = new ConcurrentHashMap<>();
    /** Each wait of the writer's session for a lock by its beginning, and how long it was when it was looked at last. */
    private final Map<String, Long> waitMicros = new ConcurrentHashMap<>();

    private final Map<String, AtomicLong> counts = new ConcurrentHashMap<>();

    /** An engine that measures how long the writer's calls take. */
    private final class Measured implements EngineProvider {
        @Override
        public boolean accepts(String text) {
            return true;
        }

        @Override
        public StorageEngine open(String text, EngineSettings settings) {
            Address parsed = Address.parse(text, System.getenv());
            StorageEngine engine = Opening.open(Connections.to(parsed, 2), names, settings, Duration.ofMillis(500));
            return (StorageEngine) Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {StorageEngine.class}, (proxy, method, args) -> {
                        long start = System.nanoTime();
                        try {
                            return method.invoke(engine, args);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        } finally {
                            if (Thread.currentThread().getName().equals("levee-writer")) {
                                longest.computeIfAbsent(method.getName(), m -> new AtomicLong())
                                        .accumulateAndGet(System.nanoTime() - start, Math::max);
                            }
                        }
                    });
        }
    }

    /** Beside readers that stay for long: a batch waits once at most, for the lock to make a partition. */
    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    void shouldWaitAtMostOneSliceForItsOwnMaintenance() throws Exception {
        torture(7, Duration.ofMillis(Postgres.LOCK_TIMEOUT_MS).plus(WORK));
    }

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    void shouldLoseNothingBesideForeignSchemaChanges() throws Exception {
        torture(
                8,
                Duration.ofMillis((long) SLICES_BESIDE_DDL * Postgres.LOCK_TIMEOUT_MS)
                        .plus(WORK));
    }

    private void torture(int kinds, Duration longestCall) throws Exception {
        System.out.println("T29: " + ROUNDS + " rounds, -Dlevee.seed=" + seed);
        long deadlocks = deadlocks();
        ExecutorService foreign = Executors.newFixedThreadPool(5);
        try (Store store = Levee.open(
                new Measured(),
                address,
                false,
                o -> o.clock(clock).queryThreads(2).retentionEvery(Duration.ofMillis(300)))) {
            Table<Row> table = store.createTable(SPEC);
            Future<?> writer = foreign.submit(() -> write(table));
            Future<?> reader = foreign.submit(() -> read(store));
            Future<?> watcher = foreign.submit(this::watch);
            List<Future<?>> others = new ArrayList<>();
            for (int round = 0; round < ROUNDS; round++) {
                round(store, foreign, others, random.nextInt(kinds));
            }
            for (Future<?> other : others) {
                other.get(60, TimeUnit.SECONDS);
            }
            over.set(true);
            writer.get(60, TimeUnit.SECONDS);
            reader.get(60, TimeUnit.SECONDS);
            watcher.get(60, TimeUnit.SECONDS);
            assertThat(store.flush(Duration.ofSeconds(60))).isTrue();
            await("nothing is half dropped", () -> {
                store.applyRetention(store.planRetention());
                return stuck().isEmpty();
            });
            check(store);
        } finally {
            over.set(true);
            foreign.shutdownNow();
        }
        assertThat(deadlocks() - deadlocks).as("deadlocks").isZero();
        // A machine that is busy may be late with one of them; where nothing limits them, every third lasts longer than
        // that.
        long most = (Postgres.LOCK_TIMEOUT_MS + LATE_TIMER.toMillis()) * 1000;
        assertThat(waitMicros.values().stream().filter(micros -> micros > most).count())
                .as(
                        "waits of the writer's session for a lock that were too long, of %s, as the server tells them",
                        waitMicros)
                .isLessThanOrEqualTo(Math.max(2, waitMicros.size() / 10));
        assertThat(new TreeMap<>(longest))
                .as("longest call of the writer, in nanoseconds")
                .allSatisfy((call, nanos) -> assertThat(nanos.get()).as(call).isLessThan(longestCall.toNanos()));
    }

    private void count(String what) {
        counts.computeIfAbsent(what, w -> new AtomicLong()).incrementAndGet();
    }

    // What goes on all the time

    private void write(Table<Row> table) {
        Random own = new Random(seed + 1);
        long n = 0;
        while (!over.get()) {
            List<Row> rows = new ArrayList<>();
            Instant now = clock.instant();
            for (int i = 0; i < 20; i++) {
                // Some are late, by up to the age at which their partition goes.
                long late = own.nextInt(4) == 0 ? own.nextLong(KEPT.toMillis()) : own.nextLong(60_000);
                rows.add(Row.of(SPEC)
                        .set("at", now.minusMillis(late))
                        .set("n", n++)
                        .set("name", "name " + own.nextInt(5))
                        .build());
            }
            BatchReceipt receipt = table.appendAll(rows, Ack.COMMITTED).join();
            stored.addAndGet(receipt.stored());
            refused.addAndGet(receipt.rejected().size());
            assertThat(receipt.lost()).as("lost: %s", receipt).isZero();
            assertThat(receipt.stored() + receipt.rejected().size()).isEqualTo(rows.size());
        }
    }

    /** Queries neither fail nor show less than was stored before: the newest hours are never dropped. */
    private void read(Store store) {
        long seen = 0;
        Instant from = clock.instant();
        while (!over.get()) {
            if (clock.instant().isAfter(from.plus(Duration.ofHours(3)))) {
                from = clock.instant();
                seen = 0;
            }
            long now = store.count(Query.builder("runs")
                    .from(from)
                    .deadline(Duration.ofSeconds(30))
                    .build());
            assertThat(now).isGreaterThanOrEqualTo(seen);
            seen = now;
            count("reads");
            LockSupport.parkNanos(20_000_000);
        }
    }

    /** Looks at what the writer's session waits for, every few milliseconds: the longest wait is one slice (G1, T29). */
    private boolean watch() throws SQLException {
        try (Connection connection = server.dataSource().getConnection();
                PreparedStatement look = connection.prepareStatement("SELECT (extract(epoch FROM clock_timestamp() -"
                        + " w.waitstart) * 1000000)::bigint, w.pid || ' ' || w.waitstart FROM pg_locks w JOIN pg_locks a ON a.pid = w.pid AND"
                        + " a.locktype = 'advisory' AND a.objid::bigint = ? AND a.granted WHERE NOT w.granted"
                        + " AND w.waitstart IS NOT NULL")) {
            look.setLong(1, Integer.toUnsignedLong(names.lockNumber()));
            while (!over.get()) {
                try (ResultSet waits = look.executeQuery()) {
                    while (waits.next()) {
                        waitMicros.merge(waits.getString(2), waits.getLong(1), Math::max);
                        count("waits seen");
                    }
                }
                LockSupport.parkNanos(3_000_000);
            }
        }
        return true;
    }

    // One round

    private void round(Store store, ExecutorService foreign, List<Future<?>> others, int kind) throws Exception {
        others.removeIf(Future::isDone);
        switch (kind) {
            case 0, 1 -> clock.advance(Duration.ofMinutes(20 + random.nextInt(40)));
            case 2 -> {
                store.applyRetention(store.planRetention());
                count("retention");
            }
            case 3 -> restore(store);
            case 4, 5 -> {
                if (others.size() < 2) {
                    others.add(reading(foreign, random.nextInt(800), random.nextBoolean()));
                }
            }
            case 7 -> {
                if (others.size() < 2) {
                    String sql = ddl(store);
                    others.add(foreign.submit(() -> ddl(sql)));
                }
            }
            default -> LockSupport.parkNanos(random.nextInt(100) * 1_000_000L);
        }
        long written = stored.get();
        await("rows come in", () -> stored.get() > written);
    }

    private void restore(Store store) {
        List<PartitionInfo> dropped = store.dropped();
        if (dropped.isEmpty()) {
            return;
        }
        try {
            store.restore(dropped.get(random.nextInt(dropped.size())).id());
            count("restored");
        } catch (LeveeException e) {
            // It was freed meanwhile, somebody has it locked, or late rows have made another one.
            assertThat(e.code())
                    .as(e.getMessage())
                    .isIn(ErrorCode.NOT_FOUND, ErrorCode.PARTITION_BUSY, ErrorCode.BAD_VALUE);
            count("not restored: " + e.code());
        }
    }

    /** A foreign transaction that reads the table, or one partition, and stays open. */
    private Future<?> reading(ExecutorService foreign, int millis, boolean parent) {
        return foreign.submit(() -> {
            try (Connection connection = server.dataSource().getConnection();
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                List<String> leaves = leaves();
                String table = parent || leaves.isEmpty() ? names.in("runs") : leaves.get(leaves.size() / 2);
                statement.execute("SELECT count(*), max(n) FROM " + table);
                LockSupport.parkNanos(millis * 1_000_000L);
                connection.commit();
                count("long reads");
            } catch (SQLException e) {
                // The partition went between the look at the list and the query.
                assertThat(e.getSQLState()).as(e.getMessage()).isEqualTo("42P01");
            }
            return true;
        });
    }

    private String ddl(Store store) {
        List<PartitionInfo> all = store.partitions();
        String leaf = all.isEmpty()
                ? names.in("runs")
                : names.in(Names.leaf(all.get(random.nextInt(all.size())).id()));
        return switch (random.nextInt(5)) {
            case 0 -> "CREATE INDEX CONCURRENTLY ON " + leaf + " (n)";
            case 1 -> "ANALYZE " + leaf;
            case 2 -> "ANALYZE " + names.in("runs");
            case 3 -> "ALTER TABLE " + leaf + " ADD COLUMN note" + random.nextInt(1000) + " text";
            default -> "ALTER TABLE " + names.in("runs") + " ADD COLUMN extra" + random.nextInt(100_000) + " text";
        };
    }

    private boolean ddl(String sql) {
        try (Connection connection = server.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
            count(sql.replaceFirst("(CREATE INDEX|ANALYZE|ALTER TABLE).*", "$1"));
        } catch (SQLException e) {
            // A partition takes no columns of its own, and may be gone: 42809, 42P01, 42P17; a name comes twice: 42701.
            assertThat(e.getSQLState()).as("%s: %s", sql, e.getMessage()).startsWith("42");
            count("DDL refused");
        }
        return true;
    }

    // What is there

    private List<String> leaves() {
        return server.texts("SELECT '" + Names.quote(names.schema()) + "' || '.' || quote_ident(leaf) FROM "
                + names.catalog("partitions") + " WHERE state IN ('open', 'closed') ORDER BY from_time");
    }

    private List<String> stuck() {
        return server.texts("SELECT leaf FROM " + names.catalog("partitions") + " WHERE state = 'dropping' UNION ALL"
                + " SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending AND inhparent = '"
                + names.in("runs") + "'::regclass");
    }

    private long deadlocks() {
        server.texts("SELECT pg_sleep(1.2)");
        return number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
    }

    private long number(String sql) {
        return Long.parseLong(String.valueOf(server.texts(sql).get(0)));
    }

    private void check(Store store) {
        String figures = "coalesce(sum(row_count), 0) FROM " + names.catalog("partitions");
        assertThat(number("SELECT " + figures)).as("rows that were ever stored").isEqualTo(stored.get());
        assertThat(number("SELECT count(*) FROM " + names.in("runs")))
                .as("rows that are there")
                .isEqualTo(number("SELECT " + figures + " WHERE state IN ('open', 'closed')"))
                .isEqualTo(store.count(Query.builder("runs").build()));
        assertThat(number("SELECT count(*) FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = '"
                        + names.in("runs") + "'::regclass"))
                .as("partitions of the table, and of the catalog")
                .isEqualTo(number(
                        "SELECT count(*) FROM " + names.catalog("partitions") + " WHERE state IN ('open', 'closed')"));
        long dropped =
                number("SELECT count(*) FROM " + names.catalog("partitions") + " WHERE state IN ('dropped', 'freed')");
        System.out.println("T29: " + ROUNDS + " rounds, " + stored + " rows stored, " + refused
                + " refused as too old, " + dropped + " partitions dropped, "
                + number("SELECT count(*) FROM " + names.catalog("partitions") + " WHERE state = 'freed'") + " freed, "
                + new TreeMap<>(counts));
        System.out.println("T29: " + waitMicros.size() + " waits of the writer for a lock, the longest "
                + waitMicros.values().stream().mapToLong(micros -> micros).max().orElse(0) / 1000.0 + " ms");
        longest.forEach((call, nanos) -> System.out.println(
                "T29: longest " + call + " " + TimeUnit.NANOSECONDS.toMicros(nanos.get()) / 1000.0 + " ms"));
        assertThat(dropped).isPositive();
    }

    private static void await(String what, java.util.function.BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end).as(what).isNegative();
            LockSupport.parkNanos(5_000_000);
        }
    }
}
