package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.Aggregation;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.Measure;
import io.levee.Order;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.engine.Finding;
import io.levee.testkit.PostgresServer;
import io.levee.testkit.conformance.OldTables;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What is PostgreSQL's own of adopted tables: plans, sessions, locks, rights, names. The rest is the conformance kit's. */
class AdoptTest {
    private static final int ROWS = 50_000;
    private static final Instant BEGIN = LegacyTables.BEGIN;

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final LegacyTables old = new LegacyTables(server);

    private Store open() {
        return Levee.open(address, false, o -> {});
    }

    private Adoption monitor() {
        return OldTables.monitor(old);
    }

    private Adoption checks() {
        return OldTables.checks(old);
    }

    private static long count(Store store, String table) {
        return store.count(Query.builder(table).build());
    }

    @Test
    void shouldUseTheIndexesOfTheTable() {
        old.monitor(ROWS, true);
        try (Store store = open()) {
            store.createTable(LegacyTables.invocations().build());
            store.adopt("invocations", monitor());
            String byTime = store.explain(Query.builder("invocations")
                            .newestFirst()
                            .limit(100)
                            .build())
                    .toString();
            assertThat(byTime).contains("inv_finished").doesNotContain("Seq Scan on invocations");
            String byName = store.explain(new Aggregation(
                            Query.builder("invocations")
                                    .from(OldTables.at(100))
                                    .to(OldTables.at(ROWS / 4))
                                    .where(Expr.eq("task_name", "app.task7"))
                                    .build(),
                            List.of("state"),
                            List.of(Measure.count())))
                    .toString();
            assertThat(byName).contains("inv_name").doesNotContain("Seq Scan on invocations");
            String byKey = store.explain(Query.builder("invocations")
                            .where(Expr.parse("task_id IN ('task-00000007', 'task-00000008')", BEGIN))
                            .orderBy(Order.asc("runtime_ms"))
                            .build())
                    .toString();
            assertThat(byKey).contains("invocations_pkey").doesNotContain("Seq Scan on invocations");
        }
    }

    @Test
    void shouldNameTheSessionThatWritesAndNotLetGo() throws Exception {
        old.monitor(1000, false);
        Instant later = BEGIN.plus(Duration.ofDays(30));
        try (Store store = Levee.open(
                        address,
                        false,
                        o -> o.clock(new ManualClock(later)).asOf(later).retentionEvery(Duration.ofDays(1)));
                Connection foreign = old.open();
                Statement statement = foreign.createStatement()) {
            statement.execute("SET application_name = 'old monitor'");
            store.createTable(LegacyTables.invocations()
                    .retention(RetentionRule.maxAge(Duration.ofDays(7)))
                    .build());
            store.adopt("invocations", monitor());
            foreign.setAutoCommit(false);
            statement.executeUpdate(
                    "INSERT INTO invocations(task_id, task_name, state, finished_at) VALUES ('late', 'x', 'OK', '"
                            + OldTables.at(1_000_000) + "')");
            assertThat(store.diagnose())
                    .filteredOn(f -> f.what().contains("invocations/adopted"))
                    .singleElement()
                    .satisfies(f -> {
                        assertThat(f.level()).isEqualTo(Finding.Level.WARNING);
                        assertThat(f.what()).contains("old monitor");
                    });
            RetentionReport report = store.applyRetention(store.planRetention());
            assertThat(report.dropped()).isEmpty();
            assertThat(report.toString()).contains("old monitor");
            foreign.commit();
            assertThat(store.applyRetention(store.planRetention()).dropped()).isEmpty();
            assertThat(store.partitions()).hasSize(1);
        }
    }

    /** What was taken counts as the store's: by what the server says that it takes. */
    @Test
    void shouldCountWhatWasTaken() {
        old.checks(5000);
        for (boolean take : new boolean[] {false, true}) {
            try (Store store = Levee.open(server.newStore(), false, o -> {})) {
                store.createTable(LegacyTables.checkSpec().build());
                store.adopt("checks", take ? checks().taken() : checks());
                assertThat(store.partitions().get(0).bytes() > 0).isEqualTo(take);
            }
        }
    }

