package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.conformance.OldTable.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What a splitting cannot move, or moves elsewhere than one would think: each such row is counted by its cause (guarantees G64, G84). */
abstract class SplitCountConformance extends OldTopic {
    private static final Instant BEGIN = OldTables.BEGIN;

    SplitCountConformance(EngineConformance kit) {
        super(kit);
    }

    private static TableSpec.Builder keyed() {
        return TableSpec.builder("e")
                .column("k", ColumnType.TEXT)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("k")
                .partitionBy(PartitionBy.DAY);
    }

    private static OldTable table(@Nullable Object[]... rows) {
        Map<String, Kind> columns = new LinkedHashMap<>();
        columns.put("n", Kind.NUMBER);
        columns.put("k", Kind.TEXT);
        columns.put("v", Kind.MIXED);
        columns.put("at", Kind.TIME_TEXT);
        return new OldTable("e", columns, Map.of(), rows.length, i -> rows[i]);
    }

    private static @Nullable Object[] was(@Nullable String key, Object value, @Nullable Object at) {
        return new @Nullable Object[] {key, value, at};
    }

    /** G84: where not all of it could be moved, it stays, though it was taken; and each row that did not is counted by its cause. */
    @Test
    void shouldCountWhatIsBrokenOrDoubledAndKeepWhatWasTaken(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(table(
                was("a", 1, BEGIN),
                was("b", 2, BEGIN.plusSeconds(1)),
                was("a", 3, BEGIN.plusSeconds(2)),
                was(null, 4, BEGIN.plusSeconds(3)),
                was("c", "no number", BEGIN.plusSeconds(4)),
                was("d", 6, null),
                was("e", 7, "soon"),
                was("live", 9, BEGIN.plusSeconds(5)),
                was("g", 10, BEGIN.plusSeconds(86_400))));
        for (int rows : new int[] {3, 100}) {
            Store store = splitting(engine().newStore(), rows, point -> {});
            Table<Row> table =
                    store.createTable(keyed().retention(RetentionRule.UNBOUNDED).build());
            append(table, row(table.spec(), "k", "live", "v", 100L, "at", BEGIN));
            store.split(store.adopt(
                            "e",
                            old.adoption("e").timeUnit(Adoption.TimeUnit.TEXT).taken())
                    .partition());
            SplitStatus done = await(store, SplitStatus.State.DONE);
            assertThat(done.rowsDone()).isEqualTo(9);
            assertThat(done.superseded()).as("the earlier 'a', and 'live'").isEqualTo(2);
            assertThat(done.keyless()).isEqualTo(1);
            assertThat(done.timeless()).isEqualTo(2);
            assertThat(done.unreadable()).as("'no number' and 'soon'").isEqualTo(2);
            assertThat(done.expired()).isZero();
            assertThat(done.note()).contains("is kept");
            assertThat(old.there("e")).isTrue();
            assertThat(values(store))
                    .isEqualTo(Map.of("a", "3", "b", "2", "c", "null", "d", "6", "e", "7", "live", "100", "g", "10"));
            assertThat(gaps(store)).containsExactly("WRITE_FAILED 1");
            // A row that moved is updated where it is, and deleted: its key is found.
            table.append(row(table.spec(), "k", "b", "v", 22L, "at", BEGIN), Ack.COMMITTED)
                    .join();
            assertThat(count(store, "e")).isEqualTo(7);
            assertThat(table.tail(0).poll(Duration.ofSeconds(5)).entries()).hasSize(2);
            table.delete(Ack.COMMITTED, "a").join();
            assertThat(count(store, "e")).isEqualTo(6);
        }
    }

    private static Map<Object, Object> values(Store store) {
        Map<Object, Object> values = new HashMap<>();
        read(store, Query.builder("e").build())
                .forEach(row -> values.put(String.valueOf(row.get("k")), String.valueOf(row.get("v"))));
        return values;
    }

    private static List<String> gaps(Store store) {
        try (Result<Row> rows = store.query(Query.builder("e").build())) {
            rows.forEach(row -> {});
            return rows.coverage().gaps().stream()
                    .map(g -> g.reason() + " " + g.count())
                    .toList();
        }
    }

    /** Rows below the table's floor do not come back by the back door, and are told. */
    @Test
    void shouldCountAndTellWhatIsTooOld(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        Instant now = BEGIN.plus(Duration.ofDays(30));
        old.create(table(
                was("x", 0, BEGIN),
                was("y", 0, BEGIN),
                was("a", 1, now),
                was("b", 2, now),
                was("a", 3, now),
                was(null, 4, now),
                was("c", "no number", now),
                was("live", 5, now)));
        String address = engine().newStore();
        try (Store store = splittingAt(address, BEGIN.plusSeconds(60))) {
            Table<Row> table = store.createTable(
                    keyed().retention(RetentionRule.maxAge(Duration.ofDays(7))).build());
            append(table, row(table.spec(), "k", "gone", "v", 1L, "at", BEGIN));
        }
        Store store = splittingAt(address, now);
        assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(1);
        Table<Row> table = store.table("e");
        append(table, row(table.spec(), "k", "live", "v", 100L, "at", now));
        store.split(store.adopt("e", old.adoption("e")).partition());
        SplitStatus done = await(store, SplitStatus.State.DONE);
        assertThat(done.rowsDone()).isEqualTo(8);
        assertThat(done.expired()).isEqualTo(2);
        assertThat(done.superseded()).as("the earlier 'a', and 'live'").isEqualTo(2);
        assertThat(done.keyless()).isEqualTo(1);
        assertThat(done.unreadable()).isEqualTo(1);
        assertThat(gaps(store)).contains("EXPIRED 2", "WRITE_FAILED 1");
        assertThat(values(store)).isEqualTo(Map.of("a", "3", "b", "2", "c", "null", "live", "100"));
    }

    private Store splittingAt(String address, Instant now) {
        return splitting(
                address, 3, point -> {}, o -> o.clock(new ManualClock(now)).asOf(now));
    }

    /** A row without a time counts as of 1970: by that the rows of a few days would go into one partition for years. */
    @Test
    void shouldChooseTheWidthByTheRowsThatHaveATime(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        Map<String, Kind> columns = new LinkedHashMap<>();
        columns.put("v", Kind.WHOLE);
        columns.put("at", Kind.WHOLE);
        old.create(new OldTable("e", columns, Map.of("e_at", "at"), 240, i ->
                new @Nullable Object[] {i, i == 7 ? null : BEGIN.getEpochSecond() + i * 3600L}));
        TableSpec spec = TableSpec.builder("e")
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .retention(RetentionRule.UNBOUNDED)
                .build();
        assertThat(spec.partitionBy()).isEqualTo(PartitionBy.AUTO);
        Store store = splitting(engine().newStore(), 100, point -> {});
        store.createTable(spec);
        store.split(store.adopt("e", old.adoption("e").timeUnit(Adoption.TimeUnit.SECONDS))
                .partition());
        await(store, SplitStatus.State.DONE);
        assertThat(count(store, "e")).isEqualTo(240);
        assertThat(store.partitions().stream().map(p -> p.id().period()).distinct())
                .contains("1970")
                .filteredOn(period -> period.matches("2026-\\d\\d-\\d\\d"))
                .hasSize(10);
    }
}
