package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

/** A tail gives what was committed, in that order, and skips nothing. */
abstract class TailConformance extends Conformance {
    private static final Duration NO_WAIT = Duration.ZERO;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final String address;
    private final Store store;

    TailConformance(EngineConformance kit) {
        super(kit);
        address = engine().newStore();
        store = open(address, false);
    }

    private static TableSpec spec(String name, RetentionRule rule, String... key) {
        return TableSpec.builder(name)
                .column("i", ColumnType.INTEGER)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column(new Column("trace", ColumnType.TEXT, true, false, null))
                .time("at")
                .key(key)
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static Row event(TableSpec spec, long i, long v) {
        return row(spec, "i", i, "v", v, "at", day(i % 5), "trace", "trace " + v);
    }

    private static Instant day(long back) {
        return NOW.minus(Duration.ofDays(back));
    }

    private static List<Tail.Entry<Row>> drain(Tail<Row> tail) {
        List<Tail.Entry<Row>> entries = new ArrayList<>();
        Tail.Batch<Row> batch;
        do {
            batch = tail.poll(NO_WAIT);
            entries.addAll(batch.entries());
            assertThat(batch.entries()).hasSizeLessThanOrEqualTo(1000);
        } while (!batch.entries().isEmpty());
        for (int i = 1; i < entries.size(); i++) {
            assertThat(entries.get(i).number()).isGreaterThan(entries.get(i - 1).number());
        }
        return entries;
    }

    private static List<Long> values(List<Tail.Entry<Row>> entries) {
        return entries.stream().map(e -> (Long) e.value().get("v")).toList();
    }

    @Test
    void shouldGiveWhatIsThereAndThenWhatComes() {
        TableSpec spec = spec("events", RetentionRule.KEEP_ALL);
        Table<Row> table = store.createTable(spec);
        for (long i = 0; i < 7; i++) {
            append(table, event(spec, i, i));
        }
        try (Tail<Row> tail = table.tail(0);
                Tail<Row> now = table.tail(Tail.NOW)) {
            List<Tail.Entry<Row>> first = drain(tail);
            assertThat(values(first)).containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L);
            assertThat(plain(first.get(3).value())).isEqualTo(plain(event(spec, 3, 3)));
            assertThat(tail.position()).isEqualTo(first.get(6).number());
            assertThat(drain(now)).isEmpty();
            append(table, event(spec, 7, 7));
            assertThat(values(tail.poll(PATIENCE).entries())).containsExactly(7L);
            assertThat(values(now.poll(PATIENCE).entries())).containsExactly(7L);
            assertThat(tail.poll(Duration.ofMillis(50)).entries()).isEmpty();
            try (Tail<Row> again = table.tail(first.get(4).number())) {
                assertThat(values(drain(again))).containsExactly(5L, 6L, 7L);
            }
        }
    }

    @Test
    void shouldGiveMoreThanOnePage() {
        TableSpec spec = spec("events", RetentionRule.KEEP_ALL);
        Table<Row> table = store.createTable(spec);
        List<Row> rows = new ArrayList<>();
        for (long i = 0; i < 2500; i++) {
            rows.add(event(spec, i, i));
        }
        append(table, rows);
        try (Tail<Row> tail = table.tail(0)) {
            assertThat(values(drain(tail))).hasSize(2500).doesNotHaveDuplicates();
        }
    }

    /** An update comes as a row with a new number; what was updated twice comes once; what was deleted comes no more. */
    @Test
    void shouldGiveUpdatesAgain() {
        TableSpec spec = spec("states", RetentionRule.KEEP_ALL, "i");
        Table<Row> table = store.createTable(spec);
        for (long i = 0; i < 4; i++) {
            append(table, event(spec, i, i));
        }
        try (Tail<Row> tail = table.tail(0)) {
            List<Tail.Entry<Row>> first = drain(tail);
            assertThat(values(first)).containsExactly(0L, 1L, 2L, 3L);
            append(table, event(spec, 2, 20));
            append(table, event(spec, 0, 21));
            append(table, event(spec, 2, 22));
            table.update(Map.of("v", 23L), Ack.COMMITTED, 1L).join();
            table.update(Map.of("v", 24L), Ack.COMMITTED, 3L).join();
            table.delete(Ack.COMMITTED, 3L).join();
            List<Tail.Entry<Row>> changed = drain(tail);
            assertThat(values(changed)).containsExactly(21L, 22L, 23L);
            assertThat(changed.get(0).number()).isGreaterThan(first.get(3).number());
            assertThat(changed.get(0).value().seq())
                    .as("a row keeps its own number")
                    .isEqualTo(first.get(0).value().seq());
            try (Tail<Row> all = table.tail(0)) {
                assertThat(values(drain(all))).containsExactly(21L, 22L, 23L);
            }
        }
    }

