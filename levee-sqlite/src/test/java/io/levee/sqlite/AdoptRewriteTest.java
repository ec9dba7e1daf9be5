package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.PartitionId;
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
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Keys of an adopted database that are written again, or deleted then: each has one row, or none, everywhere (guarantees G57, G64). */
class AdoptRewriteTest {
    private static final int ROWS = 1000;
    private static final Instant BEGIN = LegacyData.BEGIN;
    private static final Query ALL = Query.builder("invocations").build();

    @TempDir
    Path directory;

    private static Adoption monitor(Path file) {
        return Adoption.of(file, "invocations").time("finished_at").details("invocation_details", "task_id");
    }

    private static String key(int i) {
        return String.format("task-%08d", i);
    }

    private static void write(Table<Row> table, String key, String name, Instant at) {
        table.append(
                        Row.of(table.spec())
                                .set("task_id", key)
                                .set("task_name", name)
                                .set("state", "SUCCESS")
                                .set("finished_at", at)
                                .build(),
                        Ack.COMMITTED)
                .join();
    }

    /** The adopted database, and what it would be if the same had been written to it. */
    private Path[] files() throws Exception {
        Path file = directory.resolve("monitor.db");
        LegacyData.monitor(file, ROWS, true);
        Path model = directory.resolve("model.db");
        try (Connection c = LegacyData.open(file);
                Statement s = c.createStatement()) {
            s.execute("VACUUM INTO '" + model + "'");
        }
        return new Path[] {file, model};
    }

    /** Writes keys again, some of them twice and some to another day, and deletes a few; the same in the model. */
    private static void change(Table<Row> table, Path model) throws SQLException {
        try (Connection c = LegacyData.open(model);
                Statement s = c.createStatement()) {
            s.executeUpdate("DELETE FROM invocation_details WHERE task_id IN (SELECT task_id FROM invocations WHERE"
                    + " rowid % 37 = 1)");
            for (int i = 0; i < ROWS; i += 37) {
                // Where the database has no time for it, too.
                Instant at = BEGIN.plusSeconds(i % 2 == 0 ? 5 * 86_400 + i : i);
                write(table, key(i), "again", at);
                if (i % 3 == 0) {
                    write(table, key(i), "twice", at);
                }
                s.executeUpdate("UPDATE invocations SET task_name = '" + (i % 3 == 0 ? "twice" : "again")
                        + "', state = 'SUCCESS', received_at = NULL, finished_at = " + at.getEpochSecond()
                        + ", runtime_ms = NULL, worker = NULL, queue = NULL WHERE task_id = '" + key(i) + "'");
                if (i % 5 == 0) {
                    table.delete(Ack.COMMITTED, key(i)).join();
                    s.executeUpdate("DELETE FROM invocations WHERE task_id = '" + key(i) + "'");
                }
            }
        }
    }

    private static void compare(Store store, Path model, String when) throws SQLException {
        List<List<@Nullable Object>> rows = new ArrayList<>();
        try (Result<Row> result =
                store.query(Query.builder("invocations").details().oldestFirst().build())) {
            result.forEach(row -> {
                List<@Nullable Object> values = new ArrayList<>();
                values.add(row.get("task_id"));
                values.add(row.get("task_name"));
                values.add(row.get("args_preview"));
                rows.add(values);
            });
        }
        assertThat(rows)
                .as(when)
                .containsExactlyInAnyOrderElementsOf(LegacyData.ask(
                        model,
                        "SELECT task_id, task_name, args_preview FROM invocations LEFT JOIN invocation_details USING"
                                + " (task_id)"));
        long count = rows.size();
        assertThat(store.count(ALL)).as(when).isEqualTo(count);
        assertThat(store.aggregate(new Aggregation(
                                ALL,
                                List.of("task_name", "state"),
                                List.of(Measure.count(), Measure.parse("count(queue)"))))
                        .groups())
                .as(when)
                .containsExactlyInAnyOrderElementsOf(LegacyData.ask(
                        model, "SELECT task_name, state, count(*), count(queue) FROM invocations GROUP BY 1, 2"));
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
                .isEqualTo(LegacyData.ask(model, "SELECT count(*) FROM invocations WHERE finished_at IS NOT NULL")
                        .get(0)
                        .get(0));
        try (SqlResult result =
                store.sql(SqlQuery.of("SELECT task_name, count(*), count(DISTINCT task_id), count(DISTINCT _seq)"
                        + " FROM invocations GROUP BY 1"))) {
            List<List<@Nullable Object>> found = new ArrayList<>();
            result.forEach(found::add);
            assertThat(found)
                    .as(when)
                    .containsExactlyInAnyOrderElementsOf(LegacyData.ask(
                            model, "SELECT task_name, count(*), count(*), count(*) FROM invocations GROUP BY 1"));
        }
        List<String> newest = new ArrayList<>();
        try (Result<Row> result =
                store.query(Query.builder("invocations").newestPer("task_id").build())) {
            result.forEach(row -> newest.add((String) row.get("task_id")));
        }
        assertThat(newest).as(when).doesNotHaveDuplicates().hasSize((int) count);
        assertThat(store.explain(ALL).toString())
                .as(when)
                .contains("adopted".repeat(store.adopted().size()));
    }

