package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.BatchReceipt;
import io.levee.Bytes;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionPlan;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.internal.time.Micros;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Random appends, updates, openings, drops and queries give what {@link Model} says, exactly. */
class ModelTest {
    private static final Instant BASE = Instant.parse("2026-05-10T00:00:00Z");
    private static final Instant NOW = BASE.plus(Duration.ofDays(30));
    private static final String REAL = "größe ♥";
    private static final String FLAG = "flag \"x\" '; --";
    private static final String AT = "at.time";
    private static final String UID = "u-u id";

    @TempDir
    Path directory;

    private final AtomicInteger trials = new AtomicInteger();

    @Test
    void shouldAnswerWhatTheModelAnswers() {
        Property.check(
                "store = model", 60, gen -> new Trial(gen, directory.resolve("t" + trials.incrementAndGet())).run());
    }

    /** One store with one table, and the model of it. */
    private static final class Trial {
        private final Gen gen;
        private final Path home;
        private final Model model = new Model();
        private TableSpec spec;
        private Store store;
        private Table<Row> table;
        private long ids;

        Trial(Gen gen, Path home) {
            this.gen = gen;
            this.home = home;
            TableSpec.Builder builder = TableSpec.builder("data")
                    .column("rid", ColumnType.INTEGER)
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
                    .unknown(TableSpec.Unknown.EXTRA)
                    .index("id", "n")
                    .partitionBy(gen.of(
                            PartitionBy.HOUR, PartitionBy.DAY, PartitionBy.DAY, PartitionBy.WEEK, PartitionBy.NONE));
            if (gen.oneIn(2)) {
                builder.time(AT);
            } else {
                builder.time(AT, "started");
            }
            List<String> key =
                    gen.of(List.of(), List.of("id"), List.of("id", "n"), List.of(UID), List.of("bl", REAL, FLAG));
            spec = builder.key(key.toArray(String[]::new)).build();
            open();
        }

        private void open() {
            store = Levee.open(
                    home,
                    o -> o.clock(Clock.fixed(NOW, ZoneOffset.UTC))
                            .asOf(NOW)
                            .queryThreads(1)
                            .memory(Bytes.mebi(32)));
            table = store.createTable(spec);
            spec = table.spec();
        }

        void run() {
            try {
                for (int i = gen.between(2, Math.max(3, gen.size() / 6)); i > 0; i--) {
                    switch (gen.between(0, 9)) {
                        case 0 -> reopen();
                        case 1 -> addColumn();
                        case 2 -> retention();
                        case 3 -> refuse();
                        default -> append();
                    }
                    compare(store);
                }
                store.close();
                try (Store reading = Levee.openReadOnly(home)) {
                    compare(reading);
                    assertThat(reading.status().lastShutdown()).isEqualTo("CLEAN");
                }
                try (var files = Files.walk(home.resolve("tables"))) {
                    assertThat(files.map(Path::toString)).noneMatch(f -> f.endsWith("-wal") || f.endsWith("-shm"));
                }
            } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
            } finally {
                store.close();
            }
        }

        private void reopen() {
            assertThat(store.close(Duration.ofSeconds(10)).reason()).isEmpty();
            open();
        }

        private void addColumn() {
            if (spec.position("added") < 0) {
                TableSpec.Builder wider =
                        TableSpec.builder("data").unknown(spec.unknown()).partitionBy(spec.partitionBy());
                spec.columns().forEach(wider::column);
                wider.column(new Column("added", ColumnType.INTEGER, gen.oneIn(2), false, null))
                        .time(spec.time().toArray(String[]::new))
                        .key(spec.key().toArray(String[]::new));
                table = store.createTable(wider.build());
                spec = table.spec();
            }
        }

        private void retention() {
            Duration age = Duration.ofHours(gen.between(5 * 24, 40 * 24));
            RetentionRule before = spec.retention();
            declare(RetentionRule.maxAge(age));
            RetentionPlan plan = store.planRetention();
            List<String> wanted = model.drop(Micros.of(NOW.minus(age)));
            assertThat(plan.drops().stream()
                            .map(d -> d.partition().id().period())
                            .sorted())
                    .as("what retention drops")
                    .containsExactlyElementsOf(wanted);
            assertThat(store.applyRetention(plan).blocked()).isEmpty();
            declare(before);
        }

        private void declare(RetentionRule rule) {
            TableSpec.Builder same = TableSpec.builder("data")
                    .unknown(spec.unknown())
                    .partitionBy(spec.partitionBy())
                    .retention(rule)
                    .time(spec.time().toArray(String[]::new))
                    .key(spec.key().toArray(String[]::new));
            spec.columns().forEach(same::column);
            table = store.createTable(same.build());
            spec = table.spec();
        }

