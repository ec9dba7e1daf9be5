package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Adoption.TimeUnit;
import io.levee.ColumnType;
import io.levee.Expr;
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
import io.levee.testkit.conformance.OldDatabase.TimeType;
import java.math.BigDecimal;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/**
 * Adopted databases of any types of times, units and indexes, whole or broken: ranges in their own terms, windows and pages give every row
 * once and in order, also once keys of them were written again or deleted, and while they are split, at once or with interruptions
 * (guarantees G57, G64).
 */
abstract class AdoptionModelConformance extends OldTopic {
    private static final long BEGIN = 1_775_001_600_000_000L;
    private static final int TRIALS = 15;

    /** How many rows one statement has. */
    private static final int AT_ONCE = 500;

    AdoptionModelConformance(EngineConformance kit) {
        super(kit);
    }

    /** A row as the model has it, with a number that says its place among rows of one time. */
    private record Known(long id, long group, long micros, long seq) {}

    @Test
    void shouldGiveEveryRowOnceAndInOrder(TestReporter reporter) {
        if (old(reporter) != null) {
            Property.check(
                    "an adopted database answers as a list of its rows would",
                    TRIALS,
                    gen -> new Trial(Objects.requireNonNull(engine().oldDatabase()), gen).run());
        }
    }

    /** One old database, and what is asked of it. */
    private final class Trial {
        private final OldDatabase old;
        private final Gen gen;
        private final TimeType type;
        private final boolean second;
        private final boolean keyed;
        private final List<Known> model = new ArrayList<>();
        private final Set<Long> own = new HashSet<>();
        private final String address = engine().newStore();

        Trial(OldDatabase old, Gen gen) {
            this.old = old;
            this.gen = gen;
            this.type = gen.of(old.timeTypes());
            this.second = gen.oneIn(4);
            this.keyed = gen.oneIn(2);
        }

        void run() {
            fill();
            int piece = gen.between(model.size() / 20 + 1, model.size() / 2 + 2);
            switch (gen.between(0, 3)) {
                case 0 -> splitAtOnce(piece);
                case 1 -> splitWithInterruptions(piece);
                default -> {
                    try (Store store = adopt(open(address, false))) {
                        askAndChange(store, 12);
                    }
                }
            }
        }

