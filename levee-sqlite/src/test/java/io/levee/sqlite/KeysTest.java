package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A key is unique over the whole table, whatever happened to the partitions since. */
class KeysTest {
    private static final Instant DAY1 = Instant.parse("2026-05-01T12:00:00Z");

    @TempDir
    Path directory;

    private static TableSpec.Builder spec() {
        return TableSpec.builder("runs")
                .column("id", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .time("at")
                .key("id")
                .partitionBy(PartitionBy.DAY);
    }

    private static Row row(TableSpec spec, Object id, Instant at, long n) {
        return Row.of(spec).set("id", id).set("at", at).set("n", n).build();
    }

    private static List<Row> rows(Store store) {
        try (Result<Row> result =
                store.query(Query.builder("runs").oldestFirst().build())) {
            return result.toList();
        }
    }

    @Test
    void shouldTakeAKeyAgainAfterItsPartitionWasDropped() {
        TableSpec spec =
                spec().retention(RetentionRule.maxAge(Duration.ofDays(5))).build();
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1))) {
            Table<Row> runs = store.createTable(spec);
            runs.append(row(spec, "a", DAY1, 1), Ack.COMMITTED).join();
        }
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1.plus(Duration.ofDays(20))))) {
            Table<Row> runs = store.createTable(spec);
            Instant now = DAY1.plus(Duration.ofDays(20));
            runs.append(row(spec, "b", now, 2), Ack.COMMITTED).join();
            assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(1);

            Receipt again = runs.append(row(spec, "a", now, 3), Ack.COMMITTED).join();

            assertThat(again.updated()).isFalse();
            assertThat(rows(store)).extracting(r -> r.get("n")).containsExactly(2L, 3L);
            assertThat(store.status().lost()).isZero();
        }
    }

    @Test
    void shouldFindAKeyWhosePartitionWasReopenedWithoutItsFilter() {
        // Many tables leave each so little of the budget for filters that those of the older partitions are given up.
        int keys = 30_000;
        TableSpec spec = spec().build();
        try (Store store = Levee.open(directory)) {
            append(store.createTable(spec), spec, 0, keys);
        }
        try (Store store = Levee.open(directory, o -> o.memory(Bytes.mebi(32)))) {
            Table<Row> runs = store.createTable(spec);
            runs.append(row(spec, "k0", DAY1, -1), Ack.COMMITTED).join();
            for (int i = 0; i < 120; i++) {
                TableSpec other = TableSpec.fromMap(Map.of(
                        "table",
                        "other" + i,
                        "time",
                        "at",
                        "key",
                        "id",
                        "columns",
                        Map.of("id", "text", "at", "timestamp")));
                store.createTable(other)
                        .append(Row.of(other).set("id", "x").set("at", DAY1).build(), Ack.COMMITTED)
                        .join();
            }
            // Stored beside the others, while their filter is not known any more.
            append(runs, spec, keys, keys + 500);
        }
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec);
            BatchReceipt receipt = append(runs, spec, keys, keys + 500);
            assertThat(receipt.updated()).isEqualTo(500);
            assertThat(runs.query().count()).isEqualTo(keys + 500);
        }
    }

    private static BatchReceipt append(Table<Row> runs, TableSpec spec, int from, int to) {
        List<Row> batch = new ArrayList<>();
        for (int i = from; i < to; i++) {
            batch.add(row(spec, "k" + i, DAY1, i));
        }
        return runs.appendAll(batch, Ack.COMMITTED).join();
    }

    @Test
    void shouldTakeBothZerosForOneKey() {
        TableSpec spec = TableSpec.builder("runs")
                .column("id", ColumnType.REAL)
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .time("at")
                .key("id")
                .build();
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec);
            BatchReceipt both = runs.appendAll(
                            List.of(row(spec, 0.0, DAY1, 1), row(spec, -0.0, DAY1, 2)), Ack.COMMITTED)
                    .join();
            assertThat(both.lost()).isZero();
            assertThat(runs.append(row(spec, -0.0, DAY1, 3), Ack.COMMITTED)
                            .join()
                            .updated())
                    .isTrue();
            assertThat(rows(store)).extracting(r -> r.get("n")).containsExactly(3L);
        }
    }

    @Test
    void shouldRefuseARowOfAnotherSpecAndHarmNoOther() {
        TableSpec spec = spec().build();
        TableSpec foreign = TableSpec.builder("runs")
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.TEXT)
                .time("at")
                .build();
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec);
            Row keyless = Row.of(foreign).set("at", DAY1).build();
            assertThatThrownBy(() -> runs.append(keyless, Ack.COMMITTED).join())
                    .isInstanceOf(LeveeException.class)
                    .hasMessageContaining("id");
            BatchReceipt receipt = runs.appendAll(List.of(keyless, row(spec, "a", DAY1, 1)), Ack.COMMITTED)
                    .join();
            assertThat(receipt.stored()).isEqualTo(1);
            assertThat(receipt.rejected()).hasSize(1);
            assertThat(rows(store)).hasSize(1);
        }
    }

    @Test
    void shouldUpdateARowWhereItLivesWhateverItsNewTime() {
        TableSpec spec = spec().build();
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec);
            Receipt first = runs.append(row(spec, "a", DAY1, 1), Ack.COMMITTED).join();
            Instant later = DAY1.plus(Duration.ofDays(1));
            runs.append(row(spec, "b", later, 2), Ack.COMMITTED).join();
            Receipt second = runs.append(row(spec, "a", later.plusSeconds(1), 3), Ack.COMMITTED)
                    .join();
            assertThat(second.updated()).isTrue();
            assertThat(second.seq()).isEqualTo(first.seq());
            assertThat(rows(store)).extracting(r -> r.get("n")).containsExactly(2L, 3L);
            assertThat(store.partitions()).hasSize(2);
        }
    }
}
