package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.conformance.OldTable.Kind;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Keys of which an adopted database has several rows, some moved and some not: each ends as one row, the latest (guarantees G57, G64). */
abstract class SplitKeyConformance extends OldTopic {
    private static final Query SEVEN =
            Query.builder("e").where(Expr.eq("k", "k7")).build();
    private static final Instant BEGIN = OldTables.BEGIN;
    private static final int ROWS = 300;

    /** So many rows move at once. */
    private static final int PIECE = 100;

    SplitKeyConformance(EngineConformance kit) {
        super(kit);
    }

    private static TableSpec keyed() {
        return TableSpec.builder("e")
                .column("k", ColumnType.TEXT)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("k")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.UNBOUNDED)
                .build();
    }

    /** Rows of the keys k1, k2, … and again, with the values 1, 2, … */
    private static OldTable table(String name, int rows, int keys, boolean indexed) {
        Map<String, Kind> columns = new LinkedHashMap<>();
        columns.put("n", Kind.NUMBER);
        columns.put("k", Kind.TEXT);
        columns.put("v", Kind.WHOLE);
        columns.put("at", Kind.TIME);
        return new OldTable(name, columns, indexed ? Map.of(name + "_k", "k") : Map.of(), rows, i ->
                new @Nullable Object[] {"k" + (i % keys + 1), i + 1, BEGIN.plusSeconds(60L * (i + 1))});
    }

    private static void write(Table<Row> table, String key, long value) {
        table.append(row(table.spec(), "k", key, "v", value, "at", BEGIN.plusSeconds(value)), Ack.COMMITTED)
                .join();
    }

    /** Each key's value; a key that is there twice has two, the lesser first. */
    private static Map<String, String> values(Store store) {
        Map<String, String> values = new TreeMap<>();
        read(store, Query.builder("e").build()).stream()
                .sorted(Comparator.comparingLong(row -> (Long) Objects.requireNonNull(row.get("v"))))
                .forEach(row -> values.merge(
                        String.valueOf(row.get("k")), String.valueOf(row.get("v")), (a, b) -> a + " and " + b));
        return values;
    }

    /** What somebody does to the database, and to the table, while its rows move. */
    private AtPoint additions(OldDatabase old, AtomicReference<Store> opened) {
        String at = old.time(BEGIN.plus(Duration.ofDays(3)));
        AtomicInteger done = new AtomicInteger();
        return new AtPoint(point -> {
            Store store = Objects.requireNonNull(opened.get());
            long rows = store.splits().get(0).rowsDone();
            if (point.equals(splittings().moved()) && done.compareAndSet(0, 1)) {
                write(store.table("e"), "k260", 1_000);
                old.run("INSERT INTO e(k, v, at) VALUES ('k250', -1, " + at + "), ('k50', -2, " + at
                        + "), ('k260', -3, " + at + "), ('k250', -4, " + at + "), ('new', -5, " + at + ")");
            } else if (point.equals(splittings().read()) && rows >= ROWS && done.compareAndSet(1, 2)) {
                // What was read is outdated now: it is read anew, whatever was done for it already.
                assertThat(values(store).get("k250")).startsWith("-4 and -1");
                write(store.table("e"), "new", 2_000);
            } else if (point.equals(splittings().moved()) && rows == ROWS + 5 && done.compareAndSet(2, 3)) {
                old.run("INSERT INTO e(k, v, at) VALUES ('k250', -6, " + at + "), ('k260', -7, " + at + ")");
            }
        });
    }

    /** Of two rows of a key the later one stays, also where the earlier one has moved when it comes; what the table wrote itself stays. */
    @Test
    void shouldPutALaterRowOfAKeyInThePlaceOfTheOneThatHasMoved(TestReporter reporter) {
        for (boolean indexed : new boolean[] {true, false}) {
            OldDatabase old = old(reporter);
            if (old == null) {
                return;
            }
            old.create(table("e", ROWS, ROWS, indexed));
            AtomicReference<Store> opened = new AtomicReference<>();
            AtPoint add = additions(old, opened);
            String address = engine().newStore();
            try (Store store = splitting(address, PIECE, add)) {
                opened.set(store);
                store.createTable(keyed());
                store.split(store.adopt("e", old.adoption("e")).partition());
                SplitStatus done = await(store, SplitStatus.State.DONE);
                add.requireNoFailure();
                assertThat(done.rowsDone()).isEqualTo(ROWS + 7);
                assertThat(done.superseded())
                        .as("three rows of k250, one of k50, two of k260, one of the new key")
                        .isEqualTo(7);
                requireLatest(store);
            }
            requireLatest(open(address, true));
        }
    }

    private static void requireLatest(Store store) {
        assertThat(values(store))
                .hasSize(ROWS + 1)
                .containsEntry("k250", "-6")
                .containsEntry("k50", "-2")
                .containsEntry("k260", "1000")
                .containsEntry("new", "2000");
        assertThat(store.partitions().stream().mapToLong(PartitionInfo::rows).sum())
                .isEqualTo(ROWS + 1);
    }

    /** Adopts both tables, and stops the splitting of the first in its midst. */
    private static Table<Row> splitSome(Store store, OldDatabase old, AtPoint stop) {
        Table<Row> table = store.createTable(keyed());
        PartitionId id = store.adopt("e", old.adoption("e")).partition();
        store.adopt("e", old.adoption("f"));
        store.split(id);
        await(store, SplitStatus.State.STOPPED);
        stop.requireNoFailure();
        return table;
    }

    /** Where one row of a key has moved, others of it may lie in this or another adopted table still: the record takes the place of all. */
    @Test
    void shouldTakeThePlaceOfAllRowsOfAKeyWhereOneOfThemHasMoved(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(table("e", ROWS, ROWS, true));
        // More than a query reads ahead.
        old.create(table("f", 3_000, 10, true));
        old.run("INSERT INTO e(k, v, at) VALUES ('k7', 1007, " + old.time(BEGIN) + ")");
        AtomicReference<Store> opened = new AtomicReference<>();
        AtPoint stop = once(() -> Objects.requireNonNull(opened.get()).stopSplit(adopted(opened.get())));
        String address = engine().newStore();
        try (Store store = splitting(address, PIECE, stop)) {
            opened.set(store);
            Table<Row> table = splitSome(store, old, stop);
            assertThat(store.count(SEVEN))
                    .as("moved, not yet, and of the other")
                    .isEqualTo(1 + 1 + 300);
            try (Result<Row> running = store.query(Query.builder("e").build())) {
                assertThat(running.iterator().hasNext()).isTrue();
                // What that query still needs counts for no other, here and in other processes.
                write(table, "k7", 77);
                assertThat(store.count(SEVEN)).isEqualTo(1);
                assertThat(open(address, true).count(SEVEN)).as("elsewhere").isEqualTo(1);
            }
            assertThat(values(store)).containsEntry("k7", "77");
        }
        try (Store store = splitting(address, PIECE, point -> {})) {
            Table<Row> table = store.table("e");
            assertThat(values(store)).containsEntry("k7", "77");
            store.split(adopted(store));
            await(store, SplitStatus.State.DONE);
            assertThat(values(store)).hasSize(ROWS).containsEntry("k7", "77");
            // All of the first table has moved.
            write(table, "k8", 88);
            assertThat(values(store)).containsEntry("k8", "88");
            table.delete(Ack.COMMITTED, "k8").join();
            assertThat(values(store)).hasSize(ROWS - 1);
        }
        assertThat(values(open(address, true))).hasSize(ROWS - 1).containsEntry("k7", "77");
    }

    /** A deleted record is gone with all rows of its key, those that have not moved too: for queries, elsewhere, and for the splitting. */
    @Test
    void shouldDeleteAllRowsOfAKeyWhereOneOfThemHasMoved(TestReporter reporter) throws SQLException {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(table("e", ROWS, PIECE, true));
        old.create(table("f", 3_000, 10, true));
        AtomicReference<Store> opened = new AtomicReference<>();
        AtPoint stop = once(() -> Objects.requireNonNull(opened.get()).stopSplit(adopted(opened.get())));
        String address = engine().newStore();
        try (Store store = splitting(address, PIECE, stop)) {
            opened.set(store);
            Table<Row> table = splitSome(store, old, stop);
            assertThat(store.count(SEVEN))
                    .as("moved, not yet, and of the other")
                    .isEqualTo(1 + 2 + 300);
            try (Result<Row> running = store.query(Query.builder("e").build())) {
                assertThat(running.iterator().hasNext()).isTrue();
                // What that query still needs of it is gone for all others.
                write(table, "k6", 66);
                assertThat(table.delete(Ack.COMMITTED, "k6").join()).isTrue();
                assertThat(table.delete(Ack.COMMITTED, "k7").join()).isTrue();
                assertThat(values(store)).hasSize(PIECE - 2).doesNotContainKeys("k6", "k7");
                assertThat(open(address, true).count(SEVEN)).as("elsewhere").isZero();
                assertThat(table.delete(Ack.COMMITTED, "k7").join()).isFalse();
            }
            try (Connection other = old.open();
                    Statement statement = other.createStatement()) {
                statement.execute(old.lock("f"));
                assertThatThrownBy(() -> table.delete(Ack.COMMITTED, "k5").join())
                        .hasCauseInstanceOf(LeveeException.class)
                        .hasMessageContaining("PARTITION_BUSY");
            }
            assertThat(values(store).get("k5"))
                    .as("nothing has happened")
                    .startsWith("5 and 5 and")
                    .contains(" and 205 and ");
            old.hide("f");
            assertThat(table.delete(Ack.COMMITTED, "k5").join()).isTrue();
            old.bringBack("f");
            assertThat(values(store).get("k5"))
                    .as("what was missing shows again")
                    .endsWith("2995");
        }
        AtomicInteger read = new AtomicInteger();
        AtPoint delete = new AtPoint(point -> {
            if (point.equals(splittings().read()) && read.incrementAndGet() == 1) {
                Objects.requireNonNull(opened.get())
                        .table("e")
                        .delete(Ack.COMMITTED, "k50")
                        .join();
            }
        });
        try (Store store = splitting(address, PIECE, delete)) {
            opened.set(store);
            try (Result<Row> running = store.query(Query.builder("e").build())) {
                assertThat(running.iterator().hasNext()).isTrue();
                write(store.table("e"), "k51", 51_000);
                store.table("e").delete(Ack.COMMITTED, "k51").join();
                store.table("e").delete(Ack.COMMITTED, "k52").join();
                store.split(adopted(store));
                await(store, SplitStatus.State.DONE);
            }
            delete.requireNoFailure();
            assertThat(read).hasPositiveValue();
            requireDeleted(store);
        }
        requireDeleted(open(address, true));
    }

    private static void requireDeleted(Store store) {
        assertThat(values(store)).hasSize(PIECE - 5).doesNotContainKeys("k6", "k7", "k50", "k51", "k52");
    }
}
