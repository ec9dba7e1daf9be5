package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Free SQL reads and never writes, whatever its text; and its answers have the forms of every engine. All ask one store: what one leaves
 * behind, the next one's look would see too.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SqlSafetyTest {
    private static final Instant NOON = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec RUNS = TableSpec.builder("Runs")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .column("tookMs", ColumnType.DURATION)
            .column("x", ColumnType.REAL)
            .column("ok", ColumnType.BOOLEAN)
            .column("price", ColumnType.DECIMAL)
            .column("raw", ColumnType.BLOB)
            .column("tableoid", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final Names names = new Names(PostgresServer.schema(address));
    private final Store store = Levee.open(address, false, o -> o.queryThreads(2));

    @BeforeAll
    void fill() {
        Table<Row> table = store.createTable(RUNS);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            rows.add(Row.of(RUNS)
                    .set("at", NOON.plus(Duration.ofDays(i % 2)).plusSeconds(i))
                    .set("n", i)
                    .set("tookMs", Duration.ofMillis(i))
                    .set("x", i / 4.0)
                    .set("ok", i % 2 == 0)
                    .set("price", "1.50")
                    .set("raw", new byte[] {1, (byte) i})
                    .set("tableoid", "t" + i)
                    .build());
        }
        assertThat(table.appendAll(rows, Ack.COMMITTED).join().stored()).isEqualTo(10);
    }

    @AfterAll
    void close() {
        store.close();
    }

    private List<List<@Nullable Object>> ask(String sql) {
        return ask(new SqlQuery(sql, Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofSeconds(20)));
    }

    private List<List<@Nullable Object>> ask(SqlQuery query) {
        try (SqlResult result = store.sql(query)) {
            List<List<@Nullable Object>> rows = new ArrayList<>();
            result.forEach(rows::add);
            return rows;
        }
    }

    private LeveeException refused(String sql) {
        Throwable thrown = catchThrowable(() -> ask(sql));
        assertThat(thrown).as(sql).isInstanceOf(LeveeException.class);
        return (LeveeException) thrown;
    }

    /** All that a query could have changed. */
    private List<@Nullable String> traces() {
        return server.texts("SELECT count(*) || ' ' || sum(n) FROM " + names.in("Runs")
                + " UNION ALL SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace::regnamespace::text"
                + " IN ('" + names.schema() + "', '" + names.catalogSchema() + "', 'public')"
                + " UNION ALL SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"
                + " UNION ALL SELECT count(*)::text FROM pg_largeobject_metadata"
                + " UNION ALL SELECT count(*)::text FROM pg_prepared_statements"
                + " UNION ALL SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles"
                + " UNION ALL SELECT string_agg(setconfig::text, ',') FROM pg_db_role_setting");
    }

    private static final String WRITES = "INSERT INTO \"Runs\"(_seq, at, n) VALUES (99, 1779278400000000, 1000)";

    @ParameterizedTest
    @ValueSource(
            strings = {
                WRITES,
                "SELECT 1; " + WRITES,
                "SELECT 1;;" + WRITES + ";",
                "SELECT '; COMMIT; " + WRITES + "; --",
                "SELECT E'\\\\'; COMMIT; " + WRITES + "; --'",
                "SELECT $a$ $b$; COMMIT; " + WRITES + "; --",
                "SELECT 1 -- \r; COMMIT; " + WRITES,
                "SELECT 1 /* /* */; COMMIT; " + WRITES,
                "SELECT 1) AS q; COMMIT; " + WRITES + "; SELECT * FROM (SELECT 1",
                "WITH w AS (" + WRITES + " RETURNING n) SELECT * FROM w",
                "WITH w AS (DELETE FROM runs RETURNING 1) SELECT * FROM w",
                "WITH w AS (SELECT 1) " + WRITES,
                "EXPLAIN ANALYZE " + WRITES,
                "EXPLAIN (ANALYZE) WITH w AS (" + WRITES + " RETURNING n) SELECT * FROM w",
                "EXPLAIN ANALYZE CREATE TABLE public.made AS SELECT 1",
                "EXPLAIN (ANALYZE) SELECT 1; " + WRITES,
                "SELECT n INTO public.made FROM runs",
                "CREATE TABLE public.made (n int)",
                "CREATE TEMP TABLE made (n int)",
                "EXPLAIN ANALYZE SELECT n INTO public.made FROM runs",
                "EXPLAIN (ANALYZE) WITH w AS (SELECT 1) SELECT 1 INTO public.made",
                "EXPLAIN (ANALYZE) CREATE TABLE public.made AS (SELECT 1)",
                "EXPLAIN (ANALYZE) (ANALYZE) SELECT 1",
                "COPY (SELECT 1) TO '/tmp/levee-made'",
                "COPY (SELECT 1) TO PROGRAM 'touch /tmp/levee-made'",
                "DO $$ BEGIN EXECUTE 'CREATE TABLE public.made (n int)'; END $$",
                "CALL public.made()",
                "PREPARE made AS SELECT 1",
                "SET work_mem = '1GB'",
                "COMMIT",
                "ROLLBACK",
                "BEGIN READ WRITE",
                "TRUNCATE \"Runs\"",
                "LOCK TABLE \"Runs\"",
                "NOTIFY made",
                "VACUUM",
                "SELECT nextval('public.made')",
                "SELECT setval('public.made', 1)",
                "SELECT set_config('transaction_read_only', 'off', false)",
                "SELECT set_config('statement_timeout', '0', false)",
                "SELECT pg_catalog.set_config('role', 'none', false)",
                "SELECT pg_advisory_lock(4711)",
                "SELECT pg_try_advisory_lock(4711)",
                "SELECT pg_catalog . \"pg_advisory_lock\" /* here */ (4711)",
                "SELECT U&\"pg\\005fadvisory_lock\"(4711)",
                "SELECT \"PG_ADVISORY_LOCK\"(4711)",
                "SELECT E'a' -- why\n'\\' , ' , pg_advisory_lock(4711), '",
                "SELECT 1$$ ' $$, pg_advisory_lock(4711), $$ ' $$",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
                "SELECT lo_create(0)",
                "SELECT lo_from_bytea(0, 'x')",
                "SELECT pg_read_file('/etc/passwd')",
                "SELECT * FROM pg_ls_dir('/')",
                "SELECT query_to_xml('SELECT pg_advisory_lock(4711)', true, true, '')",
                "SELECT * FROM ts_stat('SELECT pg_advisory_lock(4711)::text::tsvector')",
                "SELECT pg_notify('made', '')",
                "SELECT pg_reload_conf()",
                "SELECT pg_switch_wal()",
                "VALUES (pg_advisory_lock(4711))",
                "SELECT 1 LIMIT (SELECT 1 FROM pg_advisory_lock(4711))",
            })
    void shouldWriteNothing(String sql) {
        List<@Nullable String> before = traces();
        assertThat(refused(sql).code()).as(sql).isEqualTo(ErrorCode.BAD_QUERY);
        assertThat(traces()).isEqualTo(before);
        assertThat(ask("SELECT count(*) FROM runs")).containsExactly(List.of(10L));
    }

    /** Without the looks at the text: the server alone lets nothing write. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT 1; " + WRITES,
                "SELECT 1'; COMMIT; " + WRITES + "; --",
                "SELECT 1 $levee$; COMMIT; " + WRITES + "; --",
                WRITES,
                WRITES + " RETURNING 1",
                "WITH w AS (" + WRITES + " RETURNING n) SELECT * FROM w",
                "SELECT n INTO public.made FROM \"Runs\"",
                "CREATE TEMP TABLE made AS SELECT 1",
                "SELECT * FROM \"Runs\" FOR UPDATE",
                "COPY (SELECT 1) TO '/tmp/levee-made'",
                "DO $$ BEGIN END $$",
                "COMMIT",
                "CREATE TABLE public.made AS SELECT 1",
                "SELECT set_config('transaction_read_only', 'off', true), 1",
                "SELECT nextval('" + "SEQUENCE" + "')",
            })
    void shouldBeKeptFromWritingByTheServer(String sql) throws SQLException {
        String sequence = names.in("numbers");
        server.run("CREATE SEQUENCE IF NOT EXISTS " + sequence);
        List<@Nullable String> before = traces();
        for (String call : List.of(
                names.catalog(SqlFunctions.READ) + "(?)",
                names.catalog(SqlFunctions.EXPLAIN) + "('', ?)",
                names.catalog(SqlFunctions.EXPLAIN) + "('(ANALYZE)', ?)")) {
            try (Connection connection = server.dataSource().getConnection();
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                statement.execute("SET TRANSACTION READ ONLY; SET LOCAL search_path = " + Names.quote(names.schema()));
                String failed = run(connection, call, sql.replace("SEQUENCE", sequence));
                boolean onlyPlanned = call.contains("''") && failed.isEmpty();
                assertThat(onlyPlanned || !failed.isEmpty())
                        .as("%s: %s", call, sql)
                        .isTrue();
                connection.commit();
            }
            assertThat(traces()).as(sql).isEqualTo(before);
        }
        assertThat(server.texts("SELECT is_called FROM " + sequence)).containsExactly("f");
    }

    private static String run(Connection connection, String call, String sql) {
        try (PreparedStatement statement = connection.prepareStatement("SELECT " + call)) {
            statement.setString(1, sql);
            statement.executeQuery().close();
            try (Statement fetch = connection.createStatement();
                    ResultSet rows = fetch.executeQuery("FETCH ALL FROM " + ReadSession.CURSOR)) {
                while (rows.next()) {
                    rows.getString(1);
                }
            }
            return "";
        } catch (SQLException e) {
            return String.valueOf(e.getMessage());
        }
    }

    @Test
    void shouldGiveValuesInTheFormsOfEveryEngine() {
        assertThat(ask("SELECT count(*), sum(n), avg(n), max(x), bool_and(ok = 1), min(price), NULL FROM runs"))
                .containsExactly(Arrays.asList(10L, 45L, 4.5, 2.25, 0L, "1.50", null));
        assertThat(ask("SELECT 1::smallint, 2::int, 3::bigint, 4::numeric, 4.5::numeric, 1e20::numeric, 'NaN'::numeric,"
                        + " 0.5::real, false, 'x'::varchar, interval '1 day', ARRAY[1,2], 'a'::\"char\", B'10', 5::oid,"
                        + " '-Infinity'::float8, date '2026-05-20'"))
                .containsExactly(List.of(
                        1L,
                        2L,
                        3L,
                        4L,
                        4.5,
                        1e20,
                        Double.NaN,
                        0.5,
                        0L,
                        "x",
                        "1 day",
                        "{1,2}",
                        "a",
                        "10",
                        5L,
                        Double.NEGATIVE_INFINITY,
                        "2026-05-20"));
        assertThat((byte[]) ask("SELECT raw FROM runs WHERE n = 3").get(0).get(0))
                .containsExactly(1, 3);
    }

    @Test
    void shouldShowTablesWithTheirOwnColumnsInAnyCaseAndRange() {
        try (SqlResult result = store.sql(SqlQuery.of("SELECT * FROM RUNS ORDER BY n"))) {
            assertThat(result.columns())
                    .containsExactly("_seq", "at", "n", "tookMs", "x", "ok", "price", "raw", "tableoid");
        }
        assertThat(ask("SELECT \"tookMs\", \"tableoid\" FROM \"Runs\" WHERE n = 2"))
                .containsExactly(List.of(2000L, "t2"));
        long day = NOON.plus(Duration.ofHours(12)).getEpochSecond() * 1_000_000;
        assertThat(ask(new SqlQuery("SELECT count(*) FROM runs", Long.MIN_VALUE, day, Duration.ofSeconds(9))))
                .containsExactly(List.of(5L));
        assertThat(ask(new SqlQuery("SELECT count(*) FROM runs", day, Long.MAX_VALUE, Duration.ofSeconds(9))))
                .containsExactly(List.of(5L));
        assertThat(ask("WITH runs AS (SELECT n FROM runs WHERE n < 3) SELECT count(*), sum(n) FROM runs"))
                .containsExactly(List.of(3L, 3L));
        assertThat(ask("WITH RECURSIVE t(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM t WHERE i < 3)"
                        + " SELECT i, (SELECT max(n) FROM runs) FROM t ORDER BY i DESC -- the end"))
                .containsExactly(List.of(3L, 9L), List.of(2L, 9L), List.of(1L, 9L));
        assertThat(ask("VALUES (1, 'a'), (2, 'b');")).hasSize(2);
    }

    @Test
    void shouldExplain() {
        long day = NOON.plus(Duration.ofHours(12)).getEpochSecond() * 1_000_000;
        for (String explain : List.of("EXPLAIN", "explain analyze verbose", "EXPLAIN (ANALYZE, COSTS off)")) {
            assertThat(ask(new SqlQuery(explain + " SELECT * FROM runs", Long.MIN_VALUE, day, Duration.ofSeconds(9))))
                    .extracting(row -> (String) row.get(0))
                    .anyMatch(line -> line.contains("2026-05-20"))
                    .noneMatch(line -> line.contains("2026-05-21"));
        }
    }

    @Test
    void shouldLetReadersCallWhatOnlyChangesItsAnswer() {
        assertThat(ask("SELECT random() < 2, clock_timestamp() IS NOT NULL, length(gen_random_uuid()::text)"))
                .containsExactly(List.of(1L, 1L, 36L));
        assertThat(ask("SELECT n FROM runs WHERE tableoid = 'pg_terminate_backend(1)'"))
                .isEmpty();
    }

    @Test
    void shouldSayWhatIsWrong() {
        assertThat(refused("SELECT nothing FROM runs").getMessage())
                .contains("PostgreSQL refuses the query: column \"nothing\" does not exist")
                .contains("tables are named [Runs]");
        assertThat(refused("SELECT tookMs FROM runs").getMessage()).contains("need double quotes");
        assertThat(refused("SELECT 1/0").getMessage()).contains("division by zero");
        assertThat(refused("SELECT 1/(n-n) FROM runs").getMessage()).contains("division by zero");
        assertThat(refused("SELECT pg_terminate_backend(1)").getMessage()).contains("[pg_terminate_backend]");
    }

    @Test
    void shouldEndAtTheDeadlineAndLeaveAConnectionThatWorks() {
        for (int i = 0; i < 5; i++) {
            long start = System.nanoTime();
            assertThatThrownBy(() -> ask(new SqlQuery(
                            "SELECT pg_sleep(60)", Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofMillis(200))))
                    .hasMessageContaining("DEADLINE");
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(50));
            assertThat(ask("SELECT count(*) FROM runs")).containsExactly(List.of(10L));
        }
        assertThat(server.texts("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state ="
                        + " 'active' AND pid <> pg_backend_pid()"))
                .containsExactly("0");
    }

    @Test
    void shouldTakeBackWhatAQuerySet() {
        server.run("CREATE FUNCTION " + names.in("sly") + "() RETURNS int LANGUAGE sql STABLE AS $$ SELECT 1 $$");
        assertThat(ask("SELECT sly()")).containsExactly(List.of(1L));
        assertThat(refused("SELECT " + names.in("sly") + "(), set_config('work_mem', '1GB', false)")
                        .code())
                .isEqualTo(ErrorCode.BAD_QUERY);
        for (int i = 0; i < 4; i++) {
            assertThat(ask("SELECT current_setting('work_mem'), current_setting('transaction_read_only')"))
                    .containsExactly(List.of("4MB", "on"));
        }
    }

    @Test
    void shouldReadBesideAWriter() {
        try (Store reader = Levee.open(address, true, o -> o.queryThreads(1));
                SqlResult result = reader.sql(SqlQuery.of("SELECT sum(n) FROM runs"))) {
            assertThat(result.iterator().next()).containsExactly(45L);
        }
    }
}
