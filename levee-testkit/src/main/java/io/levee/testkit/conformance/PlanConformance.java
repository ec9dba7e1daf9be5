package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.PartitionId;
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
import io.levee.engine.Period;
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
    private static final int TRIALS = 6;
    private static final int DAYS = 8;

    private final String address = engine().newStore();
    private Store store = open(address, false);
    private int batches;
    /** Of new partitions of the table. */
    private PartitionBy width = PartitionBy.DAY;

    PlanConformance(EngineConformance kit) {
        super(kit);
    }

    private static TableSpec spec(String name, PartitionBy by, RetentionRule rule) {
        return TableSpec.builder(name)
                .column("id", ColumnType.INTEGER)
                .column("state", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(by)
                .retention(rule)
                .build();
    }

    /**
     * A row that was written, or adopted.
     *
     * @param by how wide the table's new partitions were then
     * @param batch what was written together
     */
    private record Stored(long id, String state, Instant at, boolean adopted, PartitionBy by, int batch) {
        static Stored of(long id, String state, Instant at) {
            return new Stored(id, state, at, false, PartitionBy.DAY, 0);
        }
    }

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
        // Ages are measured against the newest row.
        List<Stored> model = new ArrayList<>(List.of(Stored.of(9_999, "odd", NOW.minusSeconds(60))));
        for (int i = 0; i < 60; i++) {
            Instant at = NOW.minus(Duration.ofHours(40 + i));
            model.add(Stored.of(2L * i, "SUCCESS", at));
            if (i < 20) {
                // Newer than the day of which some have to stay.
                model.add(Stored.of(2L * i + 1, "FAILURE", at.plusSeconds(1)));
            }
        }
        fill("events", true, model);
        check("events", classes(true, 1, 90, 90).keepNewest(30).build(), model);
    }

    /** Rows below those that go as a whole are counted too. */
    @Test
    void shouldCountRowsBelowThoseThatGo() {
        List<Stored> model = new ArrayList<>(List.of(Stored.of(9_999, "odd", NOW.minusSeconds(60))));
        for (int i = 0; i < 60; i++) {
            Instant at = NOW.minus(Duration.ofHours(48 + i));
            model.add(Stored.of(2L * i, "FAILURE", at));
            if (i < 10) {
                model.add(Stored.of(2L * i + 1, "SUCCESS", NOW.minus(Duration.ofHours(30 + i))));
            }
        }
        fill("events", true, model);
        check("events", classes(true, 90, 1, 90).keepNewest(20).build(), model);
        check("events", classes(true, 90, 1, 90).keepNewest(5, "state").build(), model);
    }

    /** Rows that come late for a period that was closed lie in a partition of their own, where the engine has such. */
    @Test
    void shouldPlanWithRowsThatCameLate() {
        List<Stored> model = new ArrayList<>();
        for (int late = 0; late < 2; late++) {
            List<Stored> batch = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                Instant at = NOW.minus(Duration.ofHours(24 + 2L * i)).plusSeconds(late);
                batch.add(new Stored(1000L * late + i, "SUCCESS", at, false, PartitionBy.DAY, late));
            }
            fill("events", false, batch);
            model.addAll(batch);
            reopen();
        }
        check("events", classes(false, 0, 0, 90).keepNewest(50).build(), model);
        check("events", classes(false, 0, 0, 3).keepNewest(30).build(), model);
    }

    /** What came in without a record being written counts among the newest rows, as it does after the next opening. */
    @Test
    void shouldMeasureAgesAgainstAdoptedRowsToo() {
        if (!store.capabilities().contains(Capability.ADOPTION)) {
            return;
        }
        fill("own", false, days(40, 3));
        adopt("own", days(30, 3));
        // The clock has gone for less than a day: the newest record is as good, and of those nothing has to go.
        fill("none", false, List.of());
        adopt("none", days(40, 3));
        store.createTable(spec("own", PartitionBy.DAY, classes(false, 0, 0, 5).build()));
        store.createTable(spec("none", PartitionBy.DAY, classes(false, 0, 0, 5).build()));
        List<PartitionId> planned = drops();
        assertThat(planned).hasSize(3).allMatch(id -> id.table().equals("own"));
        reopen();
        assertThat(drops()).isEqualTo(planned);
    }

    /** A row a day, the newest so many days ago. */
    private static List<Stored> days(int ago, int number) {
        List<Stored> rows = new ArrayList<>();
        for (int i = 0; i < number; i++) {
            rows.add(Stored.of(100L * ago + i, "odd", NOW.minus(Duration.ofDays(ago + i))));
        }
        return rows;
    }

    private List<PartitionId> drops() {
        return store.planRetention().drops().stream()
                .map(drop -> drop.partition().id())
                .toList();
    }

    private void reopen() {
        if (store.capabilities().contains(Capability.PERSISTENT)) {
            store.close();
            store = open(address, false);
        }
    }

    private void trial(Gen gen, String name) {
        boolean classes = gen.oneIn(2);
        List<Stored> model = new ArrayList<>();
        // Late rows, and partitions of several widths beside each other, as maintenance makes them too.
        int parts = gen.between(1, 3);
        for (int part = 0; part < parts; part++) {
            List<Stored> batch = new ArrayList<>();
            PartitionBy by =
                    parts == 1 ? PartitionBy.DAY : gen.of(PartitionBy.HOUR, PartitionBy.DAY, PartitionBy.MONTH);
            batches++;
            for (long id = gen.between(0, 2 * gen.size() / parts); id > 0; id--) {
                batch.add(stored(gen, 10_000L * part + id, false, by));
            }
            fill(name, classes, batch, by);
            model.addAll(batch);
            if (gen.oneIn(2)) {
                reopen();
            }
        }
        if (store.capabilities().contains(Capability.ADOPTION) && gen.oneIn(2)) {
            List<Stored> old = new ArrayList<>();
            for (long id = gen.between(1, 30); id > 0; id--) {
                old.add(stored(gen, 140_000 + id, true, PartitionBy.DAY));
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
            if (gen.oneIn(3)) {
                long bytes = store.partitions().stream()
                        .filter(p -> p.id().table().equals(name))
                        .mapToLong(PartitionInfo::bytes)
                        .sum();
                rule.maxBytes(new Bytes(Math.max(4096, gen.between(bytes / 4, bytes))));
            }
            check(name, rule.build(), model);
        }
    }

    /** No two rows have the same time, so that there is no doubt which are the newest. */
    private Stored stored(Gen gen, long id, boolean adopted, PartitionBy by) {
        // Of hours only some: each is a partition for each class.
        int minutes = by == PartitionBy.HOUR
                ? gen.between(0, 2) * 40 * 60 + gen.between(1, 4 * 60)
                : gen.between(1, DAYS * 24 * 60);
        Instant at = NOW.minus(Duration.ofMinutes(minutes));
        return new Stored(id, gen.of("FAILURE", "SUCCESS", "odd"), at.plusMillis(id % 50_000), adopted, by, batches);
    }

    private void fill(String name, boolean classes, List<Stored> model) {
        fill(name, classes, model, PartitionBy.DAY);
    }

    private void fill(String name, boolean classes, List<Stored> model, PartitionBy by) {
        width = by;
        Table<Row> table =
                store.createTable(spec(name, by, classes(classes, 100, 100, 100).build()));
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
        store.createTable(spec(name, width, rule));
        Map<PartitionId, Set<Stored>> held = held(name, rule, model);
        Query all = Query.builder(name).build();
        RetentionPlan plan = store.planRetention();
        long before = rows();
        RetentionReport report = store.applyRetention(plan);
        assertThat(report.blocked()).as("%s", plan).isEmpty();
        assertThat(report.undeleted()).as("%s", plan).isEmpty();
        assertThat(report.dropped())
                .containsExactlyElementsOf(
                        plan.drops().stream().map(d -> d.partition().id()).toList());
        assertThat(before - rows()).as("rows of %s", plan).isEqualTo(plan.rows());
        assertThat(report.bytesFreed()).as("bytes of %s", plan).isEqualTo(plan.bytes());
        Map<String, Long> announced = new HashMap<>();
        plan.trims().forEach(trim -> announced.put(trim.table(), trim.rows()));
        assertThat(report.deleted()).as("single rows of %s", plan).isEqualTo(announced);
        Set<Object> left = new HashSet<>(read(store, all, "id"));
        Set<Object> wanted = left(rule, plan, model, held);
        assertThat(left).as("what %s leaves under %s", plan, rule).isEqualTo(wanted);
        model.removeIf(row -> !wanted.contains(row.id()));
        if (rule.maxBytes() == null) {
            // Single rows that were deleted have made logs longer: by size more may go now.
            RetentionPlan again = store.planRetention();
            assertThat(again.rows()).as("%s", again).isZero();
            // What single rows have left empty.
            store.applyRetention(again);
        }
    }

    /** Of all tables, as a plan is: earlier ones may have grown past their size by the logs of their deletions. */
    private long rows() {
        return store.tables().stream()
                .mapToLong(table -> store.count(Query.builder(table.name()).build()))
                .sum();
    }

    /**
     * By the list: what went by age is wholly past it, what went by size is the oldest; of the rest the newest stay, and adopted ones until
     * their database goes.
     */
    private Set<Object> left(
            RetentionRule rule, RetentionPlan plan, List<Stored> model, Map<PartitionId, Set<Stored>> held) {
        List<Stored> rest = new ArrayList<>(model);
        Set<Long> whole = new HashSet<>();
        for (RetentionPlan.Drop drop : plan.drops()) {
            Set<Stored> of = held.getOrDefault(drop.partition().id(), Set.of());
            if (drop.rule() != RetentionEvent.Rule.NUMBER) {
                boolean size = drop.rule() == RetentionEvent.Rule.SIZE;
                assertThat(of)
                        .as("%s", drop)
                        .allMatch(row ->
                                size || row.at().isBefore(clock.instant().minus(age(rule, row))));
                rest.removeAll(of);
            } else if (drop.partition().state() == PartitionInfo.State.ADOPTED) {
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

    /**
     * Which rows lie in which partition. Files of one period have the rows of their batches in their order; where an engine has no siblings,
     * no two partitions of a class overlap.
     */
    private Map<PartitionId, Set<Stored>> held(String name, RetentionRule rule, List<Stored> model) {
        // The reference engine has no siblings, and partitions of several widths over one time all the same.
        boolean siblings = store.capabilities().contains(Capability.SIBLINGS)
                || !store.capabilities().contains(Capability.PERSISTENT);
        List<Stored> left = new ArrayList<>(model);
        left.sort(Comparator.comparingInt(Stored::batch));
        Map<PartitionId, Set<Stored>> held = new HashMap<>();
        List<PartitionInfo> partitions = new ArrayList<>(store.partitions());
        partitions.removeIf(p -> !p.id().table().equals(name));
        partitions.sort(Comparator.comparing(p -> p.id().n()));
        for (PartitionInfo partition : partitions) {
            Set<Stored> of = new HashSet<>();
            int batch = -1;
            for (Stored row : left) {
                boolean fits = in(partition, row, rule, siblings);
                if (fits && (row.batch() == batch || !siblings || of.size() < partition.rows())) {
                    of.add(row);
                    batch = row.batch();
                }
            }
            left.removeAll(of);
            held.put(partition.id(), of);
            assertThat(partition.state() == PartitionInfo.State.ADOPTED || of.size() == partition.rows())
                    .as("%s holds %s", partition, of)
                    .isTrue();
        }
        assertThat(left).isEmpty();
        return held;
    }

    private static boolean in(PartitionInfo partition, Stored row, RetentionRule rule, boolean siblings) {
        if (partition.state() == PartitionInfo.State.ADOPTED || row.adopted()) {
            return row.adopted() && partition.state() == PartitionInfo.State.ADOPTED;
        }
        String named = rule.classes().containsKey(row.state()) ? row.state() : "";
        long micros = row.at().toEpochMilli() * 1000;
        boolean there = siblings
                ? partition.id().period().equals(Period.of(row.by(), micros).name())
                : partition.minMicros() <= micros && micros <= partition.maxMicros();
        return partition.id().retentionClass().equals(named) && there;
    }
}
