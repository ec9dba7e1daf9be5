package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.ManualClock;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Finding;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Adopted tables from the first opening to their end: declared, locked, written to by others, missing, refused, dropped (G54, G64 to G67). */
class AdoptLifeTest {
    private static final Instant BEGIN = LegacyTables.BEGIN;

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final LegacyTables old = new LegacyTables(server);

    private Store open() {
        return Levee.open(address, false, o -> {});
    }

    private Store open(Instant now) {
        return Levee.open(
                address, false, o -> o.clock(new ManualClock(now)).asOf(now).retentionEvery(Duration.ofMillis(100)));
    }

    private Adoption checks() {
        return Adoption.ofTable(old.name("check_history")).map("up", "is_up");
    }

    private Adoption monitor() {
        return Adoption.ofTable(old.name("invocations")).time("finished_at");
    }

    private static Instant at(long row) {
        return BEGIN.plusMillis(row * LegacyTables.STEP_MILLIS);
    }

    private static long count(Store store, String table) {
        return store.count(Query.builder(table).build());
    }

    @Test
    void shouldReadWithoutTheDetailsTableAndWithoutColumns() {
        // G67; and with details as soon as they are there.
        old.monitor(1000, false);
        try (Store store = open()) {
            Table<Row> table = store.createTable(LegacyTables.invocations().build());
            store.adopt("invocations", monitor().details("invocation_details", "task_id"));
            assertThat(store.count(Query.builder("invocations")
                            .where(Expr.parse("args_preview IS NULL AND retries IS NULL", BEGIN))
                            .build()))
                    .isEqualTo(1000);
            assertThat(table.find("task-00000003").orElseThrow().get("args_preview"))
                    .isNull();
            old.run(
                    "CREATE TABLE invocation_details(task_id text PRIMARY KEY, args_preview text)",
                    "INSERT INTO invocation_details VALUES ('task-00000003', '[3]')",
                    "ALTER TABLE invocations ADD COLUMN retries smallint DEFAULT 2");
            assertThat(table.find("task-00000003").orElseThrow().get("args_preview"))
                    .isEqualTo("[3]");
            assertThat(store.count(Query.builder("invocations")
                            .where(Expr.parse("retries = 2", BEGIN))
                            .build()))
                    .isEqualTo(1000);
        }
    }

    @Test
    void shouldAdoptWhatTheSpecNamesAtEveryOpening() {
        TableSpec spec = LegacyTables.invocations().adopt(monitor()).build();
        assertThat(TableSpec.fromMap(spec.toMap())).isEqualTo(spec);
        // A fresh install has no old table (G101).
        try (Store store = open()) {
            store.createTable(spec);
            assertThat(store.partitions()).isEmpty();
        }
        old.monitor(1000, false);
        for (int i = 0; i < 2; i++) {
            try (Store store = open()) {
                store.createTable(spec);
                assertThat(store.partitions()).hasSize(1);
                assertThat(count(store, "invocations")).isEqualTo(1000);
            }
        }
    }

    @Test
    void shouldLetItGoAsAWholeAndDropItOnlyWhereTaken() {
        old.checks(5000);
        for (boolean take : new boolean[] {false, true}) {
            String table = take ? "taken" : "let_go";
            Adoption adoption = take ? checks().taken() : checks();
            TableSpec spec = TableSpec.builder(table)
                    .column("site_id", io.levee.ColumnType.INTEGER)
                    .column("checked_at", io.levee.ColumnType.TIMESTAMP)
                    .time("checked_at")
                    .retention(RetentionRule.maxAge(Duration.ofDays(5)))
                    .adopt(adoption)
                    .build();
            try (Store store = open(BEGIN.plus(Duration.ofDays(3)))) {
                store.createTable(spec);
                assertThat(store.planRetention().drops()).isEmpty();
                assertThat(store.partitions().get(0).bytes() > 0).isEqualTo(take);
                assertThat(count(store, table)).isEqualTo(5000);
            }
            Instant later = BEGIN.plus(Duration.ofDays(9));
            try (Store store = open(later)) {
                store.createTable(spec);
                await().atMost(Duration.ofSeconds(30))
                        .until(() -> store.partitions().isEmpty() && there("check_history") != take);
                assertThat(count(store, table)).isZero();
            }
            // Not adopted again, though the spec still names it and the table may still be there.
            try (Store store = open(later)) {
                store.createTable(spec);
                assertThat(store.partitions()).isEmpty();
                assertThat(store.adopt(table, adoption).dropped()).isTrue();
            }
        }
    }

    private boolean there(String table) {
        return "t"
                .equals(server.texts("SELECT to_regclass('" + old.name(table) + "') IS NOT NULL")
                        .get(0));
    }

    @Test
    void shouldFinishTheRetentionReportOfWhatItLetGo() {
        old.monitor(1000, false);
        try (Store store = Levee.open(
                address,
                false,
                o -> o.clock(new ManualClock(BEGIN.plus(Duration.ofDays(30)))).asOf(BEGIN.plus(Duration.ofDays(30))))) {
            store.createTable(LegacyTables.invocations()
                    .retention(RetentionRule.maxAge(Duration.ofDays(7)))
                    .build());
            store.adopt("invocations", monitor());
            // The server may count the rows that were just written only now, as if they were somebody's since.
            RetentionReport report = await().atMost(Duration.ofSeconds(20))
                    .until(
                            () -> store.applyRetention(store.planRetention()),
                            r -> !r.dropped().isEmpty());
            assertThat(report.dropped()).hasSize(1);
            assertThat(report.bytesFreed()).isZero();
            assertThat(there("invocations")).isTrue();
        }
    }

