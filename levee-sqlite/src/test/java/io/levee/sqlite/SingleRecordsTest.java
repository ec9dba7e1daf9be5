package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.EraseReport;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
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
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Records found, changed, deleted and erased one by one, wherever they live. */
class SingleRecordsTest {
    private static final Instant DAY1 = Instant.parse("2026-05-01T12:00:00Z");

    @TempDir
    Path directory;

    private static TableSpec spec() {
        return TableSpec.builder("runs")
                .column("host", ColumnType.TEXT)
                .column("id", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .column(new Column("note", ColumnType.TEXT, true, false, null))
                .time("at")
                .key("host", "id")
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    private static Row row(String host, long id, int day, long n, String note) {
        return Row.of(spec())
                .set("host", host)
                .set("id", id)
                .set("at", DAY1.plus(Duration.ofDays(day)))
                .set("n", n)
                .set("note", note)
                .build();
    }

    private static List<Row> rows(Store store) {
        try (Result<Row> result =
                store.query(Query.builder("runs").oldestFirst().details().build())) {
            return result.toList();
        }
    }

    /** A store with three days, the first two of them closed. */
    private Table<Row> threeDays(Store store) {
        Table<Row> runs = store.createTable(spec());
        for (int day = 0; day < 3; day++) {
            runs.append(row("a", day, day, day, "note " + day), Ack.COMMITTED).join();
        }
        return runs;
    }

    private void closedDays() {
        try (Store store = Levee.open(directory)) {
            threeDays(store);
        }
    }

    @Test
    void shouldFindARecordWithItsDetailsByACompositeKey() {
        closedDays();
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec());
            assertThat(runs.find("a", 1).orElseThrow().get("note")).isEqualTo("note 1");
            assertThat(runs.find("a", 7)).isEmpty();
            assertThat(runs.find("b", 1)).isEmpty();
        }
    }

    @Test
    void shouldUpdateARecordOfAClosedPartition() {
        closedDays();
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec());
            assertThat(store.partitions()).extracting(PartitionInfo::state).containsOnly(PartitionInfo.State.CLOSED);

            assertThat(runs.update(Map.of("n", 41L), Ack.DURABLE, "a", 0L).join())
                    .isTrue();

            Row changed = runs.find("a", 0L).orElseThrow();
            assertThat(changed.get("n")).isEqualTo(41L);
            assertThat(changed.get("note")).isEqualTo("note 0");
            assertThat(runs.update(Map.of("n", 1L), Ack.DURABLE, "a", 99L).join())
                    .isFalse();
        }
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(rows(store)).extracting(r -> r.get("n")).containsExactly(41L, 1L, 2L);
        }
    }

    @Test
    void shouldDeleteARecordAndTakeItsKeyAgainAsANewRecord() {
        closedDays();
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec());
            runs.append(row("b", 1, 2, 7, "open"), Ack.COMMITTED).join();

            assertThat(runs.delete(Ack.DURABLE, "a", 0L).join()).isTrue();
            assertThat(runs.delete(Ack.DURABLE, "a", 0L).join()).isFalse();
            assertThat(runs.delete(Ack.COMMITTED, "b", 1L).join()).isTrue();

            assertThat(runs.query().count()).isEqualTo(2);
            assertThat(runs.find("a", 0L)).isEmpty();
            assertThat(store.partitions()).extracting(PartitionInfo::rows).containsExactly(0L, 1L, 1L);
            assertThat(runs.append(row("a", 0, 1, 50, null), Ack.COMMITTED)
                            .join()
                            .updated())
                    .isFalse();
            assertThat(runs.append(row("b", 1, 0, 51, "again"), Ack.COMMITTED)
                            .join()
                            .updated())
                    .isFalse();
        }
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec());
            assertThat(rows(store)).extracting(r -> r.get("n")).containsExactly(51L, 1L, 50L, 2L);
            assertThat(rows(store)).extracting(r -> r.get("note")).containsExactly("again", "note 1", null, "note 2");
            assertThat(runs.delete(Ack.COMMITTED, "a", 0L).join()).isTrue();
        }
        // Deleted before the close: its filter still has the key, which must not bring the row back.
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec());
            assertThat(runs.append(row("a", 0, 1, 60, "third"), Ack.COMMITTED)
                            .join()
                            .updated())
                    .isFalse();
            assertThat(rows(store)).extracting(r -> r.get("n")).containsExactly(51L, 1L, 60L, 2L);
        }
    }

    @Test
    void shouldKeepTheOrderOfAppendsAndDeletesOfOneKey() {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec());
            List<CompletableFuture<Boolean>> deleted = new ArrayList<>();
            for (int round = 0; round < 200; round++) {
                for (int other = 0; other < 20; other++) {
                    runs.append(row("load", round * 20 + other, 1, 0, "x"));
                }
                runs.append(row("a", 1, 0, round, "before"));
                deleted.add(runs.delete(Ack.COMMITTED, "a", 1L));
                runs.append(row("a", 1, round % 3, 1000 + round, "after"));
            }
            assertThat(store.flush(Duration.ofSeconds(60))).isTrue();
            assertThat(deleted).allSatisfy(d -> assertThat(d.join()).isTrue());
            assertThat(runs.find("a", 1L).orElseThrow().get("n")).isEqualTo(1199L);
            assertThat(runs.query().count()).isEqualTo(4001);
        }
    }

    @Test
    void shouldEraseWhatAFilterLetsThroughInAllPartitions() {
        closedDays();
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec());
            for (int i = 0; i < 1200; i++) {
                runs.append(row("b", i, i % 3, i, i % 2 == 0 ? "even" : "odd"));
            }
            EraseReport report = runs.erase(Expr.or(Expr.eq("note", "even"), Expr.eq("note", "note 1")));
            assertThat(report.deleted()).isEqualTo(601);
            assertThat(report.pending()).isEmpty();
            assertThat(runs.query().count()).isEqualTo(602);
            assertThat(runs.erase(Expr.eq("note", "even")).deleted()).isZero();
        }
    }
}
