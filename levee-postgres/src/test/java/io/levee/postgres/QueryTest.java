package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What only this engine's queries have: partitions that are left out, connections that are waited for, and ones that die. */
class QueryTest {
    private static final Instant NOON = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec JOBS = TableSpec.builder("jobs")
            .column("at", ColumnType.TIMESTAMP)
            .column("id", ColumnType.INTEGER)
            .column("name", ColumnType.TEXT)
            .column("trace", ColumnType.TEXT)
            .key("id")
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final Names names = new Names(PostgresServer.schema(address));
    private final Store store = Levee.open(address, false, o -> o.queryThreads(2));

    @AfterEach
    void close() {
        store.close();
    }

    private Table<Row> days(int days, int rowsOfADay) {
        Table<Row> table = store.createTable(JOBS);
        List<Row> rows = new ArrayList<>();
        for (int day = 0; day < days; day++) {
            for (int i = 0; i < rowsOfADay; i++) {
                rows.add(job(day, day * rowsOfADay + i, "name " + i % 3));
            }
        }
        assertThat(table.appendAll(rows, Ack.COMMITTED).join().stored()).isEqualTo(rows.size());
        return table;
    }

    private static Row job(int day, long id, String name) {
        return Row.of(JOBS)
                .set("at", NOON.plus(Duration.ofDays(day)).plusMillis(id))
                .set("id", id)
                .set("name", name)
                .build();
    }

    private String leaf(String day) {
        return names.in(Names.leaf(new PartitionId("jobs", "", day, 1)));
    }

    private List<Object> ids(Query query) {
        try (Result<Row> rows = store.query(query)) {
            List<Object> ids = new ArrayList<>();
            rows.forEach(row -> ids.add(row.get("id")));
            return ids;
        }
    }

    /** Somebody else has the other partitions locked: a query that touched one would wait until its deadline. */
    @Test
    void shouldTouchOnlyThePartitionsOfItsRangeOrPage() throws SQLException {
        Table<Row> table = days(4, 3);
        String cursor;
        try (Result<Row> first = store.query(Query.builder("jobs").limit(4).build())) {
            first.forEach(row -> {});
            cursor = first.next();
        }
        try (Connection connection = server.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("LOCK TABLE " + leaf("2026-05-20") + " IN ACCESS EXCLUSIVE MODE");
            statement.execute("LOCK TABLE " + leaf("2026-05-23") + " IN ACCESS EXCLUSIVE MODE");
            Query middle = Query.builder("jobs")
                    .from(NOON.plus(Duration.ofDays(1)))
                    .to(NOON.plus(Duration.ofHours(60)))
                    .deadline(Duration.ofSeconds(30))
                    .build();
            assertThat(ids(middle)).containsExactly(8L, 7L, 6L, 5L, 4L, 3L);
            assertThat(store.count(middle)).isEqualTo(6);
            Query page = Query.builder("jobs")
                    .after(cursor)
                    .from(NOON.plus(Duration.ofDays(1)))
                    .limit(3)
                    .deadline(Duration.ofSeconds(30))
                    .build();
            assertThat(ids(page)).containsExactly(7L, 6L, 5L);
            assertThatThrownBy(() -> ids(Query.builder("jobs")
                            .deadline(Duration.ofMillis(300))
                            .build()))
                    .hasMessageContaining("DEADLINE");
            connection.rollback();
        }
        assertThat(ids(Query.builder("jobs").build())).hasSize(12);
        assertThat(table.find(5L)).isPresent();
    }

