package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Adoption.TimeUnit;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.time.Micros;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Adopted databases of any times, units and indexes, whole or broken: ranges in their own unit, windows and pages give every row once and
 * in order, also once keys of them were written again or deleted (guarantees G57, G64).
 */
class AdoptModelTest {
    private static final long BEGIN = 1_775_001_600_000_000L;
    private static final int TRIALS = 15;

    @TempDir
    Path directory;

    private int stores;

    /** A row as the model has it. */
    private record Known(long id, long group, long micros) {}

    @Test
    void shouldGiveEveryRowOnceAndInOrder() {
        Property.check("an adopted database answers as a list of its rows would", TRIALS, this::trial);
    }

    /** SQLite takes a text that looks like a number for one where the column's type is DATETIME. */
    @ParameterizedTest
    @ValueSource(strings = {"DATETIME", "TEXT"})
    void shouldFindTheTimeOfTheSecondColumnWhereTheFirstIsEmpty(String type) throws Exception {
        Path file = directory.resolve("old.db");
        try (Connection c = LegacyData.open(file);
                Statement s = c.createStatement()) {
            s.executeUpdate("CREATE TABLE e(id INTEGER PRIMARY KEY, at " + type + ", later " + type + ")");
            s.executeUpdate("CREATE INDEX i ON e(at)");
            for (String none : List.of("''", "'n/a'", "'0'", "' '", "'/x'", "x'01'", "NULL")) {
                s.executeUpdate("INSERT INTO e(at, later) VALUES(" + none + ", '2026-05-20 12:00:00')");
            }
            s.executeUpdate("INSERT INTO e(at) VALUES('2026-05-20 12:00:00'), ('2026-05-18 12:00:00')");
        }
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(TableSpec.builder("e")
                    .column("id", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .build());
            store.adopt("e", Adoption.of(file, "e").timeUnit(TimeUnit.TEXT).time("at", "later"));
            Instant day = Instant.parse("2026-05-20T00:00:00Z");
            assertThat(store.count(Query.builder("e")
                            .from(day)
                            .to(day.plus(Duration.ofDays(1)))
                            .build()))
                    .isEqualTo(8);
        }
    }

