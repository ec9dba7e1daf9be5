package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Filters mean the same everywhere: three-valued logic, text by its bytes, LIKE with a fixed meaning. */
abstract class FilterConformance extends Conformance {
    private static final TableSpec SPEC = TableSpec.builder("things")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("t", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("r", ColumnType.REAL)
            .column("b", ColumnType.BOOLEAN)
            .column("ts", ColumnType.TIMESTAMP)
            .column("took", ColumnType.DURATION)
            .column("id", ColumnType.UUID)
            .column("js", ColumnType.JSON)
            .column("bl", ColumnType.BLOB)
            .column("price", ColumnType.DECIMAL)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .time("at")
            .index("t", "n")
            .partitionBy(PartitionBy.DAY)
            .build();

    private static final List<String> TEXTS = List.of(
            "",
            "a",
            "A",
            "b",
            "B",
            "ab",
            "aB",
            "Z",
            "z",
            "é",
            "e\u0301",
            "É",
            "ß",
            "\uFFFD",
            "\uE000",
            "😀",
            "😀x",
            "100%",
            "x_y",
            "xzy",
            "a\\b",
            "a\\",
            "line\nbreak",
            "it's",
            " a",
            "a ",
            "K",
            "k",
            "\u212A",
            "1",
            "10",
            "9");

    private final Store store;
    private final Store oracle;

    FilterConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
        oracle = newOracle();
    }

    /** Row i has text i; every third value of the other columns is null. */
    private void fill() {
        List<Row> rows = new ArrayList<>();
        Object[] numbers = {0L, 1L, null, -1L, Long.MAX_VALUE, Long.MIN_VALUE, null, 7L};
        Object[] reals = {0.0, null, 1.5, -2.25, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e300, null, 7.0};
        Object[] flags = {true, null, false};
        for (int i = 0; i <= TEXTS.size() + 3; i++) {
            boolean none = i % 5 == 4;
            rows.add(row(
                    SPEC,
                    "i",
                    (long) i,
                    "at",
                    NOW.minus(Duration.ofHours(i)),
                    "t",
                    i < TEXTS.size() ? TEXTS.get(i) : null,
                    "n",
                    numbers[i % numbers.length],
                    "r",
                    reals[i % reals.length],
                    "b",
                    flags[i % flags.length],
                    "ts",
                    none ? null : NOW.plusNanos(1000L * (i % 7)),
                    "took",
                    none ? null : Duration.ofMillis(i % 4 * 250L - 250),
                    "id",
                    none ? null : new UUID(0, i % 6),
                    "js",
                    none ? null : List.of(i % 3, "ü"),
                    "bl",
                    none ? null : new byte[] {(byte) (i % 3 * 100), (byte) i},
                    "price",
                    none ? null : i,
                    "trace",
                    i % 2 == 0 ? "Trace " + i : null));
        }
        append(store.createTable(SPEC), rows);
        append(oracle.createTable(SPEC), rows);
    }

    private static List<@Nullable Object> ids(Store store, Expr filter) {
        return read(store, Query.builder("things").oldestFirst().where(filter).build(), "i");
    }

    private List<String> texts(String filter) {
        List<@Nullable Object> ids = ids(store, Expr.parse(filter, NOW));
        assertThat(ids).as(filter).isEqualTo(ids(oracle, Expr.parse(filter, NOW)));
        List<String> texts = new ArrayList<>();
        for (Object id : ids) {
            long i = id instanceof Long number ? number : -1;
            texts.add(i < TEXTS.size() ? TEXTS.get((int) i) : "null");
        }
        java.util.Collections.reverse(texts);
        return texts;
    }

