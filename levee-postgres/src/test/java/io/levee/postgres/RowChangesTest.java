package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Single records: found, changed and deleted between batches. */
class RowChangesTest {
    private static final TableSpec JOBS = TableSpec.builder("jobs")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .column("ok", ColumnType.BOOLEAN)
            .column("raw", ColumnType.BLOB)
            .column("note", ColumnType.TEXT)
            .time("at")
            .key("n", "ok")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String table = "\"" + PostgresServer.schema(address) + "\".jobs";

    private static Row job(int n) {
        return Row.of(JOBS)
                .set("at", Instant.parse("2026-05-20T00:00:00Z").plusSeconds(n * 3600L))
                .set("n", n)
                .set("ok", n % 2 == 0)
                .set("raw", new byte[] {(byte) n})
                .build();
    }

    @Test
    void shouldChangeAndDeleteOneRecordByItsKey() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> jobs = store.createTable(JOBS);
            jobs.appendAll(IntStream.range(0, 50).mapToObj(RowChangesTest::job).toList(), Ack.COMMITTED)
                    .join();
            assertThat(jobs.update(Map.of("note", "seen"), Ack.DURABLE, 7, false)
                            .join())
                    .isTrue();
            assertThat(jobs.update(Map.of("note", "seen"), Ack.DURABLE, 7, true).join())
                    .isFalse();
            assertThat(jobs.delete(Ack.DURABLE, 8, true).join()).isTrue();
            assertThat(jobs.delete(Ack.DURABLE, 8, true).join()).isFalse();
            assertThat(server.texts("SELECT n || encode(raw, 'hex') FROM " + table + " WHERE note = 'seen'"))
                    .containsExactly("707");
            assertThat(server.texts("SELECT count(*) FROM " + table)).containsExactly("49");
            assertThat(store.partitions().stream()
                            .mapToLong(PartitionInfo::rows)
                            .sum())
                    .isEqualTo(49);
            assertThat(jobs.find(7, false)).isPresent();
        }
    }

    @Test
    void shouldEraseWhatAFilterLetsThroughAndNothingElse() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> jobs = store.createTable(JOBS);
            jobs.appendAll(IntStream.range(0, 500).mapToObj(RowChangesTest::job).toList(), Ack.COMMITTED)
                    .join();
            long erased = jobs.erase(Expr.eq("ok", true)).deleted();
            assertThat(erased).isEqualTo(250);
            assertThat(server.texts("SELECT count(*) FROM " + table + " WHERE ok = 0"))
                    .containsExactly("250");
            assertThat(server.texts("SELECT count(*) FROM " + table)).containsExactly("250");
            assertThat(server.texts("SELECT row_count FROM \"" + PostgresServer.schema(address) + "_levee\".erasures"))
                    .containsExactly("250");
        }
    }

    @Test
    void shouldDeleteAcrossALostSession() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> jobs = store.createTable(JOBS);
            jobs.appendAll(List.of(job(1), job(2)), Ack.COMMITTED).join();
            server.run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    + " AND objid::bigint = "
                    + Integer.toUnsignedLong(new Names(PostgresServer.schema(address)).lockNumber()));
            assertThat(jobs.delete(Ack.COMMITTED, 1, false).join()).isTrue();
            assertThat(server.texts("SELECT n FROM " + table)).containsExactly("2");
        }
    }

    @Test
    void shouldNotChangeWhatIsNoColumn() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> jobs = store.createTable(JOBS);
            assertThatThrownBy(() -> jobs.update(Map.of("nope", 1), Ack.COMMITTED, 1, false))
                    .hasMessageContaining("nope");
        }
    }
}