    private void trial(Gen gen) throws Exception {
        Path file = directory.resolve("old-" + stores + ".db");
        TimeUnit unit = gen.of(TimeUnit.values());
        boolean second = gen.oneIn(4);
        List<Known> model = fill(file, unit, second, gen);
        boolean keyed = gen.oneIn(2);
        TableSpec.Builder columns = TableSpec.builder("e")
                .column("id", ColumnType.INTEGER)
                .column("g", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at");
        TableSpec spec = keyed ? columns.key("id").build() : columns.build();
        Set<Long> own = new HashSet<>();
        boolean split = gen.oneIn(2);
        AtomicReference<Store> opened = new AtomicReference<>();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        Consumer<Splitting.Point> at = point -> {
            try {
                if (point == Splitting.Point.RECORDED) {
                    compare(opened.get(), model, gen);
                }
            } catch (Throwable e) {
                failed.compareAndSet(null, e);
            }
        };
        try (Store store = SplitTest.open(
                directory.resolve("store-" + stores++), at, gen.between(1, 1 + model.size() / 3), o -> {})) {
            opened.set(store);
            store.createTable(spec);
            Adoption adoption = Adoption.of(file, "e").timeUnit(unit);
            PartitionId id = store.adopt("e", second ? adoption.time("at", "later") : adoption)
                    .partition();
            for (int i = 0; i < 12; i++) {
                compare(store, model, gen);
                if (keyed && !model.isEmpty()) {
                    change(store, model, own, gen);
                }
                if (split && i == 3) {
                    // The generator is the other thread's until it is done.
                    store.split(id);
                    SplitTest.await(store, SplitStatus.State.DONE);
                    assertThat(failed.get()).isNull();
                }
            }
        }
    }

    /** Writes a key again that the database has, and may delete one that was written again. */
    private static void change(Store store, List<Known> model, Set<Long> own, Gen gen) {
        Table<Row> table = store.table("e");
        for (int i = gen.between(0, 3); i > 0; i--) {
            int at = gen.between(0, model.size() - 1);
            Known now = new Known(
                    model.get(at).id, gen.between(0, 5), BEGIN + gen.between(0L, 86_400_000_000L) / 1000 * 1000);
            table.append(
                            Row.of(table.spec())
                                    .set("id", now.id)
                                    .set("g", now.group)
                                    .set("at", Micros.instant(now.micros))
                                    .build(),
                            Ack.COMMITTED)
                    .join();
            model.set(at, now);
            own.add(now.id);
            assertThat(table.find(now.id).orElseThrow().get("g")).isEqualTo(now.group);
        }
        if (!own.isEmpty() && gen.oneIn(3)) {
            long gone = own.iterator().next();
            table.delete(Ack.COMMITTED, gone).join();
            own.remove(gone);
            model.removeIf(k -> k.id == gone);
            assertThat(table.find(gone)).isEmpty();
        }
    }

    private static List<Known> fill(Path file, TimeUnit unit, boolean second, Gen gen) throws Exception {
        List<Known> model = new ArrayList<>();
        // From a second to years, with many equal times where it is narrow.
        long span = gen.of(1_000_000L, 60_000_000L, 86_400_000_000L, 100 * 86_400_000_000L, 2000 * 86_400_000_000L);
        int rows = gen.between(0, gen.size() * 30);
        boolean broken = gen.oneIn(2);
        try (Connection c = LegacyData.open(file);
                Statement s = c.createStatement()) {
            // A real does not hold nanoseconds of today.
            String type = unit == TimeUnit.TEXT
                    ? gen.of("DATETIME", "TEXT")
                    : unit == TimeUnit.NANOS ? "INTEGER" : gen.of("INTEGER", "REAL", "NUMERIC");
            s.executeUpdate("CREATE TABLE e(id INTEGER PRIMARY KEY, g INTEGER, at " + type + ", later " + type + ")");
            int index = gen.between(0, 2);
            if (index > 0) {
                s.executeUpdate(index == 1 ? "CREATE INDEX i ON e(at)" : "CREATE INDEX i ON e(g, at DESC)");
            }
            c.setAutoCommit(false);
            try (PreparedStatement insert = c.prepareStatement("INSERT INTO e VALUES(?, ?, ?, ?)")) {
                for (int i = 1; i <= rows; i++) {
                    long group = gen.between(0, 5);
                    long micros = rounded(unit, BEGIN + gen.between(0L, span));
                    boolean none = broken && gen.oneIn(20);
                    Object stored = none ? garbage(unit, gen) : stored(unit, micros, gen);
                    insert.setLong(1, i);
                    insert.setLong(2, group);
                    insert.setObject(3, stored);
                    boolean told = none && second && gen.oneIn(2);
                    insert.setObject(4, told ? stored(unit, micros, gen) : null);
                    insert.addBatch();
                    model.add(new Known(i, group, none && !told ? 0 : micros));
                }
                insert.executeBatch();
            }
            c.commit();
        }
        return model;
    }

    /** What the unit can say; reals of seconds keep milliseconds exactly enough. */
    private static long rounded(TimeUnit unit, long micros) {
        return switch (unit) {
            case SECONDS, MILLIS -> micros / 1000 * 1000;
            default -> micros;
        };
    }

    private static Object stored(TimeUnit unit, long micros, Gen gen) {
        return switch (unit) {
            case SECONDS -> micros % 1_000_000 == 0 ? (Object) (micros / 1_000_000) : (Object) (micros / 1e6);
            case MILLIS -> micros / 1000;
            case MICROS -> micros;
            case NANOS -> micros * 1000 + gen.between(0, 999);
            case TEXT -> text(micros, gen);
        };
    }

    private static String text(long micros, Gen gen) {
        int hours = gen.of(0, 0, 2, -10, 14);
        String pattern = gen.of("yyyy-MM-dd HH:mm:ss.SSSSSS", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS");
        String local = DateTimeFormatter.ofPattern(pattern, Locale.ROOT)
                .format(Micros.instant(micros).atOffset(ZoneOffset.ofHours(hours)));
        return local + (hours == 0 ? gen.of("", "Z", "+00:00", " +0000 UTC") : String.format("%+03d:00", hours));
    }

    private static @Nullable Object garbage(TimeUnit unit, Gen gen) {
        return unit == TimeUnit.TEXT ? gen.of(null, "", "n/a", new byte[] {1}) : gen.of(null, "n/a", new byte[] {1});
    }

    private static void compare(Store store, List<Known> model, Gen gen) {
        long one = gen.oneIn(3) ? Long.MIN_VALUE : time(model, gen);
        long other = gen.oneIn(3) ? Long.MAX_VALUE : time(model, gen);
        long from = Math.min(one, other);
        long to = Math.max(one, other);
        Long group = gen.oneIn(2) ? null : (Long) (long) gen.between(0, 5);
        boolean newest = gen.oneIn(2);
        Comparator<Known> order = Comparator.comparingLong(Known::micros).thenComparingLong(Known::id);
        List<Long> wanted = model.stream()
                .filter(k -> k.micros >= from && k.micros < to && (group == null || k.group == group))
                .sorted(newest ? order.reversed() : order)
                .map(Known::id)
                .toList();
        int limit = gen.of(1, 7, 100, 5000);
        String what = Micros.text(Math.max(from, -1)) + " to " + to + ", group " + group + ", newest " + newest
                + ", by " + limit + " of " + store.adopted();
        List<Long> found = new ArrayList<>();
        String after = null;
        int pages = 0;
        do {
            Query query =
                    query(from, to, group, newest).limit(limit).after(after).build();
            try (Result<Row> rows = store.query(query)) {
                rows.forEach(row -> found.add((Long) row.get("id")));
                after = rows.next();
            }
        } while (after != null && ++pages < 6);
        assertThat(found).as(what).isEqualTo(wanted.subList(0, Math.min(wanted.size(), found.size())));
        assertThat(after != null || found.size() == wanted.size()).as(what).isTrue();
        assertThat(store.count(query(from, to, group, newest).build())).as(what).isEqualTo(wanted.size());
    }

    private static Query.Builder query(long from, long to, @Nullable Long group, boolean newest) {
        Query.Builder query = Query.builder("e");
        if (from != Long.MIN_VALUE) {
            query.from(Micros.instant(from));
        }
        if (to != Long.MAX_VALUE) {
            query.to(Micros.instant(to));
        }
        if (group != null) {
            query.where(Expr.eq("g", group));
        }
        return newest ? query.newestFirst() : query.oldestFirst();
    }

    /** Around a row's time, to the microsecond; or 1970, where rows without a time are. */
    private static long time(List<Known> model, Gen gen) {
        long base = model.isEmpty() || gen.oneIn(8) ? 0 : gen.of(model).micros;
        return base + gen.between(-1, 1) * gen.of(1L, 1000L, 3_600_000_000L);
    }
}
