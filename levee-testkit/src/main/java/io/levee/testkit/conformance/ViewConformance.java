package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.Period;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.StorageEngine;
import io.levee.engine.Term;
import io.levee.engine.WriteRow;
import io.levee.internal.row.StoredOrder;
import io.levee.internal.supervisor.Supervisor;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import io.levee.testkit.memory.MemoryEngineProvider;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What a view reads: rows in any order, page by page and at any pace, and groups in parts, as the reference engine has them. */
abstract class ViewConformance extends EngineLevel {
    private static final int TRIALS = 3;
    private static final int QUERIES = 20;

    private final Supervisor oracles = new Supervisor();
    private final StorageEngine oracle = new MemoryEngineProvider()
            .open(
                    "memory:",
                    new EngineSettings(StoreOptions.builder().clock(clock).build(), false, oracles));
    private int tables;

    ViewConformance(EngineConformance kit) {
        super(kit);
    }

    @AfterEach
    final void endOracle() {
        oracle.close(null);
        oracles.stop();
    }

    private ViewData table(Gen gen) {
        ViewData data = new ViewData(gen, "t" + ++tables, micros(DAY));
        engine.putTable(data.spec);
        oracle.putTable(data.spec);
        return data;
    }

    /** The same rows in both, under the numbers that the engine gave them. */
    private void fill(TableSpec spec, List<? extends Pending> rows) {
        append(spec, rows);
        assertThat(rows).allMatch(r -> r.seq() > 0, "every row is stored");
        List<Pending> copies = new ArrayList<>();
        rows.forEach(r -> copies.add(new Pending(r.values(), r.timeMicros(), r.period())));
        // An update keeps the number of its row: the one that is taken for it here shows nowhere.
        Iterator<? extends WriteRow> given = rows.iterator();
        oracle.append(spec, copies, Ack.COMMITTED, () -> given.next().seq());
    }

    // Rows

    /** Orders other than time, newest per key, and pages (G57): every row once, whoever stops and goes on where. */
    @Test
    void shouldReadRowsAsTheOracle() {
        Property.check("rows = oracle", TRIALS, gen -> {
            ViewData data = table(gen);
            for (int i = 0; i < QUERIES; i++) {
                if (i % 5 == 0) {
                    fill(data.spec, gen.list(1, data::row));
                }
                RowQuery query = data.rowQuery();
                List<List<@Nullable Object>> wanted = read(oracle, query, Integer.MAX_VALUE, Integer.MAX_VALUE);
                int page = gen.of(1, 3, 10, 1000);
                int pace = gen.of(1, 2, 7, 1000);
                if (wanted.size() < 30 || Math.min(page, pace) > 3) {
                    assertThat(read(engine, query, page, pace))
                            .as("%s in pages of %s, stopping after %s", query, page, pace)
                            .isEqualTo(wanted);
                }
            }
        });
    }

    /** All rows of a query, equal by value: in pages of a view each, and within a page stopped and gone on with. */
    private static List<List<@Nullable Object>> read(StorageEngine asked, RowQuery query, int page, int pace) {
        List<List<@Nullable Object>> all = new ArrayList<>();
        RowQuery.Place[] last = new RowQuery.Place[1];
        while (all.size() < query.limit()) {
            int before = all.size();
            long end = Math.min(query.limit(), before + (long) page);
            try (ReadView view = asked.view(query.spec(), query.fromMicros(), query.toMicros())) {
                boolean stopped = true;
                while (stopped && all.size() < end) {
                    RowQuery rest = from(query, last[0], end - all.size());
                    stopped = take(view, rest, pace, row -> {
                        last[0] = place(query, row);
                        all.add(plain(row));
                    });
                }
            }
            if (all.size() < end) {
                break;
            }
            assertThat(all.size())
                    .as("pages come to an end")
                    .isLessThan(100_000)
                    .isGreaterThan(before);
        }
        return all;
    }

    private static RowQuery from(RowQuery query, RowQuery.@Nullable Place place, long most) {
        return new RowQuery(
                query.spec(),
                query.fromMicros(),
                query.toMicros(),
                query.where(),
                query.newestFirst(),
                query.sorts(),
                query.perKey(),
                most,
                place,
                query.columns());
    }

    private static RowQuery.Place place(RowQuery query, @Nullable Object[] row) {
        int at = query.columns().size();
        long seq = (Long) row[at + 1];
        return query.sorts().isEmpty()
                ? RowQuery.Place.of((Long) row[at], seq)
                : new RowQuery.Place(Arrays.asList(row).subList(at + 2, row.length), seq);
    }

