package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.BatchReceipt;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Measure;
import io.levee.Order;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionPlan;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.Tail;
import io.levee.TimeSeries;
import io.levee.engine.Capability;
import io.levee.internal.time.Micros;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Any list of operations gives the answers that it gives on the reference engine: appends, upserts, changes and deletions of single
 * records, erasures, new columns, drops, undone drops and openings, with every query in between.
 *
 * <p>What engines are free in is left out: the order of rows of one time, where a row lies whose time has moved, and the numbers
 * themselves. They only have to be the same ones later.
 */
abstract class ModelConformance extends Conformance {
    private static final int TRIALS = 10;

    ModelConformance(EngineConformance kit) {
        super(kit);
    }

    @Test
    void shouldAnswerWhatTheReferenceEngineAnswers() {
        Property.check("engine = reference engine", TRIALS, gen -> {
            try (Trial trial = new Trial(gen)) {
                trial.run();
            }
        });
    }

    /** One table in two stores. */
    private final class Trial implements AutoCloseable {
        private final Gen gen;
        private final ModelData data;
        private final String address = engine().newStore();
        private final Store oracle = newOracle();
        private final Table<Row> expected;
        private Store store;
        private Table<Row> table;
        /** The number that the engine gave a row, by that of the reference engine. */
        private final Map<Long, Long> numbers = new HashMap<>();

        private long tailed;
        private long tailedByOracle;
        private boolean deletions;

        Trial(Gen gen) {
            this.gen = gen;
            this.data = new ModelData(gen);
            this.store = open(address, false);
            this.expected = oracle.createTable(data.spec(RetentionRule.KEEP_ALL));
            this.table = store.createTable(data.spec(RetentionRule.KEEP_ALL));
        }

        @Override
        public void close() {
            store.close();
            oracle.close();
        }

        void run() {
            for (int i = gen.between(2, Math.max(3, gen.size() / 6)); i > 0; i--) {
                switch (gen.between(0, 12)) {
                    case 0 -> reopen();
                    case 1 -> addColumns();
                    case 2, 3 -> retention();
                    case 4 -> change();
                    case 5 -> delete();
                    case 6 -> erase();
                    default -> append();
                }
                compare();
            }
        }

        private void reopen() {
            if (store.capabilities().contains(Capability.PERSISTENT)) {
                assertThat(store.close(Duration.ofSeconds(20)).reason()).isEmpty();
                store = open(address, false);
                table = store.table(ModelData.TABLE);
            }
        }

        private void addColumns() {
            data.widen();
            declare(RetentionRule.KEEP_ALL);
        }

        private void declare(RetentionRule rule) {
            store.createTable(data.spec(rule));
            oracle.createTable(data.spec(rule));
        }

        /** Which partitions go is only the same as long as nothing but appends decided what they hold. */
        private void retention() {
            if (deletions || !data.settledPartitions()) {
                return;
            }
            declare(RetentionRule.maxAge(Duration.ofHours(gen.between(7 * 24, 25 * 24))));
            RetentionPlan plan = store.planRetention();
            RetentionPlan planned = oracle.planRetention();
            assertThat(periods(plan)).as("what retention drops").isEqualTo(periods(planned));
            assertThat(store.applyRetention(plan).blocked()).isEmpty();
            oracle.applyRetention(planned);
            declare(RetentionRule.KEEP_ALL);
            if (store.capabilities().contains(Capability.UNDO_DROP) && gen.oneIn(2)) {
                plan.drops().forEach(d -> store.restore(d.partition().id()));
                planned.drops().forEach(d -> oracle.restore(d.partition().id()));
            }
        }

        private static List<String> periods(RetentionPlan plan) {
            return plan.drops().stream()
                    .map(d -> d.partition().id().period())
                    .sorted()
                    .toList();
        }

        private void append() {
            List<Row> rows = gen.list(1, () -> data.row(table.spec()));
            Ack level = gen.of(Ack.COMMITTED, Ack.DURABLE);
            BatchReceipt got = table.appendAll(rows, level).join();
            BatchReceipt wanted = expected.appendAll(rows, level).join();
            assertThat(got.rejected().stream().map(BatchReceipt.Rejection::index))
                    .as("what the floor refuses")
                    .isEqualTo(wanted.rejected().stream()
                            .map(BatchReceipt.Rejection::index)
                            .toList());
            assertThat(got.lost()).isZero();
            assertThat(got.stored()).isEqualTo(wanted.stored());
            assertThat(got.updated()).isEqualTo(wanted.updated());
        }

