package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What others do to a table while its rows move, and what it may hold: nothing is lost in silence (G54, G64). */
class SplitFaultsTest {
    private static final Instant BEGIN = LegacyTables.BEGIN;
    private static final Duration PATIENCE = Duration.ofSeconds(150);
    private static final String BAR = "levee_has_taken_it_over";

    private final PostgresServer server = PostgresServer.shared();
    private final LegacyTables old = new LegacyTables(server);
    private final String address = server.newStore();
    private final AtomicReference<Store> opened = new AtomicReference<>();

    private final AtomicReference<Consumer<Splitting.Point>> at = new AtomicReference<>(point -> {});

    private Store open(Consumer<Splitting.Point> first, int rows) {
        at.set(first);
        Store store = SplitTest.open(
                address, point -> at.get().accept(point), rows, o -> o.retentionEvery(Duration.ofMillis(100)));
        opened.set(store);
        return store;
    }

    private Adoption checks() {
        return Adoption.ofTable(old.name("check_history")).map("up", "is_up");
    }

    private static Consumer<Splitting.Point> once(Splitting.Point wanted, Runnable what) {
        AtomicBoolean done = new AtomicBoolean();
        return point -> {
            if (point == wanted && done.compareAndSet(false, true)) {
                what.run();
            }
        };
    }

    private static long count(Store store, String table) {
        return store.count(Query.builder(table).build());
    }

    private boolean there(String table) {
        return server.texts("SELECT to_regclass('" + old.name(table) + "')").get(0) != null;
    }

    private String barred(String table) {
        return String.valueOf(server.texts("SELECT count(*) FROM pg_constraint WHERE conname = '" + BAR
                        + "' AND conrelid = '" + old.name(table) + "'::regclass")
                .get(0));
    }

    // Of a taken table

    /** The server's counts of what somebody writes come seconds late: what was written behind the comparison must not go with the table. */
    @Test
    void shouldNotDropWhatSomebodyAddedBehindTheComparison() throws Exception {
        old.checks(2000);
        AtomicReference<SQLException> refused = new AtomicReference<>();
        try (Connection foreign = old.open();
                Statement statement = foreign.createStatement()) {
            Consumer<Splitting.Point> add = once(Splitting.Point.VERIFIED, () -> {
                try {
                    // The first one is told at once, the second one ten seconds later.
                    statement.execute("SELECT count(*) FROM check_history");
                    statement.execute(
                            "INSERT INTO check_history(site_id, checked_at) VALUES(99, '2026-04-01 00:00:00')");
                } catch (SQLException e) {
                    refused.set(e);
                }
            });
            try (Store store = open(add, 700)) {
                store.createTable(LegacyTables.checkSpec().build());
                store.split(store.adopt("checks", checks().taken()).partition());
                SplitTest.await(store, SplitStatus.State.DONE);
                Awaitility.await().atMost(PATIENCE).until(() -> !there("check_history"));
                assertThat(count(store, "checks")).isEqualTo(2000);
            }
        }
        assertThat((Throwable) refused.get()).isNotNull().hasMessageContaining(BAR);
    }

    /** What was read when it was stopped is thrown away: that is no failure. */
    @Test
    void shouldStopBetweenReadingAndMoving() {
        old.checks(1000);
        Consumer<Splitting.Point> stop = once(
                Splitting.Point.READ,
                () -> opened.get().stopSplit(opened.get().adopted().get(0).partition()));
        try (Store store = open(stop, 300)) {
            store.createTable(LegacyTables.checkSpec().build());
            PartitionId id = store.adopt("checks", checks()).partition();
            store.split(id);
            assertThat(SplitTest.await(store, SplitStatus.State.STOPPED).rowsDone())
                    .isZero();
            store.split(id);
            assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                    .isEqualTo(1000);
            assertThat(store.status().tasks())
                    .filteredOn(task -> task.name().equals("levee-split"))
                    .allMatch(task -> task.failures() == 0)
                    .hasSize(1);
        }
    }

