package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.postgres.FaultyCommits.Fault;
import io.levee.testkit.PostgresProcess;
import io.levee.testkit.PostgresServer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A splitting whose server stops without warning, whose commits are not answered, and whose sessions have other settings: each row is there
 * once (G8, G64, T5).
 */
class SplitServerTest {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @TempDir
    private Path directory;

    private final long seed = Long.getLong("levee.seed", System.nanoTime());

    private static TableSpec spec() {
        return LegacyTables.checkSpec().build();
    }

    private static Row row(int i) {
        return Row.of(spec())
                .set("site_id", 1000L + i)
                .set("checked_at", LegacyTables.BEGIN.plusSeconds(i))
                .build();
    }

    private static Set<Long> numbers(Store store) {
        Set<Long> numbers = new HashSet<>();
        try (Result<Row> rows = store.query(Query.builder("checks").build())) {
            rows.forEach(row -> assertThat(numbers.add(row.seq())).isTrue());
        }
        return numbers;
    }

    private static void counted(PostgresServer server, String address) {
        String schema = PostgresServer.schema(address);
        assertThat(server.texts("SELECT sum(row_count) - (SELECT count(*) FROM " + schema + ".checks) FROM " + schema
                        + "_levee.partitions"))
                .containsExactly("0");
    }

    @Test
    void shouldLoseAndDoubleNothingWhenItsServerStopsWithoutWarning() {
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        try (PostgresProcess process = PostgresProcess.start(directory, "max_connections=30")) {
            PostgresServer server = process.server();
            LegacyTables old = new LegacyTables(server);
            String address = server.newStore();
            old.checks(2_500);
            int own = 0;
            try (Store store =
                    SplitTest.open(address, point -> {}, 60, o -> o.retentionEvery(Duration.ofMillis(100)))) {
                Table<Row> table = store.createTable(spec());
                PartitionId id = store.adopt(
                                "checks",
                                Adoption.ofTable(old.name("check_history"))
                                        .map("up", "is_up")
                                        .taken())
                        .partition();
                store.split(id);
                long done = 0;
                for (int stop = 0; stop < 2; stop++) {
                    // Further than the last time, and then at any moment of a slice.
                    long behind = done + random.nextInt(1, 900);
                    Awaitility.await()
                            .atMost(PATIENCE)
                            .ignoreExceptionsInstanceOf(LeveeException.class)
                            .until(() -> store.splits().get(0).rowsDone() >= behind);
                    table.append(row(own++), Ack.DURABLE).join();
                    process.stopImmediately();
                    process.start();
                    done = Awaitility.await()
                            .atMost(PATIENCE)
                            .ignoreExceptionsInstanceOf(LeveeException.class)
                            .until(() -> store.splits().get(0).rowsDone(), n -> true);
                    int wanted = 2_500 + own;
                    Awaitility.await()
                            .atMost(PATIENCE)
                            .ignoreExceptionsInstanceOf(LeveeException.class)
                            .until(() -> numbers(store).size() == wanted);
                }
                Awaitility.await()
                        .atMost(PATIENCE)
                        .ignoreExceptionsInstanceOf(LeveeException.class)
                        .until(() -> store.splits().get(0).state() == SplitStatus.State.DONE);
                assertThat(store.splits().get(0).rowsMoved()).isEqualTo(2_500);
                Awaitility.await()
                        .atMost(PATIENCE)
                        .until(() -> server.texts("SELECT to_regclass('" + old.name("check_history") + "')")
                                        .get(0)
                                == null);
                assertThat(numbers(store)).hasSize(2_500 + own);
            }
            try (Store store = Levee.open(address, false, o -> {})) {
                assertThat(numbers(store)).hasSize(2_500 + own);
            }
            counted(server, address);
        }
    }

    private static Store open(FaultyCommits faults, String schema, Consumer<Splitting.Point> at, int rows) {
        EngineProvider provider = new EngineProvider() {
            @Override
            public boolean accepts(String any) {
                return true;
            }

            @Override
            public StorageEngine open(String any, EngineSettings settings) {
                PostgresEngine engine = PostgresEngine.open(
                        Connections.of(faults.dataSource(), "postgres:?schema=" + schema), new Names(schema), settings);
                engine.splitting().at(at, rows);
                return engine;
            }
        };
        return Levee.open(provider, "postgres:", false, o -> o.retentionEvery(Duration.ofMillis(100)));
    }

