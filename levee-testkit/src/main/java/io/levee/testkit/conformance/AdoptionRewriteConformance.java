package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.engine.Capability;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;

/** Keys of an adopted database that are written again, or deleted then: each has one row, or none, everywhere (guarantees G57, G64). */
abstract class AdoptionRewriteConformance extends OldTopic {
    private static final int ROWS = 1000;

    /** Each of so many rows is written again. */
    private static final int EACH = 37;

    private static final Instant BEGIN = OldTables.BEGIN;
    private static final Query ALL = Query.builder("invocations").build();

    AdoptionRewriteConformance(EngineConformance kit) {
        super(kit);
    }

    private static void write(Table<Row> table, int row, String name, Instant at) {
        table.append(OldTables.invocation(table.spec(), OldTables.key(row), name, at), Ack.COMMITTED)
                .join();
    }

    /** Writes keys again, some of them twice and some to another day, and deletes a few; the same in the model. */
    private static void change(Table<Row> table, OldDatabase model) {
        for (int i = 0; i < ROWS; i += EACH) {
            String key = OldTables.key(i);
            // Where the database has no time for it, too.
            Instant at = BEGIN.plusSeconds(i % 2 == 0 ? 5 * 86_400 + i : i);
            write(table, i, "again", at);
            if (i % 3 == 0) {
                write(table, i, "twice", at);
            }
            List<String> same = new ArrayList<>();
            same.add("DELETE FROM invocation_details WHERE task_id = '" + key + "'");
            same.add("UPDATE invocations SET task_name = '" + (i % 3 == 0 ? "twice" : "again")
                    + "', state = 'SUCCESS', received_at = NULL, finished_at = " + model.time(at)
                    + ", runtime_ms = NULL, worker = NULL, queue = NULL WHERE task_id = '" + key + "'");
            if (i % 5 == 0) {
                table.delete(Ack.COMMITTED, key).join();
                same.add("DELETE FROM invocations WHERE task_id = '" + key + "'");
            }
            model.run(same.toArray(new String[0]));
        }
    }

    private static void compare(Store store, OldDatabase model, String when) {
        List<List<@Nullable Object>> rows = rows(
                store,
                Query.builder("invocations").details().oldestFirst().build(),
                "task_id",
                "task_name",
                "args_preview");
        assertThat(rows)
                .as(when)
                .containsExactlyInAnyOrderElementsOf(model.ask(
                        "SELECT i.task_id, task_name, args_preview FROM invocations i LEFT JOIN invocation_details d USING"
                                + " (task_id)"));
        long count = rows.size();
        assertThat(store.count(ALL)).as(when).isEqualTo(count);
        assertThat(store.aggregate(new Aggregation(
                                ALL,
                                List.of("task_name", "state"),
                                List.of(Measure.count(), Measure.parse("count(queue)"))))
                        .groups())
                .as(when)
                .containsExactlyInAnyOrderElementsOf(model.ask(
                        "SELECT task_name, state, count(*), count(queue) FROM invocations GROUP BY task_name, state"));
        Query within = Query.builder("invocations")
                .from(BEGIN.minusSeconds(86_400))
                .to(BEGIN.plusSeconds(10 * 86_400))
                .build();
        assertThat(store
                        .timeSeries(new TimeSeries(within, Duration.ofHours(1), List.of(), List.of(Measure.count())))
                        .points()
                        .stream()
                        .mapToLong(p -> (Long) p.figures().get(0))
                        .sum())
                .as(when)
                .isEqualTo(model.ask("SELECT count(*) FROM invocations WHERE finished_at IS NOT NULL")
                        .get(0)
                        .get(0));
        compareSql(store, model, when);
        List<List<@Nullable Object>> newest =
                rows(store, Query.builder("invocations").newestPer("task_id").build(), "task_id");
        assertThat(newest).as(when).doesNotHaveDuplicates().hasSize((int) count);
        assertThat(store.explain(ALL).toString())
                .as(when)
                .contains("adopted".repeat(store.adopted().size()));
    }

    private static void compareSql(Store store, OldDatabase model, String when) {
        try (SqlResult result =
                store.sql(SqlQuery.of("SELECT task_name, count(*), count(DISTINCT task_id), count(DISTINCT _seq)"
                        + " FROM invocations GROUP BY task_name"))) {
            List<List<@Nullable Object>> found = new ArrayList<>();
            result.forEach(found::add);
            assertThat(found)
                    .as(when)
                    .containsExactlyInAnyOrderElementsOf(model.ask(
                            "SELECT task_name, count(*), count(*), count(*) FROM invocations GROUP BY task_name"));
        }
    }

    @Test
    void shouldBeOneRowForEveryKindOfQueryWheneverItIsAsked(TestReporter reporter, @TempDir Path directory) {
        OldDatabase old = old(reporter);
        OldDatabase model = engine().oldDatabase();
        if (old == null || model == null) {
            return;
        }
        old.monitor(ROWS, true);
        model.monitor(ROWS, true);
        Object before = old.fingerprint("invocations");
        String address = engine().newStore();
        boolean backup;
        try (Store store = open(address, false)) {
            Table<Row> table = store.createTable(OldTables.invocations().build());
            store.adopt("invocations", OldTables.monitor(old));
            change(table, model);
            compare(store, model, "at once");
            requireRecords(table, old);
            compare(open(address, true), model, "beside the writer");
            backup = store.capabilities().contains(Capability.BACKUP);
            if (backup) {
                store.backup(directory.resolve("backup"));
            }
        }
        compare(open(address, true), model, "closed");
        if (backup) {
            String restored = engine().newStore();
            Levee.restore(directory.resolve("backup"), restored);
            compare(open(restored, false), model, "restored from a backup");
        }
        closeStores();
        compareWhileSplit(address, model, splittings().lose(address) ? "what was lost was made anew" : "opened again");
        assertThat(old.fingerprint("invocations")).isEqualTo(before);
    }