    @Test
    void shouldStopAlsoBehindTheComparison() {
        old.checks(2000);
        Consumer<Splitting.Point> stop = once(
                Splitting.Point.VERIFIED,
                () -> opened.get().stopSplit(opened.get().adopted().get(0).partition()));
        try (Store store = open(stop, 700)) {
            store.createTable(LegacyTables.checkSpec().build());
            PartitionId id = store.adopt("checks", checks().taken()).partition();
            store.split(id);
            SplitTest.await(store, SplitStatus.State.STOPPED);
            // Behind the point the splitting's thread finds out; from then on others may write again.
            Awaitility.await()
                    .atMost(PATIENCE)
                    .until(() -> barred("check_history").equals("0"));
            old.run("INSERT INTO check_history(site_id, checked_at) VALUES(99, '2026-04-01 00:00:00')");
            assertThat(SplitTest.await(store, SplitStatus.State.STOPPED).rowsDone())
                    .isEqualTo(2000);
            assertThat(store.adopted()).hasSize(1);
            assertThat(count(store, "checks")).isEqualTo(2001);
            store.split(id);
            assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                    .isEqualTo(2001);
            Awaitility.await().atMost(PATIENCE).until(() -> !there("check_history"));
            assertThat(count(store, "checks")).isEqualTo(2001);
        }
    }

    /** A process that was killed while it compared leaves the bar behind. */
    @Test
    void shouldTakeAwayABarThatAKilledProcessLeft() {
        old.checks(1000);
        Consumer<Splitting.Point> stop = once(
                Splitting.Point.MOVED,
                () -> opened.get().stopSplit(opened.get().adopted().get(0).partition()));
        try (Store store = open(stop, 300)) {
            store.createTable(LegacyTables.checkSpec().build());
            PartitionId id = store.adopt("checks", checks().taken()).partition();
            store.split(id);
            SplitTest.await(store, SplitStatus.State.STOPPED);
            old.run("ALTER TABLE check_history ADD CONSTRAINT " + BAR + " CHECK (false) NOT VALID");
            store.stopSplit(id);
            assertThat(barred("check_history")).isEqualTo("0");
            old.run("ALTER TABLE check_history ADD CONSTRAINT " + BAR + " CHECK (false) NOT VALID");
            store.split(id);
            assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                    .isEqualTo(1000);
            Awaitility.await().atMost(PATIENCE).until(() -> !there("check_history"));
        }
    }

    /** Rows that a policy hides from the store are in no comparison. */
    @Test
    void shouldKeepATakenTableWhoseRowSecurityHidesRows() {
        old.checks(100);
        String schema = PostgresServer.schema(address);
        String role = "owner_" + schema;
        String source = old.name("check_history");
        server.run("CREATE ROLE " + role + " LOGIN; GRANT CREATE ON DATABASE postgres TO " + role
                + "; GRANT ALL ON SCHEMA "
                + old.name("x").replace(".x", "") + " TO " + role + "; ALTER TABLE " + source + " OWNER TO " + role
                + "; ALTER TABLE " + source + " ENABLE ROW LEVEL SECURITY; ALTER TABLE " + source
                + " FORCE ROW LEVEL SECURITY; CREATE POLICY most ON " + source + " USING (site_id > 1)");
        try (Store store = SplitTest.open(
                address.replace("postgres@", role + "@"),
                p -> {},
                700,
                o -> o.retentionEvery(Duration.ofMillis(100)))) {
            store.createTable(LegacyTables.checkSpec().build());
            store.split(store.adopt("checks", checks().taken()).partition());
            SplitStatus done = SplitTest.await(store, SplitStatus.State.DONE);
            assertThat(done.rowsMoved()).isEqualTo(95);
            assertThat(done.note()).contains("row security");
            assertThat(barred("check_history")).isEqualTo("0");
        } finally {
            assertThat(server.texts("SELECT count(*) FROM " + source)).containsExactly("100");
            server.run("DROP SCHEMA " + schema + " CASCADE");
            server.run("DROP SCHEMA " + schema + "_levee CASCADE");
            server.run("DROP OWNED BY " + role);
            server.run("DROP ROLE " + role);
        }
    }