    @Test
    void shouldKeepNobodyWaitingBesideALongReaderAndWaitForNoLockItself() throws Exception {
        old.monitor(2000, true);
        try (Store store = open();
                Connection reader = old.open();
                Connection other = old.open();
                Statement reading = reader.createStatement();
                Statement second = other.createStatement()) {
            store.createTable(LegacyTables.invocations().build());
            reader.setAutoCommit(false);
            reading.executeQuery("SELECT count(*) FROM invocations").close();
            // A reader that stays: adopting takes no lock that it would have to wait for, and behind which others
            // would.
            AdoptionReport report = store.adopt("invocations", monitor());
            assertThat(report.fresh()).isTrue();
            assertThat(count(store, "invocations")).isEqualTo(2000);
            second.execute("SET lock_timeout = 2000");
            second.executeQuery("SELECT count(*) FROM invocations").close();
            reader.rollback();
            // Somebody who has it to himself: adopting gives up after one short try, and nothing has happened.
            old.checks(10);
            store.createTable(LegacyTables.checkSpec().build());
            reading.execute("LOCK TABLE check_history IN ACCESS EXCLUSIVE MODE");
            CompletableFuture<Throwable> waited = CompletableFuture.supplyAsync(
                    () -> org.assertj.core.api.Assertions.catchThrowable(() -> store.adopt("checks", checks())));
            assertThat(waited.get(20, TimeUnit.SECONDS))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.PARTITION_BUSY));
            assertThat(store.partitions()).hasSize(1);
            reader.rollback();
            assertThat(store.adopt("checks", checks()).fresh()).isTrue();
            assertThat(count(store, "checks")).isEqualTo(10);
        }
    }

    @Test
    void shouldSayWhichRightsAreMissing() {
        old.checks(100);
        String role = "reader_" + PostgresServer.schema(address);
        server.run("CREATE ROLE " + role + " LOGIN");
        server.run("GRANT CREATE ON DATABASE postgres TO " + role);
        String own = address.replace("postgres@", role + "@");
        try (Store store = Levee.open(own, false, o -> {})) {
            store.createTable(LegacyTables.checkSpec().build());
            refused(store, checks(), ErrorCode.IO_FAILED, "may not read the adopted table", "GRANT USAGE ON SCHEMA");
            server.run("GRANT USAGE ON SCHEMA " + old.name("x").replace(".x", "") + " TO " + role);
            refused(store, checks(), ErrorCode.IO_FAILED, "may not read the adopted table", "GRANT SELECT");
            server.run("GRANT SELECT ON " + old.name("check_history") + " TO " + role);
            refused(store, checks().taken(), ErrorCode.IO_FAILED, "may not drop", "OWNER TO");
            assertThat(store.partitions()).isEmpty();
            store.adopt("checks", checks());
            assertThat(count(store, "checks")).isEqualTo(100);
            server.run("REVOKE SELECT ON " + old.name("check_history") + " FROM " + role);
            assertThatThrownBy(() -> count(store, "checks"))
                    .isInstanceOf(LeveeException.class)
                    .hasMessageContaining("may not read the adopted table " + old.name("check_history"));
        } finally {
            server.run("DROP SCHEMA " + PostgresServer.schema(address) + " CASCADE");
            server.run("DROP SCHEMA " + PostgresServer.schema(address) + "_levee CASCADE");
            server.run("DROP OWNED BY " + role);
            server.run("DROP ROLE " + role);
        }
    }

    /** Without what was written again, and what has moved, it would have rows twice. */
    @Test
    void shouldRefuseAReaderThatMayNotSeeWhatCountsNoMore() {
        old.checks(100);
        String schema = PostgresServer.schema(address);
        String role = "only_reads_" + schema;
        server.run("CREATE ROLE " + role + " LOGIN");
        try (Store store = open()) {
            store.createTable(LegacyTables.checkSpec().build());
            store.adopt("checks", checks());
            server.run("GRANT USAGE ON SCHEMA " + schema + ", " + schema + "_levee, "
                    + old.name("x").replace(".x", "") + " TO " + role);
            server.run("GRANT SELECT ON ALL TABLES IN SCHEMA " + schema + ", " + schema + "_levee, "
                    + old.name("x").replace(".x", "") + " TO " + role);
            String own = address.replace("postgres@", role + "@");
            for (String table : List.of("adopted_overrides", "splits")) {
                server.run("REVOKE SELECT ON " + schema + "_levee." + table + " FROM " + role);
                assertThatThrownBy(() -> Levee.open(own, true, o -> {}))
                        .isInstanceOfSatisfying(LeveeException.class, e -> {
                            assertThat(e.code()).isEqualTo(ErrorCode.IO_FAILED);
                            assertThat(e.hint()).contains("GRANT SELECT ON").contains(table);
                        });
                server.run("GRANT SELECT ON " + schema + "_levee." + table + " TO " + role);
            }
            try (Store reader = Levee.open(own, true, o -> {})) {
                assertThat(count(reader, "checks")).isEqualTo(100);
            }
        } finally {
            server.run("DROP OWNED BY " + role);
            server.run("DROP ROLE " + role);
        }
    }

    @Test
    void shouldRefuseByNameWhatCannotBeRead() {
        old.run(
                "CREATE TABLE parted(checked_at timestamptz) PARTITION BY RANGE (checked_at)",
                "CREATE TABLE \"Odd.Name\"(checked_at bigint)",
                "INSERT INTO \"Odd.Name\" VALUES (1775001600123)");
        try (Store store = open()) {
            store.createTable(LegacyTables.checkSpec().build());
            refused(store, Adoption.ofTable(old.name("nothing")), ErrorCode.NOT_FOUND, "there is no table", "");
            refused(store, Adoption.ofTable(old.name("parted")), ErrorCode.BAD_SPEC, "no plain table", "one by one");
            refused(
                    store,
                    Adoption.ofTable(PostgresServer.schema(address) + "_levee.store"),
                    ErrorCode.BAD_SPEC,
                    "the store's own",
                    "");
            refused(
                    store,
                    Adoption.of(java.nio.file.Path.of("/var/lib/x.db"), "x"),
                    ErrorCode.NOT_SUPPORTED,
                    "own database",
                    "");
            assertThat(store.partitions()).isEmpty();
            AdoptionReport odd = store.adopt("checks", Adoption.ofTable(old.name("\"Odd.Name\"")));
            assertThat(odd.adoption().timeUnit()).isEqualTo(Adoption.TimeUnit.MILLIS);
            try (Result<Row> rows = store.query(Query.builder("checks").build())) {
                assertThat(rows.toList())
                        .extracting(Row::time)
                        .isEqualTo(List.of(Instant.parse("2026-04-01T00:00:00.123Z")));
            }
        }
    }

    private static void refused(Store store, Adoption adoption, ErrorCode code, String what, String hint) {
        assertThatThrownBy(() -> store.adopt("checks", adoption))
                .isInstanceOfSatisfying(LeveeException.class, e -> {
                    assertThat(e.code()).isEqualTo(code);
                    assertThat(String.valueOf(e.hint())).contains(hint);
                })
                .hasMessageContaining(what);
    }
}
