package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Free SQL, where an engine has it: over all rows of all tables by their names, and unable to change anything. */
abstract class SqlConformance extends Conformance {
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("job ID", ColumnType.TEXT)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Store store;

    SqlConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
    }

    @BeforeEach
    final void fill() {
        Table<Row> table = store.createTable(SPEC);
        for (long i = 0; i < 10; i++) {
            append(
                    table,
                    row(
                            SPEC,
                            "i",
                            i,
                            "at",
                            NOW.minus(Duration.ofDays(i % 4)),
                            "job ID",
                            "j" + i % 3,
                            "trace",
                            i == 3 ? "t" : null));
        }
    }

    private List<List<@Nullable Object>> sql(String text) {
        try (SqlResult result = store.sql(SqlQuery.of(text))) {
            List<List<@Nullable Object>> rows = new ArrayList<>();
            result.forEach(rows::add);
            return rows;
        }
    }

    private boolean hasSql(TestReporter reporter) {
        return has(store, Capability.SQL, reporter, () -> sql("SELECT 1"));
    }

    @Test
    void shouldReadAllRowsByTheTablesName(TestReporter reporter) {
        if (!hasSql(reporter)) {
            return;
        }
        assertThat(sql("SELECT count(*), count(trace), min(i), max(i) FROM events"))
                .containsExactly(List.of(10L, 1L, 0L, 9L));
        assertThat(sql("SELECT \"job ID\", count(*) FROM events GROUP BY 1 ORDER BY 1"))
                .containsExactly(List.of("j0", 4L), List.of("j1", 3L), List.of("j2", 3L));
        assertThat(sql("WITH x AS (SELECT i FROM events WHERE i > 7) SELECT i FROM x ORDER BY i DESC"))
                .containsExactly(List.of(9L), List.of(8L));
        assertThat(sql("SELECT at FROM events WHERE i = 0"))
                .containsExactly(List.of(NOW.getEpochSecond() * 1_000_000L));
        assertThat(sql("SELECT count(DISTINCT _seq) FROM events")).containsExactly(List.of(10L));
        try (SqlResult result =
                store.sql(SqlQuery.of("SELECT i AS one, 'x' AS \"two words\" FROM events WHERE i < 0"))) {
            assertThat(result.columns()).containsExactly("one", "two words");
            assertThat(result.iterator().hasNext()).isFalse();
        }
    }

    @Test
    void shouldHandOutNoMoreThanTheLimit(TestReporter reporter) {
        if (!hasSql(reporter)) {
            return;
        }
        for (long limit : new long[] {0, 1, 9, 10, 11}) {
            SqlQuery query = new SqlQuery(
                    "SELECT i FROM events ORDER BY i", Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofSeconds(30), limit);
            try (SqlResult result = store.sql(query)) {
                List<Object> rows = new ArrayList<>();
                result.forEach(row -> rows.add(row.get(0)));
                assertThat(rows).as("limit %d", limit).hasSize((int) Math.min(10, limit));
                assertThat(result.more()).as("limit %d", limit).isEqualTo(limit < 10);
                assertThat(result.coverage().complete()).isTrue();
            }
        }
        refused(
                ErrorCode.BAD_QUERY,
                () -> new SqlQuery("SELECT 1", Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofSeconds(30), -1));
    }

    @Test
    void shouldChangeNothing(TestReporter reporter) {
        if (!hasSql(reporter)) {
            return;
        }
        for (String text : List.of(
                "DELETE FROM events",
                "UPDATE events SET i = 1",
                "INSERT INTO events(i) VALUES(1)",
                "DROP TABLE events",
                "CREATE TABLE t(a integer)",
                "SELECT 1; DELETE FROM events",
                "SELECT 1; SELECT 2",
                "WITH x AS (SELECT 1) DELETE FROM events",
                "/* SELECT */ DELETE FROM events",
                "-- SELECT 1\nDELETE FROM events",
                "BEGIN",
                "COMMIT",
                "SELECT no_such_column FROM events",
                "SELECT * FROM no_such_table",
                "SELECT 'unclosed",
                "nonsense",
                "")) {
            refused(ErrorCode.BAD_QUERY, () -> sql(text));
        }
        assertThat(store.count(all(SPEC))).isEqualTo(10);
        assertThat(sql("SELECT sum(i) FROM events").get(0).get(0)).hasToString("45");
    }

    @Test
    void shouldEndSqlAtItsDeadline(TestReporter reporter) {
        if (!hasSql(reporter)) {
            return;
        }
        String endless =
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x % 1000 + 1 FROM n) SELECT count(*) FROM n";
        refused(ErrorCode.DEADLINE, () -> {
            try (SqlResult rows =
                    store.sql(new SqlQuery(endless, Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofMillis(300)))) {
                rows.iterator().hasNext();
            }
        });
        assertThat(sql("SELECT count(*) FROM events")).containsExactly(List.of(10L));
    }
}
