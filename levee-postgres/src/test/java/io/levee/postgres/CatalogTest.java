package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Finding;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Schemas, names, columns and the catalog's own tables. */
class CatalogTest {
    private static final Instant AT = Instant.parse("2026-05-20T10:00:00Z");

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);

    private Store open() {
        return Levee.open(address, false, o -> {});
    }

    private static TableSpec.Builder spec(String name) {
        return TableSpec.builder(name)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.DAY);
    }

    @Test
    void shouldKeepColumnsOfUnusualNames() {
        TableSpec.Builder builder = spec("odd");
        List<String> odd = List.of(
                "xmin", "ctid", "cmin_", "cmin", "job ID", "select", "a\"b", "?", "größe", "x".repeat(63), "tableoid");
        odd.forEach(name -> builder.column(name, ColumnType.TEXT));
        TableSpec spec = builder.key("job ID", "xmin").index("ctid", "a\"b").build();
        try (Store store = open()) {
            Table<Row> table = store.createTable(spec);
            for (int round = 0; round < 2; round++) {
                var row = Row.of(spec).set("at", AT.plusSeconds(round));
                for (String name : odd) {
                    row.set(name, name.equals("job ID") || name.equals("xmin") ? name : name + round);
                }
                table.append(row.build(), Ack.COMMITTED).join();
            }
            Row found = table.find("job ID", "xmin").orElseThrow();
            assertThat(odd)
                    .allSatisfy(name -> assertThat(String.valueOf(found.get(name)))
                            .startsWith(name.equals("job ID") || name.equals("xmin") ? name : name + "1"));
        }
    }

    @Test
    void shouldKeepTablesOfLongNamesApart() {
        String name = "t".repeat(47);
        try (Store store = open()) {
            for (String end : List.of("a", "b")) {
                Table<Row> table = store.createTable(TableSpec.builder(name + end)
                        .column("at", ColumnType.TIMESTAMP)
                        .time("at")
                        .partitionBy(PartitionBy.HOUR)
                        .build());
                for (int hour = 0; hour < 3; hour++) {
                    table.append(
                                    Row.of(table.spec())
                                            .set("at", AT.plusSeconds(hour * 3600L))
                                            .build(),
                                    Ack.COMMITTED)
                            .join();
                }
            }
            assertThat(store.partitions()).hasSize(6);
        }
        assertThat(Names.leaf(new PartitionId("t".repeat(48), "", "2026-05-20T14", 123)))
                .hasSize(63);
    }

    @Test
    void shouldNotTakeAPartitionForATable() {
        try (Store store = open()) {
            for (String name : List.of("jobs", "jobs_all", "jobs_2026", "levees")) {
                Table<Row> table = store.createTable(TableSpec.builder(name)
                        .column("at", ColumnType.TIMESTAMP)
                        .time("at")
                        .partitionBy(name.equals("jobs") ? PartitionBy.NONE : PartitionBy.YEAR)
                        .build());
                table.append(Row.of(table.spec()).set("at", AT).build(), Ack.COMMITTED)
                        .join();
            }
            assertThat(store.partitions()).hasSize(4);
        }
    }

    @Test
    void shouldAddColumnsToATableThatHasRows() {
        try (Store store = open()) {
            Table<Row> table = store.createTable(spec("jobs").build());
            Row old = Row.of(table.spec()).set("at", AT).build();
            table.append(old, Ack.COMMITTED).join();
            TableSpec wider = spec("jobs").column("name", ColumnType.TEXT).build();
            store.createTable(wider);
            table.append(old, Ack.COMMITTED).join();
            store.table("jobs")
                    .append(Row.of(wider).set("at", AT).set("name", "new").build(), Ack.COMMITTED)
                    .join();
            assertThat(server.texts("SELECT name FROM \"" + schema + "\".jobs ORDER BY _seq"))
                    .containsExactly(null, null, "new");
        }
        try (Store store = open()) {
            assertThat(store.table("jobs").spec().columns()).hasSize(2);
        }
    }

    @Test
    void shouldAddColumnsOnceThoseWhoReadTheTableAreDone() throws SQLException {
        try (Store store = open();
                Connection reader = server.dataSource().getConnection();
                Statement reading = reader.createStatement()) {
            Table<Row> table = store.createTable(spec("jobs").build());
            Row row = Row.of(table.spec()).set("at", AT).build();
            table.append(row, Ack.COMMITTED).join();
            reader.setAutoCommit(false);
            reading.executeQuery("SELECT * FROM \"" + schema + "\".jobs").close();
            CompletableFuture<?> wider = CompletableFuture.runAsync(() -> store.createTable(
                    spec("jobs").column("name", ColumnType.TEXT).build()));
            // Readers and the writer go on while the change waits for its turn.
            for (int i = 0; i < 20; i++) {
                table.append(row, Ack.COMMITTED).join();
            }
            assertThat(wider).isNotDone();
            reader.rollback();
            wider.join();
            table.append(row, Ack.COMMITTED).join();
            assertThat(server.texts("SELECT count(*) FROM \"" + schema + "\".jobs WHERE name IS NULL"))
                    .containsExactly("22");
        }
    }

    @Test
    void shouldMakePartitionsOfTheTimesThatAreFree() {
        try (Store store = open()) {
            Table<Row> table = store.createTable(spec("jobs").build());
            append(table, "2026-05-19T10:00:00Z", "2026-05-21T10:00:00Z");
            store.createTable(TableSpec.builder("jobs")
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .partitionBy(PartitionBy.WEEK)
                    .build());
            append(
                    table,
                    "2026-05-18T10:00:00Z",
                    "2026-05-19T11:00:00Z",
                    "2026-05-20T23:59:59.999999Z",
                    "2026-05-23T10:00:00Z",
                    "2026-05-25T00:00:00Z");
            assertThat(store.partitions())
                    .extracting(p -> p.id() + ": " + p.rows())
                    .containsExactly(
                            "jobs/2026-W21: 1",
                            "jobs/2026-05-19: 2",
                            "jobs/2026-W21.2: 1",
                            "jobs/2026-05-21: 1",
                            "jobs/2026-W21.3: 1",
                            "jobs/2026-W22: 1");
            store.createTable(TableSpec.builder("jobs")
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .partitionBy(PartitionBy.NONE)
                    .build());
            append(table, "1990-01-01T00:00:00Z", "2026-06-20T10:00:00Z");
            assertThat(server.texts("SELECT count(*) FROM \"" + schema + "\".jobs"))
                    .containsExactly("9");
            assertThat(store.partitions()).hasSize(8);
        }
    }

    private static void append(Table<Row> table, String... times) {
        for (String time : times) {
            table.append(Row.of(table.spec()).set("at", Instant.parse(time)).build(), Ack.COMMITTED)
                    .join();
        }
    }

    @Test
    void shouldRefuseAFormatOfALaterRelease() {
        open().close();
        server.run("UPDATE \"" + schema + "_levee\".store SET value = '3' WHERE key = 'format'");
        for (boolean readOnly : new boolean[] {false, true}) {
            assertThatThrownBy(() -> Levee.open(address, readOnly, o -> {}))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNSAFE_ENVIRONMENT));
        }
    }

    @Test
    void shouldSayWhichRightsAreMissing() {
        String user = "poor_" + schema;
        server.run("CREATE ROLE " + user + " LOGIN");
        try {
            assertThatThrownBy(() -> Levee.open(address.replace("postgres@", user + "@"), false, o -> {}))
                    .isInstanceOfSatisfying(LeveeException.class, e -> {
                        assertThat(e.code()).isEqualTo(ErrorCode.IO_FAILED);
                        assertThat(e.hint()).contains("CREATE on the database");
                    });
            // Schemas that somebody made for the user need no right on the database.
            server.run("CREATE SCHEMA \"" + schema + "\" AUTHORIZATION " + user + "; CREATE SCHEMA \"" + schema
                    + "_levee\" AUTHORIZATION " + user);
            try (Store store = Levee.open(address.replace("postgres@", user + "@"), false, o -> {})) {
                append(store.createTable(spec("jobs").build()), "2026-05-20T10:00:00Z");
                assertThat(store.diagnose())
                        .noneMatch(f -> f.level() == Finding.Level.PROBLEM)
                        .extracting(Finding::what)
                        .anyMatch(what -> what.contains("all tables of the store belong to the user"));
            }
        } finally {
            server.run("DROP OWNED BY " + user + " CASCADE; DROP ROLE " + user);
        }
    }

    @Test
    void shouldLetInReadersThatMayOnlyRead() {
        String user = "reader_" + schema;
        server.run("CREATE ROLE " + user + " LOGIN; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO " + user);
        try (Store writer = open()) {
            server.run("GRANT USAGE ON SCHEMA \"" + schema + "\", \"" + schema + "_levee\" TO " + user);
            append(writer.createTable(spec("jobs").build()), "2026-05-20T10:00:00Z", "2026-05-21T11:00:00Z");
            try (Store reader = Levee.open(address.replace("postgres@", user + "@"), true, o -> {})) {
                assertThat(reader.count(Query.builder("jobs").build())).isEqualTo(2);
                assertThat(reader.partitions()).hasSize(2);
                assertThat(reader.status().owner())
                        .containsEntry("pid", ProcessHandle.current().pid());
                assertThat(reader.diagnose()).noneMatch(f -> f.level() == Finding.Level.PROBLEM);
            }
            assertThatThrownBy(() -> Levee.open(address.replace("postgres@", user + "@"), false, o -> {}))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED));
        } finally {
            server.run("DROP OWNED BY " + user + " CASCADE; DROP ROLE " + user);
        }
    }

    @Test
    void shouldKeepToItsOwnSettingsWhateverTheRoleHas() {
        String user = "odd_" + schema;
        server.run("CREATE ROLE " + user + " LOGIN SUPERUSER; ALTER ROLE " + user
                + " SET default_transaction_isolation = 'serializable'; ALTER ROLE " + user
                + " SET statement_timeout = '900ms'; ALTER ROLE " + user + " SET search_path = nowhere; ALTER ROLE "
                + user + " SET default_transaction_read_only = on; ALTER ROLE " + user
                + " SET timezone = 'Pacific/Apia'");
        try (Store store = Levee.open(address.replace("postgres@", user + "@"), false, o -> {})) {
            append(store.createTable(spec("jobs").build()), "2026-05-20T10:00:00Z", "2026-05-20T11:00:00Z");
            assertThat(store.status().pragmas())
                    .containsEntry("statement_timeout", "0")
                    .containsEntry("lock_timeout", "100ms");
            assertThat(store.diagnose())
                    .extracting(Finding::what)
                    .contains("statement_timeout is 900 ms (the store's own connections set theirs)");
        } finally {
            server.run("DROP OWNED BY " + user + " CASCADE; DROP ROLE " + user);
        }
    }
}