    @Test
    void shouldTellWhatWasDroppedBeforeItWasRead() {
        TableSpec spec = spec("events", RetentionRule.KEEP_ALL);
        Table<Row> table = store.createTable(spec);
        for (long i = 4; i >= 0; i--) {
            append(table, event(spec, i, i));
        }
        try (Tail<Row> late = table.tail(0);
                Tail<Row> ahead = table.tail(0)) {
            List<Tail.Entry<Row>> all = drain(ahead);
            store.createTable(spec("events", RetentionRule.maxAge(Duration.ofDays(2))));
            assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(2);
            Tail.Batch<Row> batch = late.poll(NO_WAIT);
            assertThat(values(batch.entries())).containsExactly(2L, 1L, 0L);
            assertThat(batch.missed()).isEqualTo(new Tail.Missed(0, all.get(1).number()));
            assertThat(late.poll(NO_WAIT).missed()).isNull();
            assertThat(ahead.poll(NO_WAIT).missed())
                    .as("who has read them has missed nothing")
                    .isNull();
        }
    }

    /** Batches of several partitions commit one after another while the tail reads: none of them may be jumped over. */
    @Test
    void shouldSkipNothingWhileAWriterCommits() throws Exception {
        TableSpec spec = spec("events", RetentionRule.KEEP_ALL);
        TableSpec keyed = spec("states", RetentionRule.KEEP_ALL, "i");
        Table<Row> events = store.createTable(spec);
        Table<Row> states = store.createTable(keyed);
        long count = 6000;
        FutureTask<Void> writer = new FutureTask<>(() -> {
            for (long i = 0; i < count; i += 60) {
                List<Row> batch = new ArrayList<>();
                List<Row> changes = new ArrayList<>();
                for (long j = i; j < i + 60; j++) {
                    batch.add(event(spec, j, j));
                    changes.add(event(keyed, j % 100, j));
                }
                append(events, batch);
                append(states, changes);
            }
            return null;
        });
        Thread thread = new Thread(writer, "levee-test-writer");
        thread.start();
        Map<Long, Long> newest = new HashMap<>();
        List<Long> seen = new ArrayList<>();
        try (Tail<Row> tail = events.tail(0);
                Tail<Row> changes = states.tail(0)) {
            await("the tail has come to the end", () -> {
                values(tail.poll(Duration.ofMillis(20)).entries()).forEach(seen::add);
                changes.poll(NO_WAIT)
                        .entries()
                        .forEach(e -> newest.put(
                                (Long) e.value().get("i"), (Long) e.value().get("v")));
                return seen.size() >= count
                        && newest.size() == 100
                        && newest.values().stream().allMatch(v -> v >= count - 100);
            });
            assertThat(drain(tail)).isEmpty();
        }
        writer.get();
        assertThat(seen).hasSize((int) count).doesNotHaveDuplicates();
    }

    /** A reader of its own connection follows too. */
    @Test
    void shouldFollowFromAReadersConnection() {
        TableSpec spec = spec("events", RetentionRule.KEEP_ALL);
        Table<Row> table = store.createTable(spec);
        append(table, event(spec, 1, 1));
        Store reader = open(address, true);
        try (Tail<Row> tail = reader.table("events").tail(0)) {
            assertThat(values(tail.poll(PATIENCE).entries())).containsExactly(1L);
            append(table, event(spec, 2, 2));
            assertThat(values(tail.poll(PATIENCE).entries())).containsExactly(2L);
        }
    }

    @Test
    void shouldEndWhenItIsClosed() {
        TableSpec spec = spec("events", RetentionRule.KEEP_ALL);
        Tail<Row> tail = store.createTable(spec).tail(Tail.NOW);
        tail.close();
        refused(ErrorCode.CLOSED, () -> tail.poll(PATIENCE));
        tail.close();
    }
}
