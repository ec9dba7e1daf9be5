package io.levee.testkit.conformance;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.PartitionBy;
import io.levee.TableSpec;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.Period;
import io.levee.engine.RowQuery;
import io.levee.engine.Term;
import io.levee.testkit.Gen;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Draws the table, the rows and the queries of one trial at the engine's own interface, names resolved and values in stored form. */
final class ViewData {
    private static final String[] TEXTS = {
        "a",
        "A",
        "b",
        "",
        "Timeout after 30s",
        "timeout AFTER",
        "100% of x_y",
        "é",
        "É",
        "\uFFFD",
        "😀",
        "it's",
        "a\\b",
        "ß"
    };
    private static final String[] DOCUMENTS = {
        "{\"a\":1,\"b\":{\"c\":[1,\"x\",null,{\"d\":-2.50}]},\"on\":true}",
        "{\"a\":\"1\",\"b\":{\"c\":\"text\"},\"on\":false}",
        "{\"a\": 1.5 , \"b\" : [ 7, {\"c\":3} ], \"x y\": \"spaces\"}",
        "{\"a\":-12e2,\"b\":null}",
        "{\"a\":9007199254740993,\"on\":\"true\"}",
        "{\"a\":{\"nested\":0}}",
        "[1,2,{\"a\":3}]",
        "[\"é\",\"😀\",\"\\ud83d\\ude00\",\"\\n\"]",
        "\"text\"",
        "7",
        "true",
        "null",
        "{}"
    };
    private static final String[] PLACES = {
        "js.a",
        "js.b.c",
        "js.b.c[1]",
        "js.b.c[3].d",
        "js.b[1].c",
        "js[0]",
        "js[2].a",
        "js.on",
        "js.x y",
        "js.no",
        "js[3]",
        "args.a"
    };
    private static final String[] SORTABLE = {"t", "n", "r", "ok", "took", "at", "u", "bl", "trace"};

    final TableSpec spec;
    private final Gen gen;
    private final PartitionBy by;
    private final long origin;
    private long rows;

    ViewData(Gen gen, String table, long originMicros) {
        this.gen = gen;
        this.by = gen.of(PartitionBy.HOUR, PartitionBy.DAY, PartitionBy.DAY, PartitionBy.DAY, PartitionBy.NONE);
        this.origin = originMicros;
        TableSpec.Builder builder = TableSpec.builder(table)
                .column("i", ColumnType.INTEGER)
                .column("t", ColumnType.TEXT)
                .column("n", ColumnType.INTEGER)
                .column("r", ColumnType.REAL)
                .column("ok", ColumnType.BOOLEAN)
                .column("took", ColumnType.DURATION)
                .column("at", ColumnType.TIMESTAMP)
                .column("u", ColumnType.UUID)
                .column("bl", ColumnType.BLOB)
                .column("js", ColumnType.JSON)
                .column(new Column("trace", ColumnType.TEXT, true, false, null))
                .column(new Column("args", ColumnType.JSON, true, false, null))
                .time("at")
                .partitionBy(by);
        if (gen.oneIn(2)) {
            builder.index("n", "t").index("r");
        }
        if (gen.oneIn(2)) {
            builder.fulltext("t", "trace");
        }
        if (gen.oneIn(2)) {
            builder.key("i");
        }
        spec = builder.build();
    }

    EngineLevel.Pending row() {
        // Now and then an earlier record again: an update where the table has a key.
        long i = spec.keyed() && rows > 3 && gen.oneIn(4) ? gen.between(1, rows) : ++rows;
        long at = time();
        @Nullable
        Object[] values = {
            i,
            some(gen.of(TEXTS)),
            some(gen.of(0L, 1L, -1L, 7L, -5L, 1_000_000L, Long.MAX_VALUE / 4)),
            some(gen.of(0.0, 0.1, 1.5, -2.25, 1e12, 3.0, -1e-7, 123.456)),
            some(gen.oneIn(2) ? 1L : 0L),
            some(gen.between(0L, 4L) * 250_000),
            at,
            some("00000000-0000-0000-0000-00000000000" + gen.between(0, 3)),
            some(gen.of(new byte[0], new byte[] {1, 0, -1}, new byte[] {0}, new byte[] {-1})),
            some(gen.of(DOCUMENTS)),
            some(gen.oneIn(20) ? "x".repeat(5000) + gen.of(TEXTS) : "Traceback " + gen.of(TEXTS) + gen.of(TEXTS)),
            some(gen.of(DOCUMENTS))
        };
        return new EngineLevel.Pending(values, at, Period.of(by, at));
    }

    private @Nullable Object some(Object value) {
        return gen.oneIn(5) ? null : value;
    }

    /** Four days, with many rows of the same moment. */
    private long time() {
        long hour = 3_600_000_000L;
        return origin + gen.between(-48L, 47L) * hour + (gen.oneIn(2) ? 0 : gen.between(-1L, 1L));
    }

