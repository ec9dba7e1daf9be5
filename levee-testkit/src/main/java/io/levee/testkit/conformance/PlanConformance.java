package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.RetentionEvent;
import io.levee.RetentionPlan;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * What a plan says is what is done then, to the row and the byte (G81), where partitions overlap in time too: those of classes with lives
 * of their own, and an adopted database beside the table's own; and what is done is right by the list of rows (G70).
 */
abstract class PlanConformance extends Conformance {
    private static final int TRIALS = 8;
    private static final int DAYS = 8;

    private final Store store;

    PlanConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
    }

    private static TableSpec spec(String name, RetentionRule rule) {
        return TableSpec.builder(name)
                .column("id", ColumnType.INTEGER)
                .column("state", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    /** A row that was written, or adopted. */
    private record Stored(long id, String state, Instant at, boolean adopted) {}

    private static RetentionRule.Builder classes(boolean classes, int failure, int success, int other) {
        RetentionRule.Builder rule = RetentionRule.builder().maxAge(Duration.ofDays(other));
        return classes
                ? rule.by("state").keep("FAILURE", Duration.ofDays(failure)).keep("SUCCESS", Duration.ofDays(success))
                : rule;
    }

    @Test
    void shouldDoWhatItPlanned() {
        int[] number = new int[1];
        Property.check("a plan is what is done", TRIALS, gen -> trial(gen, "t" + number[0]++));
    }

    /** A class that goes by its age leaves no rows behind that the others' number could count on. */
    @Test
    void shouldNotCountRowsThatGoFirst() {
        List<Stored> model = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            Instant at = NOW.minus(Duration.ofHours(40 + i));
            model.add(new Stored(2L * i, "SUCCESS", at, false));
            if (i >= 20) {
                model.add(new Stored(2L * i + 1, "FAILURE", at.plusSeconds(1), false));
            }
        }
        fill("events", true, model);
        check("events", classes(true, 90, 1, 90).keepNewest(30).build(), model);
    }

    /** Rows below those that go as a whole are counted too. */
    @Test
    void shouldCountRowsBelowThoseThatGo() {
        List<Stored> model = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            Instant at = NOW.minus(Duration.ofHours(2L * i));
            model.add(new Stored(2L * i, i % 3 == 0 ? "FAILURE" : "SUCCESS", at, false));
        }
        fill("events", true, model);
        check("events", classes(true, 90, 2, 90).keepNewest(7).build(), model);
        check("events", classes(true, 90, 2, 90).keepNewest(2, "state").build(), model);
    }

    private void trial(Gen gen, String name) {
        boolean classes = gen.oneIn(2);
        List<Stored> model = new ArrayList<>();
        for (long id = gen.between(0, 2 * gen.size()); id > 0; id--) {
            model.add(stored(gen, id, false));
        }
        fill(name, classes, model);
        if (store.capabilities().contains(Capability.ADOPTION) && gen.oneIn(2)) {
            List<Stored> old = new ArrayList<>();
            for (long id = gen.between(1, 30); id > 0; id--) {
                old.add(stored(gen, 100_000 + id, true));
            }
            adopt(name, old);
            model.addAll(old);
        }
        int rounds = 2;
        for (int round = 0; round < rounds; round++) {
            int shortest = rounds - round;
            RetentionRule.Builder rule =
                    classes(classes, gen.between(shortest, 12), gen.between(shortest, 12), gen.between(shortest, 12));
            if (!gen.oneIn(4)) {
                rule.keepNewest(gen.between(1, 40), gen.oneIn(2) ? new String[] {"state"} : new String[0]);
            }
            check(name, rule.build(), model);
        }
    }

    /** No two rows have the same time, so that there is no doubt which are the newest. */
    private static Stored stored(Gen gen, long id, boolean adopted) {
        Instant at = NOW.minus(Duration.ofMinutes(gen.between(1, DAYS * 24 * 60)));
        return new Stored(id, gen.of("FAILURE", "SUCCESS", "odd"), at.plusMillis(id % 50_000), adopted);
    }

    private void fill(String name, boolean classes, List<Stored> model) {
        Table<Row> table =
                store.createTable(spec(name, classes(classes, 100, 100, 100).build()));
        List<Row> rows = new ArrayList<>();
        for (Stored one : model) {
            String text = "x".repeat((int) (one.id() % 40) * 50);
            rows.add(row(table.spec(), "id", one.id(), "state", one.state(), "at", one.at(), "text", text));
        }
        if (!rows.isEmpty()) {
            append(table, rows);
        }
    }

    private void adopt(String name, List<Stored> old) {
        List<String> statements = new ArrayList<>();
        statements.add("CREATE TABLE old(id INTEGER PRIMARY KEY, state TEXT, at BIGINT)");
        old.forEach(one -> statements.add("INSERT INTO old VALUES (" + one.id() + ", '" + one.state() + "', "
                + one.at().toEpochMilli() + ")"));
        statements.add("CREATE INDEX old_at ON old(at)");
        Adoption adoption = engine().legacy(statements, "old");
        store.adopt(name, Objects.requireNonNull(adoption));
    }

    private void check(String name, RetentionRule rule, List<Stored> model) {
        store.createTable(spec(name, rule));
        Query all = Query.builder(name).build();
        RetentionPlan plan = store.planRetention();
        long before = store.count(all);
        RetentionReport report = store.applyRetention(plan);
        assertThat(report.blocked()).as("%s", plan).isEmpty();
        assertThat(report.undeleted()).as("%s", plan).isEmpty();
        assertThat(report.dropped())
                .containsExactlyElementsOf(
                        plan.drops().stream().map(d -> d.partition().id()).toList());
        assertThat(before - store.count(all)).as("rows of %s", plan).isEqualTo(plan.rows());
        assertThat(report.bytesFreed()).as("bytes of %s", plan).isEqualTo(plan.bytes());
        Map<String, Long> announced = new HashMap<>();
        plan.trims().forEach(trim -> announced.put(trim.table(), trim.rows()));
        assertThat(report.deleted()).as("single rows of %s", plan).isEqualTo(announced);
        Set<Object> left = new HashSet<>(read(store, all, "id"));
        Set<Object> wanted = left(rule, plan, model);
        assertThat(left).as("what %s leaves under %s", plan, rule).isEqualTo(wanted);
        model.removeIf(row -> !wanted.contains(row.id()));
        RetentionPlan again = store.planRetention();
        assertThat(again.rows()).as("%s", again).isZero();
        // What single rows have left empty.
        store.applyRetention(again);
    }

    /** By the list: what went by age is wholly past it; of the rest the newest stay, and adopted ones until their database goes. */
    private Set<Object> left(RetentionRule rule, RetentionPlan plan, List<Stored> model) {
        List<Stored> rest = new ArrayList<>(model);
        Set<Long> whole = new HashSet<>();
        for (RetentionPlan.Drop drop : plan.drops()) {
            PartitionInfo partition = drop.partition();
            List<Stored> of =
                    model.stream().filter(row -> in(partition, row, rule)).toList();
            if (drop.rule() == RetentionEvent.Rule.AGE) {
                assertThat(of).allMatch(row -> row.at().isBefore(clock.instant().minus(age(rule, row))));
                rest.removeAll(of);
            } else if (partition.state() == PartitionInfo.State.ADOPTED) {
                of.forEach(row -> whole.add(row.id()));
            }
        }
        rest.sort(Comparator.comparing(Stored::at).reversed());
        Map<String, Integer> newer = new HashMap<>();
        Set<Object> left = new HashSet<>();
        for (Stored row : rest) {
            int before = newer.merge(rule.per().isEmpty() ? "" : row.state(), 1, Integer::sum) - 1;
            boolean tooMany = rule.keepNewest() > 0 && before >= rule.keepNewest();
            assertThat(whole.contains(row.id()) && !tooMany)
                    .as("%s is among the newest, and went with its database", row)
                    .isFalse();
            if (!tooMany || row.adopted() && !whole.contains(row.id())) {
                left.add(row.id());
            }
        }
        return left;
    }

    private static @Nullable Duration age(RetentionRule rule, Stored row) {
        return row.adopted()
                ? rule.classes().values().stream()
                        .reduce(rule.maxAge(), (a, b) -> a == null || b.compareTo(a) > 0 ? b : a)
                : rule.classes().getOrDefault(row.state(), rule.maxAge());
    }

    private static boolean in(PartitionInfo partition, Stored row, RetentionRule rule) {
        if (partition.state() == PartitionInfo.State.ADOPTED || row.adopted()) {
            return row.adopted() && partition.state() == PartitionInfo.State.ADOPTED;
        }
        String named = rule.classes().containsKey(row.state()) ? row.state() : "";
        return partition.id().retentionClass().equals(named)
                && partition.id().period().equals(row.at().toString().substring(0, 10));
    }
}
