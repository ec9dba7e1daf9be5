package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.time.Micros;
import io.levee.testkit.PostgresServer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * Rows that come when a backfill is done: moved out of an adopted table, or with a partition that is brought back. They are brought up too, each
 * once, also where the process died before anybody was told (G17, G129, G130).
 */
class MigrationArrivalsTest {
    private static final Instant START = Instant.parse("2026-05-20T00:00:00Z");
    private static final int ROWS = 72;
    /** An hour's and a half of checks. */
    private static final int OLD = 5_400;

    private static final int OWN = 50;

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private ManualClock clock =
            new ManualClock(START.plus(Duration.ofHours(ROWS - 1)).plusSeconds(1));

    private static TableSpec spec() {
        return TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("size", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    private Store open() {
        return Levee.open(address, false, o -> o.clock(clock));
    }

    private static void done(Store store) {
        assertThat(store.awaitMigrations(Duration.ofSeconds(60))).isTrue();
        assertThat(store.migrations())
                .as("%s", store.migrations())
                .extracting(MigrationStatus::state)
                .containsOnly(State.DONE);
    }

    /** What a restore leaves where the process dies in the next moment: its rows are of before, and the catalog knows that. */
    @Test
    void shouldBringUpWhatCameBackBeforeTheProcessDied() {
        String schema = PostgresServer.schema(address);
        try (Store store = open()) {
            store.createTable(spec())
                    .appendAll(
                            IntStream.range(0, ROWS)
                                    .mapToObj(i -> Row.of(spec())
                                            .set("at", START.plus(Duration.ofHours(i)))
                                            .set("size", 1L)
                                            .build())
                                    .toList(),
                            Ack.COMMITTED)
                    .join();
            store.migrate(List.of(new Migration("once", "jobs", MigrationStep.Backfill.of("size", "size + 1"))), false);
            done(store);
        }
        server.run(
                "UPDATE \"" + schema + "\".jobs SET size = 1 WHERE at < " + Micros.of(START.plus(Duration.ofDays(1))));
        server.run("UPDATE \"" + schema + "_levee\".migration_parts SET done = false, bound = NULL, through = 0,"
                + " seen = 0 WHERE period = '2026-05-20'");
        try (Store beside = Levee.open(address, true, o -> {})) {
            assertThat(beside.migrations().get(0).note()).contains("a restore");
        }
        try (Store store = open()) {
            done(store);
            try (Result<Row> rows =
                    store.query(Query.builder("jobs").oldestFirst().build())) {
                assertThat(rows.toList())
                        .hasSize(ROWS)
                        .extracting(row -> row.get("size"))
                        .containsOnly(2L);
            }
        }
    }

    /** A second time would show. */
    private static Migration once() {
        return new Migration("once", "checks", new MigrationStep.BackfillRows("1", List.of("node_id"), row -> {
            RowBuilder changed = Row.of(row.spec());
            row.spec().columns().forEach(column -> changed.set(column.name(), row.get(column.name())));
            return changed.set("node_id", row.get("node_id") + "!").build();
        }));
    }

    private static void append(Store store, Duration later) {
        Table<Row> table = store.table("checks");
        table.appendAll(
                        IntStream.range(0, OWN)
                                .mapToObj(i -> Row.of(table.spec())
                                        .set("site_id", (long) i)
                                        .set("latency_ns", -1L)
                                        .set(
                                                "checked_at",
                                                LegacyTables.BEGIN.plus(later).plusSeconds(i))
                                        .set("node_id", "own")
                                        .build())
                                .toList(),
                        Ack.COMMITTED)
                .join();
    }

    /** Rows are what the migration made of them once; new ones are as they were written. */
    private static void requireOnce(Store store, int rows, int fresh) {
        Map<String, Integer> found = new TreeMap<>();
        try (Result<Row> all = store.query(Query.builder("checks").oldestFirst().build())) {
            all.forEach(row -> found.merge(
                    String.valueOf(row.get("node_id")).replaceFirst("^n[012]|^own(?=!)", "old"), 1, Integer::sum));
        }
        assertThat(found).isEqualTo(fresh == 0 ? Map.of("old!", rows) : Map.of("old!", rows, "own", fresh));
    }

    /** Into a partition that the backfill was done with, into new ones, and beside rows that came since. */
    @Test
    void shouldBringUpWhatASplittingMoves() {
        LegacyTables old = new LegacyTables(server);
        old.checks(OLD);
        clock = new ManualClock(LegacyTables.BEGIN.plus(Duration.ofDays(2)));
        try (Store store = SplitTest.open(address, p -> {}, 100, o -> o.clock(clock))) {
            store.createTable(
                    LegacyTables.checkSpec().partitionBy(PartitionBy.HOUR).build());
            PartitionId id = store.adopt(
                            "checks",
                            Adoption.ofTable(old.name("check_history")).map("up", "is_up"))
                    .partition();
            append(store, Duration.ofMinutes(20));
            store.migrate(List.of(once()), false);
            done(store);
            append(store, Duration.ofMinutes(10));
            append(store, Duration.ofHours(30));
            store.split(id);
            SplitTest.await(store, SplitStatus.State.DONE);
            done(store);
            requireOnce(store, OLD + OWN, 2 * OWN);
            assertThat(store.migrations().get(0).rowsDone()).isEqualTo(OLD + OWN);
        }
        try (Store store = open()) {
            store.migrate(List.of(once()), false);
            done(store);
            requireOnce(store, OLD + OWN, 2 * OWN);
        }
    }

    /** The bound is taken, and the cursor is past them, when they come: the backfill is paused in the middle. */
    @Test
    void shouldReachWhatASplittingMovesBesideIt() {
        LegacyTables old = new LegacyTables(server);
        old.checks(OLD);
        clock = new ManualClock(LegacyTables.BEGIN.plus(Duration.ofDays(2)));
        AtomicInteger calls = new AtomicInteger();
        AtomicReference<Store> opened = new AtomicReference<>();
        Migration beside =
                new Migration("once", "checks", new MigrationStep.BackfillRows("1", List.of("node_id"), row -> {
                    if (calls.incrementAndGet() == OWN + OWN / 2) {
                        // One partition is done, of the other rows were read.
                        Store store = opened.get();
                        store.split(store.adopted().get(0).partition());
                        SplitTest.await(store, SplitStatus.State.DONE);
                    }
                    return ((MigrationStep.BackfillRows) once().step()).change().apply(row);
                }));
        try (Store store = SplitTest.open(address, p -> {}, 100, o -> o.clock(clock))) {
            opened.set(store);
            store.createTable(
                    LegacyTables.checkSpec().partitionBy(PartitionBy.HOUR).build());
            store.adopt("checks", Adoption.ofTable(old.name("check_history")).map("up", "is_up"));
            append(store, Duration.ofMinutes(20));
            append(store, Duration.ofMinutes(70));
            store.migrate(List.of(beside), false);
            done(store);
            requireOnce(store, OLD + 2 * OWN, 0);
        }
    }

    @Test
    void shouldBringUpWhatComesBack() {
        clock = new ManualClock(LegacyTables.BEGIN.plus(Duration.ofDays(2)));
        try (Store store = Levee.open(address, false, o -> o.clock(clock).trashGrace(Duration.ofHours(1)))) {
            store.createTable(LegacyTables.checkSpec()
                    .retention(RetentionRule.maxAge(Duration.ofDays(1)))
                    .build());
            append(store, Duration.ofHours(30));
            append(store, Duration.ofHours(60));
            clock.advance(Duration.ofDays(1));
            append(store, Duration.ofHours(71));
            PartitionId gone =
                    store.applyRetention(store.planRetention()).dropped().get(0);
            store.migrate(List.of(once()), false);
            done(store);
            store.restore(gone);
            done(store);
            assertThat(store.partitions()).extracting(p -> p.id()).contains(gone);
            requireOnce(store, 3 * OWN, 0);
        }
    }
}
