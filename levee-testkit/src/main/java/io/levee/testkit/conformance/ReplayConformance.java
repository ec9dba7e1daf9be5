package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.Replay;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.testkit.Property;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A service gets back what it had in memory, in windows that hold nothing up, and goes on with a tail (G115). */
abstract class ReplayConformance extends Conformance {
    private static final int DAYS = 12;

    ReplayConformance(EngineConformance kit) {
        super(kit);
    }

    private static TableSpec spec(String name, RetentionRule rule, String... key) {
        return TableSpec.builder(name)
                .column("k", ColumnType.INTEGER)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key(key)
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static Row state(TableSpec spec, long k, long v, Instant at) {
        return row(spec, "k", k, "v", v, "at", at);
    }

    @Test
    void shouldGiveARangeOldestFirstAndWhereToGoOn() {
        Store store = newStore();
        TableSpec spec = spec("events", RetentionRule.KEEP_ALL);
        Table<Row> table = store.createTable(spec);
        List<Row> rows = new ArrayList<>();
        for (long i = 0; i < 2500; i++) {
            // Dense hours, and days without anything between them.
            rows.add(state(
                    spec, i, i, NOW.minus(Duration.ofDays(DAYS - 5 * (i % 3))).plusSeconds(i)));
        }
        append(table, rows);
        List<Instant> times = new ArrayList<>();
        Replay all = table.query().replay(Duration.ofHours(4), row -> times.add(row.time()));
        assertThat(all.rows()).isEqualTo(2500);
        assertThat(times).hasSize(2500).isSorted();
        assertThat(all.coverage().complete()).isTrue();
        Instant from = NOW.minus(Duration.ofDays(3));
        List<Long> some = new ArrayList<>();
        Replay part = table.query()
                .from(from)
                .where(Expr.lt("v", 100))
                .replay(Duration.ofMinutes(1), row -> some.add((Long) row.get("v")));
        assertThat(part.rows()).isEqualTo(some.size());
        assertThat(some).hasSize(33).allMatch(v -> v % 3 == 2 && v < 100);
        append(table, state(spec, 9000, 9000, from));
        try (Tail<Row> tail = table.tail(part.after())) {
            assertThat(tail.poll(Duration.ZERO).entries())
                    .extracting(e -> e.value().get("v"))
                    .containsExactly(9000L);
        }
        refused(ErrorCode.BAD_QUERY, () -> table.query().limit(3).replay(Duration.ofHours(4), row -> {}));
        refused(ErrorCode.BAD_QUERY, () -> table.query().replay(Duration.ZERO, row -> {}));
    }

    /** A drop in the middle takes what was not read yet: that is told, and only that. */
    @Test
    void shouldTellWhatWasDroppedBeforeItsWindowCame() {
        Store store = newStore();
        TableSpec spec = spec("events", RetentionRule.KEEP_ALL);
        Table<Row> table = store.createTable(spec);
        for (int day = 0; day < 6; day++) {
            append(table, state(spec, day, day, NOW.minus(Duration.ofDays(day))));
        }
        List<Long> seen = new ArrayList<>();
        Replay replay = table.query().replay(Duration.ofHours(1), row -> {
            seen.add((Long) row.get("v"));
            if (seen.size() == 1) {
                store.createTable(spec("events", RetentionRule.maxAge(Duration.ofDays(2))));
                assertThat(store.applyRetention(store.planRetention()).dropped())
                        .hasSize(3);
            }
        });
        assertThat(seen).containsExactly(5L, 2L, 1L, 0L);
        assertThat(replay.coverage().gaps()).extracting(Gap::reason).containsOnly(LossReason.EXPIRED);
        assertThat(replay.coverage().gaps())
                .extracting(Gap::fromMicros)
                .doesNotContain(micros(5))
                .contains(micros(4), micros(3));
    }

    private static long micros(int day) {
        Instant at = NOW.minus(Duration.ofDays(day));
        return at.getEpochSecond() * 1_000_000;
    }

    /** Restored state and stored state are equal, whatever is written, updated, late or dropped meanwhile. */
    @Test
    void shouldRestoreTheStateUnderConcurrentWrites() {
        Property.check("replay and tail restore the state", 4, gen -> {
            Store store = newStore();
            TableSpec spec = spec("states", RetentionRule.KEEP_ALL, "k");
            Table<Row> table = store.createTable(spec);
            int keys = 40 + gen.between(0, 400);
            Map<Long, Long> model = new HashMap<>();
            List<List<Row>> batches = new ArrayList<>();
            long version = 0;
            for (int b = 0; b < 60; b++) {
                List<Row> batch = new ArrayList<>();
                for (int i = 0; i < 25; i++) {
                    long key = gen.between(0, keys);
                    Instant at = NOW.minus(Duration.ofMinutes(gen.between(0, DAYS * 24 * 60)));
                    model.put(key, ++version);
                    batch.add(state(spec, key, version, at));
                }
                batches.add(batch);
            }
            int before = gen.between(1, 30);
            batches.subList(0, before).forEach(batch -> append(table, batch));
            boolean drops = gen.between(0, 1) == 1;
            int dropAt = gen.between(1, 20);
            FutureTask<@Nullable Void> writer = new FutureTask<>(() -> {
                for (int b = before; b < batches.size(); b++) {
                    // Beside a drop some come too late, and are refused.
                    assertThat(table.appendAll(batches.get(b), Ack.COMMITTED)
                                            .join()
                                            .rejected()
                                            .isEmpty()
                                    || drops)
                            .isTrue();
                }
                return null;
            });
            Thread thread = new Thread(writer, "levee-test-writer");
            Map<Long, Long> restored = new HashMap<>();
            int[] handed = {0};
            Replay replay = table.query().replay(Duration.ofHours(gen.between(1, 40)), row -> {
                if (handed[0]++ == 0) {
                    thread.start();
                }
                if (drops && handed[0] == dropAt) {
                    store.createTable(spec("states", RetentionRule.maxAge(Duration.ofDays(DAYS / 2)), "k"));
                    store.applyRetention(store.planRetention());
                }
                restored.put((Long) row.get("k"), (Long) row.get("v"));
            });
            writer.get();
            try (Tail<Row> tail = table.tail(replay.after())) {
                for (var batch = tail.poll(Duration.ZERO);
                        !batch.entries().isEmpty();
                        batch = tail.poll(Duration.ZERO)) {
                    batch.entries()
                            .forEach(e -> restored.put(
                                    (Long) e.value().get("k"), (Long) e.value().get("v")));
                }
            }
            Map<Long, Long> stored = new HashMap<>();
            read(store, all(spec)).forEach(row -> stored.put((Long) row.get("k"), (Long) row.get("v")));
            assertThat(restored).containsAllEntriesOf(stored);
            if (!drops) {
                assertThat(stored).isEqualTo(model);
                assertThat(restored).isEqualTo(model);
                assertThat(replay.coverage().complete()).isTrue();
            }
            store.close();
        });
    }
}
