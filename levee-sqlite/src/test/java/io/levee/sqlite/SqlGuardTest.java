package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

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
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Free SQL reads the store's tables and nothing else, and what only reads is let through. */
class SqlGuardTest {
    private static final Instant BEGIN = Instant.parse("2026-01-01T00:00:00Z");
    private static final int PARTITIONS = 130;

    @TempDir
    static Path directory;

    private static Store store;

    @BeforeAll
    static void open() {
        store = Levee.open(directory, o -> o.queryThreads(1).asOf(BEGIN.plus(Duration.ofHours(PARTITIONS))));
        TableSpec days = spec("days", PartitionBy.DAY);
        TableSpec hours = spec("hours", PartitionBy.HOUR);
        Table<Row> few = store.createTable(days);
        Table<Row> many = store.createTable(hours);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < PARTITIONS; i++) {
            few.append(row(days, i));
            rows.add(row(hours, i));
        }
        many.appendAll(rows, Ack.COMMITTED).join();
        few.appendAll(List.of(row(days, PARTITIONS - 1)), Ack.COMMITTED).join();
    }

    private static TableSpec spec(String name, PartitionBy by) {
        return TableSpec.builder(name)
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(by)
                .fulltext("text")
                .build();
    }

    private static Row row(TableSpec spec, int i) {
        return Row.of(spec)
                .set("i", i)
                .set("at", BEGIN.plus(Duration.ofHours(i)))
                .set("text", "[" + i + ", \"x\"]")
                .build();
    }

    @AfterAll
    static void close() {
        store.close();
    }

    private static List<List<@Nullable Object>> sql(String text) {
        try (SqlResult result = store.sql(SqlQuery.of(text))) {
            List<List<@Nullable Object>> rows = new ArrayList<>();
            result.forEach(rows::add);
            return rows;
        }
    }

    private static LeveeException refused(String text) {
        LeveeException e = catchThrowableOfType(LeveeException.class, () -> sql(text));
        assertThat(e).as(text).isNotNull();
        assertThat(sql("SELECT count(DISTINCT i) FROM days")).containsExactly(List.of((long) PARTITIONS));
        return e;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT * FROM pragma_database_list",
                "SELECT * FROM Pragma_Database_List()",
                "SELECT * FROM \"pragma_table_info\"('days')",
                "SELECT * FROM days WHERE EXISTS (SELECT 1 FROM pragma_query_only)",
                "WITH x AS MATERIALIZED (SELECT file FROM pragma_database_list) SELECT * FROM x",
                "SELECT (SELECT group_concat(file) FROM pragma_database_list)",
                "SELECT * FROM (VALUES(1)), json_each('[1]'), pragma_compile_options",
                "VALUES((SELECT count(*) FROM pragma_function_list))",
                "SELECT i FROM days UNION SELECT file FROM pragma_database_list",
                "EXPLAIN SELECT * FROM pragma_database_list",
                "SELECT * FROM pragma_wal_checkpoint",
                "SELECT * FROM pragma_journal_mode('delete')",
                "SELECT * FROM sqlite_master",
                "SELECT * FROM sqlite_schema",
                "SELECT * FROM [sqlite_temp_master]",
                "SELECT sql FROM sqlite_temp_schema",
                "SELECT s.sql FROM p0.sqlite_master s, days LIMIT 1",
                "SELECT count(*) FROM temp.sqlite_schema",
                "SELECT (SELECT count(*) FROM p0.sqlite_schema) FROM days",
                "SELECT * FROM dbstat",
                "SELECT * FROM dbstat('p0')",
                "SELECT data FROM sqlite_dbpage('p0')",
                "SELECT rowid FROM p0.days_fts WHERE days_fts MATCH '\"abc\"'",
                "SELECT * FROM p0.days WHERE i = (SELECT max(wr) FROM pragma_table_list)",
                "SELECT * FROM p0.days_fts",
                "SELECT * FROM fts3tokenize",
                "SELECT load_extension('/tmp/x.so')",
                "SELECT load_extension('/tmp/x.so', 'f')",
                "SELECT \"load_extension\"(text) FROM days",
                "SELECT i FROM days ORDER BY load_extension(text)",
                "SELECT count(*) FILTER (WHERE load_extension('x') IS NULL) FROM days",
                "SELECT sum(i) OVER (ORDER BY load_extension(text)) FROM days",
                "SELECT CASE WHEN i < 0 THEN load_extension('x') END FROM days",
                "WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT load_extension('x') FROM c) SELECT * FROM c",
                "EXPLAIN QUERY PLAN SELECT load_extension('x')",
                "SELECT fts3_tokenizer('simple')",
                "SELECT hex(fts3_tokenizer('simple'))",
                "SELECT sqlite_log(1, 'x')",
                "SELECT rtreecheck('p0', 'days')",
                "SELECT readfile('/etc/passwd')",
                "SELECT writefile('x', 'y')",
                "SELECT edit('x')",
                "EXPLAIN PRAGMA query_only=0",
                "EXPLAIN QUERY PLAN PRAGMA hard_heap_limit=1",
                "EXPLAIN /* SELECT */ PRAGMA temp_store_directory='/tmp'",
                "EXPLAIN -- SELECT\n ATTACH 'x.db' AS x",
                "EXPLAIN DETACH p0",
                "EXPLAIN VACUUM INTO 'x.db'",
                "EXPLAIN DELETE FROM p0.days",
                "EXPLAIN CREATE TEMP TABLE t(a)",
                "EXPLAIN",
                "EXPLAIN QUERY PLAN",
                "EXPLAIN EXPLAIN SELECT 1",
                "WITH x AS (SELECT 1) DELETE FROM p0.days",
                "WITH x AS (SELECT 1) INSERT INTO p0.days(i) SELECT * FROM x",
                "WITH x AS (SELECT 1) UPDATE p0.days SET i = 1 RETURNING *",
                "WITH x AS (SELECT 1) REPLACE INTO p0.days_fts(p0.days_fts) VALUES('rebuild')",
                "EXPLAIN WITH x AS (SELECT 1) DELETE FROM p0.days",
                "SELECT 1; PRAGMA query_only=0",
                "PRAGMA database_list",
            })
    void shouldRefuseWhatDoesMoreThanRead(String text) {
        assertThat(refused(text).code()).isEqualTo(ErrorCode.BAD_QUERY);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "VALUES (1, 'x'), (2, NULL)",
                "SELECT * FROM days",
                "SELECT count(*), sum(i), avg(i), min(i), max(text), total(i), group_concat(i, ';') FROM days",
                "SELECT i FROM days WHERE i IN (3, 5, 7) OR text LIKE '%9%' OR text GLOB '*8*' ORDER BY at DESC LIMIT 5 OFFSET 2",
                "SELECT DISTINCT i / 10, i % 3, i << 1, ~i, -i, i || 'x' FROM days",
                "SELECT i FROM days WHERE at BETWEEN 0 AND 9e18 AND _seq > 0 AND i IS NOT NULL",
                "SELECT i FROM days EXCEPT SELECT i + 1 FROM days INTERSECT SELECT 1 UNION SELECT 2",
                "SELECT a.i, b.i FROM days a LEFT JOIN days b ON a.i = b.i + 1 WHERE a.i NOT IN (SELECT i FROM days WHERE i > 4)",
                "SELECT a.i FROM days a FULL OUTER JOIN days b USING (text) WHERE EXISTS (SELECT 1 FROM days c WHERE c.i = a.i)",
                "SELECT i / 7 AS g, count(*), count(DISTINCT text) FROM days GROUP BY g HAVING count(*) > 2 ORDER BY 2, 1",
                "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 9) SELECT sum(x) FROM c",
                "WITH RECURSIVE c(x) AS (VALUES(1) UNION SELECT x + 1 FROM c WHERE x < 9 ORDER BY 1 DESC LIMIT 4) SELECT * FROM c",
                "WITH x AS NOT MATERIALIZED (SELECT i FROM days), y AS (SELECT max(i) m FROM x) SELECT * FROM x, y WHERE i = m",
                "SELECT i, row_number() OVER w, rank() OVER w, lag(i) OVER w, ntile(4) OVER w FROM days WINDOW w AS (PARTITION BY i % 5 ORDER BY at)",
                "SELECT sum(i) OVER (ORDER BY i ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING EXCLUDE TIES), min(i) OVER (ORDER BY i ROWS 3 PRECEDING) FROM days",
                "SELECT first_value(i) OVER (ORDER BY at RANGE BETWEEN 7200000000 PRECEDING AND CURRENT ROW) FROM days",
                "SELECT value, type, path FROM json_each('[1, {\"a\": 2}]')",
                "SELECT d.i, j.value FROM days d, json_each(d.text) j WHERE j.value = 'x' LIMIT 3",
                "SELECT fullkey, atom FROM json_tree('{\"a\": [1, 2]}')",
                "SELECT json_extract(text, '$[0]'), text ->> 1, text -> '$', json_valid(text), json_object('a', i) FROM days",
                "SELECT json_group_array(i), json_group_object(i, text) FROM days",
                "SELECT sqrt(i), pow(i, 2), ln(i + 1), floor(1.5), ceil(1.5), round(2.567, 1), pi(), abs(-i), sin(i) FROM days",
                "SELECT datetime(at / 1000000, 'unixepoch'), strftime('%Y-%m', 'now'), julianday('now'), unixepoch(), date(), CURRENT_TIMESTAMP FROM days",
                "SELECT upper(text), substr(text, 2, 3), instr(text, 'x'), replace(text, 'x', 'y'), printf('%05d', i), trim(text), hex(text), length(text), quote(text) FROM days",
                "SELECT coalesce(NULL, i), ifnull(NULL, 1), nullif(i, 2), iif(i > 1, 'a', 'b'), CASE i WHEN 1 THEN 2 END, typeof(i), CAST(i AS REAL) FROM days",
                "SELECT random() IS NOT NULL, length(randomblob(4)), max(1, 2), min(3, 4), unicode('a'), char(65)",
                "SELECT median(i), stdev(i), variance(i), mode(i), percentile(i, 95), square(3), reverse('abc') FROM days",
                "SELECT string_agg(i, ',' ORDER BY i DESC) FILTER (WHERE i > 3) FROM days",
                "SELECT (i, text) IN (SELECT i, text FROM days) FROM days WHERE (i, at) > (3, 0)",
                "SELECT ':-; pragma_database_list sqlite_master load_extension(1)' AS \"sqlite_master\"",
                "SELECT sqlite_version()",
                "EXPLAIN SELECT count(*) FROM days WHERE i > 3",
                "EXPLAIN QUERY PLAN SELECT i FROM days ORDER BY at",
                "explain /* why */ query -- so\n plan with x as (select 1) select * from x",
                "EXPLAIN VALUES(1)",
                "/* so */ SELECT 1;",
            })
    void shouldAnswerWhatOnlyReads(String text) {
        assertThat(sql(text)).isNotEmpty();
    }

    @Test
    void shouldSayWhatIsNotAllowed() {
        assertThat(refused("SELECT load_extension('x'), fts3_tokenizer('y'), upper('z')"))
                .hasMessageContaining("functions that do more than read: [fts3_tokenizer, load_extension]");
        assertThat(refused("SELECT name FROM sqlite_master")).hasMessageContaining("sqlite_schema");
        assertThat(refused("SELECT * FROM pragma_database_list")).hasMessageContaining("json_each and json_tree only");
        assertThat(refused("EXPLAIN PRAGMA cache_size")).hasMessageContaining("only SELECT, WITH and VALUES");
        assertThat(refused("WITH x AS (SELECT 1) DELETE FROM p0.days")).hasMessageContaining("never writes");
    }

    @Test
    void shouldNotLetAPragmaTakeEffectThatIsOnlyExplained() throws Exception {
        try (Connection mine = DriverManager.getConnection("jdbc:sqlite::memory:")) {
            Object before = Sqlite.value(mine, "PRAGMA soft_heap_limit");
            refused("EXPLAIN PRAGMA soft_heap_limit=123456789");
            assertThat(Sqlite.value(mine, "PRAGMA soft_heap_limit")).isEqualTo(before);
        }
    }

    /** 40 times 61 views of 120 partitions each: SQLite compiles that for seconds, and would explain it in three million rows. */
    @Test
    void shouldEndAtItsDeadlineWhileItIsCompiled() {
        StringBuilder join = new StringBuilder("SELECT count(*) FROM hours a");
        for (int i = 0; i < 60; i++) {
            join.append(", hours t" + i);
        }
        String text = String.join(" UNION ALL ", Collections.nCopies(40, join));
        long from = BEGIN.plus(Duration.ofHours(PARTITIONS - SqlScan.MAX_PARTITIONS))
                        .getEpochSecond()
                * 1_000_000L;
        SqlQuery query = new SqlQuery("EXPLAIN " + text, from, Long.MAX_VALUE, Duration.ofMillis(200));
        AtomicInteger rows = new AtomicInteger();
        assertThatThrownBy(() -> {
                    try (SqlResult result = store.sql(query)) {
                        result.forEach(row -> rows.incrementAndGet());
                    }
                })
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DEADLINE));
        assertThat(rows).as("rows before it was compiled").hasValue(0);
        assertThat(sql("SELECT 1")).containsExactly(List.of(1L));
    }

    @Test
    void shouldNameARangeThatFitsWhereThereAreTooManyPartitions() {
        LeveeException e = refused("SELECT count(*) FROM hours");
        assertThat(e.code()).isEqualTo(ErrorCode.LIMIT_EXCEEDED);
        Instant fits = BEGIN.plus(Duration.ofHours(PARTITIONS - SqlScan.MAX_PARTITIONS));
        assertThat(e).hasMessageContaining(PARTITIONS + " partitions").hasMessageContaining("at most 120");
        assertThat(e.hint()).contains("from " + fits);
        long from = fits.getEpochSecond() * 1_000_000L;
        try (SqlResult result =
                store.sql(new SqlQuery("SELECT count(*) FROM hours", from, Long.MAX_VALUE, Duration.ofSeconds(20)))) {
            assertThat(result.iterator().next()).isEqualTo(List.of(120L));
        }
    }
}