    /** What a person would expect: this tells what the oracle has to say too. */
    @Test
    void shouldMeanWhatItSays() {
        fill();
        assertThat(texts("t = 'a'")).containsExactly("a");
        assertThat(texts("t = 'é'")).containsExactly("é");
        assertThat(texts("t < 'Z'")).containsExactly("", "A", "B", "100%", " a", "K", "1", "10", "9");
        assertThat(texts("t > 'é'")).containsExactly("\uFFFD", "\uE000", "😀", "😀x", "\u212A");
        assertThat(texts("t > '\uE000'")).containsExactly("\uFFFD", "😀", "😀x");
        assertThat(texts("t >= '😀'")).containsExactly("😀", "😀x");
        assertThat(texts("t LIKE 'a%'")).containsExactly("a", "A", "ab", "aB", "a\\b", "a\\", "a ");
        assertThat(texts("t LIKE 'A_'")).containsExactly("ab", "aB", "a\\", "a ");
        assertThat(texts("t LIKE 'é'")).containsExactly("é");
        assertThat(texts("t LIKE 'z'")).containsExactly("Z", "z");
        assertThat(texts("t LIKE 'k'")).containsExactly("K", "k");
        assertThat(texts("t LIKE '_'"))
                .containsExactly(
                        "a", "A", "b", "B", "Z", "z", "é", "É", "ß", "\uFFFD", "\uE000", "😀", "K", "k", "\u212A", "1",
                        "9");
        assertThat(texts("t LIKE '%\\%'")).containsExactly("100%");
        assertThat(texts("t LIKE 'x\\_y'")).containsExactly("x_y");
        assertThat(texts("t LIKE 'x_y'")).containsExactly("x_y", "xzy");
        assertThat(texts("t LIKE 'a\\\\%'")).containsExactly("a\\b", "a\\");
        assertThat(texts("t LIKE '\\a'")).containsExactly("a", "A");
        assertThat(texts("t LIKE 'line_break'")).containsExactly("line\nbreak");
        assertThat(texts("t LIKE ''")).containsExactly("");
        assertThat(texts("t LIKE '%😀%'")).containsExactly("😀", "😀x");
        assertThat(texts("t NOT LIKE '%'")).isEmpty();
        assertThat(texts("t IS NULL")).hasSize(4).containsOnly("null");
        assertThat(texts("t IN ('a', 'B', 'é') AND NOT t = 'a'")).containsExactly("B", "é");
        assertThat(texts("t NOT IN ('a', 'b') AND t LIKE '_' AND t < 'd' AND t > '9'"))
                .containsExactly("A", "B", "Z", "K");
    }

    /** A comparison with null is unknown; NOT of unknown is unknown; AND and OR know better where one side decides. */
    @Test
    void shouldKnowThreeTruths() {
        fill();
        int rows = TEXTS.size() + 4;
        int unknown = ids(store, Expr.isNull("n")).size();
        assertThat(unknown).isPositive();
        assertThat(ids(store, Expr.eq("n", 7L)).size()
                        + ids(store, Expr.ne("n", 7L)).size())
                .isEqualTo(rows - unknown);
        assertThat(ids(store, Expr.not(Expr.eq("n", 7L)))).isEqualTo(ids(store, Expr.ne("n", 7L)));
        assertThat(ids(store, Expr.or(Expr.eq("n", 7L), Expr.notNull("i")))).hasSize(rows);
        assertThat(ids(store, Expr.not(Expr.and(Expr.eq("n", 7L), Expr.isNull("i")))))
                .hasSize(rows);
        assertThat(ids(store, Expr.and(Expr.eq("n", 7L), Expr.notNull("i")))).isEqualTo(ids(store, Expr.eq("n", 7L)));
        assertThat(ids(store, Expr.not(Expr.in("n", 7L, 0L))).size()
                        + ids(store, Expr.in("n", 7L, 0L)).size())
                .isEqualTo(rows - unknown);
        assertThat(ids(store, new Expr.And(List.of()))).hasSize(rows);
        assertThat(ids(store, new Expr.Or(List.of()))).isEmpty();
        assertThat(ids(store, Expr.not(new Expr.Or(List.of())))).hasSize(rows);
    }