    @Test
    void shouldSeeWhatAnotherStillWritesNameItAndNotLetGo() throws Exception {
        old.monitor(1000, false);
        Instant later = BEGIN.plus(Duration.ofDays(30));
        try (Store store = Levee.open(
                        address, false, o -> o.clock(new ManualClock(later)).asOf(later));
                Connection foreign = old.open();
                Statement statement = foreign.createStatement()) {
            statement.execute("SET application_name = 'old monitor'");
            store.createTable(LegacyTables.invocations()
                    .retention(RetentionRule.maxAge(Duration.ofDays(7)))
                    .build());
            store.adopt("invocations", monitor());
            Query late = Query.builder("invocations").from(at(900_000)).build();
            assertThat(store.count(late)).isZero();
            foreign.setAutoCommit(false);
            statement.executeUpdate(
                    "INSERT INTO invocations(task_id, task_name, state, finished_at) VALUES ('late', 'x', 'OK', '"
                            + at(1_000_000) + "')");
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
            // At once, before anybody looked at its index again.
            assertThat(store.count(late)).isEqualTo(1);
            assertThat(store.applyRetention(store.planRetention()).dropped()).isEmpty();
            assertThat(store.partitions()).hasSize(1);
        }
    }

    @Test
    void shouldTellAMissingTableAsAGap() {
        old.monitor(1000, false);
        try (Store store = open()) {
            store.createTable(LegacyTables.invocations().build());
            store.adopt("invocations", monitor());
            old.run("ALTER TABLE invocations RENAME TO elsewhere");
            try (Result<Row> result = store.query(Query.builder("invocations").build())) {
                assertThat(result.toList()).isEmpty();
                assertThat(result.coverage().gaps())
                        .extracting(Gap::reason)
                        .containsExactly(LossReason.ADOPTED_MISSING);
            }
            assertThat(store.diagnose())
                    .filteredOn(f -> f.what().contains("missing"))
                    .extracting(Finding::level)
                    .containsExactly(Finding.Level.PROBLEM);
            old.run("ALTER TABLE elsewhere RENAME TO invocations");
            assertThat(count(store, "invocations")).isEqualTo(1000);
            try (Result<Row> result = store.query(Query.builder("invocations").build())) {
                assertThat(result.toList()).hasSize(1000);
                assertThat(result.coverage().complete()).isTrue();
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
            AdoptionReport report = store.adopt("invocations", monitor().details("invocation_details", "task_id"));
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

    @Test
    void shouldKeepSeveralTablesApart() {
        old.checks(2000);
        old.run(
                "CREATE TABLE state_changes(site_id integer, checked_at timestamp)",
                "INSERT INTO state_changes SELECT site_id, checked_at::timestamp FROM check_history WHERE id % 100 = 0");
        try (Store store = open()) {
            store.createTable(LegacyTables.checkSpec().build());
            store.adopt("checks", checks());
            store.adopt("checks", Adoption.ofTable(old.name("state_changes")));
            assertThat(count(store, "checks")).isEqualTo(2020);
            assertThat(store.count(Query.builder("checks")
                            .where(Expr.parse("latency_ns IS NULL", BEGIN))
                            .build()))
                    .isEqualTo(20);
            Set<Long> numbers = new HashSet<>();
            try (Result<Row> rows =
                    store.query(Query.builder("checks").newestFirst().build())) {
                rows.forEach(row -> numbers.add(row.seq()));
            }
            assertThat(numbers).hasSize(2020).allMatch(n -> n < 0);
            assertThat(store.partitions()).extracting(PartitionInfo::state).containsOnly(PartitionInfo.State.ADOPTED);
        }
    }

    /** A table with classes reads adopted rows whatever class is asked for, and its filter tells. */
    @Test
    void shouldReadItInATableWithClasses() throws Exception {
        old.monitor(1000, false);
        try (Store store = open()) {
            store.createTable(LegacyTables.invocations()
                    .retention(RetentionRule.builder()
                            .by("state")
                            .keep("FAILURE", Duration.ofDays(90_000))
                            .maxAge(Duration.ofDays(80_000))
                            .build())
                    .build());
            store.adopt("invocations", monitor());
            Query failures = Query.builder("invocations")
                    .where(Expr.parse("state = 'FAILURE'", BEGIN))
                    .newestFirst()
                    .build();
            try (Result<Row> rows = store.query(failures)) {
                assertThat(rows.toList()).hasSize(20);
            }
            assertThat(store.count(failures)).isEqualTo(20);
        }
    }

    @Test
    void shouldRefuseByNameWhatCannotBeRead() {
        old.run(
                "CREATE TABLE plain(a integer)",
                "CREATE VIEW seen AS SELECT * FROM plain",
                "CREATE TABLE parted(checked_at timestamptz) PARTITION BY RANGE (checked_at)",
                "CREATE TABLE \"Odd.Name\"(checked_at bigint)",
                "INSERT INTO \"Odd.Name\" VALUES (1775001600123)");
        try (Store store = open()) {
            store.createTable(LegacyTables.checkSpec().build());
            refused(store, Adoption.ofTable(old.name("nothing")), ErrorCode.NOT_FOUND, "there is no table", "");
            refused(
                    store,
                    Adoption.ofTable(old.name("plain")),
                    ErrorCode.BAD_SPEC,
                    "no column for the event time",
                    "--time");
            refused(store, Adoption.ofTable(old.name("seen")), ErrorCode.BAD_SPEC, "no plain table", "");
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
