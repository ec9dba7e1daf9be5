package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ColumnType;
import io.levee.EraseReport;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionPlan;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Drops of partitions: what goes, what stays, what comes back, and what a crash or a foreign session leaves (G70–G75). */
class RetentionTest {
    private static final Instant NOON = Instant.parse("2026-05-20T12:00:00Z");

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);
    private final ManualClock clock = new ManualClock(NOON);
    private final List<Store> opened = new ArrayList<>();
    private @Nullable StorageEngine engine;

    /** Opens stores with another grace, and gives the engine away. */
    private final class Graceful implements EngineProvider {
        private final Duration grace;

        Graceful(Duration grace) {
            this.grace = grace;
        }

        @Override
        public boolean accepts(String address) {
            return true;
        }

        @Override
        public StorageEngine open(String text, EngineSettings settings) {
            Address parsed = Address.parse(text, System.getenv());
            engine = Opening.open(
                    Connections.to(parsed, settings.options().queryThreads()),
                    new Names(parsed.schema()),
                    settings,
                    grace);
            return engine;
        }
    }

    @AfterEach
    void close() {
        opened.forEach(Store::close);
    }

    private Store open(Duration grace, Consumer<StoreOptions.Builder> options) {
        Store store = Levee.open(new Graceful(grace), address, false, o -> {
            o.clock(clock).queryThreads(2).retentionEvery(Duration.ofHours(1));
            options.accept(o);
        });
        opened.add(store);
        return store;
    }

    private Store open() {
        return open(Duration.ofHours(1), o -> {});
    }

    private static TableSpec.Builder spec(PartitionBy by, RetentionRule rule) {
        return TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .time("at")
                .partitionBy(by)
                .retention(rule);
    }

    private static TableSpec daily(int days) {
        return spec(PartitionBy.DAY, RetentionRule.maxAge(Duration.ofDays(days)))
                .build();
    }

    /** One row of a day so many days ago. */
    private static Row ago(TableSpec spec, long days, long n) {
        return at(spec, NOON.minus(Duration.ofDays(days)), n);
    }

    private static Row at(TableSpec spec, Instant at, long n) {
        return Row.of(spec).set("at", at).set("n", n).build();
    }

    private static void append(Table<Row> table, Row... rows) {
        BatchReceipt receipt = table.appendAll(List.of(rows), Ack.COMMITTED).join();
        assertThat(receipt.rejected()).isEmpty();
        assertThat(receipt.stored()).isEqualTo(rows.length);
    }

    private static List<Long> numbers(Store store) {
        try (Result<Row> rows = store.query(Query.builder("jobs").oldestFirst().build())) {
            List<Long> numbers = new ArrayList<>();
            rows.forEach(row -> numbers.add((Long) row.get("n")));
            return numbers;
        }
    }

    private static RetentionReport apply(Store store) {
        return store.applyRetention(store.planRetention());
    }

    private static PartitionId id(String period, int n) {
        return new PartitionId("jobs", "", period, n);
    }

    private List<String> states() {
        return server.texts("SELECT period || '.' || n || ' ' || state FROM \"" + schema
                + "_levee\".partitions ORDER BY period, n");
    }

    private String leaf(String period) {
        return "\"" + schema + "\".\"" + Names.leaf(id(period, 1)) + "\"";
    }

    private String parent() {
        return "\"" + schema + "\".jobs";
    }

    /** A table with a row of each of these days; the rule comes after them, or they would be refused. */
    private static Table<Row> table(Store store, TableSpec spec, long... daysAgo) {
        Table<Row> table = store.createTable(
                spec(spec.partitionBy(), RetentionRule.KEEP_ALL).build());
        List<Row> rows = new ArrayList<>();
        for (long days : daysAgo) {
            rows.add(ago(spec, days, days));
        }
        append(table, rows.toArray(Row[]::new));
        return store.createTable(spec);
    }

    /** Five days with a row each; those of the 15th to the 17th are past their age. */
    private static Table<Row> fiveDays(Store store) {
        return table(store, daily(2), 5, 4, 3, 1, 0);
    }

    @Test
    void shouldDropWhatIsPastItsAgeAndBringItBack() {
        Store store = open();
        fiveDays(store);
        RetentionReport report = apply(store);
        assertThat(report.blocked()).isEmpty();
        assertThat(report.dropped()).containsExactly(id("2026-05-15", 1), id("2026-05-16", 1), id("2026-05-17", 1));
        assertThat(report.bytesFreed()).isPositive();
        assertThat(numbers(store)).containsExactly(1L, 0L);
        assertThat(store.dropped()).extracting(PartitionInfo::id).hasSize(3).contains(id("2026-05-16", 1));

        store.restore(id("2026-05-16", 1));
        assertThat(numbers(store)).containsExactly(4L, 1L, 0L);
        assertThat(store.dropped()).hasSize(2);
        assertThat(store.partitions())
                .filteredOn(p -> p.id().equals(id("2026-05-16", 1)))
                .singleElement()
                .satisfies(p -> {
                    assertThat(p.state()).isEqualTo(PartitionInfo.State.CLOSED);
                    assertThat(p.rows()).isEqualTo(1);
                });
        assertThat(apply(store).dropped()).containsExactly(id("2026-05-16", 1));
        assertThat(numbers(store)).containsExactly(1L, 0L);
    }

    @Test
    void shouldTellTailsWhatTheyMissed() {
        Store store = open();
        Table<Row> table = fiveDays(store);
        try (Tail<Row> tail = table.tail(0)) {
            apply(store);
            Tail.Batch<Row> batch = tail.poll(Duration.ofSeconds(5));
            assertThat(batch.entries()).extracting(e -> e.value().get("n")).containsExactly(1L, 0L);
            assertThat(batch.missed()).isNotNull();
            assertThat(batch.missed().upTo()).isEqualTo(3);
        }
    }

    @Test
    void shouldKeepAPartitionThatGotRowsSinceThePlan() {
        Store store = open();
        TableSpec spec = daily(2);
        Table<Row> table = store.createTable(spec);
        append(table, at(spec, NOON, 1));
        clock.advance(Duration.ofHours(49));
        append(table, at(spec, clock.instant(), 2));
        RetentionPlan plan = store.planRetention();
        append(table, at(spec, NOON.plus(Duration.ofHours(3)), 3));
        RetentionReport report = store.applyRetention(plan);
        assertThat(report.dropped()).isEmpty();
        assertThat(report.blocked()).hasSize(1);
        assertThat(numbers(store)).containsExactly(1L, 3L, 2L);
    }

    /** The writer may come between the look at the plan and the drop: what the catalog says in the drop's own transaction counts. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldKeepAPartitionWithRowsAboveTheFloor(boolean over) {
        Store store = open();
        table(store, daily(2), over ? new long[] {4, 0} : new long[] {4});
        store.close();
        Address parsed = Address.parse(address, System.getenv());
        Names names = new Names(schema);
        try (Connections connections = Connections.to(parsed, 1);
                Connection connection = connections.open(false)) {
            Catalog catalog = new Catalog(names);
            Manifest manifest = new Manifest();
            Postgres.run(connection, "UPDATE " + names.catalog("partitions") + " SET state = 'closed'");
            manifest.reload(catalog.leaves(connection));
            long held = manifest.get(id("2026-05-16", 1)).held().maxMicros();
            Detaching detaching = new Detaching(connections, names, manifest, clock);
            new ClassTables(catalog).raiseFloor(connection, new ClassTables.Key("jobs", ""), held);
            assertThat(detaching.drop(id("2026-05-16", 1), "test").blockedBy()).contains("newer rows");
            assertThat(Attachment.of(connection, names, manifest.get(id("2026-05-16", 1))))
                    .isEqualTo(Attachment.ATTACHED);
            new ClassTables(catalog).raiseFloor(connection, new ClassTables.Key("jobs", ""), held + 1);
            assertThat(detaching.drop(id("2026-05-16", 1), "test").blockedBy()).isEmpty();
            assertThat(manifest.get(id("2026-05-16", 1))).isNull();
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldAnswerWhileASlowReaderKeepsADropWaitingAndEndItLater() throws SQLException {
        Store store = open(Duration.ofHours(1), o -> o.retentionEvery(Duration.ofMillis(200)));
        TableSpec forever = spec(PartitionBy.DAY, RetentionRule.KEEP_ALL).build();
        Table<Row> table = store.createTable(forever);
        append(table, ago(forever, 4, 4), ago(forever, 1, 1), ago(forever, 0, 0));
        try (Connection reader = server.dataSource().getConnection();
                Statement statement = reader.createStatement()) {
            reader.setAutoCommit(false);
            statement.execute("SET application_name = 'slow reader'");
            statement.execute("SELECT count(*) FROM " + parent());
            store.createTable(daily(2));
            await().until(() -> states().contains("2026-05-16.1 dropping"));
            RetentionReport report = apply(store);
            assertThat(report.dropped()).isEmpty();
            assertThat(report.blocked().get(id("2026-05-16", 1)))
                    .contains("session")
                    .contains("slow reader");
            // Gone for new queries, and nobody has to wait.
            assertThat(numbers(store)).containsExactly(1L, 0L);
            append(table, ago(forever, 0, 7));
            try (var rows = statement.executeQuery("SELECT count(*) FROM " + leaf("2026-05-16"))) {
                rows.next();
                assertThat(rows.getInt(1)).isEqualTo(1);
            }
            reader.commit();
            await().atMost(Duration.ofSeconds(60)).until(() -> states().contains("2026-05-16.1 dropped"));
        }
        assertThat(numbers(store)).containsExactly(1L, 0L, 7L);
    }

    /** A crash after each step: the catalog says that a drop has begun, and the table hangs on its parent in any way. */
    @ParameterizedTest
    @ValueSource(strings = {"attached", "pending", "detached", "missing"})
    void shouldGoOnWithADropThatACrashCutShort(String left) throws SQLException {
        Store before = open();
        TableSpec forever = spec(PartitionBy.DAY, RetentionRule.KEEP_ALL).build();
        Table<Row> table = before.createTable(forever);
        append(table, ago(forever, 4, 4), ago(forever, 0, 0));
        before.close();
        server.run("UPDATE \"" + schema + "_levee\".partitions SET state = 'dropping' WHERE period = '2026-05-16'");
        switch (left) {
            case "pending" -> leavePending(leaf("2026-05-16"));
            case "detached" -> server.run("ALTER TABLE " + parent() + " DETACH PARTITION " + leaf("2026-05-16"));
            case "missing" -> server.run("DROP TABLE " + leaf("2026-05-16"));
            default -> {}
        }
        Store store = open(Duration.ofHours(1), o -> o.retentionEvery(Duration.ofMillis(100)));
        await().until(() -> states().contains("2026-05-16.1 dropped"));
        assertThat(numbers(store)).containsExactly(0L);
        if (left.equals("missing")) {
            assertThatThrownBy(() -> store.restore(id("2026-05-16", 1))).hasMessageContaining("NOT_FOUND");
        } else {
            store.restore(id("2026-05-16", 1));
            assertThat(numbers(store)).containsExactly(4L, 0L);
        }
    }

    private void leavePending(String leaf) throws SQLException {
        try (Connection reader = server.dataSource().getConnection();
                Statement reading = reader.createStatement();
                Connection other = server.dataSource().getConnection();
                Statement detaching = other.createStatement()) {
            reader.setAutoCommit(false);
            reading.execute("SELECT count(*) FROM " + parent());
            detaching.execute("SET lock_timeout = 50");
            assertThatThrownBy(() -> detaching.execute(
                            "ALTER TABLE " + parent() + " DETACH PARTITION " + leaf + " CONCURRENTLY"))
                    .hasMessageContaining("lock timeout");
            reader.rollback();
        }
        assertThat(server.texts("SELECT inhrelid::regclass FROM pg_inherits WHERE inhdetachpending"))
                .isNotEmpty();
    }

    /** A table of one partition, whose rows come on: the drop takes no moment in which they have no place to go. */
    @Test
    void shouldDropTheOnlyPartitionWhileRowsComeIn() {
        TableSpec spec = spec(PartitionBy.NONE, RetentionRule.KEEP_ALL).build();
        Store store = open();
        Table<Row> table = table(store, spec, 4, 3);
        StorageEngine direct = Objects.requireNonNull(engine);
        assertThat(direct.drop(id("all", 1), "open").blockedBy()).contains("newer rows");
        List<CompletableFuture<BatchReceipt>> coming = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            coming.add(table.appendAll(List.of(at(spec, NOON.plusSeconds(i), i)), Ack.COMMITTED));
            if (i % 20 == 19) {
                coming.get(i - 10).join();
                store.partitions().forEach(p -> drop(direct, p));
            }
        }
        coming.forEach(c -> assertThat(c.join().stored()).isEqualTo(1));
        assertThat(server.texts("SELECT coalesce(sum(row_count), 0) FROM \"" + schema + "_levee\".partitions"))
                .containsExactly("402");
        assertThat(states())
                .hasSizeGreaterThan(1)
                .filteredOn(s -> !s.endsWith("dropped"))
                .hasSizeLessThan(2);
        append(table, at(spec, NOON.plusSeconds(1000), 1000));
        assertThat(numbers(store)).contains(1000L);
        assertThatThrownBy(() -> store.restore(id("all", 1))).hasMessageContaining("times belong to jobs/all.");
    }

    /** What retention does, without its plan: whether rows come or not. */
    private static void drop(StorageEngine engine, PartitionInfo partition) {
        engine.closePartition(partition.id());
        engine.raiseFloor("jobs", "", partition.maxMicros() + 1);
        engine.drop(partition.id(), "test");
    }

    @Test
    void shouldFreeTablesWhenTheirGraceIsOver() {
        Store store = open(Duration.ZERO, o -> o.retentionEvery(Duration.ofMillis(100)));
        fiveDays(store);
        await().until(() -> states().contains("2026-05-17.1 freed"));
        assertThat(store.dropped()).isEmpty();
        assertThat(server.texts("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = '" + schema
                        + "'::regnamespace ORDER BY 1"))
                .containsExactly("jobs-2026-05-19", "jobs-2026-05-20");
        assertThatThrownBy(() -> store.restore(id("2026-05-16", 1))).hasMessageContaining("NOT_FOUND");
        assertThat(numbers(store)).containsExactly(1L, 0L);
    }

    /** G80: what has the name of a dropped partition need not be it. */
    @ParameterizedTest
    @CsvSource({
        "'DROP TABLE %1$s; CREATE TABLE %1$s (precious int)', bounds",
        "'CREATE VIEW %2$s.mine AS SELECT * FROM %1$s', depends"
    })
    void shouldNotFreeWhatIsSomebodyElses(String sql, String why) {
        Store store = open(Duration.ofHours(1), o -> {});
        fiveDays(store);
        apply(store);
        store.close();
        server.run(String.format(sql, leaf("2026-05-15"), "\"" + schema + "\""));
        Store later = open(Duration.ZERO, o -> o.retentionEvery(Duration.ofMillis(100)));
        await().until(() -> states().contains("2026-05-17.1 freed"));
        await().until(() -> later.status().tasks().stream()
                .anyMatch(t -> t.name().equals("levee-janitor")
                        && String.valueOf(t.lastError()).contains(why)));
        assertThat(server.texts("SELECT to_regclass('" + leaf("2026-05-15") + "') IS NOT NULL"))
                .containsExactly("t");
        assertThat(states()).contains("2026-05-15.1 dropped", "2026-05-16.1 freed");
    }

    @Test
    void shouldBringBackAPartitionToATableWithMoreColumns() {
        Store store = open();
        fiveDays(store);
        apply(store);
        Table<Row> wider = store.createTable(spec(PartitionBy.DAY, RetentionRule.maxAge(Duration.ofDays(2)))
                .column("note", ColumnType.TEXT)
                .build());
        store.restore(id("2026-05-17", 1));
        append(
                wider,
                Row.of(wider.spec())
                        .set("at", NOON)
                        .set("n", 9)
                        .set("note", "new")
                        .build());
        try (Result<Row> rows = store.query(Query.builder("jobs").oldestFirst().build())) {
            assertThat(rows).extracting(r -> r.get("note")).containsExactly(null, null, null, "new");
        }
    }

    @Test
    void shouldPurgeWhatWasDroppedWhenRowsAreErased() {
        Store store = open();
        Table<Row> table = fiveDays(store);
        apply(store);
        EraseReport report = table.erase(Expr.eq("n", 1L));
        assertThat(report.pending()).isEmpty();
        assertThat(report.deleted()).isEqualTo(1);
        assertThat(store.dropped()).isEmpty();
        assertThat(states()).contains("2026-05-15.1 freed", "2026-05-16.1 freed", "2026-05-17.1 freed");
        assertThat(numbers(store)).containsExactly(0L);
    }

    @Test
    void shouldKeepTheGraceOverARestart() {
        Store store = open();
        fiveDays(store);
        apply(store);
        store.close();
        clock.advance(Duration.ofDays(400));
        Store later = open(Duration.ofHours(1), o -> o.retentionEvery(Duration.ofMillis(50)));
        await().until(() ->
                later.status().tasks().stream().anyMatch(t -> t.name().equals("levee-janitor") && t.runs() > 3));
        assertThat(later.dropped()).extracting(PartitionInfo::id).contains(id("2026-05-15", 1));
    }
}
