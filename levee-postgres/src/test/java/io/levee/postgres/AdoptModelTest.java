package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Adoption.TimeUnit;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.time.Micros;
import io.levee.testkit.Gen;
import io.levee.testkit.PostgresServer;
import io.levee.testkit.Property;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Adopted tables of any types of times, units and indexes, whole or broken: ranges in their own terms, windows and pages give every row
 * once and in order (guarantees G57, G64).
 */
class AdoptModelTest {
    private static final long BEGIN = 1_775_001_600_000_000L;
    private static final int TRIALS = 15;

    private final PostgresServer server = PostgresServer.shared();

    /** A row as the model has it. */
    private record Known(long id, long group, long micros, long seq) {
        /** As the database has it: numbered before all that is written to the table. */
        Known(long id, long group, long micros) {
            this(id, group, micros, id - Integer.MAX_VALUE);
        }
    }

    /** A type of times, and the unit that its values are of; null where the type says it. */
    private record Kind(String type, @Nullable TimeUnit unit) {}

    private static final List<Kind> KINDS = List.of(
            new Kind("timestamptz", null),
            new Kind("timestamp", null),
            new Kind("integer", TimeUnit.SECONDS),
            new Kind("bigint", TimeUnit.MILLIS),
            new Kind("bigint", TimeUnit.MICROS),
            new Kind("bigint", TimeUnit.NANOS),
            new Kind("numeric", TimeUnit.SECONDS),
            new Kind("numeric", TimeUnit.NANOS),
            new Kind("double precision", TimeUnit.SECONDS),
            new Kind("double precision", TimeUnit.MILLIS),
            new Kind("text", TimeUnit.TEXT),
            new Kind("varchar(60)", TimeUnit.TEXT));

    @Test
    void shouldGiveEveryRowOnceAndInOrder() {
        Property.check("an adopted table answers as a list of its rows would", TRIALS, this::trial);
    }