    private void compareWhileSplit(String address, OldDatabase model, String first) {
        AtomicReference<Store> opened = new AtomicReference<>();
        AtomicInteger moves = new AtomicInteger();
        AtPoint compare = new AtPoint(point -> {
            if (point.equals(splittings().moved()) && moves.incrementAndGet() <= 3) {
                compare(Objects.requireNonNull(opened.get()), model, "during the split");
            }
        });
        Store store = splitting(address, 400, compare);
        opened.set(store);
        compare(store, model, first);
        store.split(adopted(store));
        SplitStatus done = await(store, SplitStatus.State.DONE);
        compare.requireNoFailure();
        assertThat(moves.get()).isGreaterThanOrEqualTo(3);
        assertThat(done.superseded()).isEqualTo((ROWS + EACH - 1) / EACH);
        compare(store, model, "after the split");
    }

    private static void requireRecords(Table<Row> table, OldDatabase old) {
        Row again = table.find(OldTables.key(EACH)).orElseThrow();
        assertThat(again.get("task_name")).isEqualTo("again");
        assertThat(table.find(OldTables.key(0))).as("written again and deleted").isEmpty();
        assertThat(refused(
                        ErrorCode.NOT_WRITABLE,
                        () -> table.delete(Ack.COMMITTED, OldTables.key(1)).join()))
                .as("never written again")
                .hasMessageContaining("never written to");
        // The row that takes its place goes on with its number where the engine can, and who follows meets it as a
        // change.
        assertThat(again.seq() < 0).isEqualTo(old.keepsNumbers());
        assertThat(table.tail(0).poll(Duration.ofSeconds(5)).entries())
                .extracting(e -> e.value().get("task_id"))
                .contains(OldTables.key(EACH))
                .doesNotHaveDuplicates();
    }

    /** A query finds the version of when it began, once, however long it runs; what follows finds the other. */
    @Test
    void shouldBeThereOnceForAQueryThatRuns(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(ROWS, true);
        Store store = newStore();
        Table<Row> table = store.createTable(OldTables.invocations().build());
        store.adopt("invocations", OldTables.monitor(old));
        Query query = Query.builder("invocations").oldestFirst().build();
        for (int round = 0; round < 3; round++) {
            List<String> found = new ArrayList<>();
            int before = round * 100;
            try (Result<Row> rows = store.query(query)) {
                rows.forEach(row -> {
                    if (found.isEmpty()) {
                        // One that was read already, and one that was not: both go behind the end of what is read.
                        for (int i = 0; i < 100; i += 10) {
                            write(table, before + i, "again", BEGIN.plusSeconds(86_400));
                            write(table, ROWS - 1 - before - i, "again", BEGIN.plusSeconds(86_400));
                        }
                    }
                    found.add(String.valueOf(row.get("task_id")));
                });
            }
            assertThat(found).as("round %d", round).doesNotHaveDuplicates().hasSize(ROWS);
            assertThat(store.count(query)).isEqualTo(ROWS);
        }
        // What was adopted is as it was, and says so: an erasure reaches the table's own rows and hides none.
        assertThat(table.erase(Expr.parse("task_name = 'again'", BEGIN)).deleted())
                .isEqualTo(60);
        assertThat(store.count(query)).isEqualTo(ROWS - 60);
    }

    /** A key that is none there: all of its rows, in whichever database, have one row of the table in their place. */
    @Test
    void shouldTakeThePlaceOfAllRowsOfAKey(TestReporter reporter) {
        TableSpec spec = TableSpec.builder("e")
                .column("k", ColumnType.TEXT)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("k")
                .build();
        String address = engine().newStore();
        try (Store store = open(address, false)) {
            Table<Row> table = store.createTable(spec);
            for (int i = 0; i < 2; i++) {
                OldDatabase old = old(reporter);
                if (old == null) {
                    return;
                }
                long at = BEGIN.getEpochSecond();
                old.run(
                        "CREATE TABLE e(k TEXT, v INTEGER, at INTEGER)",
                        "CREATE INDEX i ON e(k)",
                        "INSERT INTO e VALUES('a', 1, " + at + "), ('a', 2, " + (at + 1) + "), ('b', 3, " + at
                                + "), ('a', 4, " + at + ")");
                store.adopt("e", old.adoption("e"));
            }
            assertThat(count(store, "e")).isEqualTo(8);
            append(table, row(spec, "k", "a", "v", 5L, "at", BEGIN));
            assertThat(count(store, "e")).isEqualTo(3);
        }
        Store store = open(address, false);
        assertThat(store.count(Query.builder("e").where(Expr.eq("k", "a")).build()))
                .isEqualTo(1);
        store.table("e").delete(Ack.COMMITTED, "a").join();
        assertThat(count(store, "e")).isEqualTo(2);
        assertThat(store.table("e").find("a")).isEmpty();
    }
}
