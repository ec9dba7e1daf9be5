package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Every value comes back as it was given, or is refused by name (guarantees of docs/types.md). */
abstract class RecordConformance extends Conformance {
    private static final TableSpec SPEC = TableSpec.builder("records")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("t", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("r", ColumnType.REAL)
            .column("b", ColumnType.BOOLEAN)
            .column("ts", ColumnType.TIMESTAMP)
            .column("took", ColumnType.DURATION)
            .column("price", ColumnType.DECIMAL)
            .column("id", ColumnType.UUID)
            .column("js", ColumnType.JSON)
            .column("bl", ColumnType.BLOB)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .column(new Column("dump", ColumnType.BLOB, true, false, null))
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private static final List<String> TEXTS = List.of(
            "",
            " ",
            "a",
            "é",
            "e\u0301",
            "Ää ñ ß İ ı ſ K",
            "日本語 עברית العربية",
            "😀 👩\u200d👩\u200d👧 \uD83C\uDDE9\uD83C\uDDEA",
            "\uE000 \uFFFD \uFFFF \uDBFF\uDFFF",
            "\uFEFFbyte order mark",
            "it's \"quoted\" `so` [or] $$so$$ $1 ? :p",
            "back\\slash \\N \\. \\t \\\\",
            "\\N",
            "\\.",
            "tab\tnew\nline\rreturn\r\nboth",
            "\u0001\u0008\u001b\u007f\u0085\u2028",
            "NULL",
            "null",
            "a,b;c|d",
            "%_\\%\\_",
            " leading and trailing \n",
            "--'; DROP TABLE records; --");

    private final Store store;

    RecordConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
    }

