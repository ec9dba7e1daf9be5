package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Receipt;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import io.levee.testkit.Property;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A known key's row is replaced wherever it is; a new one is added. */
class UpsertTest {
    private static final TableSpec JOBS = TableSpec.builder("jobs")
            .column("id", ColumnType.TEXT)
            .column("part", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("state", ColumnType.TEXT)
            .time("at")
            .key("id", "part")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String table = "\"" + PostgresServer.schema(address) + "\".jobs";

    private static Row job(String id, int part, int hours, String state) {
        return Row.of(JOBS)
                .set("id", id)
                .set("part", part)
                .set("at", Instant.parse("2026-05-20T00:00:00Z").plusSeconds(hours * 3600L))
                .set("state", state)
                .build();
    }

    private static Receipt append(Table<Row> table, Row row) {
        return table.append(row, Ack.COMMITTED).join();
    }

    @Test
    void shouldReplaceTheRowOfAKnownKeyAndKeepItsNumber() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> jobs = store.createTable(JOBS);
            Receipt first = append(jobs, job("a", 1, 1, "started"));
            append(jobs, job("a", 2, 1, "started"));
            Receipt second = append(jobs, job("a", 1, 2, "ended"));
            assertThat(second.seq()).isEqualTo(first.seq());
            assertThat(server.texts("SELECT part || state FROM " + table + " ORDER BY part"))
                    .containsExactly("1ended", "2started");
            assertThat(server.texts("SELECT count(*) FROM " + table + " WHERE _chg > _seq"))
                    .containsExactly("1");
        }
    }

    @Test
    void shouldMoveARowToThePartitionOfItsNewTime() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> jobs = store.createTable(JOBS);
            append(jobs, job("a", 1, 1, "started"));
            append(jobs, job("b", 1, 1, "started"));
            append(jobs, job("a", 1, 25, "ended"));
            assertThat(server.texts("SELECT id || ' ' || tableoid::regclass FROM " + table + " ORDER BY id"))
                    .satisfiesExactly(
                            a -> assertThat(a).contains("jobs-2026-05-21"),
                            b -> assertThat(b).contains("jobs-2026-05-20"));
            assertThat(store.partitions()).extracting(PartitionInfo::rows).containsExactly(1L, 1L);
        }
    }

    @Test
    void shouldTakeTheLastOfSeveralRowsOfOneKeyInABatch() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> jobs = store.createTable(JOBS);
            List<Row> rows = List.of(
                    job("a", 1, 1, "one"), job("b", 1, 1, "one"), job("a", 1, 30, "two"), job("a", 1, 2, "three"));
            BatchReceipt receipt = jobs.appendAll(rows, Ack.COMMITTED).join();
            assertThat(receipt.stored()).isEqualTo(2);
            assertThat(receipt.updated()).isEqualTo(2);
            assertThat(server.texts("SELECT id || state FROM " + table + " ORDER BY id"))
                    .containsExactly("athree", "bone");
        }
    }

    @Test
    void shouldHoldTheLastRowOfEachKeyWhateverComes() {
        Property.check("one row a key, the last", 10, gen -> {
            String own = server.newStore();
            Map<String, String> model = new LinkedHashMap<>();
            try (Store store = Levee.open(own, false, o -> {})) {
                Table<Row> jobs = store.createTable(JOBS);
                List<CompletableFuture<?>> receipts = new ArrayList<>();
                int batches = gen.between(1, 6);
                for (int i = 0; i < batches; i++) {
                    List<Row> rows = new ArrayList<>();
                    int count = gen.between(1, 60);
                    for (int j = 0; j < count; j++) {
                        String id = "k" + gen.between(0, 20);
                        int part = gen.between(0, 1);
                        int hours = gen.between(0, 72);
                        rows.add(job(id, part, hours, i + "." + j));
                        model.put(id + "/" + part, hours + "h " + i + "." + j);
                    }
                    receipts.add(jobs.appendAll(rows, Ack.COMMITTED));
                }
                receipts.forEach(CompletableFuture::join);
                String sql = "SELECT id || '/' || part || '=' || (at / 3600000000 - "
                        + Instant.parse("2026-05-20T00:00:00Z").getEpochSecond() / 3600 + ") || 'h ' || state FROM \""
                        + PostgresServer.schema(own) + "\".jobs";
                assertThat(server.texts(sql))
                        .containsExactlyInAnyOrderElementsOf(model.entrySet().stream()
                                .map(e -> e.getKey() + "=" + e.getValue())
                                .toList());
                assertThat(store.partitions().stream()
                                .mapToLong(PartitionInfo::rows)
                                .sum())
                        .isEqualTo(model.size());
                // Every number that was given is one row's own or its last change, and no two are the same.
                String numbers = "SELECT count(*) - count(DISTINCT coalesce(_chg, _seq)) FROM \""
                        + PostgresServer.schema(own) + "\".jobs";
                assertThat(server.texts(numbers)).containsExactly("0");
            }
        });
    }
}
