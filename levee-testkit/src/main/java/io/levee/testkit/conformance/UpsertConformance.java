package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Property;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A key has one row, whatever the order, the batches and the partitions; the last record handed over wins. */
abstract class UpsertConformance extends Conformance {
    private static final TableSpec SPEC = TableSpec.builder("states")
            .column("k", ColumnType.TEXT)
            .column("v", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Store store;
    private final Table<Row> table;

    UpsertConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
        table = store.createTable(SPEC);
    }

    private static Row state(String k, long v, Instant at) {
        return row(SPEC, "k", k, "v", v, "at", at, "trace", "trace " + v);
    }

    private Receipt put(String k, long v, Instant at) {
        return table.append(state(k, v, at), Ack.COMMITTED).join();
    }

    private static Instant day(int back) {
        return NOW.minus(Duration.ofDays(back));
    }

    @Test
    void shouldUpdateTheRowOfAKnownKeyAndKeepItsNumber() {
        Receipt first = put("a", 1, day(0));
        put("b", 1, day(0));
        Receipt second = put("a", 2, day(0).plusSeconds(1));
        assertThat(first.updated()).isFalse();
        assertThat(second.updated()).isTrue();
        assertThat(second.seq()).isEqualTo(first.seq());
        assertThat(read(store, all(SPEC)))
                .containsExactly(plain(state("b", 1, day(0))), plain(state("a", 2, day(0).plusSeconds(1))));
        Row only =
                store.query(Query.builder("states").limit(1).build()).toList().get(0);
        assertThat(only.seq()).isEqualTo(first.seq());
    }

    /** The record replaces the row as a whole: what it lacks is null afterwards. */
    @Test
    void shouldReplaceTheWholeRow() {
        put("a", 1, day(0));
        Row bare = row(SPEC, "k", "a", "at", day(0));
        append(table, bare);
        assertThat(read(store, all(SPEC))).containsExactly(plain(bare));
        put("a", 3, day(0));
        assertThat(read(store, all(SPEC), "trace")).containsExactly("trace 3");
    }

    @Test
    void shouldKeepTheLaterOfAKeyThatIsTwiceInABatch() {
        BatchReceipt receipt = append(
                table,
                state("a", 1, day(0)),
                state("b", 1, day(1)),
                state("a", 2, day(3)),
                state("a", 3, day(2)),
                state("b", 2, day(1)));
        assertThat(receipt.stored()).isEqualTo(2);
        assertThat(receipt.updated()).isEqualTo(3);
        assertThat(read(store, all(SPEC))).containsExactly(plain(state("a", 3, day(2))), plain(state("b", 2, day(1))));
        BatchReceipt again = append(table, state("b", 3, day(5)), state("b", 4, day(4)));
        assertThat(again.updated()).isEqualTo(2);
        assertThat(read(store, all(SPEC), "v")).containsExactly(4L, 3L);
    }

    /** G63: a row is where its newest time says, once, for ranges and pages, whatever partition it began in. */
    @Test
    void shouldFindARowAtItsNewTime() {
        put("a", 1, day(0));
        put("b", 1, day(1));
        for (int back : new int[] {7, 1, 0, 3}) {
            assertThat(put("a", back, day(back).plusSeconds(5)).updated()).isTrue();
            for (int d = 0; d <= 7; d++) {
                Query ofDay = Query.builder("states")
                        .from(day(d))
                        .to(day(d).plusSeconds(10))
                        .columns(List.of("k"))
                        .build();
                List<Object> expected = new ArrayList<>();
                if (d == back) {
                    expected.add("a");
                }
                if (d == 1) {
                    expected.add("b");
                }
                assertThat(read(store, ofDay, "k"))
                        .as("day %s after a moved to %s", d, back)
                        .isEqualTo(expected);
            }
        }
        assertThat(store.count(all(SPEC))).isEqualTo(2);
    }

    @Test
    void shouldTakeAnOlderRecordOfAKeyTooWhenItComesLater() {
        put("a", 1, day(0));
        put("a", 2, day(10));
        assertThat(read(store, all(SPEC))).containsExactly(plain(state("a", 2, day(10))));
    }