    /** A table that is to be dropped and that somebody reads is tried for again and again: neither the writer nor another splitting waits. */
    @Test
    void shouldMoveRowsWhileAnotherTableCannotBeDroppedYet() throws Exception {
        old.checks(100);
        old.run(
                "CREATE TABLE more(id bigint PRIMARY KEY, site_id integer, latency_ns bigint, is_up boolean, checked_at text,"
                        + " node_id text)",
                "INSERT INTO more SELECT i, 1, 2, true, '2026-04-01 00:00:00', 'n' FROM generate_series(1, 3000) i",
                "ANALYZE more");
        try (Store store = open(point -> {}, 20);
                Connection foreign = old.open();
                Statement reads = foreign.createStatement()) {
            store.createTable(LegacyTables.checkSpec().build());
            PartitionId id = store.adopt("checks", checks().taken()).partition();
            foreign.setAutoCommit(false);
            Consumer<Splitting.Point> hold = once(Splitting.Point.VERIFIED, () -> {
                try {
                    reads.execute("SELECT count(*) FROM check_history");
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
            });
            at.set(hold);
            store.split(id);
            SplitTest.await(store, SplitStatus.State.DONE);
            PartitionId next = store.adopt(
                            "checks", Adoption.ofTable(old.name("more")).map("up", "is_up"))
                    .partition();
            store.split(next);
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> store.splits().stream().allMatch(s -> s.state() == SplitStatus.State.DONE));
            assertThat(there("check_history")).isTrue();
            foreign.rollback();
            Awaitility.await().atMost(PATIENCE).until(() -> !there("check_history"));
            assertThat(count(store, "checks")).isEqualTo(3100);
        }
    }

    // Rows of all sizes

    private static TableSpec large() {
        return TableSpec.builder("large")
                .column("v", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.UNBOUNDED)
                .build();
    }

    /** A piece ends early where its rows are large, also within a page of rows that have no number of their own. */
    @Test
    void shouldHaveFewLargeRowsInMemoryAtOnce() {
        for (String number : new String[] {"n serial PRIMARY KEY, ", ""}) {
            String name = number.isEmpty() ? "by_place" : "by_number";
            old.run(
                    "CREATE TABLE " + name + "(" + number + "v text, at timestamptz)",
                    "INSERT INTO " + name + "(v, at) SELECT repeat('x', 500000 + i), '" + BEGIN
                            + "'::timestamptz + i * interval '1 minute' FROM generate_series(1, 60) i",
                    "ANALYZE " + name);
            int[] read = new int[1];
            String where = server.newStore();
            try (Store store = SplitTest.open(
                    where, point -> read[0] += point == Splitting.Point.READ ? 1 : 0, Integer.MAX_VALUE, o -> {})) {
                store.createTable(large());
                store.split(
                        store.adopt("large", Adoption.ofTable(old.name(name))).partition());
                assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                        .isEqualTo(60);
                // Each of them takes a megabyte.
                assertThat(read[0]).as(name).isGreaterThanOrEqualTo(60 / 10);
            }
            assertThat(server.texts("SELECT sum(length(v)) FROM " + PostgresServer.schema(where) + ".large"))
                    .containsExactly(Long.toString(60 * 500_000 + 60 * 61 / 2));
        }
    }

