package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every committed number comes to a tail, in order, whatever partition it is in. */
class TailTest {
    private static final Instant DAY1 = Instant.parse("2026-05-01T12:00:00Z");

    @TempDir
    Path directory;

    private static TableSpec.Builder spec() {
        return TableSpec.builder("runs")
                .column("id", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .column(new Column("note", ColumnType.TEXT, true, false, null))
                .time("at")
                .key("id")
                .partitionBy(PartitionBy.DAY);
    }

    private static Row row(String id, int day, long n) {
        return Row.of(spec().build())
                .set("id", id)
                .set("at", DAY1.plus(Duration.ofDays(day)))
                .set("n", n)
                .set("note", "note of " + id)
                .build();
    }

    private static void append(Table<Row> table, String id, int day, long n) {
        table.append(row(id, day, n), Ack.COMMITTED).join();
    }

    /** All that is there now, page by page. */
    private static List<Tail.Entry<Row>> all(Table<Row> table, long after) {
        List<Tail.Entry<Row>> all = new ArrayList<>();
        try (Tail<Row> tail = table.tail(after)) {
            for (Tail.Batch<Row> batch = tail.poll(Duration.ZERO);
                    !batch.entries().isEmpty();
                    batch = tail.poll(Duration.ZERO)) {
                all.addAll(batch.entries());
            }
        }
        return all;
    }

    private static List<Object> ns(List<Tail.Entry<Row>> entries) {
        return entries.stream().map(e -> e.value().get("n")).toList();
    }

    @Test
    void shouldGiveRowsOfAllPartitionsInTheOrderOfTheirLastChange() {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            append(runs, "a", 5, 1);
            append(runs, "b", 0, 2);
            append(runs, "c", 3, 3);
            append(runs, "b", 0, 4);
            append(runs, "d", 5, 5);
            List<Tail.Entry<Row>> entries = all(runs, 0);
            assertThat(ns(entries)).containsExactly(1L, 3L, 4L, 5L);
            assertThat(entries).extracting(Tail.Entry::number).isSorted().doesNotHaveDuplicates();
            assertThat(entries.get(2).value().get("note")).isEqualTo("note of b");
            long known = entries.get(3).number();
            runs.update(Map.of("n", 6L), Ack.COMMITTED, "a").join();
            assertThat(ns(all(runs, known))).containsExactly(6L);
        }
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            assertThat(ns(all(runs, 0))).containsExactly(3L, 4L, 5L, 6L);
            append(runs, "e", 1, 7);
            runs.update(Map.of("n", 8L), Ack.COMMITTED, "c").join();
            runs.delete(Ack.COMMITTED, "d").join();
            assertThat(ns(all(runs, 0))).containsExactly(4L, 6L, 7L, 8L);
        }
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(ns(all(store.table("runs"), 0))).containsExactly(4L, 6L, 7L, 8L);
        }
    }

    @Test
    void shouldGoOnWhereAPageEnded() {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < 5000; i++) {
                rows.add(row("k" + i, i % 60, i));
            }
            runs.appendAll(rows, Ack.COMMITTED).join();
            List<Tail.Entry<Row>> entries = all(runs, 0);
            assertThat(entries).hasSize(5000);
            assertThat(entries).extracting(Tail.Entry::number).isSorted().doesNotHaveDuplicates();
        }
    }

    @Test
    void shouldSayWhatRetentionDroppedUnread() {
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1))) {
            Table<Row> runs = store.createTable(spec().build());
            append(runs, "a", 0, 1);
            append(runs, "b", 1, 2);
        }
        TableSpec retained =
                spec().retention(RetentionRule.maxAge(Duration.ofDays(5))).build();
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1.plus(Duration.ofDays(6))))) {
            Table<Row> runs = store.createTable(retained);
            append(runs, "c", 6, 3);
            long read = all(runs, 0).get(0).number();
            try (Tail<Row> late = runs.tail(0);
                    Tail<Row> inTime = runs.tail(read)) {
                assertThat(store.applyRetention(store.planRetention()).dropped())
                        .hasSize(1);
                Tail.Batch<Row> batch = late.poll(Duration.ZERO);
                assertThat(batch.missed()).isEqualTo(new Tail.Missed(0, read));
                assertThat(ns(batch.entries())).containsExactly(2L, 3L);
                assertThat(inTime.poll(Duration.ZERO).missed()).isNull();
            }
        }
        try (Store store = Levee.openReadOnly(directory)) {
            Table<Row> runs = store.table("runs");
            try (Tail<Row> late = runs.tail(0)) {
                assertThat(late.poll(Duration.ZERO).missed()).isNotNull();
            }
        }
    }
}