    @Test
    void shouldTellKeysApart() {
        List<String> keys = List.of(
                "a",
                "A",
                "a ",
                " a",
                "",
                "é",
                "e\u0301",
                "ß",
                "ss",
                "İ",
                "i",
                "a\u200b",
                "😀",
                "\uD83D\uDE01",
                "1",
                "01",
                "1.0",
                "a'b",
                "a\\b",
                "\\N",
                "x".repeat(2000),
                "x".repeat(1999) + "y");
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < keys.size(); i++) {
            rows.add(state(keys.get(i), i, day(i % 3)));
        }
        assertThat(append(table, rows).stored()).isEqualTo(keys.size());
        for (int i = 0; i < keys.size(); i++) {
            assertThat(put(keys.get(i), 100L + i, day(i % 2)).updated())
                    .as(keys.get(i))
                    .isTrue();
        }
        assertThat(store.count(all(SPEC))).isEqualTo(keys.size());
    }

    @Test
    void shouldTellCompositeKeysApart() {
        TableSpec spec = TableSpec.builder("pairs")
                .column("a", ColumnType.TEXT)
                .column("n", ColumnType.INTEGER)
                .column("b", ColumnType.TEXT)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("b", "n", "a")
                .partitionBy(PartitionBy.DAY)
                .build();
        Table<Row> pairs = store.createTable(spec);
        Object[][] keys = {
            {"x", 1L, "y"}, {"y", 1L, "x"}, {"x", 12L, "y"}, {"x1", 2L, "y"}, {"x", 1L, ""}, {"", 1L, "x"}
        };
        for (int round = 0; round < 3; round++) {
            List<Row> rows = new ArrayList<>();
            for (Object[] key : keys) {
                rows.add(row(spec, "a", key[0], "n", key[1], "b", key[2], "v", (long) round, "at", day(round)));
            }
            assertThat(append(pairs, rows).stored()).isEqualTo(round == 0 ? keys.length : 0);
        }
        assertThat(read(store, all(spec), "v")).containsOnly(2L).hasSize(keys.length);
        assertThat(pairs.find("y", 12L, "x").orElseThrow().get("v")).isEqualTo(2L);
        refused(ErrorCode.NO_KEY, () -> row(spec, "a", "x", "b", "y", "at", NOW));
    }

    @Test
    void shouldTakeKeysOfEveryType() {
        Map<ColumnType, List<Object>> keys = new LinkedHashMap<>();
        keys.put(ColumnType.INTEGER, List.of(Long.MIN_VALUE, -1L, 0L, Long.MAX_VALUE));
        keys.put(
                ColumnType.REAL,
                List.of(0.0, 0.1, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY, Double.MIN_VALUE));
        keys.put(ColumnType.BOOLEAN, List.of(true, false));
        keys.put(ColumnType.TIMESTAMP, List.of(Instant.EPOCH, NOW, NOW.plusNanos(1000)));
        keys.put(ColumnType.DURATION, List.of(Duration.ZERO, Duration.ofNanos(-1000)));
        keys.put(ColumnType.DECIMAL, List.of(new BigDecimal("1"), new BigDecimal("1.0"), new BigDecimal("-1")));
        keys.put(ColumnType.UUID, List.of(new UUID(0, 0), new UUID(0, 1)));
        keys.put(ColumnType.JSON, List.of(List.of(), Map.of(), List.of(1L)));
        keys.put(
                ColumnType.BLOB,
                List.of(
                        new byte[0],
                        new byte[] {0},
                        new byte[] {-1},
                        "a".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        keys.forEach((type, values) -> {
            TableSpec spec = TableSpec.builder("by_" + type.specName())
                    .column("key", type)
                    .column("v", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .key("key")
                    .partitionBy(PartitionBy.DAY)
                    .build();
            Table<Row> typed = store.createTable(spec);
            for (int round = 0; round < 2; round++) {
                List<Row> rows = new ArrayList<>();
                for (Object value : values) {
                    rows.add(row(spec, "key", value, "v", (long) round, "at", day(rows.size() % 2)));
                }
                assertThat(append(typed, rows).stored()).as("%s", type).isEqualTo(round == 0 ? values.size() : 0);
            }
            List<@Nullable Object> expected = new ArrayList<>();
            values.forEach(value ->
                    expected.add(plain(row(spec, "key", value, "at", NOW)).get("key")));
            assertThat(read(store, all(spec), "key")).as("%s", type).containsExactlyInAnyOrderElementsOf(expected);
        });
        Table<Row> reals = store.createTable(store.table("by_real").spec());
        assertThat(reals.append(row(reals.spec(), "key", -0.0, "at", NOW), Ack.COMMITTED)
                        .join()
                        .updated())
                .as("there is one zero")
                .isTrue();
    }

    @Test
    void shouldTakeManyKeysAgainAndAgain() {
        int count = 3000;
        for (int round = 0; round < 3; round++) {
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int k = (i * 7919 + round) % count;
                rows.add(state("key " + k, round, day(k % 5)));
            }
            BatchReceipt receipt = append(table, rows);
            assertThat(receipt.stored()).isEqualTo(round == 0 ? count : 0);
        }
        assertThat(read(store, all(SPEC), "v")).hasSize(count).containsOnly(2L);
    }

    @Test
    void shouldAnswerAsTheOracleAfterAnyOrderOfUpserts() {
        Store oracle = newOracle();
        int[] trials = {0};
        Property.check("upserts = oracle", 12, gen -> {
            TableSpec spec = TableSpec.builder("t" + trials[0]++)
                    .column("k", ColumnType.INTEGER)
                    .column("v", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .key("k")
                    .partitionBy(gen.of(PartitionBy.DAY, PartitionBy.HOUR, PartitionBy.NONE, PartitionBy.AUTO))
                    .build();
            Table<Row> tested = store.createTable(spec);
            Table<Row> expected = oracle.createTable(spec);
            long[] version = {0};
            for (int batch = gen.between(1, 6); batch > 0; batch--) {
                List<Row> rows = gen.list(1, () -> {
                    long v = version[0]++;
                    // Times are unique, so that the order of rows is too.
                    Instant at = day(gen.between(0, 4)).plusNanos(v * 1000);
                    return row(spec, "k", gen.between(0L, 12L), "v", v, "at", at);
                });
                BatchReceipt got = append(tested, rows);
                BatchReceipt wanted = append(expected, rows);
                assertThat(got.stored()).isEqualTo(wanted.stored());
                assertThat(read(store, all(spec))).isEqualTo(read(oracle, all(spec)));
            }
        });
    }
}