        private void refuse() {
            Instant wrong = gen.of(Instant.EPOCH, NOW.plus(Duration.ofDays(3)), Instant.parse("9000-01-01T00:00:00Z"));
            Row row = row(wrong);
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> table.append(row));
            assertThat(e).isNotNull();
            assertThat(e.code()).isEqualTo(ErrorCode.TIME_REFUSED);
        }

        private void append() {
            if (gen.oneIn(4)) {
                Row row = row(time());
                if (!model.takes(row.timeMicros())) {
                    LeveeException e = catchThrowableOfType(LeveeException.class, () -> table.append(row));
                    assertThat(e.code()).isEqualTo(ErrorCode.TIME_REFUSED);
                    return;
                }
                boolean updated = model.append(row, Period.of(spec.partitionBy(), row.timeMicros()));
                model.commit();
                assertThat(table.append(row, gen.of(Ack.COMMITTED, Ack.DURABLE))
                                .join()
                                .updated())
                        .isEqualTo(updated);
                return;
            }
            List<Row> batch = gen.list(1, () -> row(time()));
            List<Row> taken =
                    batch.stream().filter(r -> model.takes(r.timeMicros())).toList();
            long updates = taken.stream()
                    .filter(r -> model.append(r, Period.of(spec.partitionBy(), r.timeMicros())))
                    .count();
            model.commit();
            BatchReceipt receipt = table.appendAll(batch, Ack.COMMITTED).join();
            assertThat(receipt.rejected()).hasSize(batch.size() - taken.size());
            assertThat(receipt.lost()).isZero();
            assertThat(receipt.updated()).isEqualTo(updates);
            assertThat(receipt.stored()).isEqualTo(taken.size() - updates);
        }

        /** Few days, often near midnight, now and then late. */
        private Instant time() {
            Instant day = BASE.plus(Duration.ofDays(gen.oneIn(3) ? gen.between(0, 12) : gen.between(5, 6)));
            return gen.oneIn(2)
                    ? day.plusMillis(gen.between(-3, 3))
                    : day.plusSeconds(gen.between(0, 4) * 7200L).plusNanos(gen.between(0, 2) * 1000L);
        }

        private Row row(Instant at) {
            RowBuilder row = Row.of(spec).set("rid", ++ids);
            boolean second = spec.separateTime() && gen.oneIn(3);
            row.set(second ? "started" : AT, at);
            if (!second && gen.oneIn(2)) {
                row.set("started", at.minusSeconds(gen.between(0, 100_000)));
            }
            maybe(row, "id", gen.of("a", "b", "B", "", "100%", "x_y", "ñandú 😀", "it's", "a\\b", "line\nbreak"));
            maybe(row, "n", gen.of(0L, 1L, -1L, Long.MAX_VALUE / 4, -5L, 7L));
            maybe(row, REAL, gen.of(0.0, -0.0, 1.5, -2.25, 1e12, 3.0));
            maybe(row, FLAG, gen.oneIn(2));
            maybe(row, "took", Duration.ofMillis(gen.between(0, 5) * 250L));
            maybe(row, "price", new BigDecimal(gen.of("1.10", "-0.001", "12345678901234567890.5", "0")));
            maybe(row, UID, new UUID(0, gen.between(0, 5)));
            maybe(row, "js", gen.of(Map.of("a", List.of(1L, "ü")), List.of(), Map.of()));
            maybe(row, "bl", gen.of(new byte[0], new byte[] {1, 0, -1}, new byte[] {0}));
            maybe(row, "trace", gen.of("Traceback…", "", "x".repeat(5000)));
            maybe(row, "args", List.of(1L, 2L));
            if (spec.position("added") >= 0) {
                maybe(row, "added", 42L);
            }
            if (gen.oneIn(4)) {
                row.set("no such column", gen.of("v", 7L, true));
            }
            return row.build();
        }

        private void maybe(RowBuilder row, String column, Object value) {
            if (spec.key().contains(column) || !gen.oneIn(4)) {
                row.set(column, value);
            }
        }

        private void compare(Store asked) {
            learnNumbers(asked);
            for (int i = 0; i < 3; i++) {
                long from = gen.oneIn(2) ? Long.MIN_VALUE : Micros.of(time());
                long to = gen.oneIn(2) ? Long.MAX_VALUE : Math.max(from, Micros.of(time()));
                Expr where = gen.oneIn(4) ? null : filter(0);
                List<Model.Held> expected = model.select(from, to, where);
                comparePages(asked, from, to, where, expected);
                compareGroups(asked, from, to, where, expected);
            }
            try (SqlResult result = asked.sql(SqlQuery.of("SELECT count(*), count(trace), max(_seq) FROM data"))) {
                List<Model.Held> all = model.select(Long.MIN_VALUE, Long.MAX_VALUE, null);
                List<Object> first = result.iterator().next();
                assertThat(first.get(0)).isEqualTo((long) all.size());
                assertThat(first.get(1))
                        .isEqualTo(
                                all.stream().filter(r -> r.get("trace") != null).count());
            }
        }

        /** Numbers are the store's choice, once: a row keeps its own, and no two rows have the same. */
        private void learnNumbers(Store asked) {
            Map<Object, Model.Held> byId = new LinkedHashMap<>();
            model.select(Long.MIN_VALUE, Long.MAX_VALUE, null).forEach(r -> byId.put(r.get("rid"), r));
            Set<Long> numbers = new HashSet<>();
            try (Result<Row> rows =
                    asked.query(Query.builder("data").columns(List.of("rid")).build())) {
                for (Row row : rows) {
                    Model.Held held = byId.remove(row.get("rid"));
                    assertThat(held).as("a row that the model lacks: %s", row).isNotNull();
                    assertThat(numbers.add(row.seq()))
                            .as("_seq %s is there once", row.seq())
                            .isTrue();
                    assertThat(held.seq() == 0 || held.seq() == row.seq()).isTrue();
                    held.seq(row.seq());
                }
            }
            assertThat(byId.values().stream().map(r -> r.get("rid")))
                    .as("rows that the store lacks")
                    .isEmpty();
        }

        private void comparePages(Store asked, long from, long to, @Nullable Expr where, List<Model.Held> expected) {
            boolean newest = gen.oneIn(2);
            boolean details = gen.oneIn(2);
            int page = gen.of(1, 2, 3, 7, 1000);
            if (expected.size() / page > 30) {
                page = 50;
            }
            List<Map<String, Object>> got = new ArrayList<>();
            String cursor = null;
            do {
                Query.Builder query =
                        Query.builder("data").where(where).limit(page).after(cursor);
                Query built = newest
                        ? query.newestFirst().build()
                        : query.oldestFirst().build();
                Query ranged = new Query(
                        "data",
                        from,
                        to,
                        built.where(),
                        newest,
                        List.of(),
                        List.of(),
                        page,
                        cursor,
                        List.of(),
                        details,
                        Duration.ofSeconds(30));
                try (Result<Row> result = asked.query(ranged)) {
                    int before = got.size();
                    for (Row row : result) {
                        Map<String, Object> plain = new LinkedHashMap<>();
                        row.toMap().forEach((name, value) -> plain.put(name, Model.plain(value)));
                        got.add(plain);
                    }
                    cursor = result.next();
                    assertThat(cursor == null || got.size() - before == page).isTrue();
                }
            } while (cursor != null);
            List<Map<String, Object>> wanted = new ArrayList<>();
            for (Model.Held held : expected) {
                Map<String, Object> shown = held.shown(spec);
                if (!details) {
                    spec.columns().stream().filter(Column::detail).forEach(c -> shown.put(c.name(), null));
                }
                wanted.add(newest ? 0 : wanted.size(), shown);
            }
            assertThat(got)
                    .as("where %s page %s newest %s", where, page, newest)
                    .isEqualTo(wanted);
        }

        private void compareGroups(Store asked, long from, long to, @Nullable Expr where, List<Model.Held> expected) {
            List<String> by = gen.of(
                    List.of(), List.of("id"), List.of(FLAG, "n"), List.of("bl"), List.of("trace"), List.of(UID, REAL));
            List<Measure> measures = List.of(
                    Measure.count(),
                    new Measure(Measure.Function.COUNT, "js"),
                    Measure.sum("rid"),
                    Measure.avg(REAL),
                    Measure.min("id"),
                    Measure.max(AT),
                    Measure.min("took"),
                    Measure.max("bl"));
            Query query = new Query(
                    "data",
                    from,
                    to,
                    where,
                    true,
                    List.of(),
                    List.of(),
                    5,
                    null,
                    List.of(),
                    false,
                    Duration.ofSeconds(30));
            Aggregation.Groups groups = asked.aggregate(new Aggregation(query, by, measures));
            Map<String, List<Object>> got = new TreeMap<>();
            for (List<Object> group : groups.groups()) {
                List<Object> plain = group.stream().map(Model::plain).toList().size() == group.size()
                        ? new ArrayList<>(group)
                        : null;
                plain.replaceAll(v -> v == null ? null : Model.plain(v));
                String key = plain.subList(0, by.size()).toString();
                List<Object> figures = plain.subList(by.size(), plain.size());
                figures.replaceAll(v -> v == null ? "none" : v instanceof Double ? Model.round(v) : v);
                figures.set(2, figures.get(2).equals("none") ? "none" : Model.round(figures.get(2)));
                assertThat(got.put(key, figures)).as("group %s comes once", key).isNull();
            }
            assertThat(got).as("groups by %s where %s", by, where).isEqualTo(model.groups(expected, by, measures));
            assertThat(asked.count(query)).isEqualTo(expected.size());
        }

        private Expr filter(int depth) {
            if (depth < 3 && gen.oneIn(2)) {
                Expr one = filter(depth + 1);
                return switch (gen.between(0, 2)) {
                    case 0 -> Expr.and(one, filter(depth + 1));
                    case 1 -> Expr.or(one, filter(depth + 1));
                    default -> Expr.not(one);
                };
            }
            return switch (gen.between(0, 8)) {
                case 0 ->
                    new Expr.Like(
                            "id", gen.of("%", "a%", "_", "%\\%", "x\\_y", "%B", "", "%😀", "a\\\\b"), gen.oneIn(2));
                case 1 -> new Expr.In("n", List.of(0L, gen.of(7L, -1L)), gen.oneIn(2));
                case 2 -> new Expr.IsNull(gen.of("id", FLAG, "trace", "bl", REAL), gen.oneIn(2));
                case 3 -> new Expr.Compare("id", op(), gen.of("a", "b", "it's", "ñandú 😀"));
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
    }
}