        private void change() {
            if (data.keyed()) {
                Object[] key = data.anyKey();
                Map<String, Object> changes = data.changes();
                assertThat(table.update(changes, Ack.COMMITTED, key).join())
                        .isEqualTo(expected.update(changes, Ack.COMMITTED, key).join());
            }
        }

        private void delete() {
            if (data.keyed()) {
                deletions = true;
                Object[] key = data.anyKey();
                assertThat(table.delete(Ack.COMMITTED, key).join())
                        .isEqualTo(expected.delete(Ack.COMMITTED, key).join());
            }
        }

        private void erase() {
            if (gen.oneIn(2)) {
                deletions = true;
                Expr where = Expr.and(data.filter(1), Expr.lt(ModelData.RID, (long) gen.between(0, 200)));
                assertThat(table.erase(where).deleted())
                        .isEqualTo(expected.erase(where).deleted());
            }
        }

        private void compare() {
            compareNumbers();
            compareTails();
            for (int i = 0; i < 2; i++) {
                long from = gen.oneIn(2) ? Long.MIN_VALUE : Micros.of(data.time());
                long to = gen.oneIn(2) ? Long.MAX_VALUE : Math.max(from, Micros.of(data.time()));
                Expr where = gen.oneIn(4) ? null : data.filter(0);
                comparePages(from, to, where);
                Query query = query(from, to, where, true, 5, null, false);
                Aggregation figures = new Aggregation(query, data.by(), data.measures());
                Answers.assertSameGroups(store.aggregate(figures), oracle.aggregate(figures));
                assertThat(store.count(query)).isEqualTo(oracle.count(query));
                compareKinds(from, to, where);
            }
            if (data.keyed()) {
                Object[] key = data.anyKey();
                assertThat(table.find(key).map(Conformance::plain))
                        .isEqualTo(expected.find(key).map(Conformance::plain));
            }
        }

        private static Query query(
                long from,
                long to,
                @Nullable Expr where,
                boolean newest,
                int page,
                @Nullable String after,
                boolean details) {
            return new Query(
                    ModelData.TABLE,
                    from,
                    to,
                    where,
                    newest,
                    List.of(),
                    List.of(),
                    page,
                    after,
                    List.of(),
                    details,
                    Duration.ofSeconds(30));
        }

        /** A row keeps the number that it got, and no two rows have the same. */
        private void compareNumbers() {
            Map<Long, Long> got = numbersByRecord(store);
            Map<Long, Long> wanted = numbersByRecord(oracle);
            assertThat(got.keySet()).as("records that are there").isEqualTo(wanted.keySet());
            assertThat(new HashSet<>(got.values())).as("numbers are there once").hasSameSizeAs(got.keySet());
            wanted.forEach((record, number) -> {
                Long known = numbers.putIfAbsent(number, got.get(record));
                assertThat(known == null || known.equals(got.get(record)))
                        .as("record %s keeps its number %s", record, known)
                        .isTrue();
            });
        }

        private Map<Long, Long> numbersByRecord(Store asked) {
            Map<Long, Long> byRecord = new HashMap<>();
            try (Result<Row> rows = asked.query(Query.builder(ModelData.TABLE)
                    .columns(List.of(ModelData.RID))
                    .build())) {
                rows.forEach(row -> assertThat(byRecord.put((Long) row.get(ModelData.RID), row.seq()))
                        .as("%s is there once", row)
                        .isNull());
            }
            return byRecord;
        }

        /** What was written or changed since the last look, in whatever order the engine committed it. */
        private void compareTails() {
            Set<String> got = new HashSet<>();
            Set<String> wanted = new HashSet<>();
            tailed = drain(table, tailed, got);
            tailedByOracle = drain(expected, tailedByOracle, wanted);
            assertThat(got).isEqualTo(wanted);
        }

        private static long drain(Table<Row> followed, long after, Set<String> rows) {
            try (Tail<Row> tail = followed.tail(after)) {
                List<Tail.Entry<Row>> entries;
                do {
                    entries = tail.poll(Duration.ZERO).entries();
                    entries.forEach(e -> rows.add(plain(e.value()).toString()));
                } while (!entries.isEmpty());
                return tail.position();
            }
        }

