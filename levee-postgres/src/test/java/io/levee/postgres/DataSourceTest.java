package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** A store on an application's own data source, which stays the application's. */
class DataSourceTest {
    private static final TableSpec EVENTS = TableSpec.builder("events")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .time("at")
            .build();

    private final PostgresServer server = PostgresServer.shared();
    private final String schema = PostgresServer.schema(server.newStore());

    private HikariDataSource pool() {
        HikariConfig config = new HikariConfig();
        config.setDataSource(server.dataSource());
        config.setMaximumPoolSize(6);
        return new HikariDataSource(config);
    }

    @Test
    void shouldUseAndGiveBackTheConnectionsOfAnApplication() throws SQLException {
        try (HikariDataSource pool = pool()) {
            try (Store store = LeveePostgres.open(pool, schema, o -> o.queryThreads(2))) {
                Table<Row> events = store.createTable(EVENTS);
                for (int i = 0; i < 3; i++) {
                    events.append(
                                    Row.of(EVENTS)
                                            .set("at", Instant.parse("2026-05-20T10:00:00Z"))
                                            .set("n", i)
                                            .build(),
                                    Ack.DURABLE)
                            .join();
                }
                try (Result<Row> rows =
                        store.query(Query.builder("events").limit(2).build())) {
                    assertThat(rows.toList()).hasSize(2);
                }
                assertThat(store.partitions()).singleElement().satisfies(p -> {
                    assertThat(p.rows()).isEqualTo(3);
                    assertThat(p.bytes()).isPositive();
                });
                assertThat(store.status().store()).contains(schema);
                assertThatThrownBy(() -> LeveePostgres.open(pool, schema, o -> {}))
                        .isInstanceOfSatisfying(
                                LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED));
            }
            assertThat(pool.getHikariPoolMXBean().getActiveConnections()).isZero();
            for (int i = 0; i < 6; i++) {
                try (Connection connection = pool.getConnection()) {
                    assertThat(connection.getAutoCommit()).isTrue();
                    assertThat(Postgres.value(connection, "SHOW lock_timeout")).isEqualTo("0");
                    assertThat(Postgres.value(connection, "SHOW default_transaction_read_only"))
                            .isEqualTo("off");
                    assertThat(Postgres.value(connection, "SHOW search_path")).isEqualTo("\"$user\", public");
                    assertThat(Postgres.value(
                                    connection,
                                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid ="
                                            + " pg_backend_pid()"))
                            .isEqualTo(0L);
                }
            }
            try (Store reader = LeveePostgres.openReadOnly(pool, schema, o -> {})) {
                assertThat(reader.partitions()).extracting(PartitionInfo::rows).containsExactly(3L);
            }
            assertThat(pool.getHikariPoolMXBean().getActiveConnections()).isZero();
        }
    }

    @Test
    void shouldRefuseSchemasThatAreNone() {
        for (String bad : new String[] {"", "a b", "pg_mine", "x".repeat(49), "a\"b"}) {
            assertThatThrownBy(() -> LeveePostgres.open(server.dataSource(), bad, o -> {}))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.BAD_VALUE));
        }
    }
}
