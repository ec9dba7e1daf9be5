package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What cannot be written keeps back nothing else, and what can be written later is not given up (guarantee G13). */
class FailuresTest {
    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);

    private static TableSpec spec(boolean keyed) {
        TableSpec.Builder builder = TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("name", ColumnType.TEXT)
                .time("at")
                .index("name")
                .partitionBy(PartitionBy.DAY);
        return (keyed ? builder.key("name") : builder).build();
    }

    private static Row job(TableSpec spec, int hours, String name) {
        return Row.of(spec)
                .set("at", Instant.parse("2026-05-20T00:00:00Z").plus(Duration.ofHours(hours)))
                .set("name", name)
                .build();
    }

    private List<String> names() {
        return server.texts("SELECT name FROM \"" + schema + "\".jobs ORDER BY _seq");
    }

    /** A text that does not fit an index's page, however it is compressed. */
    private static String huge() {
        return new Random(1)
                .ints(6000, 'a', 'z')
                .collect(StringBuilder::new, (s, c) -> s.append((char) c), (a, b) -> {})
                .toString();
    }

    @Test
    void shouldLoseOnlyTheRowsThatCannotBeStored() {
        for (boolean keyed : new boolean[] {false, true}) {
            String own = server.newStore();
            TableSpec spec = spec(keyed);
            try (Store store = Levee.open(own, false, o -> {})) {
                Table<Row> table = store.createTable(spec);
                List<Row> rows = IntStream.range(0, 1000)
                        .mapToObj(i -> job(spec, i % 72, i % 400 == 7 ? i + huge() : "job " + i))
                        .toList();
                BatchReceipt receipt = table.appendAll(rows, Ack.COMMITTED).join();
                assertThat(receipt.stored()).isEqualTo(997);
                assertThat(receipt.lost()).isEqualTo(3);
                assertThat(server.texts("SELECT count(*) FROM \"" + PostgresServer.schema(own) + "\".jobs"))
                        .containsExactly("997");
                assertThat(store.partitions().stream()
                                .mapToLong(PartitionInfo::rows)
                                .sum())
                        .isEqualTo(997);
                Throwable lost = catchThrowable(
                        () -> table.append(job(spec, 1, huge()), Ack.COMMITTED).join());
                assertThat(lost).hasStackTraceContaining(ErrorCode.TOO_LARGE.name());
            }
        }
    }

    @Test
    void shouldWriteToOtherPartitionsWhileOneIsLocked() throws SQLException {
        TableSpec spec = spec(false);
        try (Store store = Levee.open(address, false, o -> {});
                Connection other = server.dataSource().getConnection();
                Statement locking = other.createStatement()) {
            Table<Row> table = store.createTable(spec);
            table.appendAll(List.of(job(spec, 0, "a"), job(spec, 24, "b")), Ack.COMMITTED)
                    .join();
            other.setAutoCommit(false);
            locking.execute("LOCK TABLE \"" + schema + "\".\"jobs-2026-05-20\" IN ACCESS EXCLUSIVE MODE");
            CompletableFuture<?> waiting = table.append(job(spec, 1, "c"), Ack.COMMITTED);
            for (int i = 0; i < 3; i++) {
                table.append(job(spec, 25, "d" + i), Ack.COMMITTED).join();
            }
            assertThat(waiting).isNotDone();
            other.rollback();
            waiting.join();
            assertThat(names()).containsExactlyInAnyOrder("a", "b", "c", "d0", "d1", "d2");
        }
    }

    @Test
    void shouldKeepRowsForAPartitionThatIsBeingDropped() {
        TableSpec spec = spec(true);
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> table = store.createTable(spec);
            table.appendAll(List.of(job(spec, 0, "a"), job(spec, 24, "b")), Ack.COMMITTED)
                    .join();
            // As another process's janitor would say it; this one's says it in memory too.
            server.run("UPDATE \"" + schema + "_levee\".partitions SET state = 'dropping' WHERE period = '2026-05-20'");
            CompletableFuture<?> waiting = table.append(job(spec, 1, "c"), Ack.COMMITTED);
            await().until(() -> store.status().health().reasons().toString().contains("PARTITION_BUSY"));
            table.append(job(spec, 25, "d"), Ack.COMMITTED).join();
            assertThat(waiting).isNotDone();
            server.run("UPDATE \"" + schema + "_levee\".partitions SET state = 'closed' WHERE period = '2026-05-20'");
            waiting.join();
            assertThat(names()).hasSize(4);
        }
    }

    @Test
    void shouldGoOnWhenTheServerIsBack() {
        String database = "db_" + schema;
        server.run("CREATE DATABASE " + database);
        try (Store store = Levee.open(address.replaceFirst("/[^/?]*\\?", "/" + database + "?"), false, o -> {})) {
            TableSpec spec = spec(false);
            Table<Row> table = store.createTable(spec);
            table.append(job(spec, 0, "a"), Ack.COMMITTED).join();
            server.run("ALTER DATABASE " + database + " ALLOW_CONNECTIONS false");
            server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + database + "'");
            CompletableFuture<?> waiting = table.append(job(spec, 1, "b"), Ack.DURABLE);
            await().until(() -> store.status().health().reasons().toString().contains("SERVER_UNAVAILABLE"));
            assertThat(store.partitions()).hasSize(1);
            assertThat(waiting).isNotDone();
            server.run("ALTER DATABASE " + database + " ALLOW_CONNECTIONS true");
            waiting.join();
            store.createTable(TableSpec.builder("more")
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .build());
        } finally {
            server.run("DROP DATABASE " + database + " WITH (FORCE)");
        }
    }

    @Test
    void shouldSayWhichServersItDoesNotRunOn() {
        String database = "latin_" + schema;
        server.run("CREATE DATABASE " + database + " ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
        try {
            assertThat(catchThrowable(
                            () -> Levee.open(address.replaceFirst("/[^/?]*\\?", "/" + database + "?"), false, o -> {})))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNSAFE_ENVIRONMENT));
        } finally {
            server.run("DROP DATABASE " + database + " WITH (FORCE)");
        }
    }
}