    private static byte[] everyByte(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 31 + i / 256);
        }
        return bytes;
    }

    private static Map<String, List<Object>> edges() {
        Map<String, List<Object>> edges = new LinkedHashMap<>();
        edges.put("t", new ArrayList<>(TEXTS));
        edges.put("trace", new ArrayList<>(TEXTS));
        edges.put("n", List.of(0L, -1L, Long.MIN_VALUE, Long.MAX_VALUE, 9_007_199_254_740_993L));
        edges.put(
                "r",
                List.of(
                        0.0,
                        0.1,
                        1.0 / 3,
                        Double.MIN_VALUE,
                        Double.MIN_NORMAL,
                        Double.MAX_VALUE,
                        -Double.MAX_VALUE,
                        Double.POSITIVE_INFINITY,
                        Double.NEGATIVE_INFINITY,
                        1e22,
                        123456789.12345679));
        edges.put("b", List.of(true, false));
        edges.put(
                "ts",
                List.of(
                        Instant.EPOCH,
                        Instant.parse("1969-12-31T23:59:59.999999Z"),
                        Instant.parse("2026-05-20T10:00:00.123456Z"),
                        Instant.parse("0001-01-01T00:00:00Z"),
                        Instant.parse("9999-12-31T23:59:59.999999Z"),
                        Instant.EPOCH.plus(Long.MAX_VALUE, ChronoUnit.MICROS),
                        Instant.EPOCH.plus(Long.MIN_VALUE + 1_000_000, ChronoUnit.MICROS)));
        edges.put(
                "took",
                List.of(
                        Duration.ZERO,
                        Duration.ofNanos(1000),
                        Duration.ofNanos(-1000),
                        Duration.of(Long.MAX_VALUE, ChronoUnit.MICROS),
                        Duration.of(Long.MIN_VALUE + 1_000_000, ChronoUnit.MICROS)));
        edges.put(
                "price",
                List.of(
                        new BigDecimal("0"),
                        new BigDecimal("1.10"),
                        new BigDecimal("-0.001"),
                        new BigDecimal("12345678901234567890.5"),
                        new BigDecimal("9".repeat(1000))));
        edges.put("id", List.of(new UUID(0, 0), new UUID(-1, -1), new UUID(1, 2)));
        edges.put(
                "bl",
                List.of(
                        new byte[0],
                        new byte[1],
                        everyByte(1024),
                        "\\x00".getBytes(java.nio.charset.StandardCharsets.US_ASCII)));
        edges.put("dump", List.of(new byte[0], everyByte(1 << 20)));
        return edges;
    }

    @Test
    void shouldReadBackEveryValueAsItWasGiven() {
        Table<Row> table = store.createTable(SPEC);
        List<Row> rows = new ArrayList<>();
        edges().forEach((column, values) -> values.forEach(value ->
                rows.add(row(SPEC, "i", (long) rows.size(), "at", NOW.minusSeconds(rows.size()), column, value))));
        append(table, rows);
        List<Map<String, @Nullable Object>> read =
                read(store, Query.builder("records").newestFirst().details().build());
        assertThat(read).hasSameSizeAs(rows);
        for (int i = 0; i < rows.size(); i++) {
            assertThat(read.get(i)).as("row %s", i).isEqualTo(plain(rows.get(i)));
        }
    }

    @Test
    void shouldKeepJsonAsItWasWritten() {
        Table<Row> table = store.createTable(SPEC);
        List<String> texts = List.of(
                "null",
                "{}",
                "[]",
                "\"\"",
                "true",
                "-0",
                "1e400",
                "123456789012345678901234567890.10",
                "{\"b\":1,\"a\":2,\"b\":3}",
                "\"\\u0000 \\uD83D \\\\\"",
                "{\"a\":[1,{\"ü\":\"😀\"}]}",
                "[".repeat(200) + "]".repeat(200));
        List<Row> rows = new ArrayList<>();
        for (String text : texts) {
            var row = Row.of(SPEC).set("i", (long) rows.size()).set("at", NOW.plusNanos(1000L * rows.size()));
            row.setJson(SPEC.position("js"), text);
            rows.add(row.build());
        }
        append(table, rows);
        assertThat(read(store, all(SPEC), "js")).isEqualTo(new ArrayList<Object>(texts));
        table.append(row(SPEC, "at", NOW.plusSeconds(1), "js", Map.of("k", Arrays.asList(1, null, "x"))));
        store.flush(Duration.ofSeconds(10));
        assertThat(read(store, Query.builder("records").limit(1).build(), "js"))
                .containsExactly("{\"k\":[1,null,\"x\"]}");
    }

    @Test
    void shouldKeepOneZero() {
        Table<Row> table = store.createTable(SPEC);
        append(table, row(SPEC, "at", NOW, "r", -0.0));
        assertThat(read(store, all(SPEC), "r")).containsExactly(0.0);
    }

    @Test
    void shouldKeepHugeTextAndBlobs() {
        Table<Row> table = store.createTable(SPEC);
        String text = "a😀é\n\\".repeat(700_000);
        Row huge = row(SPEC, "at", NOW, "t", text, "trace", text, "bl", everyByte(2 << 20));
        append(table, huge);
        assertThat(read(store, all(SPEC))).containsExactly(plain(huge));
    }

    @Test
    void shouldKeepNulls() {
        Table<Row> table = store.createTable(SPEC);
        Row empty = row(SPEC, "at", NOW);
        append(table, empty);
        assertThat(read(store, all(SPEC))).containsExactly(plain(empty));
    }

    @Test
    void shouldKeepMicrosecondsOfEventTimesAndOrderByThem() {
        Table<Row> table = store.createTable(SPEC);
        append(
                table,
                row(SPEC, "i", 2, "at", NOW.plusNanos(2000)),
                row(SPEC, "i", 0, "at", NOW.minusNanos(1000)),
                row(SPEC, "i", 1, "at", NOW.plusNanos(999)));
        assertThat(read(store, all(SPEC), "i")).containsExactly(0L, 1L, 2L);
        assertThat(read(store, all(SPEC), "at")).containsExactly(NOW.minusNanos(1000), NOW, NOW.plusNanos(2000));
        Query one = Query.builder("records").from(NOW).to(NOW.plusNanos(1000)).build();
        assertThat(read(store, one, "i")).containsExactly(1L);
    }

    /** A refusal names the column, and nothing of the record is stored; the rest of a batch is. */
    @Test
    void shouldRefuseWhatNoEngineCanKeep() {
        store.createTable(SPEC);
        Map<String, Object> bad = new LinkedHashMap<>();
        bad.put("t", "a\u0000b");
        bad.put("trace", "\u0000");
        bad.put("r", Double.NaN);
        for (String half : List.of("\uD83D", "\uDE00", "\uDE00\uD83D", "a\uD83Db")) {
            assertThat(refused(ErrorCode.BAD_VALUE, () -> row(SPEC, "at", NOW, "t", half))
                            .details())
                    .containsEntry("column", "t");
        }
        bad.forEach((column, value) -> {
            LeveeException e = refused(ErrorCode.BAD_VALUE, () -> row(SPEC, "at", NOW, column, value));
            assertThat(e.details()).containsEntry("column", column);
        });
        assertThat(store.count(all(SPEC))).isZero();
    }

    @Test
    void shouldNameTheRecordsThatItRefusesAndTakeTheOthers() {
        Table<Row> table = store.createTable(SPEC);
        List<Row> rows = new ArrayList<>();
        for (long i = 0; i < 5; i++) {
            rows.add(row(SPEC, "i", i, "at", i % 2 == 0 ? NOW : NOW.plus(Duration.ofDays(400))));
        }
        BatchReceipt receipt = table.appendAll(rows, Ack.COMMITTED).join();
        assertThat(receipt.stored()).isEqualTo(3);
        assertThat(receipt.rejected()).extracting(BatchReceipt.Rejection::index).containsExactly(1, 3);
        assertThat(receipt.rejected()).allMatch(r -> r.error().code() == ErrorCode.TIME_REFUSED);
        assertThat(read(store, all(SPEC), "i")).containsExactly(0L, 2L, 4L);
    }
}
