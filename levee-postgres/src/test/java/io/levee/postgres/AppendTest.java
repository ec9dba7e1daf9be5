package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class AppendTest {
    private static final TableSpec JOBS = TableSpec.builder("jobs")
            .column("at", ColumnType.TIMESTAMP)
            .column("name", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("ok", ColumnType.BOOLEAN)
            .column("x", ColumnType.REAL)
            .column("raw", ColumnType.BLOB)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .index("name")
            .build();

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);

    static Row job(TableSpec spec, int n) {
        return Row.of(spec)
                .set("at", Instant.parse("2026-05-20T10:00:00Z").plusSeconds(n))
                .set("name", "job ü " + n)
                .set("n", n)
                .set("ok", n % 2 == 0)
                .set("x", n / 3.0)
                .set("raw", new byte[] {1, 2, (byte) n})
                .build();
    }

    @Test
    void shouldStoreWhatWasAppendedInPartitionsOfItsDay() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> table = store.createTable(JOBS);
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                rows.add(job(JOBS, i * 3600));
            }
            BatchReceipt receipt = table.appendAll(rows, Ack.DURABLE).join();
            assertThat(receipt.stored()).isEqualTo(100);
            List<PartitionInfo> partitions = store.partitions();
            assertThat(partitions).extracting(p -> p.id().period()).contains("2026-05-20", "2026-05-24");
            assertThat(partitions.stream().mapToLong(PartitionInfo::rows).sum()).isEqualTo(100);
        }
        assertThat(server.texts("SELECT count(*) FROM \"" + schema + "\".jobs")).containsExactly("100");
        assertThat(server.texts(
                        "SELECT name || ok || x || encode(raw, 'hex') FROM \"" + schema + "\".jobs WHERE n = 3600"))
                .containsExactly("job ü 360011200010210");
        try (Store store = Levee.open(address, false, o -> {})) {
            assertThat(store.status().lastShutdown()).isEqualTo("CLEAN");
        }
    }

    @Test
    void shouldIndexEachPartitionAsItsTableIsReadAndFollowed() {
        TableSpec spec = TableSpec.builder("twice")
                .column("ended", ColumnType.TIMESTAMP)
                .column("started", ColumnType.TIMESTAMP)
                .column("name", ColumnType.TEXT)
                .time("ended", "started")
                .key("name")
                .index("started", "name")
                .index("name")
                .partitionBy(PartitionBy.DAY)
                .build();
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> table = store.createTable(spec);
            table.append(
                            Row.of(spec)
                                    .set("started", Instant.parse("2026-05-20T10:00:00Z"))
                                    .set("name", "a")
                                    .build(),
                            Ack.COMMITTED)
                    .join();
            assertThat(server.texts("SELECT _time = started FROM \"" + schema + "\".twice"))
                    .containsExactly("t");
            assertThat(server.texts(
                            "SELECT regexp_replace(indexdef, '.* USING ', '') FROM pg_indexes WHERE schemaname = '"
                                    + schema + "' AND tablename = 'twice-2026-05-20'"))
                    .containsExactlyInAnyOrder(
                            "btree (_time, _seq)",
                            "btree (_seq)",
                            "btree (name)",
                            "btree (_chg) WHERE (_chg IS NOT NULL)",
                            "btree (started NULLS FIRST, name NULLS FIRST)");
        }
    }

    /** With the server's setting off, only a receipt for DURABLE says that the log was flushed. */
    @Test
    void shouldFlushTheServersLogForDurable() {
        String user = "async_" + schema;
        server.run("CREATE ROLE " + user + " LOGIN SUPERUSER; ALTER ROLE " + user + " SET synchronous_commit = off");
        try (Store store = Levee.open(address.replace("postgres@", user + "@"), false, o -> {})) {
            Table<Row> table = store.createTable(JOBS);
            table.append(job(JOBS, 0), Ack.DURABLE).join();
            int flushed = 0;
            for (int i = 1; i <= 30; i++) {
                table.append(job(JOBS, i), Ack.DURABLE).join();
                flushed += notFlushed() < 200 ? 1 : 0;
            }
            // The server's own house-keeping may be at work for a while; a log that nobody flushes is behind after
            // each.
            assertThat(flushed)
                    .as("of 30 receipts, those that left a flushed log behind")
                    .isGreaterThan(15);
        } finally {
            server.run("DROP OWNED BY " + user + " CASCADE; DROP ROLE " + user);
        }
    }

    /** Bytes of the server's log that are not on disk; of what its own house-keeping adds meanwhile, the least of three looks. */
    private long notFlushed() {
        return LongStream.range(0, 3)
                .map(i -> Long.parseLong(
                        String.valueOf(server.texts("SELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn()")
                                .get(0))))
                .min()
                .orElseThrow();
    }
}