    /** Waiting for a connection is a part of the query: it ends at the deadline, and disturbs no other. */
    @Test
    void shouldCountTheWaitForAConnection() throws SQLException {
        days(1, 3);
        HikariConfig config = new HikariConfig();
        config.setDataSource(server.dataSource());
        config.setMaximumPoolSize(3);
        config.setConnectionTimeout(120_000);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            Store reader = LeveePostgres.openReadOnly(pool, names.schema(), o -> o.queryThreads(1));
            try {
                assertThat(reader.count(Query.builder("jobs").build())).isEqualTo(3);
                List<Connection> all = new ArrayList<>();
                while (pool.getHikariPoolMXBean().getActiveConnections() < 3) {
                    all.add(pool.getConnection());
                }
                long start = System.nanoTime();
                // Another question: a repeated one is answered without the server.
                Query.Builder other = Query.builder("jobs").where(Expr.ge("id", 0L));
                assertThatThrownBy(() -> reader.count(
                                other.deadline(Duration.ofMillis(300)).build()))
                        .hasMessageContaining("DEADLINE");
                // Long before the pool would have given up.
                assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(60));
                for (Connection connection : all) {
                    connection.close();
                }
                assertThat(reader.count(other.deadline(Duration.ofSeconds(30)).build()))
                        .isEqualTo(3);
            } finally {
                reader.close();
            }
        }
    }

    @Test
    void shouldReadOnAfterTheServerEndedAllItsConnections() {
        days(1, 3);
        Query query = Query.builder("jobs").build();
        for (int round = 0; round < 5; round++) {
            assertThat(ids(query)).hasSize(3);
            server.texts("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'levee "
                    + ProcessHandle.current().pid() + "@%' AND query LIKE '%ROLLBACK%' AND pid <> pg_backend_pid()");
        }
        assertThat(ids(query)).hasSize(3);
    }

    /** More rows than a chunk, and rows that are larger than one. */
    @Test
    void shouldGiveManyRowsAndLargeOnes() {
        Table<Row> table = days(2, 3000);
        List<Row> large = new ArrayList<>();
        String text = "x".repeat(1 << 20);
        for (int i = 0; i < 20; i++) {
            large.add(Row.of(JOBS)
                    .set("at", NOON.plus(Duration.ofDays(3)).plusMillis(i))
                    .set("id", 100_000L + i)
                    .set("trace", text + i)
                    .build());
        }
        assertThat(table.appendAll(large, Ack.COMMITTED).join().stored()).isEqualTo(20);
        List<Object> ids = ids(Query.builder("jobs").oldestFirst().details().build());
        assertThat(ids).hasSize(6020).doesNotHaveDuplicates().endsWith(100_019L);
        assertThat(ids(Query.builder("jobs").where(Expr.like("trace", "%X7")).build()))
                .containsExactly(100_007L);
    }

    /** A tail looks only into partitions that got something, and goes on behind long gaps of numbers. */
    @Test
    void shouldFollowOverPartitionsAndGaps() throws SQLException {
        Table<Row> table = days(3, 2);
        try (Tail<Row> tail = table.tail(0)) {
            assertThat(tail.poll(Duration.ofSeconds(5)).entries()).hasSize(6);
            server.run("UPDATE " + names.catalog("tables") + " SET next_seq = 5000000000");
            try (Connection connection = server.dataSource().getConnection();
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                statement.execute("LOCK TABLE " + leaf("2026-05-21") + " IN ACCESS EXCLUSIVE MODE");
                statement.execute("INSERT INTO " + leaf("2026-05-20") + "(_seq, at, id) VALUES (4000000000, "
                        + NOON.getEpochSecond() * 1_000_000 + ", 77)");
                statement.execute("UPDATE " + names.catalog("partitions")
                        + " SET max_seq = 4000000000 WHERE period = '2026-05-20'");
                connection.commit();
                statement.execute("LOCK TABLE " + leaf("2026-05-21") + " IN ACCESS EXCLUSIVE MODE");
                assertThat(tail.poll(Duration.ofSeconds(5)).entries())
                        .singleElement()
                        .satisfies(e -> {
                            assertThat(e.number()).isEqualTo(4_000_000_000L);
                            assertThat(e.value().get("id")).isEqualTo(77L);
                        });
                connection.rollback();
            }
        }
    }
}