        private TableSpec spec() {
            TableSpec.Builder columns = TableSpec.builder("e")
                    .column("id", ColumnType.INTEGER)
                    .column("g", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at");
            return keyed ? columns.key("id").build() : columns.build();
        }

        private Store adopt(Store store) {
            store.createTable(spec());
            Adoption adoption = old.adoption("e").timeUnit(unit());
            store.adopt("e", second ? adoption.time("at", "later") : adoption);
            return store;
        }

        private @Nullable TimeUnit unit() {
            String unit = type.unit();
            return unit == null ? null : TimeUnit.of(unit);
        }

        private void askAndChange(Store store, int times) {
            for (int i = 0; i < times; i++) {
                compare(store);
                if (keyed && !model.isEmpty()) {
                    change(store);
                }
            }
        }

        /** Compared whenever rows have moved, by the splitting's thread: the generator is its own until the splitting is done. */
        private void splitAtOnce(int piece) {
            AtomicReference<Store> opened = new AtomicReference<>();
            int[] moves = new int[1];
            AtPoint ask = new AtPoint(point -> {
                if (point.equals(splittings().moved()) && moves[0]++ < 5) {
                    compare(Objects.requireNonNull(opened.get()));
                }
            });
            try (Store store = adopt(splitting(address, piece, ask))) {
                opened.set(store);
                askAndChange(store, 4);
                store.split(adopted(store));
                await(store, SplitStatus.State.DONE);
                ask.requireNoFailure();
                askAndChange(store, 8);
            }
        }

        private void splitWithInterruptions(int piece) {
            Store store = adopt(splitting(address, piece, point -> {}));
            PartitionId id = adopted(store);
            for (int i = 0; i < 12; i++) {
                askAndChange(store, 1);
                if (gen.oneIn(3)) {
                    store.close();
                    store = splitting(address, piece, point -> {});
                    store.table("e");
                } else if (gen.oneIn(2)) {
                    store.split(id);
                } else if (!store.splits().isEmpty()) {
                    store.stopSplit(id);
                }
            }
            store.split(id);
            await(store, SplitStatus.State.DONE);
            compare(store);
            store.close();
        }

        /** Writes a key again that the database has, and may delete one that was written again. */
        private void change(Store store) {
            Table<Row> table = store.table("e");
            for (int i = gen.between(0, 3); i > 0; i--) {
                int at = gen.between(0, model.size() - 1);
                Known before = model.get(at);
                long group = gen.between(0, 5);
                long micros = BEGIN + gen.between(0L, 86_400_000_000L);
                append(table, Conformance.row(table.spec(), "id", before.id, "g", group, "at", Micros.instant(micros)));
                Row found = table.find(before.id).orElseThrow();
                assertThat(found.get("g")).isEqualTo(group);
                // It goes on with its number, or gets one of the table's own, above all that were adopted.
                model.set(at, new Known(before.id, group, micros, found.seq() < 0 ? before.seq : found.seq()));
                own.add(before.id);
            }
            if (!own.isEmpty() && gen.oneIn(3)) {
                long gone = own.iterator().next();
                table.delete(Ack.COMMITTED, gone).join();
                own.remove(gone);
                model.removeIf(k -> k.id == gone);
                assertThat(table.find(gone)).isEmpty();
            }
        }

        private void fill() {
            // From a second to years, with many equal times where it is narrow.
            long span = gen.of(1_000_000L, 60_000_000L, 86_400_000_000L, 100 * 86_400_000_000L, 2000 * 86_400_000_000L);
            int rows = gen.between(0, gen.size() * 30);
            boolean broken = gen.oneIn(2);
            old.run("CREATE TABLE e(id " + gen.of("bigint", "integer") + (gen.oneIn(3) && !keyed ? "" : " PRIMARY KEY")
                    + ", g smallint, at " + type.type() + ", later " + type.type() + ")");
            List<String> values = new ArrayList<>();
            for (int id = 1; id <= rows; id++) {
                values.add(row(id, span, broken));
                if (values.size() == AT_ONCE || id == rows) {
                    old.run("INSERT INTO e VALUES " + String.join(", ", values));
                    values.clear();
                }
            }
            int index = gen.between(0, 2);
            if (index > 0) {
                old.run(index == 1 ? "CREATE INDEX i ON e(at)" : "CREATE INDEX i ON e(g, at DESC)");
            }
        }

        private String row(int id, long span, boolean broken) {
            long group = gen.between(0, 5);
            long micros = (BEGIN + gen.between(0L, span)) / type.least() * type.least();
            boolean none = broken && gen.oneIn(20);
            boolean told = none && second && gen.oneIn(2);
            model.add(new Known(id, group, none && !told ? 0 : micros, id - (long) Integer.MAX_VALUE));
            return "(" + id + ", " + group + ", " + (none ? gen.of(type.garbage()) : stored(micros)) + ", "
                    + (told ? stored(micros) : "NULL") + ")";
        }

        private String stored(long micros) {
            TimeUnit unit = unit();
            if (unit == null) {
                return "'" + Micros.text(micros) + "'";
            }
            return "'"
                    + switch (unit) {
                        case SECONDS ->
                            BigDecimal.valueOf(micros, 6).stripTrailingZeros().toPlainString();
                        case MILLIS -> Long.toString(micros / 1000);
                        case MICROS -> Long.toString(micros);
                        case NANOS ->
                            Long.toString(micros * 1000 + (type.type().equals("numeric") ? 0 : gen.between(0, 999)));
                        case TEXT -> text(micros);
                    }
                    + "'";
        }

        private String text(long micros) {
            int hours = gen.of(0, 0, 2, -10, 14);
            String pattern = gen.of("yyyy-MM-dd HH:mm:ss.SSSSSS", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS");
            String local = DateTimeFormatter.ofPattern(pattern, Locale.ROOT)
                    .format(Micros.instant(micros).atOffset(ZoneOffset.ofHours(hours)));
            return local
                    + (hours == 0
                            ? gen.of("", "Z", "+00:00", " +0000 UTC")
                            : String.format(Locale.ROOT, gen.of("%+03d:00", "%+03d00", "%+03d"), hours));
        }

        private void compare(Store store) {
            long one = gen.oneIn(3) ? Long.MIN_VALUE : time();
            long other = gen.oneIn(3) ? Long.MAX_VALUE : time();
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
                    + ", by " + limit + " of " + type;
            List<Long> found = new ArrayList<>();
            String after = null;
            int pages = 0;
            do {
                Query page =
                        query(from, to, group, newest).limit(limit).after(after).build();
                try (Result<Row> rows = store.query(page)) {
                    rows.forEach(row -> found.add((Long) row.get("id")));
                    after = rows.next();
                }
            } while (after != null && ++pages < 6);
            assertThat(found).as(what).isEqualTo(wanted.subList(0, Math.min(wanted.size(), found.size())));
            assertThat(after != null || found.size() == wanted.size()).as(what).isTrue();
            assertThat(store.count(query(from, to, group, newest).build()))
                    .as(what)
                    .isEqualTo(wanted.size());
        }

        /** Around a row's time, to the microsecond; or 1970, where rows without a time are. */
        private long time() {
            long base = model.isEmpty() || gen.oneIn(8) ? 0 : gen.of(model).micros;
            return base + gen.between(-1, 1) * gen.of(1L, 1000L, 3_600_000_000L);
        }
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
}
