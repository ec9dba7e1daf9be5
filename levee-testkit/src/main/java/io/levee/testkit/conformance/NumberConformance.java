package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionEvent;
import io.levee.RetentionPlan;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.engine.Capability;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.internal.time.Micros;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The newest rows stay, of a table and of each key, and no others (G69, G70, G73, G74); each decision is there to be asked for (G81–G83). */
abstract class NumberConformance extends Conformance {
    private static final int TRIALS = 6;

    private final String address = engine().newStore();
    private final Store store;

    NumberConformance(EngineConformance kit) {
        super(kit);
        store = open(address, false);
    }

    private static TableSpec spec(String name, RetentionRule rule, String... key) {
        return TableSpec.builder(name)
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("monitor", ColumnType.TEXT)
                .column("text", ColumnType.TEXT)
                .time("at")
                .key(key)
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static RetentionRule newest(long rows, String... per) {
        return RetentionRule.builder().keepNewest(rows, per).build();
    }

    private List<@Nullable Object> left(String table) {
        return read(store, Query.builder(table).newestFirst().build(), "i");
    }

    /** Does what the present plan says, which has to be what happens then, to the row (G81). */
    private RetentionReport apply(String table) {
        RetentionPlan plan = store.planRetention();
        long before = store.count(Query.builder(table).build());
        RetentionReport report = store.applyRetention(plan);
        assertThat(report.blocked()).isEmpty();
        assertThat(report.undeleted()).isEmpty();
        long planned = plan.drops().stream()
                        .filter(d -> d.partition().id().table().equals(table))
                        .mapToLong(d -> d.partition().rows())
                        .sum()
                + plan.trims().stream()
                        .filter(t -> t.table().equals(table))
                        .mapToLong(RetentionPlan.Trim::rows)
                        .sum();
        assertThat(before - store.count(Query.builder(table).build()))
                .as("what the plan said: %s", plan)
                .isEqualTo(planned);
        return report;
    }

    /** Rows numbered by how many are newer. */
    private Table<Row> fill(TableSpec spec, int rows, Duration apart) {
        Table<Row> table = store.createTable(spec);
        List<Row> all = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            Instant at = NOW.minus(apart.multipliedBy(i));
            all.add(row(spec, "i", (long) i, "at", at, "monitor", "m" + i % 3, "text", "x".repeat(100)));
        }
        append(table, all);
        return table;
    }

    @Test
    void shouldKeepTheNewestOfATable() {
        fill(spec("events", newest(100)), 200, Duration.ofHours(1));
        RetentionReport report = apply("events");
        assertThat(report.dropped()).as("whole days go as a whole").hasSize(4);
        assertThat(report.deleted().get("events"))
                .as("and the rest of one day row by row")
                .isBetween(1L, 23L);
        assertThat(left("events")).hasSize(100).startsWith(0L, 1L, 2L).endsWith(98L, 99L);
        RetentionReport again = apply("events");
        assertThat(again.dropped()).isEmpty();
        assertThat(again.deleted()).isEmpty();
        assertThat(again.plan().kept().get("events")).contains("keepNewest 100");
    }

    @Test
    void shouldKeepTheNewestOfEachKey() {
        TableSpec spec = spec("checks", newest(10, "monitor"));
        Table<Row> table = fill(spec, 300, Duration.ofMinutes(20));
        // Two that are seldom checked, of which one has no name.
        append(
                table,
                row(spec, "i", 1000L, "at", NOW.minus(Duration.ofDays(4)), "monitor", "quiet"),
                row(spec, "i", 1001L, "at", NOW.minus(Duration.ofDays(4)).plusSeconds(1)));
        RetentionReport report = apply("checks");
        assertThat(report.deleted()).isEqualTo(Map.of("checks", 270L));
        assertThat(report.bytesFreed()).as("room in a file is not given back").isZero();
        assertThat(left("checks")).hasSize(32).contains(0L, 29L, 1000L, 1001L).doesNotContain(30L, 299L);
        assertThat(store.aggregate(new Aggregation(all(spec), List.of("monitor"), List.of(Measure.count())))
                        .groups())
                .extracting(group -> group.get(1))
                .containsExactlyInAnyOrder(1L, 10L, 10L, 10L, 1L);
        append(table, row(spec, "i", 2000L, "at", NOW.plusSeconds(1), "monitor", "m0"));
        assertThat(apply("checks").deleted()).isEqualTo(Map.of("checks", 1L));
        assertThat(left("checks")).hasSize(32).contains(2000L).doesNotContain(27L);
    }