    @Test
    void shouldBeOneRowForEveryKindOfQueryWheneverItIsAsked() throws Exception {
        Path[] files = files();
        Path home = directory.resolve("store");
        AtomicReference<Store> opened = new AtomicReference<>();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        try (Store store = Levee.open(home)) {
            Table<Row> table = store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", monitor(files[0]));
            change(table, files[1]);
            compare(store, files[1], "at once");
            assertThat(table.find(key(37)).orElseThrow().get("task_name")).isEqualTo("again");
            assertThat(table.find(key(0))).as("written again and deleted").isEmpty();
            assertThatThrownBy(() -> table.delete(Ack.COMMITTED, key(1)).join())
                    .as("never written again")
                    .hasMessageContaining("never written to");
            // The row that takes its place goes on with its number, and who follows meets it as a change.
            assertThat(table.find(key(37)).orElseThrow().seq()).isNegative();
            assertThat(table.tail(0).poll(Duration.ofSeconds(5)).entries())
                    .extracting(e -> e.value().get("task_id"))
                    .contains(key(37))
                    .doesNotHaveDuplicates();
            try (Store beside = Levee.openReadOnly(home)) {
                compare(beside, files[1], "beside the writer");
            }
            store.backup(directory.resolve("backup"));
        }
        try (Store store = Levee.openReadOnly(home)) {
            compare(store, files[1], "closed");
        }
        Levee.restore(directory.resolve("backup"), directory.resolve("restored").toString());
        try (Store store = Levee.open(directory.resolve("restored"))) {
            compare(store, files[1], "restored from a backup");
        }
        Files.delete(home.resolve("catalog.db"));
        try (Store store = SplitTest.open(
                home,
                point -> {
                    try {
                        if (point == Splitting.Point.RECORDED) {
                            compare(opened.get(), files[1], "during the split");
                        }
                    } catch (Throwable e) {
                        failed.compareAndSet(null, e);
                    }
                },
                400,
                o -> {})) {
            opened.set(store);
            compare(store, files[1], "the catalog rebuilt");
            store.split(AdoptedCatalog.id("invocations", 1));
            SplitStatus done = SplitTest.await(store, SplitStatus.State.DONE);
            assertThat(failed.get()).isNull();
            assertThat(done.superseded()).isEqualTo((ROWS + 36) / 37);
            compare(store, files[1], "after the split");
        }
    }

    /** A query finds the version of when it began, once, however long it runs; what follows finds the other. */
    @Test
    void shouldBeThereOnceForAQueryThatRuns() throws Exception {
        Path[] files = files();
        try (Store store = Levee.open(directory.resolve("store"))) {
            Table<Row> table = store.createTable(LegacyData.invocations().build());
            PartitionId id = store.adopt("invocations", monitor(files[0])).partition();
            Query query = Query.builder("invocations").oldestFirst().build();
            for (int round = 0; round < 3; round++) {
                List<String> found = new ArrayList<>();
                int before = round * 100;
                try (Result<Row> rows = store.query(query)) {
                    rows.forEach(row -> {
                        if (found.isEmpty()) {
                            // One that was read already, and one that was not: both go behind the end of what is read.
                            for (int i = 0; i < 100; i += 10) {
                                write(table, key(before + i), "again", BEGIN.plusSeconds(86_400));
                                write(table, key(ROWS - 1 - before - i), "again", BEGIN.plusSeconds(86_400));
                            }
                        }
                        found.add((String) row.get("task_id"));
                    });
                }
                assertThat(found)
                        .as("round %d of %s", round, id)
                        .doesNotHaveDuplicates()
                        .hasSize(ROWS);
                assertThat(store.count(query)).isEqualTo(ROWS);
            }
            // What was adopted is as it was, and says so: an erasure reaches the table's own rows and hides none.
            assertThat(table.erase(Expr.parse("task_name = 'again'", BEGIN)).deleted())
                    .isEqualTo(60);
            assertThat(store.count(query)).isEqualTo(ROWS - 60);
        }
    }

    /** A key that is none there: all of its rows, in whichever database, have one row of the table in their place. */
    @Test
    void shouldTakeThePlaceOfAllRowsOfAKey() throws Exception {
        TableSpec spec = TableSpec.builder("e")
                .column("k", ColumnType.TEXT)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("k")
                .build();
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home)) {
            Table<Row> table = store.createTable(spec);
            for (String name : List.of("one", "two")) {
                Path file = directory.resolve(name + ".db");
                try (Connection c = LegacyData.open(file);
                        Statement s = c.createStatement()) {
                    s.executeUpdate("CREATE TABLE e(k TEXT, v INTEGER, at INTEGER)");
                    s.executeUpdate("CREATE INDEX i ON e(k)");
                    s.executeUpdate("INSERT INTO e VALUES('a', 1, " + BEGIN.getEpochSecond() + "), ('a', 2, "
                            + (BEGIN.getEpochSecond() + 1) + "), ('b', 3, " + BEGIN.getEpochSecond() + "), ('a', 4, "
                            + BEGIN.getEpochSecond() + ")");
                }
                store.adopt("e", Adoption.of(file, "e"));
            }
            assertThat(store.count(Query.builder("e").build())).isEqualTo(8);
            table.append(
                            Row.of(spec)
                                    .set("k", "a")
                                    .set("v", 5L)
                                    .set("at", BEGIN)
                                    .build(),
                            Ack.COMMITTED)
                    .join();
            assertThat(store.count(Query.builder("e").build())).isEqualTo(3);
        }
        try (Store store = Levee.open(home)) {
            assertThat(store.count(Query.builder("e").where(Expr.eq("k", "a")).build()))
                    .isEqualTo(1);
            store.table("e").delete(Ack.COMMITTED, "a").join();
            assertThat(store.count(Query.builder("e").build())).isEqualTo(2);
            assertThat(store.table("e").find("a")).isEmpty();
        }
    }
}
