package io.levee.testkit.conformance;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.TableSpec;
import io.levee.testkit.Gen;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Draws the table, the records, the filters and the figures of one model trial. */
final class ModelData {
    static final String TABLE = "data";
    /** Names each record that was ever made: two rows never have the same. */
    static final String RID = "rid";

    private static final String REAL = "größe ♥";
    private static final String FLAG = "flag \"x\" '; --";
    private static final String AT = "at.time";
    private static final String UID = "u-u id";
    private static final String[] IDS = {
        "a", "b", "B", "", "100%", "x_y", "ñandú 😀", "it's", "a\\b", "line\nbreak", "\uFFFD"
    };
    private static final Instant FIRST_DAY =
            Conformance.NOW.minus(Duration.ofDays(20)).minusSeconds(43_200);

    private final Gen gen;
    private final List<String> key;
    private final boolean moving;
    private final PartitionBy by;
    private final boolean twoTimes;
    private boolean wider;
    private long records;

    ModelData(Gen gen) {
        this.gen = gen;
        this.key = gen.of(List.of(), List.of("id"), List.of("n", "id"));
        this.moving = gen.oneIn(2);
        this.by = gen.of(
                PartitionBy.HOUR,
                PartitionBy.DAY,
                PartitionBy.DAY,
                PartitionBy.WEEK,
                PartitionBy.NONE,
                PartitionBy.AUTO);
        this.twoTimes = gen.oneIn(2);
    }

    boolean keyed() {
        return !key.isEmpty();
    }

    /**
     * Whether engines agree on which partition a row is in: not where the time of a key moves, since an engine may leave the row where
     * it was or move it, and not where widths do.
     */
    boolean settledPartitions() {
        return (!keyed() || !moving) && by != PartitionBy.AUTO;
    }

    void widen() {
        wider = true;
    }

    TableSpec spec(RetentionRule rule) {
        TableSpec.Builder builder = TableSpec.builder(TABLE)
                .column(RID, ColumnType.INTEGER)
                .column("id", ColumnType.TEXT)
                .column("n", ColumnType.INTEGER)
                .column(REAL, ColumnType.REAL)
                .column(FLAG, ColumnType.BOOLEAN)
                .column(AT, ColumnType.TIMESTAMP)
                .column("started", ColumnType.TIMESTAMP)
                .column("took", ColumnType.DURATION)
                .column("price", ColumnType.DECIMAL)
                .column(UID, ColumnType.UUID)
                .column("js", ColumnType.JSON)
                .column("bl", ColumnType.BLOB)
                .column(new Column("trace", ColumnType.TEXT, true, false, null))
                .column(new Column("args", ColumnType.JSON, true, false, null))
                // Declared, not added by the spec itself, so that what comes later comes behind it.
                .column(TableSpec.EXTRA_COLUMN, ColumnType.JSON)
                .unknown(TableSpec.Unknown.EXTRA)
                .index("id", "n")
                .fulltext("trace")
                .key(key.toArray(String[]::new))
                .partitionBy(by)
                .retention(rule);
        if (twoTimes) {
            builder.time(AT, "started");
        } else {
            builder.time(AT);
        }
        if (wider) {
            builder.column("added", ColumnType.INTEGER).column(new Column("more", ColumnType.TEXT, true, false, null));
        }
        return builder.build();
    }

    Row row(TableSpec spec) {
        String id = gen.of(IDS);
        long n = gen.of(0L, 1L, -1L, Long.MAX_VALUE / 4, -5L, 7L);
        Instant at = keyed() && !moving ? homeOf(id, key.contains("n") ? n : 0) : time();
        RowBuilder row = Row.of(spec).set(RID, ++records);
        boolean second = twoTimes && gen.oneIn(3);
        row.set(second ? "started" : AT, at);
        if (!second && gen.oneIn(2)) {
            row.set("started", at.minusSeconds(gen.between(0, 100_000)));
        }
        maybe(row, "id", id);
        maybe(row, "n", n);
        maybe(row, REAL, gen.of(0.0, -0.0, 1.5, -2.25, 1e12, 3.0));
        maybe(row, FLAG, gen.oneIn(2));
        maybe(row, "took", Duration.ofMillis(gen.between(0, 5) * 250L));
        maybe(row, "price", new BigDecimal(gen.of("1.10", "-0.001", "12345678901234567890.5", "0")));
        maybe(row, UID, new UUID(0, gen.between(0, 5)));
        maybe(
                row,
                "js",
                gen.of(
                        Map.of("a", List.of(1L, "ü")),
                        List.of(),
                        Map.of("a", gen.between(0L, 3L), "b", Map.of("c", gen.of(IDS)))));
        maybe(row, "bl", gen.of(new byte[0], new byte[] {1, 0, -1}, new byte[] {0}));
        maybe(row, "trace", gen.of("Traceback…", "", "x".repeat(5000)));
        maybe(row, "args", List.of(1L, 2L));
        if (wider) {
            maybe(row, "added", gen.between(40L, 42L));
            maybe(row, "more", "more");
        }
        if (gen.oneIn(4)) {
            row.set("no such column", gen.of("v", 7L, true));
        }
        return row.build();
    }