    /** A table whose keys are rewritten has one row a key all the same; a follower that was behind is told (never a silent skip). */
    @Test
    void shouldTellAFollowerWhatWentBeforeItWasRead() {
        TableSpec spec = spec("events", newest(5), "i");
        Table<Row> table = fill(spec, 20, Duration.ofMinutes(1));
        try (Tail<Row> behind = table.tail(3);
                Tail<Row> abreast = table.tail(Tail.NOW)) {
            apply("events");
            assertThat(left("events")).hasSize(5);
            Tail.Batch<Row> batch = behind.poll(Duration.ofMillis(1));
            assertThat(batch.entries()).hasSizeLessThanOrEqualTo(5);
            assertThat(batch.missed()).isNotNull();
            assertThat(abreast.poll(Duration.ofMillis(1)).missed()).isNull();
        }
        append(table, row(spec, "i", 19L, "at", NOW.plusSeconds(1), "text", "again"));
        assertThat(left("events")).hasSize(6).startsWith(19L);
        apply("events");
        assertThat(left("events")).containsExactly(19L, 0L, 1L, 2L, 3L);
        assertThat(table.find(19L).orElseThrow().get("text")).isEqualTo("again");
        assertThat(table.find(18L)).isEmpty();
    }

    /** G73: many rows go in many pieces, each a short transaction of its own between which others write. */
    @Test
    void shouldDeleteInBoundedPieces() {
        List<Integer> pieces = Collections.synchronizedList(new ArrayList<>());
        Store watched = closing(Levee.open(watching(pieces), engine().newStore(), false, usual(o -> {})));
        TableSpec spec = spec("events", newest(10));
        Table<Row> table = watched.createTable(spec);
        List<Row> rows = new ArrayList<>();
        for (long i = 0; i < 5000; i++) {
            rows.add(row(spec, "i", i, "at", NOW.minusSeconds(i)));
        }
        append(table, rows);
        assertThat(watched.applyRetention(watched.planRetention()).deleted()).isEqualTo(Map.of("events", 4990L));
        assertThat(watched.count(Query.builder("events").build())).isEqualTo(10);
        assertThat(pieces).hasSizeGreaterThan(2).allMatch(size -> size <= 2_000);
        assertThat(pieces.stream().mapToInt(size -> size).sum()).isGreaterThanOrEqualTo(4990);
    }

    /** The engine under test, and how many rows each of its deletes is asked for. */
    private EngineProvider watching(List<Integer> pieces) {
        return new EngineProvider() {
            @Override
            public boolean accepts(String address) {
                return true;
            }

            @Override
            public StorageEngine open(String address, EngineSettings settings) {
                StorageEngine engine = engine().provider(address).open(address, settings);
                return (StorageEngine) Proxy.newProxyInstance(
                        StorageEngine.class.getClassLoader(),
                        new Class<?>[] {StorageEngine.class},
                        (p, method, args) -> {
                            if (method.getName().equals("delete") && args != null && args[1] instanceof List<?> rows) {
                                pieces.add(rows.size());
                            }
                            try {
                                return method.invoke(engine, args);
                            } catch (InvocationTargetException e) {
                                throw Objects.requireNonNull(e.getCause());
                            }
                        });
            }
        };
    }

    /** What is erased between plan and act is not made up for by rows that are wanted (G74). */
    @Test
    void shouldLookAgainBeforeItDeletes() {
        Table<Row> table = fill(spec("events", newest(10)), 60, Duration.ofHours(4));
        RetentionPlan plan = store.planRetention();
        assertThat(plan.rows()).isEqualTo(50);
        table.erase(Expr.lt("i", 5L));
        RetentionReport report = store.applyRetention(plan);
        assertThat(left("events")).hasSizeGreaterThanOrEqualTo(10).startsWith(5L, 6L, 7L);
        assertThat(report.blocked().values()).allMatch(why -> why.contains("are kept"));
        apply("events");
        assertThat(left("events")).hasSize(10).startsWith(5L).endsWith(14L);
    }

    @Test
    void shouldKeepItsDecisionsToBeAskedFor() {
        fill(spec("events", newest(20)), 70, Duration.ofHours(1));
        fill(spec("old", RetentionRule.KEEP_ALL), 24, Duration.ofHours(4));
        store.createTable(spec("old", RetentionRule.maxAge(Duration.ofDays(2))));
        RetentionReport report = store.applyRetention(store.planRetention());
        List<RetentionEvent> events = store.retentionEvents(null, 100);
        assertThat(events).hasSize(report.dropped().size() + 1);
        assertThat(store.retentionEvents("events", 1)).singleElement().satisfies(event -> {
            assertThat(event.action()).isEqualTo(RetentionEvent.Action.DELETED);
            assertThat(event.rule()).isEqualTo(RetentionEvent.Rule.NUMBER);
            assertThat(event.rows()).isEqualTo(report.deleted().get("events"));
            assertThat(event.at()).isEqualTo(NOW);
        });
        assertThat(store.retentionEvents("old", 100)).isNotEmpty().allSatisfy(event -> {
            assertThat(event.action()).isEqualTo(RetentionEvent.Action.DROPPED);
            assertThat(event.rule()).isEqualTo(RetentionEvent.Rule.AGE);
            assertThat(event.reason()).contains("is older than", "maxAge PT48H");
            assertThat(event.rows()).isPositive();
        });
        refused(ErrorCode.BAD_VALUE, () -> store.retentionEvents(null, 0));
        if (store.capabilities().contains(Capability.PERSISTENT)) {
            store.close();
            assertThat(open(address, true).retentionEvents(null, 100)).isEqualTo(events);
        }
    }