    /** A commit that took effect and one that did not look the same to whoever asked for it. */
    @Test
    void shouldMoveEachRowOnceWhereNobodyAnswersACommit() {
        PostgresServer server = PostgresServer.shared();
        LegacyTables old = new LegacyTables(server);
        String address = server.newStore();
        old.checks(600);
        FaultyCommits faults = new FaultyCommits(server.dataSource());
        int[] pieces = new int[1];
        Consumer<Splitting.Point> lose = point -> {
            if (point == Splitting.Point.READ && ++pieces[0] % 3 != 0) {
                faults.next.set(pieces[0] % 3 == 1 ? Fault.LOST_AFTER : Fault.LOST_BEFORE);
            } else if (point == Splitting.Point.VERIFIED) {
                faults.next.set(Fault.ANY_LOST_AFTER);
            }
        };
        try (Store store = open(faults, PostgresServer.schema(address), lose, 100)) {
            store.createTable(spec());
            PartitionId id = store.adopt(
                            "checks",
                            Adoption.ofTable(old.name("check_history"))
                                    .map("up", "is_up")
                                    .taken())
                    .partition();
            store.split(id);
            assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                    .isEqualTo(600);
            assertThat(pieces[0]).isGreaterThan(6);
            Awaitility.await()
                    .atMost(PATIENCE)
                    .until(() -> server.texts("SELECT to_regclass('" + old.name("check_history") + "')")
                                    .get(0)
                            == null);
            assertThat(numbers(store)).hasSize(600);
        }
        counted(server, address);
    }

    /** What is shown as text is the same text, whoever's settings a session begins with; and no value ends a query. */
    @Test
    void shouldReadValuesAlikeWhateverTheRoleHas() {
        PostgresServer server = PostgresServer.shared();
        LegacyTables old = new LegacyTables(server);
        String address = server.newStore();
        old.run(
                "CREATE TABLE odd(n serial PRIMARY KEY, length interval, lasts interval, of tstzrange, many timestamptz[],"
                        + " money_like float8, tiny numeric, bytes bytea[], at timestamptz)",
                "INSERT INTO odd(length, lasts, of, many, money_like, tiny, bytes, at) VALUES ('1 mon 2 days 03:00:00', '2 s',"
                        + " tstzrange('2026-01-01 00:00+00', '2026-02-01 00:00+00'), ARRAY['2026-01-01 00:00+00'::timestamptz],"
                        + " 0.1::float8 + 0.2::float8, 0.5, ARRAY['\\x0001'::bytea], '" + LegacyTables.BEGIN + "'),"
                        + " ('-1 mon', '300000 years', NULL, NULL, 1e22, ('1e-400')::numeric, NULL, '"
                        + LegacyTables.BEGIN
                        + "')");
        TableSpec spec = TableSpec.builder("odd")
                .column("length", ColumnType.TEXT)
                .column("lasts", ColumnType.DURATION)
                .column("of", ColumnType.TEXT)
                .column("many", ColumnType.TEXT)
                .column("money_like", ColumnType.TEXT)
                .column("tiny", ColumnType.REAL)
                .column("bytes", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.UNBOUNDED)
                .build();
        String role = "odd_" + PostgresServer.schema(address);
        StringBuilder make = new StringBuilder("CREATE ROLE " + role + " LOGIN SUPERUSER");
        for (String setting : List.of(
                "IntervalStyle = 'sql_standard'",
                "bytea_output = 'escape'",
                "standard_conforming_strings = off",
                "default_transaction_read_only = on",
                "default_transaction_isolation = 'serializable'",
                "enable_tidscan = off",
                "statement_timeout = '20s'")) {
            make.append("; ALTER ROLE ").append(role).append(" SET ").append(setting);
        }
        server.run(make.toString());
        try {
            Map<Long, String> before;
            try (Store store = SplitTest.open(address, point -> {}, 1, o -> {})) {
                store.createTable(spec);
                store.adopt("odd", Adoption.ofTable(old.name("odd")));
                before = shown(store);
                assertThat(before).hasSize(2);
                assertThat(before.toString()).contains("1 mon 2 days", "\"2026-01-01 00:00:00+00\"", "0.0");
            }
            try (Store store = SplitTest.open(address.replace("postgres@", role + "@"), point -> {}, 1, o -> {})) {
                assertThat(shown(store)).isEqualTo(before);
                store.split(store.adopted().get(0).partition());
                assertThat(SplitTest.await(store, SplitStatus.State.DONE).rowsMoved())
                        .isEqualTo(2);
                assertThat(shown(store)).isEqualTo(before);
            }
            try (Store store = Levee.open(address, false, o -> {})) {
                assertThat(shown(store)).isEqualTo(before);
            }
        } finally {
            server.run("DROP OWNED BY " + role + " CASCADE; DROP ROLE " + role);
        }
    }

    private static Map<Long, String> shown(Store store) {
        Map<Long, String> shown = new LinkedHashMap<>();
        try (Result<Row> rows = store.query(Query.builder("odd").build())) {
            rows.forEach(row -> {
                StringBuilder text = new StringBuilder();
                store.table("odd")
                        .spec()
                        .columns()
                        .forEach(c -> text.append(row.get(c.name())).append('|'));
                shown.put(row.seq(), text.toString());
            });
        }
        return shown;
    }
}