    private void maybe(RowBuilder row, String column, Object value) {
        if (key.contains(column) || !gen.oneIn(4)) {
            row.set(column, value);
        }
    }

    /** Few days, often near midnight, now and then late. */
    Instant time() {
        Instant day = FIRST_DAY.plus(Duration.ofDays(gen.oneIn(3) ? gen.between(0, 12) : gen.between(5, 6)));
        return gen.oneIn(2)
                ? day.plusMillis(gen.between(-3, 3))
                : day.plusSeconds(gen.between(0, 4) * 7200L).plusNanos(gen.between(0, 2) * 1000L);
    }

    /** A time in the one hour that all records of a key have. */
    private Instant homeOf(String id, long n) {
        int day = Math.floorMod(id.hashCode() * 31 + Long.hashCode(n), 12);
        return FIRST_DAY.plus(Duration.ofDays(day)).plusSeconds(5 * 3600L + gen.between(0, 3500));
    }

    Object[] anyKey() {
        return key.stream()
                .map(c -> c.equals("id") ? (Object) gen.of(IDS) : gen.of(0L, 1L, -1L, 7L, 99L))
                .toArray();
    }

    /** Changes of columns that are no key and no time. */
    Map<String, Object> changes() {
        return Map.of(RID, ++records, REAL, 7.25, "trace", "changed", "js", List.of("changed"));
    }

    Expr filter(int depth) {
        if (depth < 3 && gen.oneIn(2)) {
            Expr one = filter(depth + 1);
            return switch (gen.between(0, 2)) {
                case 0 -> Expr.and(one, filter(depth + 1));
                case 1 -> Expr.or(one, filter(depth + 1));
                default -> Expr.not(one);
            };
        }
        return switch (gen.between(0, 11)) {
            case 9 ->
                new Expr.Contains(
                        gen.of("id", "trace"), gen.of("a", "TRACEBACK", "%", "xxxx", "", "andú"), gen.oneIn(2));
            case 10 -> new Expr.Compare("js.a", op(), (Object) gen.between(0L, 3L));
            case 11 -> new Expr.Compare("js.b.c", op(), gen.of(IDS));
            case 0 ->
                new Expr.Like("id", gen.of("%", "a%", "_", "%\\%", "x\\_y", "%B", "", "%😀", "a\\\\b"), gen.oneIn(2));
            case 1 -> new Expr.In("n", List.of(0L, gen.of(7L, -1L)), gen.oneIn(2));
            case 2 -> new Expr.IsNull(gen.of("id", FLAG, "trace", "bl", REAL, wider ? "added" : "n"), gen.oneIn(2));
            case 3 -> new Expr.Compare("id", op(), gen.of(IDS));
            case 4 -> new Expr.Compare(REAL, op(), gen.of(0.0, 1.5, 2L));
            case 5 -> new Expr.Compare(AT, op(), time());
            case 6 -> new Expr.Compare(FLAG, op(), gen.oneIn(2));
            case 7 -> new Expr.Compare("took", op(), Duration.ofMillis(500));
            default -> new Expr.In(UID, List.of(new UUID(0, 1), new UUID(0, gen.between(0, 5))), gen.oneIn(2));
        };
    }

    private Expr.Op op() {
        return gen.of(Expr.Op.values());
    }

    /** An order in which no two rows are alike. */
    Order[] order() {
        Order last = new Order(RID, gen.oneIn(2));
        Order first = new Order(
                gen.of("id", "n", REAL, FLAG, AT, "took", UID, "bl", "trace", "js.a", "js.b.c", wider ? "added" : "n"),
                gen.oneIn(2));
        return gen.oneIn(2)
                ? new Order[] {first, last}
                : new Order[] {first, new Order(gen.of("n", "id"), gen.oneIn(2)), last};
    }

    /** What the newest rows are asked of. */
    String perKey() {
        return gen.of("id", "n", FLAG, UID, "js.b.c");
    }

    Histogram histogram(Query query) {
        return new Histogram(
                query,
                gen.of("n", REAL, "took", AT, "js.a"),
                gen.of(
                        new Histogram.Even(-4, 1.5, 12),
                        new Histogram.Edges(List.of(-1.0, 0.0, 1.5, 1e6, 1e12)),
                        new Histogram.Automatic(gen.between(1, 30))));
    }

    /** Figures that core makes of others: of sketches, of places. */
    List<Measure> sketches() {
        return List.of(
                Measure.count(),
                Measure.percentile(gen.of(0.0, 0.5, 0.9, 1.0), REAL),
                Measure.percentile(0.5, "took"),
                Measure.distinct(gen.of("id", "n", "js.b.c", "bl")),
                Measure.avg("js.a"),
                new Measure(Measure.Function.COUNT, "js.b.c"));
    }

    List<String> by() {
        return gen.of(
                List.of(), List.of("id"), List.of(FLAG, "n"), List.of("bl"), List.of("trace"), List.of(UID, REAL));
    }

    List<Measure> measures() {
        return List.of(
                Measure.count(),
                new Measure(Measure.Function.COUNT, "js"),
                Measure.sum(RID),
                Measure.avg(REAL),
                Measure.sum("took"),
                Measure.min("id"),
                Measure.max(AT),
                Measure.min("took"),
                Measure.max("bl"));
    }
}
