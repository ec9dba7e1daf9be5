package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.testkit.ChildJvm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What was committed is there for whoever opens the store next or beside it, whatever became of its writer. */
abstract class ReopenConformance extends Conformance {
    private static final int KILLS = 5;

    private final String address;

    ReopenConformance(EngineConformance kit) {
        super(kit);
        address = engine().newStore();
    }

    private static TableSpec spec(RetentionRule rule) {
        return TableSpec.builder("states")
                .column("k", ColumnType.TEXT)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("k")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static Row state(String k, long v, int daysBack) {
        return row(spec(RetentionRule.KEEP_ALL), "k", k, "v", v, "at", NOW.minus(Duration.ofDays(daysBack)));
    }

    private static String ask(ChildJvm child, String line) {
        child.send(line);
        return String.valueOf(child.line());
    }

    /** Whether the store outlives those who have it open; where not, opening it again is refused by name. */
    private boolean persists(TestReporter reporter) {
        Store store = open(address, false);
        boolean persists = store.capabilities().contains(Capability.PERSISTENT);
        if (!persists) {
            reportLack(store, Capability.PERSISTENT, reporter);
        }
        store.close();
        if (!persists) {
            LeveeException e = refused(ErrorCode.NOT_SUPPORTED, () -> open(address, true));
            assertThat(e.getMessage()).contains(Capability.PERSISTENT.name());
        }
        return persists;
    }

    @Test
    void shouldHaveEverythingWhenItIsOpenedAgain(TestReporter reporter) {
        if (!persists(reporter)) {
            return;
        }
        TableSpec kept = spec(RetentionRule.maxAge(Duration.ofDays(3)));
        Store first = open(address, false);
        Table<Row> table = first.createTable(spec(RetentionRule.KEEP_ALL));
        append(table, state("a", 1, 0), state("b", 2, 1), state("old", 3, 9));
        long seq = table.append(state("c", 4, 2), Ack.COMMITTED).join().seq();
        first.createTable(kept);
        assertThat(first.applyRetention(first.planRetention()).dropped()).hasSize(1);
        List<Map<String, Object>> rows = List.copyOf(castRows(read(first, all(kept))));
        List<PartitionInfo> partitions = first.partitions();
        assertThat(first.close(Duration.ofSeconds(10)).reason()).isEmpty();

        for (boolean readOnly : new boolean[] {true, false}) {
            Store again = open(address, readOnly);
            assertThat(again.tables()).containsExactly(kept);
            assertThat(castRows(read(again, all(kept)))).isEqualTo(rows);
            assertThat(again.partitions())
                    .extracting(PartitionInfo::id)
                    .isEqualTo(partitions.stream().map(PartitionInfo::id).toList());
            assertThat(again.partitions()).allMatch(p -> p.rows() == 1 && p.rangeKnown());
            assertThat(again.status().lastShutdown()).isEqualTo("CLEAN");
            if (readOnly) {
                assertThat(again.status().owner()).isEmpty();
                refused(ErrorCode.NOT_WRITABLE, () -> again.table("states").append(state("x", 1, 0)));
                refused(ErrorCode.NOT_WRITABLE, () -> again.applyRetention(again.planRetention()));
                again.close();
                continue;
            }
            Table<Row> states = again.createTable(spec(RetentionRule.KEEP_ALL));
            refused(ErrorCode.TIME_REFUSED, () -> states.append(state("older", 1, 10)));
            Receipt updated = states.append(state("c", 5, 0), Ack.COMMITTED).join();
            assertThat(updated).isEqualTo(new Receipt(Ack.COMMITTED, seq, true));
            assertThat(states.append(state("d", 6, 0), Ack.COMMITTED).join().seq())
                    .isGreaterThan(seq);
            assertThat(states.find("c").orElseThrow().get("v")).isEqualTo(5L);
            assertThat(again.count(all(kept))).isEqualTo(4);
        }
    }

    @SuppressWarnings("unchecked") // Nulls are values here.
    private static List<Map<String, Object>> castRows(List<?> rows) {
        return (List<Map<String, Object>>) rows;
    }

    @Test
    void shouldRefuseToReadAStoreThatIsNotThere(TestReporter reporter) {
        if (persists(reporter)) {
            String other = engine().newStore();
            refused(ErrorCode.NOT_FOUND, () -> open(other, true));
        }
    }

    @Test
    void shouldHaveOneWriterInOneProcess() {
        Store writer = open(address, false);
        Table<Row> table = writer.createTable(spec(RetentionRule.KEEP_ALL));
        for (int i = 0; i < 2; i++) {
            LeveeException e = refused(ErrorCode.STORE_LOCKED, () -> open(address, false));
            assertThat(e.details())
                    .containsEntry("pid", ProcessHandle.current().pid())
                    .containsKey("host");
            append(table, state("a", i, 0));
        }
        writer.close();
        assertThat(open(address, false).readOnly()).isFalse();
    }

    /** In this process or another: what is committed is seen by the next query, and what is dropped is not. */
    @Test
    void shouldReadBesideTheWriter() {
        Store writer = open(address, false);
        Table<Row> table = writer.createTable(spec(RetentionRule.KEEP_ALL));
        append(table, state("a", 1, 0));
        Store reader = open(address, true);
        assertThat(reader.count(all(table.spec()))).isEqualTo(1);
        append(table, state("a", 2, 0), state("b", 3, 9));
        assertThat(read(reader, all(table.spec()), "v")).containsExactly(3L, 2L);
        assertThat(reader.table("states").find("b").orElseThrow().get("v")).isEqualTo(3L);
        assertThat(reader.partitions()).hasSize(2);
        writer.createTable(spec(RetentionRule.maxAge(Duration.ofDays(3))));
        assertThat(writer.applyRetention(writer.planRetention()).dropped()).hasSize(1);
        assertThat(read(reader, all(table.spec()), "v")).containsExactly(2L);
        TableSpec later = TableSpec.builder("later")
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .build();
        append(writer.createTable(later), row(later, "at", NOW));
        assertThat(reader.count(all(later))).isEqualTo(1);
        assertThat(reader.status().owner())
                .containsEntry("pid", ProcessHandle.current().pid());
        refused(ErrorCode.NOT_WRITABLE, () -> reader.table("states").append(state("x", 1, 0)));
        refused(ErrorCode.NOT_WRITABLE, () -> reader.table("states").delete(Ack.COMMITTED, "a"));
        refused(
                ErrorCode.NOT_WRITABLE,
                () -> reader.createTable(TableSpec.builder("mine")
                        .column("at", ColumnType.TIMESTAMP)
                        .time("at")
                        .build()));
    }

    @Test
    void shouldShareAStoreWithAnotherProcess(TestReporter reporter) {
        Store writer = open(address, false);
        Table<Row> events = writer.createTable(ChildStore.EVENTS);
        append(events, ChildStore.event(0, 1));
        try (ChildJvm other = child()) {
            if (!writer.capabilities().contains(Capability.SECOND_PROCESS)) {
                assertThat(ask(other, "open r " + address))
                        .startsWith("refused NOT_SUPPORTED")
                        .contains(Capability.SECOND_PROCESS.name());
                reportLack(writer, Capability.SECOND_PROCESS, reporter);
                return;
            }
            assertThat(ask(other, "open w " + address))
                    .startsWith("refused STORE_LOCKED pid="
                            + ProcessHandle.current().pid() + " host=")
                    .doesNotContain("host=null");
            append(events, ChildStore.event(0, 2));
            assertThat(ask(other, "open r " + address)).isEqualTo("open");
            assertThat(ask(other, "count")).isEqualTo("count 2");
            append(events, ChildStore.event(0, 3));
            assertThat(ask(other, "count")).isEqualTo("count 3");
            assertThat(ask(other, "append 4")).startsWith("refused NOT_WRITABLE");
        }
        writer.close();
        try (ChildJvm other = child()) {
            assertThat(ask(other, "open w " + address)).isEqualTo("open");
            assertThat(ask(other, "append 4")).startsWith("seq ");
            LeveeException e = refused(ErrorCode.STORE_LOCKED, () -> open(address, false));
            assertThat(e.details()).containsEntry("pid", other.pid()).containsKey("host");
            Store reader = open(address, true);
            assertThat(reader.count(all(ChildStore.EVENTS))).isEqualTo(4);
            assertThat(reader.status().owner()).containsEntry("pid", other.pid());
        }
    }

    /** Round after round on one store: nothing that was receipted is missing, nothing is there twice. */
    @Test
    void shouldKeepWhatWasReceiptedWhenItsWriterIsKilled(TestReporter reporter) {
        if (!persists(reporter)) {
            return;
        }
        SplittableRandom random = new SplittableRandom();
        Map<Long, Long> newest = new HashMap<>();
        Map<Long, Long> numbers = new HashMap<>();
        for (int round = 1; round <= KILLS; round++) {
            Map<Long, Long> events = new HashMap<>();
            for (String line : killed(round, random.nextInt(1, 2500))) {
                String[] words = line.split(" ", -1);
                long name = Long.parseLong(words[1]);
                if (words[0].equals("e")) {
                    assertThat(events.put(name, Long.valueOf(words[2]))).isNull();
                } else {
                    newest.merge(name, Long.valueOf(words[2]), Math::max);
                    Long before = numbers.put(name, Long.valueOf(words[3]));
                    assertThat(before == null || before.equals(numbers.get(name)))
                            .as("key %s keeps its number", name)
                            .isTrue();
                }
            }
            check(round, events, newest);
        }
    }

    private List<String> killed(int round, int receipts) {
        try (ChildJvm victim = child()) {
            assertThat(ask(victim, "open w " + address)).isEqualTo("open");
            victim.send("keep " + round);
            List<String> lines = new ArrayList<>();
            for (int i = 0; i < receipts; i++) {
                String line = victim.line();
                assertThat(line).as("it lives until it is killed").isNotNull();
                lines.add(line);
            }
            victim.kill();
            List<String> rest = victim.rest();
            if (!rest.isEmpty()) {
                // The kill may have cut the last line off.
                lines.addAll(rest.subList(0, rest.size() - 1));
            }
            return lines;
        }
    }

    private void check(int round, Map<Long, Long> receipted, Map<Long, Long> newest) {
        Store store = openAfterKill(() -> open(address, false));
        assertThat(store.status().lastShutdown()).isEqualTo("UNCLEAN");
        Map<Long, Long> found = new HashMap<>();
        try (Result<Row> rows = store.query(Query.builder("events")
                .where(Expr.eq("round", (long) round))
                .columns(List.of("i"))
                .build())) {
            rows.forEach(row -> assertThat(found.put((Long) row.get("i"), row.seq()))
                    .as("%s is there once", row)
                    .isNull());
        }
        assertThat(found).containsAllEntriesOf(receipted);
        Map<Long, Long> versions = new HashMap<>();
        read(store, all(ChildStore.STATES))
                .forEach(row -> assertThat(versions.put(number(row.get("k")), number(row.get("version"))))
                        .as("key %s is there once", row.get("k"))
                        .isNull());
        newest.forEach((key, version) ->
                assertThat(versions.get(key)).as("version of key %s", key).isGreaterThanOrEqualTo(version));
        assertThat(store.close(Duration.ofSeconds(10)).reason()).isEmpty();
    }

    private static long number(@Nullable Object value) {
        return value instanceof Long number ? number : -1;
    }
}
