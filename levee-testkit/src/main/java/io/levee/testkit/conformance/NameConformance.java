package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Aggregation;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Names are only names (guarantee G62), and a table's columns may become more. */
abstract class NameConformance extends Conformance {
    private static final List<String> ODD = List.of(
            "job ID",
            "xwf.id",
            "select",
            "xmin",
            "ctid",
            "tableoid",
            "from",
            "user",
            "Order",
            "UPPER",
            "CamelCase",
            "quote\"d",
            "it's",
            "back\\slash",
            "`tick`",
            "[bracket]",
            "semi;colon--",
            "per%cent_",
            "what?",
            ":named",
            "$1",
            "a,b",
            " leading",
            "trailing ",
            "größe ♥",
            "😀",
            "levee_seq",
            "m.x",
            "x".repeat(63),
            "ü".repeat(31));

    private final Store store;

    NameConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
    }

    /** Every odd name as a hot column, as a column of the key, of an index and (in another table) as a detail. */
    @Test
    void shouldTakeAnyColumnName() {
        for (boolean detail : new boolean[] {false, true}) {
            TableSpec.Builder builder = TableSpec.builder(detail ? "details" : "hot")
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .partitionBy(PartitionBy.DAY);
            ODD.forEach(name -> builder.column(new Column(name, ColumnType.TEXT, detail, false, null)));
            if (!detail) {
                ODD.subList(0, 20).forEach(builder::index);
                builder.key(ODD.toArray(String[]::new));
            }
            TableSpec spec = builder.build();
            Table<Row> table = store.createTable(spec);
            Map<String, @Nullable Object> values = new LinkedHashMap<>();
            values.put("at", NOW);
            ODD.forEach(name -> values.put(name, "value of " + name));
            var row = Row.of(spec);
            values.forEach(row::set);
            Row built = row.build();
            append(table, built);
            append(table, detail ? built : row(spec, sameKey(values)));
            assertThat(read(store, all(spec)).get(0)).isEqualTo(values);
            assertThat(store.count(all(spec))).isEqualTo(detail ? 2 : 1);
            for (String name : ODD) {
                Query query = Query.builder(spec.name())
                        .where(Expr.eq(name, "value of " + name))
                        .columns(List.of(name))
                        .limit(1)
                        .build();
                assertThat(read(store, query, name)).containsExactly("value of " + name);
                Aggregation groups = new Aggregation(query, List.of(name), List.of(Measure.max(name)));
                assertThat(store.aggregate(groups).groups())
                        .containsExactly(List.of("value of " + name, "value of " + name));
            }
        }
    }

    private static @Nullable Object[] sameKey(Map<String, @Nullable Object> values) {
        List<@Nullable Object> all = new ArrayList<>();
        values.forEach((name, value) -> {
            all.add(name);
            all.add(value);
        });
        return all.toArray();
    }

    @Test
    void shouldTakeAnyTableName() {
        for (String name : List.of("select", "table", "Order", "user", "_", "A1", "x".repeat(48), "trash", "store")) {
            TableSpec spec = TableSpec.builder(name)
                    .column("at", ColumnType.TIMESTAMP)
                    .column("k", ColumnType.TEXT)
                    .time("at")
                    .key("k")
                    .index("k", "at")
                    .build();
            Table<Row> table = store.createTable(spec);
            append(table, row(spec, "at", NOW, "k", name));
            append(table, row(spec, "at", NOW, "k", name));
            assertThat(read(store, all(spec), "k")).as(name).containsExactly(name);
        }
        assertThat(store.tables()).hasSize(9);
        TableSpec other = TableSpec.builder("SELECT")
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .build();
        refused(ErrorCode.SPEC_CONFLICT, () -> store.createTable(other));
    }

    @Test
    void shouldTakeTheMostColumnsThereMayBe() {
        TableSpec.Builder builder =
                TableSpec.builder("wide").column("at", ColumnType.TIMESTAMP).time("at");
        for (int i = 1; i < TableSpec.MAX_COLUMNS; i++) {
            builder.column("c" + i, ColumnType.INTEGER);
        }
        TableSpec spec = builder.build();
        Table<Row> table = store.createTable(spec);
        var row = Row.of(spec).set("at", NOW);
        for (int i = 1; i < TableSpec.MAX_COLUMNS; i += 3) {
            row.set("c" + i, (long) i);
        }
        Row wide = row.build();
        append(table, wide);
        assertThat(read(store, all(spec))).containsExactly(plain(wide));
    }

    /** Rows from before have no value in a new column, in whatever partition and kind of column. */
    @Test
    void shouldAddColumnsAtOnce() {
        TableSpec before = base().build();
        append(
                store.createTable(before),
                row(before, "i", 1L, "at", NOW),
                row(before, "i", 2L, "at", NOW.minusSeconds(90_000)));
        TableSpec after = base().column("n", ColumnType.INTEGER)
                .column(new Column("d", ColumnType.TEXT, true, false, null))
                .index("n")
                .build();
        Table<Row> table = store.createTable(after);
        append(table, row(after, "i", 3L, "at", NOW, "n", 7L, "d", "new"));
        // A row that was made by the old spec still fits.
        append(table, row(before, "i", 4L, "at", NOW));
        assertThat(ids(Expr.isNull("n"))).containsExactly(1L, 2L, 4L);
        assertThat(ids(Expr.isNull("d"))).containsExactly(1L, 2L, 4L);
        assertThat(ids(Expr.gt("n", 0L))).containsExactly(3L);
        assertThat(ids(Expr.not(Expr.gt("n", 0L)))).isEmpty();
        Aggregation groups = new Aggregation(all(after), List.of("n"), List.of(Measure.count(), Measure.max("d")));
        assertThat(store.aggregate(groups).groups())
                .containsExactly(java.util.Arrays.asList(null, 3L, null), List.of(7L, 1L, "new"));
        // What the old declaration lacks stays.
        assertThat(store.createTable(before).spec().position("n")).isNotNegative();
        refused(
                ErrorCode.SPEC_CONFLICT,
                () -> store.createTable(base().column("n", ColumnType.TEXT).build()));
    }

    private static TableSpec.Builder base() {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.DAY);
    }

    private List<@Nullable Object> ids(Expr where) {
        List<@Nullable Object> ids =
                new ArrayList<>(read(store, Query.builder("events").where(where).build(), "i"));
        ids.sort(java.util.Comparator.comparing(String::valueOf));
        return ids;
    }

    @Test
    void shouldKeepUnknownFieldsWhereTheTableSaysSo() {
        TableSpec spec = base().unknown(TableSpec.Unknown.EXTRA).build();
        Table<Row> table = store.createTable(spec);
        append(table, row(spec, "at", NOW, "no such", "v", "n", 7L));
        assertThat(read(store, all(spec), TableSpec.EXTRA_COLUMN)).containsExactly("{\"no such\":\"v\",\"n\":7}");
    }

    /** The first time column that has a value is the event time. */
    @Test
    void shouldTakeTheFirstTimeThatIsThere() {
        TableSpec spec = base().column("started", ColumnType.TIMESTAMP)
                .time("at", "started")
                .build();
        Table<Row> table = store.createTable(spec);
        append(
                table,
                row(spec, "i", 1L, "started", NOW.minusSeconds(10)),
                row(spec, "i", 2L, "at", NOW.minusSeconds(20), "started", NOW),
                row(spec, "i", 3L, "at", NOW));
        assertThat(read(store, all(spec), "i")).containsExactly(2L, 1L, 3L);
        assertThat(read(store, Query.builder("events").from(NOW).build(), "i")).containsExactly(3L);
        refused(ErrorCode.NO_TIME, () -> row(spec, "i", 4L));
    }
}
