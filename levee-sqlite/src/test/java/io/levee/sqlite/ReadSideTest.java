package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.PartitionBy;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.Period;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowQuery.Place;
import io.levee.engine.RowQuery.Sort;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.StorageEngine;
import io.levee.engine.Term;
import io.levee.engine.WriteRow;
import io.levee.internal.row.StoredOrder;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.Micros;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import io.levee.testkit.memory.MemoryEngineProvider;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows and groups of partition files are those of the reference engine, whatever the order, the page and the partitions (G57). */
class ReadSideTest {
    private static final long DAY = 86_400_000_000L;
    private static final long START = Micros.of(Instant.parse("2026-05-10T00:00:00Z"));
    private static final TableSpec SPEC = TableSpec.builder("jobs")
            .column("at", ColumnType.TIMESTAMP)
            .column("user", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("x", ColumnType.REAL)
            .column("extra", ColumnType.JSON)
            .column(new Column("note", ColumnType.TEXT, true, false, null))
            .time("at")
            .index("user", "at")
            .index("x")
            .fulltext("user", "note")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private static final class Handed extends WriteRow {
        Handed(@Nullable Object[] values, long time) {
            super(values, time);
            period(Period.of(PartitionBy.DAY, time));
        }
    }

    private static @Nullable Object[] values(Gen gen, long at) {
        String json = gen.of(
                "{\"a\":{\"b\":[1,\"x\"]},\"r\":" + gen.between(-3, 3) + "}",
                "{\"r\":1.50,\"job ID\":\"odd \\\" name\"}",
                "{\"r\":true,\"a\":null}",
                "{\"r\":\"text\",\"job ID\":7}",
                "{\"r\":{\"deep\":1}}",
                "[1,2]",
                "\"only text\"",
                "no json at all {",
                "{\"r\":\"nul \\u0000\"}",
                "{\"r\":1e3}");
        return new Object[] {
            at,
            gen.oneIn(5) ? null : gen.of("ann", "bob", "Carl", "Zoë", "\uD83D\uDE00", "\uFFFD", "100%_sure"),
            gen.oneIn(6) ? null : (Object) (long) gen.between(-4, 4),
            gen.oneIn(6) ? null : (Object) (gen.between(-40, 40) / 8.0),
            gen.oneIn(6) ? null : json,
            gen.oneIn(4) ? null : gen.of("Trace of ann", "nothing", "100%_sure it was", "ünïcode Straße", "ab")
        };
    }

    private static Expr filter(Gen gen, int depth) {
        if (depth > 0 && gen.oneIn(2)) {
            Expr a = filter(gen, depth - 1);
            return gen.of(Expr.not(a), Expr.and(a, filter(gen, depth - 1)), Expr.or(a, filter(gen, depth - 1)));
        }
        return gen.of(
                Expr.eq("user", gen.of("ann", "bob", "nobody")),
                Expr.ge("x", gen.between(-8, 8) / 2.0),
                Expr.lt("n", (long) gen.between(-4, 4)),
                Expr.isNull(gen.of("user", "extra.r", "extra.a", "note")),
                Expr.eq("extra.r", (long) gen.between(-3, 3)),
                Expr.gt("extra.r", 0.5),
                Expr.eq("extra.r", gen.of("true", "1.50", "text", "1")),
                Expr.in("extra.r", 1L, 2L),
                Expr.in("extra.a.b[1]", "x", "y"),
                Expr.like("note", "%of A%"),
                Expr.contains(gen.of("note", "user"), gen.of("ANN", "100%_sure", "b", "straße", "\\")),
                Expr.contains("extra.job ID", "D\" N"),
                Expr.contains("extra", "job"));
    }

    private static Term term(Gen gen) {
        return Term.of(SPEC, gen.of("user", "n", "x", "extra.r", "extra.job ID", "at", "note"));
    }

    private static RowQuery rows(Gen gen) {
        List<Sort> sorts = new ArrayList<>();
        for (int i = gen.between(0, 3); i > 0; i--) {
            sorts.add(new Sort(term(gen), gen.oneIn(2)));
        }
        List<Term> perKey = gen.oneIn(4) ? List.of(term(gen), Term.of(SPEC, "n")) : List.of();
        long from = gen.oneIn(3) ? START + gen.between(0, 5) * DAY : Long.MIN_VALUE;
        long to = gen.oneIn(3) ? START + gen.between(3, 9) * DAY : Long.MAX_VALUE;
        long limit = gen.oneIn(3) ? Long.MAX_VALUE : gen.between(1, 40);
        Expr where = gen.oneIn(3) ? null : filter(gen, 2);
        List<Column> columns = gen.oneIn(2) ? SPEC.columns() : List.of(SPEC.column("user"));
        return new RowQuery(SPEC, from, to, where, gen.oneIn(2), sorts, perKey, limit, null, columns);
    }

    private static Grouping grouping(Gen gen) {
        Term number = Term.of(SPEC, gen.of("n", "x", "extra.r"));
        List<GroupKey> keys = new ArrayList<>();
        for (int i = gen.between(0, 2); i > 0; i--) {
            keys.add(gen.of(
                    new GroupKey.Value(term(gen)),
                    new GroupKey.TimeBucket(START + gen.between(-9, 9) * 1_000_003L, gen.between(1, 5) * DAY / 3),
                    new GroupKey.NumberBucket(number, gen.between(-5, 5) / 3.0, gen.between(1, 9) / 4.0),
                    new GroupKey.Edges(number, gen.of(List.of(0.5), List.of(-3.0, -1.0, 0.0, 1.5, 2.0, 4.0))),
                    new GroupKey.LogBucket(number, 50.5)));
        }
        List<Figure> figures = List.of(
                new Figure(Figure.Kind.COUNT, null),
                new Figure(Figure.Kind.COUNT, term(gen)),
                new Figure(Figure.Kind.SUM_WHOLE, Term.of(SPEC, "n")),
                new Figure(Figure.Kind.SUM_REAL, number),
                new Figure(Figure.Kind.MIN, term(gen)),
                new Figure(Figure.Kind.MAX, number));
        long from = gen.oneIn(3) ? START + gen.between(0, 5) * DAY + 5 : Long.MIN_VALUE;
        long to = gen.oneIn(3) ? START + gen.between(3, 9) * DAY : Long.MAX_VALUE;
        return new Grouping(SPEC, from, to, gen.oneIn(2) ? null : filter(gen, 2), keys, figures);
    }

    /** Collects rows, and says no after every so many. */
    private static final class Collected implements RowSink {
        private final int stopAfter;
        private final List<List<@Nullable Object>> rows = new ArrayList<>();

        Collected(int stopAfter) {
            this.stopAfter = stopAfter;
        }

        @Override
        public void columns(List<String> names) {}

        @Override
        public boolean row(@Nullable Object[] values) {
            List<@Nullable Object> row = new ArrayList<>();
            for (Object value : values) {
                row.add(value);
            }
            rows.add(row);
            return rows.size() % stopAfter != 0;
        }
    }

    private static Execution execution() {
        return new Execution(1, "test", System.nanoTime(), Duration.ofMinutes(5));
    }

    /** All rows of a query, asked for again behind the last one each time that the sink stopped it. */
    private static List<List<@Nullable Object>> all(StorageEngine engine, RowQuery query, int stopAfter) {
        Collected sink = new Collected(stopAfter);
        try (ReadView view = engine.view(SPEC, query.fromMicros(), query.toMicros())) {
            RowQuery next = query;
            int before = -1;
            while (sink.rows.size() != before && sink.rows.size() < query.limit()) {
                before = sink.rows.size();
                view.rows(next, execution(), sink);
                if (sink.rows.size() > before) {
                    next = query.from(
                            place(query, sink.rows.get(sink.rows.size() - 1)),
                            query.limit() == Long.MAX_VALUE ? Long.MAX_VALUE : query.limit() - sink.rows.size());
                }
            }
        }
        return sink.rows;
    }

    private static Place place(RowQuery query, List<@Nullable Object> row) {
        int width = query.columns().size();
        long seq = (Long) row.get(width + 1);
        return query.sorts().isEmpty()
                ? Place.of((Long) row.get(width), seq)
                : new Place(row.subList(width + 2, row.size()), seq);
    }

    /** The groups of all parts, merged, as text: the sums of this test are exact in any order. */
    private static Map<String, List<String>> groups(StorageEngine engine, Grouping grouping) {
        int keys = grouping.keys().size();
        Map<String, List<@Nullable Object>> merged = new TreeMap<>();
        try (ReadView view = engine.view(SPEC, grouping.fromMicros(), grouping.toMicros())) {
            for (ScanPart part : view.parts(grouping)) {
                Collected sink = new Collected(Integer.MAX_VALUE);
                String before = part.version();
                part.run(execution(), sink);
                assertThat(part.version()).isEqualTo(before);
                for (List<@Nullable Object> row : sink.rows) {
                    merged.merge(row.subList(0, keys).toString(), row.subList(keys, row.size()), (a, b) -> {
                        List<@Nullable Object> both = new ArrayList<>();
                        for (int i = 0; i < a.size(); i++) {
                            both.add(merged(grouping.figures().get(i).kind(), a.get(i), b.get(i)));
                        }
                        return both;
                    });
                }
            }
        }
        Map<String, List<String>> shown = new TreeMap<>();
        merged.forEach((key, figures) -> {
            List<String> texts = new ArrayList<>();
            for (int i = 0; i < figures.size(); i++) {
                boolean sum = grouping.figures().get(i).kind().name().startsWith("SUM");
                texts.add(String.valueOf(sum && figures.get(i) == null ? "0.0" : shown(sum, figures.get(i))));
            }
            shown.put(key, texts);
        });
        // Of no rows at all a part may tell a group or none.
        shown.values().removeIf(texts -> texts.get(0).equals("0"));
        return shown;
    }

    private static @Nullable Object shown(boolean sum, @Nullable Object value) {
        return sum && value instanceof Number number ? (Object) number.doubleValue() : value;
    }

    private static @Nullable Object merged(Figure.Kind kind, @Nullable Object a, @Nullable Object b) {
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        return switch (kind) {
            case COUNT, SUM_WHOLE -> (Object) ((Long) a + (Long) b);
            case SUM_REAL -> (Object) (((Number) a).doubleValue() + ((Number) b).doubleValue());
            case MIN -> StoredOrder.compare(a, b) <= 0 ? a : b;
            case MAX -> StoredOrder.compare(a, b) >= 0 ? a : b;
        };
    }

    @Test
    void rowsAndGroupsAreThoseOfTheReference() {
        Property.check("rows and groups are those of the reference", 25, gen -> {
            Path store = directory.resolve("s" + gen.bits());
            Supervisor supervisor = new Supervisor();
            EngineSettings settings = new EngineSettings(StoreOptions.builder().build(), false, supervisor);
            SqliteEngine engine = SqliteEngine.open(new StorePaths(store), settings);
            StorageEngine reference = new MemoryEngineProvider().open("memory:", settings);
            try {
                for (StorageEngine one : List.of(engine, reference)) {
                    one.putTable(SPEC);
                }
                long[] seq = {1, 1};
                for (int batch = gen.between(1, 4); batch > 0; batch--) {
                    List<@Nullable Object[]> rows = new ArrayList<>();
                    for (int i = gen.between(1, 3 * gen.size()); i > 0; i--) {
                        rows.add(values(gen, START + gen.between(0, 8) * DAY + gen.between(0, 20)));
                    }
                    // Numbers are given partition by partition: in this order by both.
                    rows.sort(Comparator.comparingLong(r -> (Long) r[0] / DAY));
                    engine.append(SPEC, handed(rows), Ack.COMMITTED, () -> seq[0]++);
                    reference.append(SPEC, handed(rows), Ack.COMMITTED, () -> seq[1]++);
                    if (gen.oneIn(2)) {
                        engine.partitions().forEach(p -> engine.closePartition(p.id()));
                    }
                    // Between the batches: what is known of a closed partition ends when it is opened again.
                    for (int i = 0; i < 8; i++) {
                        RowQuery query = rows(gen);
                        int stopAfter = gen.of(3, 50, 1_000_000);
                        assertThat(all(engine, query, stopAfter))
                                .as("%s", query)
                                .isEqualTo(all(reference, query, 1_000_000));
                        Grouping grouping = grouping(gen);
                        assertThat(groups(engine, grouping)).as("%s", grouping).isEqualTo(groups(reference, grouping));
                    }
                }
            } finally {
                engine.closeWriter();
                supervisor.stop();
                engine.close(null);
                reference.close(null);
                delete(store);
            }
        });
    }

    private static List<Handed> handed(List<@Nullable Object[]> rows) {
        return rows.stream().map(r -> new Handed(r, (Long) r[0])).toList();
    }

    private static void delete(Path store) throws Exception {
        try (Stream<Path> files = Files.walk(store)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
