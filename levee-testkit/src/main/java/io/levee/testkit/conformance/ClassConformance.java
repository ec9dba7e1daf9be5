package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.engine.Capability;
import io.levee.testkit.Property;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Classes of records with lives of their own: a short promise never drops a long one's data (pain 24). */
abstract class ClassConformance extends Conformance {
    private static final String[] STATES = {"SUCCESS", "FAILURE", "REVOKED", "STARTED"};

    private final Store store;

    ClassConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
    }

    private static RetentionRule.Builder rule() {
        return RetentionRule.builder().by("state").maxAge(Duration.ofDays(7));
    }

    private static RetentionRule failures() {
        return rule().keep("FAILURE", Duration.ofDays(90)).build();
    }

    private static TableSpec spec(RetentionRule rule, String... key) {
        return TableSpec.builder("runs")
                .column("id", ColumnType.INTEGER)
                .column("state", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column(new Column("trace", ColumnType.TEXT, true, false, null))
                .time("at")
                .key(key)
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static Instant day(int back) {
        return NOW.minus(Duration.ofDays(back));
    }

    private static Row run(TableSpec spec, long id, @Nullable String state, Instant at) {
        return row(spec, "id", id, "state", state, "at", at, "trace", state + " of " + id);
    }

    private RetentionReport apply() {
        RetentionReport report = store.applyRetention(store.planRetention());
        assertThat(report.blocked()).isEmpty();
        return report;
    }

    /** How many rows the partitions of each class hold. */
    private static Map<String, Long> rowsByClass(Store of) {
        Map<String, Long> rows = new TreeMap<>();
        for (PartitionInfo partition : of.partitions()) {
            if (partition.rows() != 0) {
                rows.merge(partition.id().retentionClass(), partition.rows(), Long::sum);
            }
        }
        return rows;
    }

    private List<@Nullable Object> ids(Query query) {
        return read(store, query, "id");
    }

    private static Query where(Expr where) {
        return Query.builder("runs").where(where).oldestFirst().build();
    }

    @Test
    void shouldKeepEachClassAsLongAsItWasPromised() {
        TableSpec spec = spec(failures());
        Table<Row> table =
                store.createTable(spec(failures().toBuilder().maxAge(null).build()));
        List<Row> rows = new ArrayList<>();
        for (int back = 0; back < 30; back++) {
            rows.add(run(spec, back, "SUCCESS", day(back)));
            rows.add(run(spec, 100 + back, "FAILURE", day(back)));
            rows.add(run(spec, 200 + back, null, day(back)));
        }
        append(table, rows);
        assertThat(rowsByClass(store)).isEqualTo(Map.of("", 60L, "FAILURE", 30L));
        store.createTable(spec);
        assertThat(apply().dropped())
                .hasSize(22)
                .allMatch(id -> id.retentionClass().isEmpty());
        assertThat(rowsByClass(store)).isEqualTo(Map.of("", 16L, "FAILURE", 30L));
        assertThat(ids(where(Expr.eq("state", "FAILURE")))).hasSize(30);
        clock.advance(Duration.ofDays(70));
        apply();
        assertThat(rowsByClass(store)).isEqualTo(Map.of("FAILURE", 21L));
        assertThat(ids(Query.builder("runs").newestFirst().build()))
                .hasSize(21)
                .startsWith(100L)
                .endsWith(120L);
    }

    /** Late records of a class with a short life are refused without refusing those of one with a long life. */
    @Test
    void shouldHaveAFloorForEachClass() {
        TableSpec spec = spec(failures());
        Table<Row> table =
                store.createTable(spec(failures().toBuilder().maxAge(null).build()));
        for (int back : List.of(20, 9, 0)) {
            append(table, run(spec, back, "SUCCESS", day(back)), run(spec, 100 + back, "FAILURE", day(back)));
        }
        Table<Row> kept = store.createTable(spec);
        assertThat(apply().dropped()).hasSize(2);
        refused(ErrorCode.TIME_REFUSED, () -> kept.append(run(spec, 1, "SUCCESS", day(9))));
        append(kept, run(spec, 2, "FAILURE", day(9)), run(spec, 3, "FAILURE", day(80)));
        refused(ErrorCode.TIME_REFUSED, () -> kept.append(run(spec, 4, "FAILURE", day(91))));
        // What went stays gone, whatever the promise is by then.
        Table<Row> longer = store.createTable(
                spec(failures().toBuilder().maxAge(Duration.ofDays(60)).build()));
        refused(ErrorCode.TIME_REFUSED, () -> longer.append(run(spec, 5, "SUCCESS", day(9))));
        append(longer, run(spec, 6, "SUCCESS", day(8)), run(spec, 7, "FAILURE", day(21)));
        assertThat(ids(where(Expr.eq("state", "FAILURE")))).containsExactly(3L, 7L, 120L, 109L, 2L, 100L);
    }

    @Test
    void shouldMoveARowWhoseClassChanges() {
        TableSpec spec = spec(failures(), "id");
        Table<Row> table = store.createTable(spec);
        Receipt first =
                table.append(run(spec, 1, "STARTED", day(1)), Ack.COMMITTED).join();
        append(table, run(spec, 2, "STARTED", day(1)));
        for (String state : List.of("FAILURE", "SUCCESS", "FAILURE", "FAILURE")) {
            Receipt next =
                    table.append(run(spec, 1, state, day(1)), Ack.COMMITTED).join();
            assertThat(next.updated()).isTrue();
            assertThat(next.seq()).as("its number stays").isEqualTo(first.seq());
            assertThat(rowsByClass(store))
                    .isEqualTo(state.equals("FAILURE") ? Map.of("", 1L, "FAILURE", 1L) : Map.of("", 2L));
            assertThat(read(store, all(spec)))
                    .containsExactlyInAnyOrder(
                            plain(run(spec, 1, state, day(1))), plain(run(spec, 2, "STARTED", day(1))));
            assertThat(table.find(1L).orElseThrow().get("state")).isEqualTo(state);
        }
        try (Tail<Row> tail = table.tail(first.seq() + 1)) {
            assertThat(tail.poll(Duration.ofSeconds(10)).entries())
                    .extracting(entry -> entry.value().get("state"))
                    .as("its last change is news")
                    .containsExactly("FAILURE");
        }
        assertThat(table.update(Map.of("state", "SUCCESS"), Ack.COMMITTED, 1L).join())
                .isTrue();
        assertThat(rowsByClass(store)).isEqualTo(Map.of("", 2L));
        assertThat(table.update(Map.of("state", "FAILURE"), Ack.COMMITTED, 2L).join())
                .isTrue();
        assertThat(table.delete(Ack.COMMITTED, 2L).join()).isTrue();
        assertThat(read(store, all(spec))).containsExactly(plain(run(spec, 1, "FAILURE", day(1), "SUCCESS")));
        append(table, run(spec, 2, "SUCCESS", day(1)));
        assertThat(rowsByClass(store)).isEqualTo(Map.of("", 2L));
    }

    /** A row whose details were written with one state and whose state was changed alone. */
    private static Row run(TableSpec spec, long id, String traced, Instant at, String state) {
        return row(spec, "id", id, "state", state, "at", at, "trace", traced + " of " + id);
    }

    /** Of several records of a key in one batch the last decides, of a new key and of a known one. */
    @Test
    void shouldPutAKeyWhereItsLastRecordBelongs() {
        TableSpec spec = spec(failures(), "id");
        Table<Row> table = store.createTable(spec);
        append(table, run(spec, 1, "STARTED", day(0)), run(spec, 1, "FAILURE", day(0)));
        assertThat(rowsByClass(store)).isEqualTo(Map.of("FAILURE", 1L));
        append(
                table,
                run(spec, 1, "SUCCESS", day(0)),
                run(spec, 2, "STARTED", day(0)),
                run(spec, 1, "FAILURE", day(0)),
                run(spec, 2, "FAILURE", day(0)),
                run(spec, 2, "SUCCESS", day(0)));
        assertThat(rowsByClass(store)).isEqualTo(Map.of("", 1L, "FAILURE", 1L));
        append(
                table,
                run(spec, 1, "FAILURE", day(0)),
                run(spec, 1, "SUCCESS", day(0)),
                run(spec, 2, "FAILURE", day(0)));
        assertThat(rowsByClass(store)).isEqualTo(Map.of("", 1L, "FAILURE", 1L));
        assertThat(read(store, all(spec)))
                .containsExactlyInAnyOrder(
                        plain(run(spec, 1, "SUCCESS", day(0))), plain(run(spec, 2, "FAILURE", day(0))));
    }

    /** What is moved is expired, erased and found as what it is now. */
    @Test
    void shouldTreatAMovedRowAsOneOfItsClass() {
        TableSpec spec = spec(failures(), "id");
        Table<Row> table = store.createTable(spec);
        append(
                table,
                run(spec, 1, "STARTED", day(6)),
                run(spec, 2, "FAILURE", day(6)),
                run(spec, 3, "STARTED", day(6)));
        append(table, run(spec, 1, "FAILURE", day(6)), run(spec, 2, "SUCCESS", day(6)));
        clock.advance(Duration.ofDays(3));
        apply();
        assertThat(ids(all(spec))).containsExactly(1L);
        assertThat(table.find(2L)).isEmpty();
        assertThat(table.erase(Expr.eq("id", 1L)).deleted()).isEqualTo(1);
        assertThat(ids(all(spec))).isEmpty();
    }

    /** A filter that fixes the class leaves the partitions of others out; others and their combinations answer the same. */
    @Test
    void shouldReadOnlyThePartitionsOfAClass() {
        TableSpec spec = spec(rule().keep("FAILURE", Duration.ofDays(90))
                .keep("REVOKED", Duration.ofDays(30))
                .build());
        Table<Row> table = store.createTable(spec);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            rows.add(run(spec, i, i % 5 == 4 ? null : STATES[i % 5], day(i / 8)));
        }
        append(table, rows);
        assertThat(store.partitions()).hasSize(9);
        touches(Expr.eq("state", "FAILURE"), 3, i -> i % 5 == 1);
        touches(Expr.in("state", "FAILURE", "REVOKED"), 6, i -> i % 5 == 1 || i % 5 == 2);
        touches(Expr.eq("state", "SUCCESS"), 3, i -> i % 5 == 0);
        touches(Expr.isNull("state"), 3, i -> i % 5 == 4);
        touches(Expr.and(Expr.ge("id", 4L), Expr.eq("state", "REVOKED")), 3, i -> i % 5 == 2 && i >= 4);
        touches(Expr.or(Expr.eq("state", "REVOKED"), Expr.eq("state", "STARTED")), 6, i -> i % 5 == 2 || i % 5 == 3);
        touches(Expr.or(Expr.eq("state", "REVOKED"), Expr.eq("id", 6L)), 9, i -> i % 5 == 2 || i == 6);
        touches(Expr.ne("state", "FAILURE"), 9, i -> i % 5 != 1 && i % 5 != 4);
        touches(Expr.not(Expr.eq("state", "FAILURE")), 9, i -> i % 5 != 1 && i % 5 != 4);
        touches(Expr.and(Expr.eq("state", "FAILURE"), Expr.eq("state", "REVOKED")), 0, i -> false);
    }

    private void touches(Expr where, int partitions, IntPredicate passes) {
        List<Long> expected = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            if (passes.test(i)) {
                expected.add((long) i);
            }
        }
        assertThat(ids(where(where))).containsExactlyInAnyOrderElementsOf(expected);
        assertThat(store.count(where(where))).isEqualTo(expected.size());
        Aggregation byState = new Aggregation(where(where), List.of("state"), List.of(Measure.count()));
        long counted = store.aggregate(byState).groups().stream()
                .mapToLong(group -> ((Number) group.get(1)).longValue())
                .sum();
        assertThat(counted).isEqualTo(expected.size());
        if (!store.explain(where(where)).steps().isEmpty()) {
            assertThat(store.explain(where(where)).touched())
                    .as("partitions read for %s", where)
                    .isEqualTo(partitions);
        }
    }

    /**
     * A class that is named later: what was written before is found where it is, and kept as long as it is promised now. One that is
     * named no more has its rows with the others from then on.
     */
    @Test
    void shouldKnowWhatWasWrittenBeforeAClassWasNamed() {
        TableSpec before = spec(failures(), "id");
        Table<Row> table = store.createTable(before);
        append(
                table,
                run(before, 1, "REVOKED", day(5)),
                run(before, 2, "FAILURE", day(5)),
                run(before, 3, "SUCCESS", day(5)));
        TableSpec named =
                spec(failures().toBuilder().keep("REVOKED", Duration.ofDays(30)).build(), "id");
        table = store.createTable(named);
        append(table, run(named, 4, "REVOKED", day(4)), run(named, 5, "SUCCESS", day(4)));
        assertThat(ids(where(Expr.eq("state", "REVOKED")))).containsExactly(1L, 4L);
        clock.advance(Duration.ofDays(6));
        apply();
        assertThat(ids(all(named)))
                .as("1 is promised 30 days, and 3 lies beside it")
                .containsExactlyInAnyOrder(1L, 2L, 3L, 4L);
        table = store.createTable(before);
        append(table, run(before, 6, "REVOKED", day(-5)), run(before, 4, "REVOKED", day(-5)));
        assertThat(ids(where(Expr.eq("state", "REVOKED")))).containsExactlyInAnyOrder(1L, 4L, 6L);
        assertThat(rowsByClass(store)).isEqualTo(Map.of("", 4L, "FAILURE", 1L));
        store.createTable(named);
        assertThat(ids(where(Expr.eq("state", "REVOKED")))).containsExactlyInAnyOrder(1L, 4L, 6L);
    }

    /** Values are any text, number or truth value, and never become a path or a piece of SQL (G62). */
    @Test
    void shouldTakeAnyValueAsAClass(TestReporter reporter) {
        List<String> odd =
                List.of("a/b", "..", "it's \"x\"", "2", "n\u00e9e \u65e5", "_", "-", "%41", "x; DROP TABLE runs");
        RetentionRule.Builder rule = rule();
        odd.forEach(name -> rule.keep(name, Duration.ofDays(90)));
        String address = engine().newStore();
        Store own = open(address, false);
        TableSpec spec = spec(rule.build(), "id");
        Table<Row> table = own.createTable(spec);
        Map<String, Long> expected = new HashMap<>();
        for (int i = 0; i < odd.size(); i++) {
            append(table, run(spec, i, "new", day(1)));
            append(table, run(spec, i, odd.get(i), day(1)));
            expected.put(odd.get(i), 1L);
        }
        assertThat(rowsByClass(own)).isEqualTo(expected);
        if (own.capabilities().contains(Capability.PERSISTENT)) {
            own.close();
            own = open(address, false);
            assertThat(rowsByClass(own)).isEqualTo(expected);
        } else {
            reportLack(own, Capability.PERSISTENT, reporter);
        }
        for (String name : odd) {
            assertThat(read(own, where(Expr.eq("state", name)), "state")).containsExactly(name);
        }
        own.applyRetention(own.planRetention());
        assertThat(read(own, all(spec))).hasSize(odd.size());
        clock.advance(Duration.ofDays(100));
        assertThat(own.applyRetention(own.planRetention()).blocked()).isEmpty();
        assertThat(read(own, all(spec))).isEmpty();
    }

    @Test
    void shouldClassByNumbersAndTruthValues() {
        TableSpec numbers = TableSpec.builder("checks")
                .column("code", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .retention(RetentionRule.builder()
                        .by("code")
                        .keep("500", Duration.ofDays(90))
                        .build())
                .build();
        Table<Row> checks = store.createTable(numbers);
        append(checks, row(numbers, "code", 500L, "at", day(1)), row(numbers, "code", 200L, "at", day(1)));
        TableSpec truths = TableSpec.builder("flags")
                .column("up", ColumnType.BOOLEAN)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .retention(RetentionRule.builder()
                        .by("up")
                        .keep("false", Duration.ofDays(90))
                        .build())
                .build();
        Table<Row> flags = store.createTable(truths);
        append(flags, row(truths, "up", false, "at", day(1)), row(truths, "up", true, "at", day(1)));
        assertThat(rowsByClass(store)).isEqualTo(Map.of("", 2L, "500", 1L, "false", 1L));
        assertThat(read(
                        store,
                        Query.builder("flags").where(Expr.eq("up", false)).build(),
                        "up"))
                .containsExactly(false);
        assertThat(read(
                        store,
                        Query.builder("checks").where(Expr.eq("code", 500L)).build(),
                        "code"))
                .containsExactly(500L);
    }

    @Test
    void shouldRefuseClassesByAnotherColumn() {
        TableSpec spec = spec(failures());
        append(store.createTable(spec), run(spec, 1, "FAILURE", day(1)));
        RetentionRule other =
                RetentionRule.builder().by("id").keep("1", Duration.ofDays(9)).build();
        refused(ErrorCode.SPEC_CONFLICT, () -> store.createTable(spec(other)));
        RetentionRule alike =
                failures().toBuilder().keep("failure", Duration.ofDays(9)).build();
        refused(ErrorCode.BAD_SPEC, () -> store.createTable(spec(alike)));
        append(store.table("runs"), run(spec, 2, "FAILURE", day(1)));
    }

    /** Whatever is written in whatever order: every row is there once, in a partition of its class, and none goes before its promise. */
    @Test
    void shouldHoldForAnyRecords() {
        Property.check("classes are partitions' alone", 6, gen -> {
            Store one = newStore();
            Store oracle = newOracle();
            TableSpec spec = spec(
                    failures().toBuilder().keep("REVOKED", Duration.ofDays(20)).build(), "id");
            Table<Row> table = one.createTable(spec);
            Table<Row> model = oracle.createTable(spec);
            Map<Long, Row> last = new HashMap<>();
            Instant base = clock.instant();
            for (int batch = 0; batch < 4; batch++) {
                List<Row> rows = gen.list(
                        1,
                        () -> run(
                                spec,
                                gen.between(0L, 30L),
                                gen.of(STATES),
                                base.minus(Duration.ofDays(gen.between(0, 6)))));
                append(table, rows);
                append(model, rows);
                rows.forEach(row -> last.put((Long) row.get("id"), row));
            }
            Map<String, Long> byClass = new TreeMap<>();
            last.values().forEach(row -> byClass.merge(classOf(spec, row), 1L, Long::sum));
            assertThat(rowsByClass(one)).isEqualTo(byClass);
            assertThat(read(one, all(spec))).containsExactlyInAnyOrderElementsOf(read(oracle, all(spec)));
            clock.advance(Duration.ofDays(gen.between(1, 30)));
            one.applyRetention(one.planRetention());
            List<Map<String, @Nullable Object>> left = read(one, all(spec));
            for (Row row : last.values()) {
                Duration age = Duration.between(row.time(), clock.instant());
                Duration promise = Objects.requireNonNull(spec.retention().ageOf(classOf(spec, row)));
                if (age.compareTo(promise) <= 0) {
                    assertThat(left).contains(plain(row));
                } else if (age.compareTo(promise.plusDays(8)) > 0) {
                    assertThat(left).doesNotContain(plain(row));
                }
            }
            one.close();
            oracle.close();
        });
    }

    private static String classOf(TableSpec spec, Row row) {
        String state = String.valueOf(row.get("state"));
        return spec.retention().classes().containsKey(state) ? state : "";
    }
}