    /** A server goes on with a statement that nobody waits for any more: a piece that takes long is asked for in smaller ones. */
    @Test
    void shouldAskForLessWhereReadingTakesLong() {
        old.monitor(200, false);
        old.run(
                "CREATE TABLE slow(task_id text, args_preview text)",
                "INSERT INTO slow SELECT 'other-' || i, '' FROM generate_series(1, 10000) i",
                "INSERT INTO slow VALUES ('task-00000007', 'seven')",
                "ANALYZE slow");
        PostgresEngineProvider postgres = new PostgresEngineProvider();
        try (Store store = Levee.open(
                new io.levee.engine.EngineProvider() {
                    @Override
                    public boolean accepts(String any) {
                        return true;
                    }

                    @Override
                    public io.levee.engine.StorageEngine open(String any, io.levee.engine.EngineSettings settings) {
                        PostgresEngine engine = (PostgresEngine) postgres.open(any, settings);
                        engine.splitting().at(point -> {}, Integer.MAX_VALUE);
                        engine.splitting().patience(Duration.ofMillis(50));
                        return engine;
                    }
                },
                address,
                false,
                o -> {})) {
            store.createTable(LegacyTables.invocations().build());
            PartitionId id = store.adopt(
                            "invocations",
                            Adoption.ofTable(old.name("invocations"))
                                    .time("finished_at")
                                    .details("slow", "task_id"))
                    .partition();
            store.split(id);
            assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                    .isEqualTo(200);
        }
        assertThat(server.texts("SELECT args_preview FROM " + PostgresServer.schema(address)
                        + ".invocations WHERE args_preview IS NOT NULL"))
                .containsExactly("seven");
    }

    @Test
    void shouldNameARowThatCannotBeStored() {
        for (String number : new String[] {"n serial PRIMARY KEY, ", ""}) {
            String name = number.isEmpty() ? "by_place" : "by_number";
            old.run(
                    "CREATE TABLE " + name + "(" + number + "v text, at timestamptz)",
                    "INSERT INTO " + name
                            + "(v, at) SELECT CASE WHEN i = 250 THEN (SELECT string_agg(md5(j::text), '') FROM"
                            + " generate_series(1, 300) j) ELSE 'short' END, '" + BEGIN
                            + "'::timestamptz + i * interval '1 minute' FROM generate_series(1, 500) i",
                    "ANALYZE " + name);
            TableSpec spec = TableSpec.builder("large")
                    .column("v", ColumnType.TEXT)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .index("v")
                    .partitionBy(PartitionBy.DAY)
                    .retention(RetentionRule.UNBOUNDED)
                    .build();
            try (Store store = SplitTest.open(server.newStore(), point -> {}, Integer.MAX_VALUE, o -> {})) {
                store.createTable(spec);
                PartitionId id =
                        store.adopt("large", Adoption.ofTable(old.name(name))).partition();
                store.split(id);
                SplitStatus blocked = SplitTest.await(store, SplitStatus.State.BLOCKED);
                assertThat(blocked.note()).contains("cannot be stored");
                assertThat(blocked.rowsDone()).as(name).isEqualTo(250);
                assertThat(count(store, "large")).isEqualTo(500);
                if (!number.isEmpty()) {
                    assertThat(blocked.note()).contains("its row 250 ");
                    old.run("UPDATE by_number SET v = 'shorter' WHERE n = 250");
                    store.split(id);
                    assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                            .isEqualTo(500);
                    assertThat(count(store, "large")).isEqualTo(500);
                }
            }
        }
    }

    // What no number of a row tells apart

    @Test
    void shouldRefuseWhatOthersInheritFrom() {
        old.checks(500);
        try (Store store = open(point -> {}, 100)) {
            store.createTable(LegacyTables.checkSpec().build());
            old.run("CREATE TABLE child() INHERITS (check_history)");
            assertThatThrownBy(() -> store.adopt("checks", checks()))
                    .isInstanceOfSatisfying(LeveeException.class, e -> {
                        assertThat(e.code()).isEqualTo(ErrorCode.BAD_SPEC);
                        assertThat(e.getMessage()).contains("inherit");
                    });
            old.run("DROP TABLE child");
            PartitionId id = store.adopt("checks", checks()).partition();
            old.run("CREATE TABLE child() INHERITS (check_history)");
            store.split(id);
            assertThat(SplitTest.await(store, SplitStatus.State.BLOCKED).note()).contains("inherit");
            old.run("DROP TABLE child");
            store.split(id);
            assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                    .isEqualTo(500);
        }
    }
}