    private interface Taker {
        void take(@Nullable Object[] row);
    }

    /** Reads until the sink has had enough; answers whether it had. */
    private static boolean take(ReadView view, RowQuery query, int pace, Taker taker) {
        int[] taken = {0};
        view.rows(query, execution(), sink(row -> {
            assertThat(taken[0]).as("a sink that wanted no more gets no more").isLessThan(pace);
            taker.take(row);
            return ++taken[0] < pace;
        }));
        return taken[0] == pace;
    }

    private interface Row {
        boolean take(@Nullable Object[] row);
    }

    private static RowSink sink(Row row) {
        return new RowSink() {
            @Override
            public void columns(List<String> names) {}

            @Override
            public boolean row(@Nullable Object[] values) {
                return row.take(values);
            }
        };
    }

    private static List<@Nullable Object> plain(@Nullable Object[] row) {
        List<@Nullable Object> plain = new ArrayList<>();
        for (Object value : row) {
            plain.add(plain(value));
        }
        return plain;
    }

    /** A drop takes effect for later queries: a view keeps what it began with, however slow its reader is. */
    @Test
    void shouldReadToTheEndWhatIsDroppedMeanwhile() {
        TableSpec spec = SPEC;
        oracle.putTable(spec);
        List<Pending> rows = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            rows.add(new Pending("k" + i, i, DAY.plusSeconds(i / 10 * 86_400L + i)));
        }
        fill(spec, rows);
        for (boolean byValue : new boolean[] {false, true}) {
            RowQuery query = new RowQuery(
                    spec,
                    Long.MIN_VALUE,
                    Long.MAX_VALUE,
                    null,
                    true,
                    byValue ? List.of(new RowQuery.Sort(Term.of(spec, "v"), true)) : List.of(),
                    List.of(),
                    Long.MAX_VALUE,
                    null,
                    List.of(spec.column("v")));
            List<@Nullable Object> read = new ArrayList<>();
            RowQuery.Place[] last = new RowQuery.Place[1];
            try (ReadView view = engine.view(spec, Long.MIN_VALUE, Long.MAX_VALUE)) {
                Taker taker = row -> {
                    read.add(row[0]);
                    last[0] = place(query, row);
                };
                take(view, query, 4, taker);
                PartitionId oldest = engine.partitions().stream()
                        .filter(p -> p.id().table().equals(spec.name()))
                        .findFirst()
                        .orElseThrow()
                        .id();
                long newest = engine.partitions().get(0).maxMicros();
                assertThat(engine.closePartition(oldest)).isEmpty();
                engine.raiseFloor(spec.name(), "", newest + 1);
                assertThat(engine.drop(oldest, "a test").blockedBy()).isEmpty();
                while (take(view, from(query, last[0], Long.MAX_VALUE), 4, taker)) {
                    assertThat(read).hasSizeLessThan(100);
                }
            }
            int first = byValue ? 10 : 0;
            assertThat(read).hasSize(30 - first).isSortedAccordingTo((a, b) -> Long.compare((Long) b, (Long) a));
            assertThat(read.get(read.size() - 1)).isEqualTo((long) first);
        }
    }

    // Groups

    @Test
    void shouldGroupAsTheOracle() {
        Property.check("groups = oracle", TRIALS, gen -> {
            ViewData data = table(gen);
            for (int i = 0; i < QUERIES; i++) {
                if (i % 5 == 0) {
                    fill(data.spec, gen.list(1, data::row));
                }
                Grouping grouping = data.grouping();
                Map<String, List<@Nullable Object>> wanted = groups(oracle, grouping);
                Map<String, List<@Nullable Object>> got = groups(engine, grouping);
                assertThat(got.keySet()).as("%s", grouping).isEqualTo(wanted.keySet());
                wanted.forEach((key, figures) ->
                        assertSame(key + " of " + grouping, Objects.requireNonNull(got.get(key)), figures));
            }
        });
    }

    /** Merges the parts, as core does: by group, whatever part it comes from and how often. */
    private static Map<String, List<@Nullable Object>> groups(StorageEngine asked, Grouping grouping) {
        Map<String, List<@Nullable Object>> groups = new TreeMap<>();
        int keys = grouping.keys().size();
        try (ReadView view = asked.view(grouping.spec(), grouping.fromMicros(), grouping.toMicros())) {
            for (ScanPart part : view.parts(grouping)) {
                assertThat(part.name()).isNotEmpty();
                part.run(execution(), sink(row -> {
                    assertThat(row).hasSize(keys + grouping.figures().size());
                    List<@Nullable Object> all = Arrays.asList(row);
                    groups.merge(
                            plain(Arrays.copyOf(row, keys)).toString(),
                            new ArrayList<>(all.subList(keys, row.length)),
                            (a, b) -> merged(grouping, a, b));
                    return true;
                }));
            }
        }
        if (keys == 0) {
            // No part, no group: one of nothing is core's to add.
            List<@Nullable Object> nothing = new ArrayList<>();
            grouping.figures().forEach(f -> nothing.add(null));
            groups.merge("[]", nothing, (a, b) -> merged(grouping, a, b));
        }
        return groups;
    }

    private static List<@Nullable Object> merged(
            Grouping grouping, List<@Nullable Object> a, List<@Nullable Object> b) {
        List<@Nullable Object> merged = new ArrayList<>();
        for (int i = 0; i < a.size(); i++) {
            Object x = a.get(i);
            Object y = b.get(i);
            Figure.Kind kind = grouping.figures().get(i).kind();
            boolean both = x != null && y != null;
            merged.add(
                    !both
                            ? x == null ? y : x
                            : switch (kind) {
                                case COUNT, SUM_WHOLE -> (Object) ((Long) x + (Long) y);
                                case SUM_REAL -> (Object) (((Number) x).doubleValue() + ((Number) y).doubleValue());
                                case MIN -> StoredOrder.compare(x, y) <= 0 ? x : y;
                                case MAX -> StoredOrder.compare(x, y) >= 0 ? x : y;
                            });
        }
        return merged;
    }

    /** Sums of reals within their last digits; a sum or count of nothing is null or 0. */
    private static void assertSame(String what, List<@Nullable Object> got, List<@Nullable Object> wanted) {
        for (int i = 0; i < wanted.size(); i++) {
            Object a = got.get(i) == null ? 0L : got.get(i);
            Object b = wanted.get(i) == null ? 0L : wanted.get(i);
            boolean nothing =
                    a instanceof Number x && b instanceof Number y && x.doubleValue() == 0 && y.doubleValue() == 0;
            boolean close = a instanceof Double x
                    && b instanceof Double y
                    && Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(y));
            if (!nothing && !close) {
                assertThat(plain(a)).as("figure %s of %s", i, what).isEqualTo(plain(b));
            }
        }
    }

    /** A version stays while nothing changes, and changes with an append, an update and a deletion (partial answers are kept by it). */
    @Test
    void shouldTellAnotherVersionWhenRowsChange() {
        Grouping all = new Grouping(
                SPEC,
                Long.MIN_VALUE,
                Long.MAX_VALUE,
                null,
                List.of(),
                List.of(new Figure(Figure.Kind.COUNT, null), new Figure(Figure.Kind.MAX, Term.of(SPEC, "v"))));
        append(new Pending("a", 1, DAY));
        Map<String, @Nullable String> first = versions(all);
        assertThat(versions(all)).isEqualTo(first);
        List<Pending> rows = append(new Pending("b", 1, DAY));
        assertChanged(first, versions(all));
        Map<String, @Nullable String> second = versions(all);
        append(new Pending("b", 2, DAY));
        assertChanged(second, versions(all));
        Map<String, @Nullable String> third = versions(all);
        engine.delete(
                SPEC,
                List.of(new RowQuery.Mark(rows.get(0).timeMicros(), rows.get(0).seq())),
                null,
                Ack.COMMITTED);
        assertChanged(third, versions(all));
    }

    private static void assertChanged(Map<String, @Nullable String> before, Map<String, @Nullable String> after) {
        after.forEach((part, version) -> assertThat(version == null || !version.equals(before.get(part)))
                .as("version of %s: %s", part, version)
                .isTrue());
    }

    private Map<String, @Nullable String> versions(Grouping grouping) {
        Map<String, @Nullable String> versions = new HashMap<>();
        try (ReadView view = engine.view(grouping.spec(), grouping.fromMicros(), grouping.toMicros())) {
            view.parts(grouping).forEach(part -> versions.put(part.name(), part.version()));
        }
        return versions;
    }

    // Places

    /** A text that is no JSON, or none that can be a text everywhere, has no places and ends no query. */
    @Test
    void shouldFindNoPlacesInWhatIsNoJson() {
        TableSpec spec = TableSpec.builder("odd")
                .column("at", ColumnType.TIMESTAMP)
                .column("js", ColumnType.JSON)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .build();
        engine.putTable(spec);
        List<Pending> rows = new ArrayList<>();
        for (String text : new String[] {
            "{\"a\":1}",
            "no json",
            "",
            "{\"a\":1",
            "{\"a\":\"x\\u0000y\"}",
            "{\"a\":1,\"b\":\"\\u0000\"}",
            "{\"a\":NaN}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":1e999}",
            "{\"a\":1}"
        }) {
            rows.add(new Pending(new @Nullable Object[] {micros(DAY), text}, DAY));
        }
        append(spec, rows);
        Term a = Term.of(spec, "js.a");
        RowQuery query = new RowQuery(
                spec,
                Long.MIN_VALUE,
                Long.MAX_VALUE,
                null,
                false,
                List.of(new RowQuery.Sort(a, false)),
                List.of(),
                Long.MAX_VALUE,
                null,
                List.of(spec.column("js")));
        List<@Nullable Object> places = new ArrayList<>();
        read(engine, query, 100, 100).forEach(row -> places.add(row.get(3)));
        assertThat(places).containsExactly(null, null, null, null, null, null, null, null, "1", "1", "1e999");
        Grouping grouping = new Grouping(
                spec,
                Long.MIN_VALUE,
                Long.MAX_VALUE,
                Expr.lt("js.a", 5L),
                List.of(new GroupKey.Value(a)),
                List.of(new Figure(Figure.Kind.SUM_REAL, a), new Figure(Figure.Kind.COUNT, null)));
        assertThat(groups(engine, grouping)).isEqualTo(Map.of("[1]", List.of(2.0, 2L)));
    }

    // Plans

    /** How it would read (G49, G51): by an index in the order of time, and a full scan is called one. */
    @Test
    void shouldTellHowItWouldRead(TestReporter reporter) {
        TableSpec spec = TableSpec.builder("planned")
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .column("other", ColumnType.INTEGER)
                .column(new Column("trace", ColumnType.TEXT, true, false, null))
                .time("at")
                .index("n")
                .partitionBy(PartitionBy.DAY)
                .build();
        engine.putTable(spec);
        List<Pending> rows = new ArrayList<>();
        for (long i = 0; i < 3000; i++) {
            long at = micros(DAY) + i % 3 * 86_400_000_000L + i;
            rows.add(new Pending(new @Nullable Object[] {at, i, i % 7, "t"}, at, Period.of(PartitionBy.DAY, at)));
        }
        append(spec, rows);
        long from = micros(DAY) + 86_400_000_000L;
        try (ReadView view = engine.view(spec, from, Long.MAX_VALUE)) {
            assertThat(view.partitions()).extracting(p -> p.id().period()).containsExactly("2026-05-19", "2026-05-20");
            RowQuery newest = new RowQuery(
                    spec, from, Long.MAX_VALUE, null, true, List.of(), List.of(), 10, null, List.of(spec.column("n")));
            List<PlanStep> steps = view.explain(newest, execution());
            if (steps.isEmpty()) {
                reporter.publishEntry("plans", engine.name() + " has none");
                return;
            }
            assertThat(steps)
                    .allMatch(s -> !s.statement().isEmpty() && !s.plan().isEmpty());
            assertThat(steps).as("newest first").noneMatch(PlanStep::fullScan).noneMatch(PlanStep::sorts);
            Grouping scan = new Grouping(
                    spec,
                    from,
                    Long.MAX_VALUE,
                    Expr.eq("other", 3L),
                    List.of(new GroupKey.Value(Term.of(spec, "other"))),
                    List.of(new Figure(Figure.Kind.COUNT, null)));
            List<PlanStep> scans = view.explain(scan, execution());
            assertThat(scans).isNotEmpty().anyMatch(PlanStep::fullScan);
            RowQuery one = new RowQuery(
                    spec,
                    from,
                    Long.MAX_VALUE,
                    Expr.eq("n", 1234L),
                    true,
                    List.of(),
                    List.of(),
                    10,
                    null,
                    List.of(spec.column("n")));
            assertThat(view.explain(one, execution()))
                    .as("by a declared index")
                    .isNotEmpty()
                    .allMatch(s -> !s.indexes().isEmpty() && !s.fullScan());
        }
    }
}