    /** Rules in any mixture against a list of rows: what must go is gone, and nothing else but what a size took, which is in the ledger. */
    @Test
    void shouldDropWhatTheRulesSayAndNothingYounger() {
        int[] number = new int[1];
        Property.check("retention keeps its promises", TRIALS, gen -> trial(gen, "t" + number[0]++));
    }

    private record Stored(long i, Instant at, @Nullable String monitor) {}

    private void trial(Gen gen, String name) {
        RetentionRule.Builder rule = RetentionRule.builder();
        if (gen.oneIn(2)) {
            rule.maxAge(Duration.ofHours(gen.between(1, 200)));
        }
        boolean sized = gen.oneIn(3);
        if (sized) {
            rule.maxBytes(new Bytes(gen.between(30_000L, 300_000L)));
        }
        if (!gen.oneIn(3)) {
            rule.keepNewest(gen.between(1, 40), gen.oneIn(2) ? new String[] {"monitor"} : new String[0]);
        }
        TableSpec spec = spec(name, rule.build());
        Table<Row> table = store.createTable(spec);
        Map<Long, Stored> model = new TreeMap<>();
        long next = 0;
        for (int round = 0; round < 3; round++) {
            List<Row> rows = new ArrayList<>();
            List<Stored> made = new ArrayList<>();
            for (int i = gen.between(0, 3 * gen.size()); i > 0; i--) {
                Instant at = clock.instant()
                        .minus(gen.between(0L, 8 * 86_400_000_000L), ChronoUnit.MICROS)
                        .truncatedTo(ChronoUnit.MICROS);
                String monitor = gen.oneIn(9) ? null : "m" + gen.between(0, 4);
                made.add(new Stored(next, at, monitor));
                rows.add(row(spec, "i", next++, "at", at, "monitor", monitor, "text", "x".repeat(gen.between(0, 900))));
            }
            // What is past the promise already is refused, and not stored.
            List<Integer> rejected = new ArrayList<>();
            table.appendAll(rows, Ack.COMMITTED).join().rejected().forEach(r -> rejected.add(r.index()));
            for (int i = 0; i < made.size(); i++) {
                if (!rejected.contains(i)) {
                    model.put(made.get(i).i(), made.get(i));
                }
            }
            if (!model.isEmpty() && gen.oneIn(5)) {
                long below = gen.between(0L, next);
                table.erase(Expr.lt("i", below));
                model.keySet().removeIf(i -> i < below);
            }
            clock.advance(Duration.ofHours(gen.between(0, 30)));
            if (sized) {
                store.applyRetention(store.planRetention());
            } else {
                apply(name);
            }
            compare(spec, model);
        }
    }

    private void compare(TableSpec spec, Map<Long, Stored> model) {
        List<@Nullable Object> left = left(spec.name());
        assertThat(left).doesNotHaveDuplicates().allMatch(i -> model.containsKey((Long) i));
        RetentionRule rule = spec.retention();
        Duration age = rule.maxAge();
        Instant promised = age == null ? Instant.MIN : clock.instant().minus(age);
        List<Stored> newestFirst = new ArrayList<>(model.values());
        newestFirst.sort(Comparator.comparing(Stored::at).reversed());
        Map<@Nullable String, Integer> newer = new HashMap<>();
        List<Gap> gaps = store.gaps(spec.name(), null, null);
        for (Stored row : newestFirst) {
            boolean there = left.contains(row.i());
            int before = newer.merge(rule.per().isEmpty() ? "" : row.monitor(), 1, Integer::sum) - 1;
            boolean tooMany = rule.keepNewest() > 0 && before >= rule.keepNewest();
            if (there) {
                assertThat(tooMany)
                        .as("%s is the %sth newest, and still there under %s", row, before, rule)
                        .isFalse();
            } else if (!tooMany && !row.at().isBefore(promised)) {
                assertThat(rule.maxBytes())
                        .as("%s is gone under %s at %s", row, rule, clock.instant())
                        .isNotNull();
                long at = Micros.of(row.at());
                assertThat(age == null || gaps.stream().anyMatch(g -> g.touches(at, at + 1)))
                        .as("%s went for its size, and no gap says so: %s", row, gaps)
                        .isTrue();
            }
        }
        model.keySet().removeIf(i -> !left.contains(i));
        assertThat(Objects.requireNonNull(store.planRetention().kept().get(spec.name())))
                .isNotEmpty();
    }
}