    private void trial(Gen gen) throws Exception {
        LegacyTables old = new LegacyTables(server);
        Kind kind = gen.of(KINDS);
        boolean second = gen.oneIn(4);
        boolean keyed = gen.oneIn(2);
        List<Known> model = fill(old, kind, second, keyed, gen);
        TableSpec.Builder columns = TableSpec.builder("e")
                .column("id", ColumnType.INTEGER)
                .column("g", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at");
        TableSpec spec = keyed ? columns.key("id").build() : columns.build();
        try (Store store = Levee.open(server.newStore(), false, o -> {})) {
            store.createTable(spec);
            Adoption adoption = Adoption.ofTable(old.name("e")).timeUnit(kind.unit);
            store.adopt("e", second ? adoption.time("at", "later") : adoption);
            for (int i = 0; i < 12; i++) {
                compare(store, model, kind, gen);
                if (keyed && !model.isEmpty()) {
                    change(store, model, gen);
                }
            }
        }
    }

    /** Writes a key again that the table has, and may delete one that was written again. */
    private static void change(Store store, List<Known> model, Gen gen) {
        Table<Row> table = store.table("e");
        for (int i = gen.between(0, 3); i > 0; i--) {
            int at = gen.between(0, model.size() - 1);
            long id = model.get(at).id;
            long group = gen.between(0, 5);
            long micros = BEGIN + gen.between(0L, 86_400_000_000L);
            table.append(
                            Row.of(table.spec())
                                    .set("id", id)
                                    .set("g", group)
                                    .set("at", Micros.instant(micros))
                                    .build(),
                            Ack.COMMITTED)
                    .join();
            Row found = table.find(id).orElseThrow();
            assertThat(found.get("g")).isEqualTo(group);
            model.set(at, new Known(id, group, micros, found.seq()));
        }
        List<Known> own = model.stream().filter(k -> k.seq > 0).toList();
        if (!own.isEmpty() && gen.oneIn(3)) {
            Known gone = own.get(0);
            table.delete(Ack.COMMITTED, gone.id).join();
            model.remove(gone);
            assertThat(table.find(gone.id)).isEmpty();
        }
    }

    private static List<Known> fill(LegacyTables old, Kind kind, boolean second, boolean keyed, Gen gen)
            throws Exception {
        List<Known> model = new ArrayList<>();
        // From a second to years, with many equal times where it is narrow.
        long span = gen.of(1_000_000L, 60_000_000L, 86_400_000_000L, 100 * 86_400_000_000L, 2000 * 86_400_000_000L);
        int rows = gen.between(0, gen.size() * 30);
        boolean broken = gen.oneIn(2);
        old.run("CREATE TABLE e(id " + gen.of("bigint", "integer") + (gen.oneIn(3) && !keyed ? "" : " PRIMARY KEY")
                + ", g smallint, at " + kind.type + ", later " + kind.type + ")");
        try (Connection c = old.open()) {
            c.setAutoCommit(false);
            try (PreparedStatement insert = c.prepareStatement(
                    "INSERT INTO e VALUES (?, ?, ?::text::" + kind.type + ", ?::text::" + kind.type + ")")) {
                for (int i = 1; i <= rows; i++) {
                    long group = gen.between(0, 5);
                    long micros = rounded(kind, BEGIN + gen.between(0L, span));
                    boolean none = broken && gen.oneIn(20);
                    boolean told = none && second && gen.oneIn(2);
                    insert.setLong(1, i);
                    insert.setLong(2, group);
                    insert.setString(3, none ? garbage(kind, gen) : stored(kind, micros, gen));
                    insert.setString(4, told ? stored(kind, micros, gen) : null);
                    insert.addBatch();
                    model.add(new Known(i, group, none && !told ? 0 : micros));
                }
                insert.executeBatch();
            }
            c.commit();
        }
        int index = gen.between(0, 2);
        if (index > 0) {
            old.run(index == 1 ? "CREATE INDEX i ON e(at)" : "CREATE INDEX i ON e(g, at DESC)");
        }
        return model;
    }

    /** What the unit can say; floating point of seconds keeps milliseconds exactly enough. */
    private static long rounded(Kind kind, long micros) {
        if (kind.type.equals("integer")) {
            return micros / 1_000_000 * 1_000_000;
        }
        return kind.unit == TimeUnit.MILLIS || kind.type.startsWith("double") ? micros / 1000 * 1000 : micros;
    }

    private static String stored(Kind kind, long micros, Gen gen) {
        if (kind.unit == null) {
            return Micros.text(micros);
        }
        return switch (kind.unit) {
            case SECONDS ->
                kind.type.equals("integer")
                        ? Long.toString(micros / 1_000_000)
                        : BigDecimal.valueOf(micros, 6).toPlainString();
            case MILLIS -> Long.toString(micros / 1000);
            case MICROS -> Long.toString(micros);
            case NANOS -> Long.toString(micros * 1000 + (kind.type.equals("numeric") ? 0 : gen.between(0, 999)));
            case TEXT -> text(micros, gen);
        };
    }

    private static String text(long micros, Gen gen) {
        int hours = gen.of(0, 0, 2, -10, 14);
        String pattern = gen.of("yyyy-MM-dd HH:mm:ss.SSSSSS", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS");
        String local = DateTimeFormatter.ofPattern(pattern, Locale.ROOT)
                .format(Micros.instant(micros).atOffset(ZoneOffset.ofHours(hours)));
        return local
                + (hours == 0
                        ? gen.of("", "Z", "+00:00", " +0000 UTC")
                        : String.format(Locale.ROOT, gen.of("%+03d:00", "%+03d00", "%+03d"), hours));
    }

    private static @Nullable String garbage(Kind kind, Gen gen) {
        if (kind.unit == null) {
            return gen.of(null, "infinity", "-infinity");
        }
        return switch (kind.type) {
            case "numeric", "double precision" -> gen.of(null, "NaN");
            case "text", "varchar(60)" -> gen.of(null, "", "n/a", "-");
            default -> null;
        };
    }

    private static void compare(Store store, List<Known> model, Kind kind, Gen gen) {
        long one = gen.oneIn(3) ? Long.MIN_VALUE : time(model, gen);
        long other = gen.oneIn(3) ? Long.MAX_VALUE : time(model, gen);
        long from = Math.min(one, other);
        long to = Math.max(one, other);
        Long group = gen.oneIn(2) ? null : (Long) (long) gen.between(0, 5);
        boolean newest = gen.oneIn(2);
        Comparator<Known> order = Comparator.comparingLong(Known::micros).thenComparingLong(Known::seq);
        List<Long> wanted = model.stream()
                .filter(k -> k.micros >= from && k.micros < to && (group == null || k.group == group))
                .sorted(newest ? order.reversed() : order)
                .map(Known::id)
                .toList();
        int limit = gen.of(1, 7, 100, 5000);
        String what = Micros.text(Math.max(from, -1)) + " to " + to + ", group " + group + ", newest " + newest
                + ", by " + limit + " of " + kind;
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
