package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.EraseReport;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Property;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** One record by its key: found, changed, deleted, each in its place among the records that are queued; and erasure. */
abstract class SingleRecordConformance extends Conformance {
    private final Store store;
    private final TableSpec spec = spec(RetentionRule.KEEP_ALL);
    private final Table<Row> table;

    SingleRecordConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
        table = store.createTable(spec);
    }

    private static TableSpec spec(RetentionRule rule) {
        return TableSpec.builder("jobs")
                .column("site", ColumnType.TEXT)
                .column("k", ColumnType.INTEGER)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column(new Column("trace", ColumnType.TEXT, true, false, null))
                .time("at")
                .key("site", "k")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private Row job(long k, long v, Instant at) {
        return row(spec, "site", "é", "k", k, "v", v, "at", at, "trace", "trace " + v);
    }

    private static Instant day(long back) {
        return NOW.minus(Duration.ofDays(back));
    }

    private @Nullable Map<String, @Nullable Object> found(long k) {
        return table.find("é", k).map(Conformance::plain).orElse(null);
    }

    @Test
    void shouldFindARecordByItsKey() {
        for (long k = 0; k < 20; k++) {
            append(table, job(k, k * 10, day(k % 5)));
        }
        for (long k = 0; k < 20; k++) {
            assertThat(found(k)).isEqualTo(plain(job(k, k * 10, day(k % 5))));
        }
        assertThat(table.find("é", 99L)).isEmpty();
        assertThat(table.find("e", 1L)).isEmpty();
        refused(ErrorCode.BAD_QUERY, () -> table.find("é"));
        refused(ErrorCode.BAD_VALUE, () -> table.find("é", "x"));
        TableSpec keyless = TableSpec.builder("events")
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .build();
        refused(ErrorCode.BAD_QUERY, () -> store.createTable(keyless).find("x"));
    }

    @Test
    void shouldUpdateSomeColumns() {
        append(table, job(1, 10, day(0)), job(2, 20, day(3)));
        long seq = table.find("é", 1L).orElseThrow().seq();
        assertThat(table.update(Map.of("v", 11L), Ack.COMMITTED, "é", 1L).join())
                .isTrue();
        assertThat(found(1))
                .isEqualTo(plain(row(spec, "site", "é", "k", 1L, "v", 11L, "at", day(0), "trace", "trace 10")));
        assertThat(table.find("é", 1L).orElseThrow().seq()).isEqualTo(seq);
        Map<String, @Nullable Object> changes = new LinkedHashMap<>();
        changes.put("trace", null);
        changes.put("at", day(7));
        assertThat(table.update(changes, Ack.DURABLE, "é", 2L).join()).isTrue();
        assertThat(found(2))
                .containsEntry("trace", null)
                .containsEntry("at", day(7))
                .containsEntry("v", 20L);
        assertThat(read(store, all(spec), "k")).containsExactly(2L, 1L);
        assertThat(read(store, Query.builder("jobs").to(day(6)).build(), "k")).containsExactly(2L);
        assertThat(table.update(Map.of("v", 1L), Ack.COMMITTED, "é", 99L).join())
                .isFalse();
        refused(ErrorCode.BAD_VALUE, () -> table.update(Map.of("k", 7L), Ack.COMMITTED, "é", 1L));
        refused(ErrorCode.UNKNOWN_COLUMN, () -> table.update(Map.of("no", 7L), Ack.COMMITTED, "é", 1L));
        refused(ErrorCode.BAD_VALUE, () -> table.update(Map.of("v", "x"), Ack.COMMITTED, "é", 1L));
        refused(
                ErrorCode.TIME_REFUSED,
                () -> table.update(Map.of("at", NOW.plus(Duration.ofDays(9))), Ack.COMMITTED, "é", 1L)
                        .join());
        assertThat(store.count(all(spec))).isEqualTo(2);
    }

    @Test
    void shouldDeleteARecord() {
        append(table, job(1, 10, day(0)), job(2, 20, day(3)));
        assertThat(table.delete(Ack.COMMITTED, "é", 2L).join()).isTrue();
        assertThat(table.delete(Ack.DURABLE, "é", 2L).join()).isFalse();
        assertThat(table.find("é", 2L)).isEmpty();
        assertThat(read(store, all(spec), "k")).containsExactly(1L);
        assertThat(table.append(job(2, 21, day(1)), Ack.COMMITTED).join().updated())
                .as("a deleted key is new again")
                .isFalse();
        assertThat(found(2)).containsEntry("v", 21L).containsEntry("trace", "trace 21");
    }

    /** Nobody waits for anything in between: what counts is the order of the calls. */
    @Test
    void shouldKeepTheOrderOfCalls() {
        Property.check("calls take effect in their order", 10, gen -> {
            String site = "s" + gen.bits();
            Map<Long, Long> expected = new LinkedHashMap<>();
            List<CompletableFuture<Boolean>> answers = new ArrayList<>();
            List<Boolean> wanted = new ArrayList<>();
            for (long v = 0; v < gen.size() * 4L; v++) {
                long k = gen.between(0, 4);
                switch (gen.between(0, 5)) {
                    case 0 -> {
                        answers.add(table.delete(Ack.COMMITTED, site, k));
                        wanted.add(expected.remove(k) != null);
                    }
                    case 1 -> {
                        answers.add(table.update(Map.of("v", v), Ack.COMMITTED, site, k));
                        wanted.add(expected.replace(k, v) != null);
                    }
                    default -> {
                        table.append(row(spec, "site", site, "k", k, "v", v, "at", day(gen.between(0, 3))));
                        expected.put(k, v);
                    }
                }
            }
            assertThat(store.flush(Duration.ofSeconds(20))).isTrue();
            assertThat(answers.stream().map(CompletableFuture::join).toList()).isEqualTo(wanted);
            Map<Object, Object> got = new LinkedHashMap<>();
            read(store, Query.builder("jobs").where(Expr.eq("site", site)).build())
                    .forEach(r -> assertThat(got.put(String.valueOf(r.get("k")), String.valueOf(r.get("v"))))
                            .isNull());
            Map<Object, Object> shown = new LinkedHashMap<>();
            expected.forEach((k, v) -> shown.put(k.toString(), v.toString()));
            assertThat(got).isEqualTo(shown);
        });
    }

    @Test
    void shouldEraseWhatAFilterLetsThrough() {
        List<Row> rows = new ArrayList<>();
        for (long k = 0; k < 1500; k++) {
            rows.add(job(k, k % 3, day(k % 7)));
        }
        append(table, rows);
        table.append(job(5000, 1, day(2)));
        EraseReport report = table.erase(Expr.and(Expr.eq("v", 1L), Expr.eq("trace", "trace 1")));
        assertThat(report.deleted()).isEqualTo(501);
        assertThat(report.pending()).isEmpty();
        assertThat(store.count(all(spec))).isEqualTo(1000);
        assertThat(store.count(Query.builder("jobs").where(Expr.eq("v", 1L)).build()))
                .isZero();
        assertThat(table.find("é", 1L)).isEmpty();
        assertThat(table.erase(Expr.eq("v", 1L)).deleted()).isZero();
        refused(ErrorCode.UNKNOWN_COLUMN, () -> table.erase(Expr.eq("no", 1L)));
    }

    /** An erasure reaches what could still be brought back. */
    @Test
    void shouldEraseWhatWasDroppedToo() {
        for (long k = 0; k < 6; k++) {
            append(table, job(k, 1, day(k)));
        }
        store.createTable(spec(RetentionRule.maxAge(Duration.ofDays(3))));
        assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(2);
        EraseReport report = table.erase(Expr.eq("k", 5L));
        assertThat(report.pending()).isEmpty();
        assertThat(store.dropped()).isEmpty();
        assertThat(store.count(all(spec))).isEqualTo(4);
    }

    @Test
    void shouldEraseFromATableWithoutAKey() {
        TableSpec plain = TableSpec.builder("events")
                .column("who", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .build();
        Table<Row> events = store.createTable(plain);
        append(events, row(plain, "who", "ann", "at", NOW), row(plain, "who", "ann", "at", NOW), row(plain, "at", NOW));
        assertThat(events.erase(Expr.eq("who", "ann")).deleted()).isEqualTo(2);
        assertThat(store.count(all(plain))).isEqualTo(1);
    }

    @Test
    void shouldRefuseChangesOnceItIsClosed() {
        append(table, job(1, 1, NOW));
        store.close();
        refused(
                ErrorCode.CLOSED,
                () -> table.update(Map.of("v", 1L), Ack.COMMITTED, "é", 1L).join());
        refused(ErrorCode.CLOSED, () -> table.delete(Ack.COMMITTED, "é", 1L).join());
    }
}
