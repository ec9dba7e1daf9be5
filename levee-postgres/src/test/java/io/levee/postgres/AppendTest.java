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
}