        /** Each kind of query that is not compared elsewhere. */
        private void compareKinds(long from, long to, @Nullable Expr where) {
            Query.Builder range = Query.builder(ModelData.TABLE).where(where);
            if (from != Long.MIN_VALUE) {
                range.from(Micros.instant(from));
            }
            if (to != Long.MAX_VALUE) {
                range.to(Micros.instant(to));
            }
            Query all = range.build();
            Aggregation sketched = new Aggregation(
                    all,
                    data.by(),
                    data.sketches(),
                    gen.oneIn(2) ? Expr.gt("count", 1L) : null,
                    List.of(Order.desc("count")),
                    20);
            Answers.assertSameGroups(store.aggregate(sketched), oracle.aggregate(sketched));
            Histogram histogram = data.histogram(all);
            Histogram.Bins bins = store.histogram(histogram);
            Histogram.Bins wanted = oracle.histogram(histogram);
            assertThat(List.of(bins.bins(), bins.below(), bins.above(), bins.nulls()))
                    .as("%s", histogram)
                    .isEqualTo(List.of(wanted.bins(), wanted.below(), wanted.above(), wanted.nulls()));
            TimeSeries series = new TimeSeries(
                    all,
                    gen.of(Duration.ofHours(5), Duration.ofDays(7)),
                    gen.oneIn(2) ? List.of() : List.of("n"),
                    List.of(Measure.count(), Measure.sum(ModelData.RID)));
            assertThat(store.timeSeries(series).points())
                    .as("%s", series)
                    .isEqualTo(oracle.timeSeries(series).points());

            Order[] order = data.order();
            int page = gen.of(7, 20, 1000);
            assertThat(ordered(store, range.orderBy(order).details(), page))
                    .as("%s in pages of %s", Arrays.toString(order), page)
                    .isEqualTo(ordered(oracle, range, 1000));
            String key = data.perKey();
            assertThat(newest(store, range.newestPer(key)))
                    .as("newest per %s", key)
                    .isEqualTo(newest(oracle, range));
        }

        private static List<Map<String, @Nullable Object>> ordered(Store asked, Query.Builder query, int page) {
            List<Map<String, @Nullable Object>> rows = new ArrayList<>();
            String cursor = null;
            do {
                try (Result<Row> result =
                        asked.query(query.limit(page).after(cursor).build())) {
                    result.forEach(row -> rows.add(plain(row)));
                    cursor = result.next();
                }
            } while (cursor != null);
            query.after(null).limit(Query.NO_LIMIT);
            return rows;
        }

        /** Of rows of one time engines may number another one last: what is the same is how many there are, and their times. */
        private static List<Long> newest(Store asked, Query.Builder query) {
            try (Result<Row> result = asked.query(query.orderBy().build())) {
                List<Long> times = new ArrayList<>();
                result.forEach(row -> times.add(row.timeMicros()));
                return times;
            }
        }

        private void comparePages(long from, long to, @Nullable Expr where) {
            boolean newest = gen.oneIn(2);
            boolean details = gen.oneIn(2);
            int page = gen.of(7, 20, 100, 1000);
            List<Row> got = pages(store, from, to, where, newest, page, details);
            for (int i = 1; i < got.size(); i++) {
                assertThat(newest ? order(got.get(i), got.get(i - 1)) : order(got.get(i - 1), got.get(i)))
                        .as("rows are in order")
                        .isNegative();
            }
            assertThat(shown(got))
                    .as("from %s to %s where %s, newest first %s, pages of %s", from, to, where, newest, page)
                    .isEqualTo(shown(pages(oracle, from, to, where, newest, 1000, details)));
        }

        private static int order(Row a, Row b) {
            return a.timeMicros() == b.timeMicros()
                    ? Long.compare(a.seq(), b.seq())
                    : Long.compare(a.timeMicros(), b.timeMicros());
        }

        /** Rows of one time are in the order of their numbers, which engines may give in another order within a batch. */
        private static List<String> shown(List<Row> rows) {
            return rows.stream()
                    .sorted(Comparator.comparingLong(Row::timeMicros).thenComparing(r -> plain(r).toString()))
                    .map(r -> r.timeMicros() + " " + plain(r))
                    .toList();
        }

        private static List<Row> pages(
                Store asked, long from, long to, @Nullable Expr where, boolean newest, int page, boolean details) {
            List<Row> rows = new ArrayList<>();
            String cursor = null;
            do {
                try (Result<Row> result = asked.query(query(from, to, where, newest, page, cursor, details))) {
                    rows.addAll(result.toList());
                    cursor = result.next();
                }
            } while (cursor != null);
            return rows;
        }
    }
}