    @Test
    void shouldRefuseWhatAColumnCannotBeComparedWith() {
        fill();
        for (String filter : List.of("n = 'x'", "ts > 'soon'", "n LIKE '1%'", "id = '1'", "b = 2", "n = 1.5")) {
            refused(ErrorCode.BAD_QUERY, () -> ids(store, Expr.parse(filter, NOW)));
        }
        refused(ErrorCode.UNKNOWN_COLUMN, () -> ids(store, Expr.eq("no", 1L)));
        refused(ErrorCode.NOT_SUPPORTED, () -> ids(store, Expr.gt("price", 1L)));
        refused(ErrorCode.BAD_QUERY, () -> ids(store, Expr.like("t", "ends with \\")));
        assertThat(ids(store, Expr.notNull("price"))).isNotEmpty();
    }

    @Test
    void shouldTakeLongListsAndDeepFilters() {
        fill();
        List<Object> values = new ArrayList<>();
        for (long i = 0; i < 2000; i++) {
            values.add(i * 2);
        }
        Expr in = new Expr.In("i", values, false);
        assertThat(ids(store, in)).isEqualTo(ids(oracle, in));
        Expr deep = Expr.eq("i", 3L);
        for (int i = 0; i < 40; i++) {
            deep = i % 2 == 0 ? Expr.not(deep) : Expr.or(deep, Expr.eq("i", -1L));
        }
        assertThat(ids(store, deep)).isEqualTo(ids(oracle, deep));
    }

    @Test
    void shouldAnswerAnyFilterAsTheOracle() {
        fill();
        Property.check("filter = oracle", 250, gen -> {
            Expr filter = random(gen, 0);
            assertThat(ids(store, filter)).as("%s", filter).isEqualTo(ids(oracle, filter));
            assertThat(store.count(Query.builder("things").where(filter).build()))
                    .as("%s", filter)
                    .isEqualTo(ids(oracle, filter).size());
        });
    }

    private static Expr random(Gen gen, int depth) {
        if (depth < 4 && gen.oneIn(2)) {
            Expr one = random(gen, depth + 1);
            return switch (gen.between(0, 2)) {
                case 0 -> Expr.and(one, random(gen, depth + 1));
                case 1 -> Expr.or(one, random(gen, depth + 1));
                default -> Expr.not(one);
            };
        }
        return switch (gen.between(0, 10)) {
            case 0 -> new Expr.Like(gen.of("t", "js", "id", "trace"), pattern(gen), gen.oneIn(3));
            case 1 -> new Expr.In("t", List.of(gen.of(TEXTS), gen.of(TEXTS), gen.of(TEXTS)), gen.oneIn(2));
            case 2 -> new Expr.IsNull(gen.of("t", "n", "b", "bl", "js", "trace", "id"), gen.oneIn(2));
            case 3 -> new Expr.Compare("n", op(gen), gen.of(0L, 7L, -1L, Long.MAX_VALUE, Long.MIN_VALUE));
            case 4 -> new Expr.Compare("r", op(gen), gen.of(0.0, -0.0, 1.5, 7L, Double.POSITIVE_INFINITY, 1e300));
            case 5 -> new Expr.Compare("b", op(gen), gen.oneIn(2));
            case 6 -> new Expr.Compare(gen.of("ts", "at"), op(gen), NOW.plusNanos(gen.between(-3, 6) * 1000L));
            case 7 -> new Expr.Compare("took", op(gen), Duration.ofMillis(gen.between(-1, 3) * 250L));
            case 8 -> new Expr.In("id", List.of(new UUID(0, 1), new UUID(0, gen.between(0, 9))), gen.oneIn(2));
            case 9 ->
                new Expr.Compare("bl", op(gen), new byte[] {(byte) (gen.between(0, 2) * 100), (byte) gen.between(0, 9)
                });
            default -> new Expr.Compare(gen.of("t", "t", "trace"), op(gen), gen.of(TEXTS));
        };
    }

    private static Expr.Op op(Gen gen) {
        return gen.of(Expr.Op.values());
    }

    private static String pattern(Gen gen) {
        StringBuilder pattern = new StringBuilder();
        for (int i = gen.between(0, 4); i > 0; i--) {
            pattern.append(
                    gen.of("%", "_", "a", "B", "\\%", "\\_", "\\\\", "é", "😀", "Trace", "[", "1", "x", "*", "?"));
        }
        return pattern.toString();
    }
}
