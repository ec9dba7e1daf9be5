package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Health;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionPlan;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What is past its promise goes, all of it and nothing else; what went does not come back by itself. */
abstract class RetentionConformance extends Conformance {
    private final Store store;

    RetentionConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
    }

    private static TableSpec spec(RetentionRule rule, String... key) {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .key(key)
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static RetentionRule days(int days) {
        return RetentionRule.maxAge(Duration.ofDays(days));
    }

    private static Instant day(int back) {
        return NOW.minus(Duration.ofDays(back));
    }

    /** One row a day, numbered by how many days ago it was. */
    private Table<Row> fill(TableSpec spec, int days) {
        Table<Row> table = store.createTable(spec);
        List<Row> rows = new ArrayList<>();
        for (int back = 0; back < days; back++) {
            rows.add(row(spec, "i", (long) back, "at", day(back), "text", "x".repeat(5000)));
        }
        append(table, rows);
        return table;
    }

    private List<@Nullable Object> left() {
        return read(store, Query.builder("events").newestFirst().build(), "i");
    }

    private RetentionReport apply() {
        RetentionReport report = store.applyRetention(store.planRetention());
        assertThat(report.blocked()).isEmpty();
        return report;
    }

    /** G59: partitions go as a whole; G72, G78: without a rule that says so nothing ever does. */
    @Test
    void shouldDropWhatIsPastItsAge() {
        fill(spec(RetentionRule.KEEP_ALL), 6);
        assertThat(apply().dropped()).isEmpty();
        store.createTable(spec(days(3)));
        RetentionPlan plan = store.planRetention();
        assertThat(plan.drops())
                .extracting(d -> d.partition().id().period())
                .containsExactly("2026-05-15", "2026-05-16");
        assertThat(plan.rows()).isEqualTo(2);
        assertThat(left()).hasSize(6);
        RetentionReport report = store.applyRetention(plan);
        assertThat(report.blocked()).isEmpty();
        assertThat(report.dropped()).hasSize(2);
        // Of a row of exactly that age, nobody can say that it is older.
        assertThat(left()).containsExactly(0L, 1L, 2L, 3L);
        assertThat(store.partitions()).hasSize(4);
        assertThat(store.planRetention().drops()).isEmpty();
        assertThat(store.applyRetention(plan).dropped()).isEmpty();
    }

    /** G81: what is looked at before is what goes, to the row and the byte; also of partitions that are open, with their logs. */
    @Test
    void shouldDoWhatItPlannedToTheByte() {
        fill(spec(RetentionRule.KEEP_ALL), 6);
        long rows = store.count(all(spec(RetentionRule.KEEP_ALL)));
        store.createTable(spec(days(3)));
        // An engine may measure now and then: until what is known stays as it is.
        long[] before = {-1};
        await("sizes are known", () -> {
            long now = store.planRetention().bytes();
            boolean same = now > 0 && now == before[0];
            before[0] = now;
            return same;
        });
        RetentionPlan plan = store.planRetention();
        RetentionReport report = store.applyRetention(plan);
        assertThat(report.blocked()).isEmpty();
        assertThat(report.dropped())
                .containsExactlyElementsOf(
                        plan.drops().stream().map(d -> d.partition().id()).toList());
        assertThat(report.bytesFreed()).as("%s", plan).isEqualTo(plan.bytes());
        assertThat(rows - store.count(all(spec(RetentionRule.KEEP_ALL)))).isEqualTo(plan.rows());
    }

    @Test
    void shouldDropTheOldestWhileTheTableIsTooLarge() {
        fill(spec(RetentionRule.KEEP_ALL), 5);
        // An engine may measure now and then.
        await("sizes are known", () -> store.partitions().stream().allMatch(p -> p.bytes() > 0));
        long bytes = store.partitions().stream().mapToLong(PartitionInfo::bytes).sum();
        store.createTable(spec(new RetentionRule(null, new Bytes(bytes - 1))));
        apply();
        assertThat(left()).hasSizeBetween(1, 4).startsWith(0L).isSorted();
        store.createTable(spec(new RetentionRule(null, new Bytes(1))));
        apply();
        assertThat(left()).as("the newest partition never goes for its size").containsExactly(0L);
    }

    /** A table that gets no more rows is emptied too, by the clock. */
    @Test
    void shouldEmptyAnIdleTable() {
        fill(spec(days(3)), 3);
        clock.advance(Duration.ofDays(31));
        apply();
        assertThat(left()).isEmpty();
        assertThat(store.partitions()).isEmpty();
        append(store.table("events"), row(spec(days(3)), "i", 7L, "at", clock.instant()));
        assertThat(left()).containsExactly(7L);
    }

    /** G79: however much is due, a start deletes nothing: it is open, whole and writable at once, and says what is due. */
    @Test
    void shouldDropNothingOnTheWayToReady(TestReporter reporter) {
        String address = engine().newStore();
        try (Store before = open(address, false)) {
            if (!before.capabilities().contains(Capability.PERSISTENT)) {
                reportLack(before, Capability.PERSISTENT, reporter);
                return;
            }
            Table<Row> table = before.createTable(spec(RetentionRule.KEEP_ALL));
            List<Row> rows = new ArrayList<>();
            for (int back = 0; back < 30; back++) {
                rows.add(row(table.spec(), "i", (long) back, "at", day(back)));
            }
            append(table, rows);
        }
        // Its first pass is a day away: what goes before that went at the start.
        Store again = open(address, false, o -> o.retentionEvery(Duration.ofDays(1)));
        Table<Row> table = again.createTable(spec(days(3)));
        append(table, row(table.spec(), "i", 100L, "at", NOW));
        assertThat(again.partitions()).hasSize(30);
        assertThat(again.count(Query.builder("events").build())).isEqualTo(31);
        assertThat(again.status().health().state()).isNotEqualTo(Health.State.DOWN);
        assertThat(again.planRetention().drops()).hasSize(26);
    }

    /** Where retention has been, nothing comes back, whatever the rule is by then. */
    @Test
    void shouldRefuseRowsBelowTheFloor() {
        Table<Row> table = fill(spec(RetentionRule.KEEP_ALL), 6);
        store.createTable(spec(days(3)));
        apply();
        store.createTable(spec(RetentionRule.KEEP_ALL));
        refused(ErrorCode.TIME_REFUSED, () -> table.append(row(table.spec(), "i", 9L, "at", day(4))));
        refused(ErrorCode.TIME_REFUSED, () -> table.append(row(table.spec(), "i", 9L, "at", day(400))));
        // Behind the newest row that went, in the period of the partition that went: welcome.
        append(table, row(table.spec(), "i", 10L, "at", day(4).plusSeconds(1)));
        assertThat(left()).containsExactly(0L, 1L, 2L, 3L, 10L);
    }

    /** Between plan and act, a partition got rows that are within the promise (guarantee G74). */
    @Test
    void shouldLookAgainBeforeItDrops() {
        Table<Row> table = fill(spec(RetentionRule.KEEP_ALL), 5);
        store.createTable(spec(days(3)));
        RetentionPlan plan = store.planRetention();
        assertThat(plan.drops()).hasSize(1);
        store.createTable(spec(RetentionRule.KEEP_ALL));
        append(table, row(table.spec(), "i", 44L, "at", day(4).plusSeconds(60)));
        RetentionReport report = store.applyRetention(plan);
        assertThat(report.dropped()).isEmpty();
        assertThat(report.blocked()).hasSize(1);
        assertThat(left()).containsExactly(0L, 1L, 2L, 3L, 44L, 4L);
    }

    @Test
    void shouldForgetTheKeysOfWhatWent() {
        Table<Row> table = fill(spec(RetentionRule.KEEP_ALL, "i"), 6);
        store.createTable(spec(days(3), "i"));
        apply();
        assertThat(table.find(5L)).isEmpty();
        assertThat(table.find(3L)).isPresent();
        assertThat(table.append(row(table.spec(), "i", 5L, "at", NOW), Ack.COMMITTED)
                        .join()
                        .updated())
                .isFalse();
        assertThat(table.append(row(table.spec(), "i", 3L, "at", NOW), Ack.COMMITTED)
                        .join()
                        .updated())
                .isTrue();
        assertThat(store.count(all(table.spec()))).isEqualTo(5);
    }

    /** Kept at least: a row whose time was moved within the promise is there after its old partition would have gone. */
    @Test
    void shouldKeepARowThatMovedIntoThePromise() {
        Table<Row> table = fill(spec(RetentionRule.KEEP_ALL, "i"), 6);
        append(table, row(table.spec(), "i", 5L, "at", NOW.minusSeconds(5)));
        store.createTable(spec(days(3), "i"));
        apply();
        assertThat(left()).contains(0L, 1L, 2L, 3L, 5L).doesNotHaveDuplicates();
        assertThat(table.find(5L)).isPresent();
    }

    @Test
    void shouldLetAQueryReadOnOverADrop() {
        fill(spec(RetentionRule.KEEP_ALL), 6);
        List<Row> rows = new ArrayList<>();
        Table<Row> table = store.table("events");
        for (int i = 0; i < 4000; i++) {
            rows.add(row(table.spec(), "i", 1000L + i, "at", day(i % 6).plusSeconds(1)));
        }
        append(table, rows);
        try (Result<Row> result =
                store.query(Query.builder("events").oldestFirst().build())) {
            Iterator<Row> iterator = result.iterator();
            assertThat(iterator.next()).isNotNull();
            store.createTable(spec(days(3)));
            store.applyRetention(store.planRetention());
            int read = 1;
            while (iterator.hasNext()) {
                iterator.next();
                read++;
            }
            assertThat(read).isEqualTo(4006);
        }
        await(
                "nothing is in the way any more",
                () -> store.applyRetention(store.planRetention()).blocked().isEmpty());
        assertThat(left()).doesNotContain(4L, 5L);
    }

    @Test
    void shouldBringADroppedPartitionBack(TestReporter reporter) {
        Table<Row> table = fill(spec(RetentionRule.KEEP_ALL, "i"), 6);
        store.createTable(spec(days(3), "i"));
        PartitionId oldest = apply().dropped().get(0);
        if (!has(store, Capability.UNDO_DROP, reporter, () -> store.restore(oldest))) {
            assertThat(store.dropped()).isEmpty();
            return;
        }
        assertThat(store.dropped()).extracting(PartitionInfo::id).hasSize(2).contains(oldest);
        store.createTable(spec(RetentionRule.KEEP_ALL, "i"));
        store.restore(oldest);
        assertThat(left()).containsExactly(0L, 1L, 2L, 3L, 5L);
        assertThat(store.dropped()).hasSize(1);
        assertThat(table.find(5L)).isPresent();
        // Its keys are known again, and its rows can be changed.
        Row same = row(table.spec(), "i", 5L, "at", NOW, "text", "changed");
        assertThat(table.append(same, Ack.COMMITTED).join().updated()).isTrue();
        assertThat(store.count(all(table.spec()))).isEqualTo(5);
        refused(ErrorCode.NOT_FOUND, () -> store.restore(oldest));
    }

    /** A key that was written again since the drop has one row all the same: the newer one. */
    @Test
    void shouldKeepOneRowAKeyWhenAPartitionComesBack() {
        Table<Row> table = fill(spec(RetentionRule.KEEP_ALL, "i"), 6);
        Row twin = row(table.spec(), "i", 55L, "at", day(5), "text", "another row of that day");
        append(table, twin);
        store.createTable(spec(days(3), "i"));
        PartitionId oldest = apply().dropped().get(0);
        append(table, row(table.spec(), "i", 5L, "at", NOW, "text", "newer"));
        if (store.capabilities().contains(Capability.UNDO_DROP)) {
            store.createTable(spec(RetentionRule.KEEP_ALL, "i"));
            store.restore(oldest);
            assertThat(table.find(55L).map(Conformance::plain)).contains(plain(twin));
        }
        assertThat(left()).doesNotHaveDuplicates().contains(5L);
        assertThat(table.find(5L).orElseThrow().get("text")).isEqualTo("newer");
        assertThat(table.append(row(table.spec(), "i", 5L, "at", NOW, "text", "newest"), Ack.COMMITTED)
                        .join()
                        .updated())
                .isTrue();
        assertThat(store.count(Query.builder("events").where(Expr.eq("i", 5L)).build()))
                .isEqualTo(1);
    }

    @Test
    void shouldNotRefillWhatCameBackByItself() {
        Table<Row> table = fill(spec(RetentionRule.KEEP_ALL), 6);
        store.createTable(spec(days(3)));
        PartitionId oldest = apply().dropped().get(0);
        if (store.capabilities().contains(Capability.UNDO_DROP)) {
            store.restore(oldest);
            assertThat(left()).contains(5L);
            // It is past its promise still: the next pass drops it again.
            apply();
        }
        assertThat(left()).containsExactly(0L, 1L, 2L, 3L);
        assertThat(table.query().count()).isEqualTo(4);
    }

    @Test
    void shouldPlanEachTableByItsOwnRule() {
        fill(spec(days(3)), 2);
        TableSpec kept = TableSpec.builder("kept")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .build();
        append(store.createTable(kept), row(kept, "i", 1L, "at", day(300)));
        clock.advance(Duration.ofDays(10));
        RetentionReport report = apply();
        assertThat(report.dropped()).hasSize(2).allMatch(id -> id.table().equals("events"));
        assertThat(report.plan().kept()).containsKeys("events", "kept");
        assertThat(store.count(all(kept))).isEqualTo(1);
    }
}