    Expr filter(int depth) {
        if (depth < 2 && gen.oneIn(3)) {
            Expr one = filter(depth + 1);
            return switch (gen.between(0, 2)) {
                case 0 -> Expr.and(one, filter(depth + 1));
                case 1 -> Expr.or(one, filter(depth + 1));
                default -> Expr.not(one);
            };
        }
        return switch (gen.between(0, 9)) {
            case 0 -> new Expr.Contains(gen.of("t", "trace"), contained(), gen.oneIn(3));
            case 1 ->
                new Expr.Contains(gen.of("js", gen.of(PLACES)), gen.of("a", "text", "\"", "1", "é"), gen.oneIn(3));
            case 2 -> new Expr.Compare(gen.of(PLACES), op(), number());
            case 3 -> new Expr.Compare(gen.of(PLACES), op(), gen.of("1", "text", "true", "-2.50", "x", "spaces", ""));
            case 4 ->
                new Expr.In(
                        gen.of(PLACES),
                        gen.of(List.of("1", "text"), List.of(1L, 3L, 1.5), List.of(1L, "text")),
                        gen.oneIn(3));
            case 5 -> new Expr.IsNull(gen.of(PLACES), gen.oneIn(2));
            case 6 -> new Expr.Like(gen.of(PLACES), gen.of("%t%", "_", "1%", "%"), gen.oneIn(3));
            case 7 -> new Expr.Compare("n", op(), gen.of(0L, 7L, -1L));
            case 8 -> new Expr.Compare("t", op(), gen.of(TEXTS));
            default -> new Expr.Compare("r", op(), gen.of(0.0, 1.5, 0.1));
        };
    }

    /** Texts with and without what LIKE takes for a wildcard, long enough for trigrams and not. */
    private String contained() {
        return gen.of(
                "timeout",
                "TIMEOUT AFTER",
                "30",
                "é",
                "É",
                "%",
                "100% of",
                "x_y",
                "xay",
                "\\",
                "",
                "a",
                "😀",
                "Traceback a",
                "\"quoted\"",
                "it's");
    }

    private Object number() {
        return gen.of((Object) 1L, 1.5, -2.5, 9_007_199_254_740_993L, 0L, -1200L, 3L);
    }

    private Expr.Op op() {
        return gen.of(Expr.Op.values());
    }

    private long[] range() {
        long a = time();
        long b = time();
        return gen.oneIn(2)
                ? new long[] {Long.MIN_VALUE, Long.MAX_VALUE}
                : new long[] {Math.min(a, b), gen.oneIn(3) ? Long.MAX_VALUE : Math.max(a, b)};
    }

    private Term anyTerm() {
        return Term.of(spec, gen.oneIn(3) ? gen.of(PLACES) : gen.of(SORTABLE));
    }

    private <T> List<T> some(int least, int most, Supplier<T> one) {
        List<T> some = new ArrayList<>();
        for (int i = gen.between(least, most); i > 0; i--) {
            some.add(one.get());
        }
        return some;
    }

    RowQuery rowQuery() {
        long[] range = range();
        List<Column> columns = new ArrayList<>(spec.columns());
        columns.removeIf(c -> gen.oneIn(3));
        return new RowQuery(
                spec,
                range[0],
                range[1],
                gen.oneIn(2) ? null : filter(0),
                gen.oneIn(2),
                gen.oneIn(4) ? List.of() : some(1, 3, () -> new RowQuery.Sort(anyTerm(), gen.oneIn(2))),
                gen.oneIn(3) ? some(1, 2, this::anyTerm) : List.of(),
                gen.of(Long.MAX_VALUE, Long.MAX_VALUE, 1L, 7L, 40L),
                null,
                columns);
    }

    Grouping grouping() {
        long[] range = range();
        return new Grouping(
                spec,
                range[0],
                range[1],
                gen.oneIn(2) ? null : filter(0),
                some(0, 3, this::key),
                some(1, 5, this::figure));
    }

    private Term numbers() {
        return Term.of(spec, gen.oneIn(3) ? gen.of(PLACES) : gen.of("n", "r", "took", "ok", "at"));
    }

    private GroupKey key() {
        return switch (gen.between(0, 5)) {
            case 0 ->
                new GroupKey.TimeBucket(
                        gen.of(0L, origin, origin + 12345, -7L),
                        gen.of(3_600_000_000L, 86_400_000_000L, 60_000_000L, 7L));
            case 1 ->
                new GroupKey.NumberBucket(numbers(), gen.of(0.0, -1.0, 0.5, 100.0), gen.of(1.0, 0.1, 250_000.0, 3.7));
            case 2 ->
                new GroupKey.Edges(
                        numbers(), gen.of(List.of(0.0), List.of(-1.0, 0.0, 0.1, 1.5, 1e6), List.of(1.0, 250_000.0)));
            case 3 -> new GroupKey.LogBucket(numbers(), gen.of(49.5, 3.3, 117.7));
            default -> new GroupKey.Value(anyTerm());
        };
    }

    private Figure figure() {
        return switch (gen.between(0, 5)) {
            case 0 -> new Figure(Figure.Kind.COUNT, null);
            case 1 -> new Figure(Figure.Kind.COUNT, anyTerm());
            case 2 -> new Figure(Figure.Kind.SUM_WHOLE, Term.of(spec, gen.of("took", "ok")));
            case 3 ->
                new Figure(
                        Figure.Kind.SUM_REAL, Term.of(spec, gen.oneIn(3) ? gen.of(PLACES) : gen.of("n", "r", "took")));
            case 4 -> new Figure(Figure.Kind.MIN, anyTerm());
            default -> new Figure(Figure.Kind.MAX, anyTerm());
        };
    }
}
