package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.engine.EngineSettings;
import io.levee.internal.supervisor.Supervisor;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Partitions that come when a backfill is done, with rows that it never met: moved out of an adopted database, or brought back. They are
 * brought up too, each row once, also where the process died before anybody was told (G17, G129, G130).
 */
class MigrationArrivalsTest {
    private static final Instant BEGIN = LegacyData.BEGIN;
    private static final int OLD = 600;
    private static final int OWN = 50;
    private static final Duration SOON = Duration.ofSeconds(60);

    @TempDir
    Path directory;

    private Path home;
    private final ManualClock clock = new ManualClock(BEGIN.plus(Duration.ofDays(2)));

    @BeforeEach
    void home() {
        home = directory.resolve("store");
    }

    private Store open() {
        Store store = Levee.open(home, o -> o.clock(clock).trashGrace(Duration.ofHours(1)));
        if (!store.migrations().isEmpty()) {
            store.migrate(List.of(once()), false);
        }
        return store;
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
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < OWN; i++) {
            rows.add(Row.of(table.spec())
                    .set("site_id", (long) i)
                    .set("latency_ns", -1L)
                    .set("checked_at", BEGIN.plus(later).plusSeconds(i))
                    .set("node_id", "own")
                    .build());
        }
        table.appendAll(rows, Ack.COMMITTED).join();
    }

    private static void done(Store store) {
        assertThat(store.awaitMigrations(SOON)).as("%s", store.migrations()).isTrue();
        assertThat(store.migrations())
                .as("%s", store.migrations())
                .extracting(MigrationStatus::state)
                .containsOnly(State.DONE);
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

    private void adopt(Store store) throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, OLD);
        store.createTable(LegacyData.checkSpec().build());
        store.adopt("checks", Adoption.of(file, "check_history").map("up", "is_up"));
    }

    private static PartitionId adopted(Store store) {
        return store.adopted().get(0).partition();
    }

    /** Does something with the engine alone: nobody above it is told what came. */
    private <T> T alone(Function<SqliteEngine, T> what) {
        Supervisor supervisor = new Supervisor();
        StoreOptions options = StoreOptions.builder()
                .clock(clock)
                .trashGrace(Duration.ofHours(1))
                .build();
        SqliteEngine engine = SqliteEngine.open(new StorePaths(home), new EngineSettings(options, false, supervisor));
        try {
            CompletableFuture<T> until = CompletableFuture.supplyAsync(() -> what.apply(engine));
            while (!until.isDone()) {
                engine.afterBatch();
                Thread.onSpinWait();
            }
            return until.join();
        } finally {
            engine.closeWriter();
            supervisor.stop();
            engine.close(null);
        }
    }

    @Test
    void shouldBringUpWhatASplittingMoves() throws Exception {
        try (Store store = SqliteSplittings.open(home, p -> {}, 200, o -> o.clock(clock))) {
            adopt(store);
            append(store, Duration.ofHours(1));
            store.migrate(List.of(once()), false);
            done(store);
            // In a partition of its own that no migration has met, before others come that one has to reach.
            append(store, Duration.ofHours(30));
            store.split(adopted(store));
            SplitTest.await(store, SplitStatus.State.DONE);
            done(store);
            requireOnce(store, OLD + OWN, OWN);
            assertThat(store.migrations().get(0).rowsDone()).isEqualTo(OLD + OWN);
        }
        try (Store store = open()) {
            done(store);
            requireOnce(store, OLD + OWN, OWN);
        }
    }

    @Test
    void shouldBringUpWhatASplittingMovedBeforeTheProcessDied() throws Exception {
        try (Store store = open()) {
            adopt(store);
            append(store, Duration.ofHours(1));
            store.migrate(List.of(once()), false);
            done(store);
        }
        PartitionId id = alone(engine -> {
            engine.splitting().at(p -> {}, 200);
            PartitionId old = engine.partitions().stream()
                    .map(p -> p.id())
                    .filter(p -> p.period().startsWith("adopted"))
                    .findFirst()
                    .orElseThrow();
            engine.split(old, true);
            Awaitility.await().atMost(SOON).until(() -> engine.splits().get(0).state() == SplitStatus.State.DONE);
            return old;
        });
        // Siblings of the same day, one of them not reached: they are not to become one that passes for reached.
        MergeHelp.merge(home, BEGIN.plus(Duration.ofDays(30)));
        try (Store beside = Levee.openReadOnly(home)) {
            assertThat(beside.migrations().get(0).note())
                    .as("what is done may lack something: %s", id)
                    .contains("splitting");
        }
        try (Store store = open()) {
            done(store);
            requireOnce(store, OLD + OWN, 0);
        }
        MergeHelp.merge(home, BEGIN.plus(Duration.ofDays(30)));
        try (Store store = open()) {
            done(store);
            requireOnce(store, OLD + OWN, 0);
            assertThat(store.partitions()).hasSize(1);
        }
    }

    @Test
    void shouldBringUpWhatCameBackBeforeTheProcessDied() {
        PartitionId gone;
        try (Store store = open()) {
            store.createTable(LegacyData.checkSpec()
                    .retention(RetentionRule.maxAge(Duration.ofDays(1)))
                    .build());
            append(store, Duration.ofHours(30));
            append(store, Duration.ofHours(60));
            clock.advance(Duration.ofDays(1));
            append(store, Duration.ofHours(71));
            gone = store.applyRetention(store.planRetention()).dropped().get(0);
            store.migrate(List.of(once()), false);
            done(store);
        }
        alone(engine -> {
            engine.restore(gone);
            return true;
        });
        try (Store store = open()) {
            done(store);
            assertThat(store.partitions()).extracting(p -> p.id()).contains(gone);
            requireOnce(store, 3 * OWN, 0);
        }
    }
}
