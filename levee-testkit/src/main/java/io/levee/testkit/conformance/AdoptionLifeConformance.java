package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Replay;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.testkit.conformance.OldTable.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/**
 * Adopted databases beside a table's own rows and each other: declared, refused, without what belongs to them (guarantees G64, G65, G67,
 * G101, G116).
 */
abstract class AdoptionLifeConformance extends OldTopic {
    private static final Instant BEGIN = OldTables.BEGIN;

    AdoptionLifeConformance(EngineConformance kit) {
        super(kit);
    }

    private static Adoption monitor(OldDatabase old) {
        return old.adoption("invocations").time("finished_at");
    }

    /** G67: without its details and a column; and with them as soon as they are there. */
    @Test
    void shouldReadWithoutTheDetailsTableAndWithoutColumns(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(1000, false);
        Store store = newStore();
        Table<Row> table = store.createTable(OldTables.invocations().build());
        store.adopt("invocations", OldTables.monitor(old));
        assertThat(count(store, "invocations", "args_preview IS NULL AND retries IS NULL"))
                .isEqualTo(1000);
        assertThat(table.find("task-00000003").orElseThrow().get("args_preview"))
                .isNull();
        old.run(
                "CREATE TABLE invocation_details(task_id text PRIMARY KEY, args_preview text)",
                "INSERT INTO invocation_details VALUES ('task-00000003', '[3]')",
                "ALTER TABLE invocations ADD COLUMN retries smallint DEFAULT 2");
        assertThat(table.find("task-00000003").orElseThrow().get("args_preview"))
                .isEqualTo("[3]");
        assertThat(count(store, "invocations", "retries = 2")).isEqualTo(1000);
    }

    private static long count(Store store, String table, String where) {
        return store.count(Query.builder(table).where(Expr.parse(where, BEGIN)).build());
    }

    /** G101: by the first start of a new release, on an old database and on a fresh install that has none yet; once, however often it starts. */
    @Test
    void shouldAdoptWhatTheSpecNamesAtEveryOpening(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        TableSpec spec = OldTables.invocations().adopt(monitor(old)).build();
        assertThat(TableSpec.fromMap(spec.toMap())).isEqualTo(spec);
        String address = engine().newStore();
        try (Store store = open(address, false)) {
            store.createTable(spec);
            assertThat(store.partitions()).isEmpty();
        }
        old.monitor(1000, false);
        for (int i = 0; i < 2; i++) {
            try (Store store = open(address, false)) {
                store.createTable(spec);
                assertThat(store.partitions()).hasSize(1);
                assertThat(count(store, "invocations")).isEqualTo(1000);
            }
        }
    }

