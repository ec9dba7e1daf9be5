package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** What a receipt says is so, and accepted = stored + lost + queued at every moment. */
abstract class ReceiptConformance extends Conformance {
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Store store;
    private final Table<Row> table;

    ReceiptConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
        table = store.createTable(SPEC);
    }

    private static Row event(long i) {
        return row(SPEC, "i", i, "at", NOW.minus(Duration.ofHours(i % 100)));
    }

    private Map<Long, Long> numbers() {
        Map<Long, Long> numbers = new HashMap<>();
        try (Result<Row> rows = store.query(all(SPEC))) {
            rows.forEach(row ->
                    assertThat(numbers.put((Long) row.get("i"), row.seq())).isNull());
        }
        return numbers;
    }

    @Test
    void shouldReceiptEachLevel() {
        Receipt accepted = table.append(event(0), Ack.ACCEPTED).join();
        assertThat(accepted).isEqualTo(new Receipt(Ack.ACCEPTED, 0, false));
        Receipt committed = table.append(event(1), Ack.COMMITTED).join();
        Receipt durable = table.append(event(2), Ack.DURABLE).join();
        assertThat(committed.level()).isEqualTo(Ack.COMMITTED);
        assertThat(durable.level()).isEqualTo(Ack.DURABLE);
        assertThat(durable.seq()).isGreaterThan(committed.seq());
        table.append(event(3));
        assertThat(store.flush(Duration.ofSeconds(10))).isTrue();
        Map<Long, Long> numbers = numbers();
        assertThat(numbers).containsOnlyKeys(0L, 1L, 2L, 3L);
        assertThat(numbers).containsEntry(1L, committed.seq()).containsEntry(2L, durable.seq());
        assertThat(numbers).doesNotContainValue(0L);
    }

    @Test
    void shouldGiveEachRowANumberOfItsOwn() {
        List<CompletableFuture<Receipt>> receipts = new ArrayList<>();
        for (long i = 0; i < 5000; i++) {
            receipts.add(table.append(event(i), Ack.COMMITTED));
        }
        Map<Long, Long> expected = new HashMap<>();
        for (int i = 0; i < receipts.size(); i++) {
            expected.put((long) i, receipts.get(i).join().seq());
        }
        assertThat(numbers()).isEqualTo(expected);
        assertThat(expected.values()).doesNotHaveDuplicates();
    }

    @Test
    void shouldCountABatch() {
        List<Row> rows = new ArrayList<>();
        for (long i = 0; i < 300; i++) {
            rows.add(i % 3 == 1 ? row(SPEC, "i", i, "at", NOW.plus(Duration.ofDays(10))) : event(i));
        }
        for (Ack level : Ack.values()) {
            BatchReceipt receipt = table.appendAll(rows, level, Overflow.block(Duration.ofSeconds(10)))
                    .join();
            assertThat(receipt.level()).isEqualTo(level);
            assertThat(receipt.stored()).isEqualTo(200);
            assertThat(receipt.updated() + receipt.lost()).isZero();
            assertThat(receipt.rejected()).hasSize(100).allMatch(r -> r.index() % 3 == 1);
        }
        store.flush(Duration.ofSeconds(10));
        assertThat(store.count(all(SPEC))).isEqualTo(600);
        assertThat(table.appendAll(List.of(), Ack.DURABLE).join().stored()).isZero();
    }

    /** A receipt comes when others can see the record, not before. */
    @Test
    void shouldShowWhatIsReceipted() {
        for (long i = 0; i < 40; i++) {
            table.append(event(i), i % 2 == 0 ? Ack.COMMITTED : Ack.DURABLE).join();
            assertThat(store.count(all(SPEC))).isEqualTo(i + 1);
        }
    }

    @Test
    void shouldKeepItsBooks() {
        for (long i = 0; i < 2000; i++) {
            table.append(event(i));
        }
        store.flush(Duration.ofSeconds(10));
        assertThat(store.status().accepted()).isEqualTo(2000);
        assertThat(store.status().stored()).isEqualTo(2000);
        assertThat(store.status().lost()).isZero();
        for (long i = 0; i < 500; i++) {
            table.append(event(i));
        }
        CloseReport report = store.close(Duration.ofSeconds(10));
        assertThat(report.clean()).as(report.reason()).isTrue();
        assertThat(report.accepted()).isEqualTo(2500);
        assertThat(report.stored()).isEqualTo(2500);
        assertThat(report.lost()).isZero();
        assertThat(store.close(Duration.ofSeconds(1))).isSameAs(report);
    }

    @Test
    void shouldRefuseRecordsOnceItIsClosed() {
        store.close();
        refused(ErrorCode.CLOSED, () -> table.append(event(1)));
        refused(ErrorCode.CLOSED, () -> table.append(event(1), Ack.DURABLE).join());
        refused(ErrorCode.CLOSED, () -> store.count(all(SPEC)));
    }

    @Test
    void shouldTellWhatItIs() {
        append(table, event(1), event(30));
        var status = store.status();
        assertThat(status.engine()).matches("(?s)[a-z]+ .+");
        assertThat(status.owner())
                .containsEntry("pid", ProcessHandle.current().pid())
                .containsKeys("host", "since");
        assertThat(status.lastShutdown()).isEqualTo("CLEAN");
        assertThat(status.health().reasons()).isEmpty();
        assertThat(status.disk().bytes()).isNotNegative();
        assertThat(status.tables()).singleElement().satisfies(t -> {
            assertThat(t.name()).isEqualTo("events");
            assertThat(t.partitions()).isEqualTo(2);
            assertThat(t.rows()).isEqualTo(2);
            assertThat(t.newest()).startsWith("2026-05-20T11:00:00");
            assertThat(t.oldest()).startsWith("2026-05-19T06:00:00");
        });
        assertThat(store.diagnose()).isNotNull();
    }
}