    /** G116: a service gets back what it had in memory, in windows, from the old database and from the table's own partitions. */
    @Test
    void shouldReplayAcrossOldAndOwnRows(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(1000, true);
        Store store = newStore();
        Table<Row> table = store.createTable(OldTables.invocations().build());
        store.adopt("invocations", OldTables.monitor(old));
        List<Row> own = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            // Among the last of the old ones, and behind them.
            own.add(OldTables.invocation(
                    table.spec(), "new-" + i, "app.task1", OldTables.at(800 + i).plusMillis(1)));
        }
        append(table, own);
        Set<Object> keys = new HashSet<>();
        List<Instant> times = new ArrayList<>();
        Replay replay = table.query().from(BEGIN.minusSeconds(60)).replay(Duration.ofMinutes(10), row -> {
            keys.add(String.valueOf(row.get("task_id")));
            times.add(row.time());
        });
        // Two of the old ones have no time.
        assertThat(replay.rows()).isEqualTo(1998);
        assertThat(replay.coverage().complete()).isTrue();
        assertThat(keys).hasSize(1998);
        assertThat(times).hasSize(1998).isSorted();
        try (Tail<Row> tail = table.tail(replay.after())) {
            append(table, OldTables.invocation(table.spec(), "later", "app.task1", OldTables.at(3000)));
            assertThat(tail.poll(Duration.ofSeconds(5)).entries())
                    .extracting(e -> e.value().get("task_id"))
                    .containsExactly("later");
        }
    }

    @Test
    void shouldKeepSeveralTablesOfOneDatabaseApart(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(OldTables.checks(2000));
        Map<String, Kind> columns = new LinkedHashMap<>();
        columns.put("site_id", Kind.WHOLE);
        columns.put("checked_at", Kind.TIME_TEXT);
        old.create(new OldTable("state_changes", columns, Map.of(), 20, i ->
                new @Nullable Object[] {i % 20L, BEGIN.plusSeconds(100L * i)}));
        Store store = newStore();
        store.createTable(OldTables.checks().build());
        store.adopt("checks", OldTables.checks(old));
        store.adopt("checks", old.adoption("state_changes"));
        assertThat(count(store, "checks")).isEqualTo(2020);
        assertThat(count(store, "checks", "latency_ns IS NULL")).isEqualTo(20);
        Set<Long> numbers = new HashSet<>();
        try (Result<Row> rows =
                store.query(Query.builder("checks").newestFirst().build())) {
            rows.forEach(row -> numbers.add(row.seq()));
        }
        assertThat(numbers).hasSize(2020).allMatch(n -> n < 0);
        assertThat(store.partitions()).extracting(PartitionInfo::state).containsOnly(PartitionInfo.State.ADOPTED);
    }

    /** A table with classes reads adopted rows whatever class is asked for, and its filter tells. */
    @Test
    void shouldReadItInATableWithClasses(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(1000, false);
        Store store = newStore();
        store.createTable(OldTables.invocations()
                .retention(RetentionRule.builder()
                        .by("state")
                        .keep("FAILURE", Duration.ofDays(90_000))
                        .maxAge(Duration.ofDays(80_000))
                        .build())
                .build());
        store.adopt("invocations", monitor(old));
        Query failures = Query.builder("invocations")
                .where(Expr.parse("state = 'FAILURE'", BEGIN))
                .newestFirst()
                .build();
        assertThat(rows(store, failures, "task_id")).hasSize(20);
        assertThat(store.count(failures)).isEqualTo(20);
    }

    @Test
    void shouldRefuseByNameWhatCannotBeRead(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.run("CREATE TABLE plain(a integer)", "CREATE VIEW seen AS SELECT * FROM plain");
        Store store = newStore();
        store.createTable(OldTables.checks().build());
        assertThat(refused(old.noSuchTable(), () -> store.adopt("checks", old.adoption("nothing"))))
                .hasMessageContaining("no table");
        LeveeException untimed = refused(ErrorCode.BAD_SPEC, () -> store.adopt("checks", old.adoption("plain")));
        assertThat(untimed).hasMessageContaining("no column for the event time");
        assertThat(untimed.hint()).contains("--time");
        assertThat(refused(ErrorCode.BAD_SPEC, () -> store.adopt("checks", old.adoption("seen"))))
                .hasMessageContaining("no plain table");
        assertThat(store.partitions()).isEmpty();
    }

    /** The table's own row of a key is found, though the old database has a newer one; and no row of it passes for one of the table's. */
    @Test
    void shouldFindTheOwnRowOfAKeyWhateverItsTime(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(1000, false);
        Store store = newStore();
        Table<Row> table = store.createTable(OldTables.invocations().build());
        store.adopt("invocations", monitor(old));
        table.append(OldTables.invocation(table.spec(), OldTables.key(900), "again", BEGIN), Ack.COMMITTED)
                .join();
        assertThat(table.find(OldTables.key(900)).orElseThrow().get("task_name"))
                .isEqualTo("again");
        assertThat(table.erase(Expr.parse("task_name = 'again'", BEGIN)).deleted())
                .isEqualTo(1);
    }
}
