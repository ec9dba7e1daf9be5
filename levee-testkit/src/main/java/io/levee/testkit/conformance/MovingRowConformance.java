package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Updates that give rows another class or another period while a backfill runs: each row is set once, whether it moves to where the backfill
 * has been, or from there (guarantees G17, G120, G122).
 */
abstract class MovingRowConformance extends Conformance {
    private static final int TRIALS = 3;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** What the backfill adds: a row that is met twice shows it, and so does one that is passed over. */
    private static final long STEP = 1_000_000;

    /** What the filter of one of them wants. */
    private static final long LEAST = 10;

    /** The first of the days; all of them lie before {@link #NOW}. */
    private static final Instant FIRST = Instant.parse("2026-05-16T06:00:00Z");

    private static final int DAYS = 4;

    MovingRowConformance(EngineConformance kit) {
        super(kit);
    }

    private static TableSpec spec() {
        return TableSpec.builder("jobs")
                .column("id", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("state", ColumnType.TEXT)
                .column("size", ColumnType.INTEGER)
                .time("at")
                .key("id")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.builder()
                        .maxAge(Duration.ofDays(90))
                        .by("state")
                        .keep("done", Duration.ofDays(60))
                        .build())
                .build();
    }

    private static Row job(TableSpec spec, String id, int day, String state, long size) {
        return row(spec, "id", id, "at", FIRST.plus(Duration.ofDays(day)), "state", state, "size", size);
    }

    private static Migration function(Consumer<Row> before) {
        return new Migration("once", "jobs", new MigrationStep.BackfillRows("1", List.of("size"), row -> {
            before.accept(row);
            RowBuilder changed = Row.of(row.spec());
            row.spec().columns().forEach(column -> changed.set(column.name(), row.get(column.name())));
            return changed.set("size", (Long) Objects.requireNonNull(row.get("size")) + STEP)
                    .build();
        }));
    }

    private static void move(Store store, String id, int day, String state) {
        Map<String, Object> changes = Map.of("at", FIRST.plus(Duration.ofDays(day)), "state", state);
        assertThat(store.table("jobs").update(changes, Ack.COMMITTED, id).join())
                .isTrue();
    }

    private static void done(Store store) {
        assertThat(store.awaitMigrations(PATIENCE)).as("%s", store.migrations()).isTrue();
        assertThat(store.migrations())
                .as("%s", store.migrations())
                .allSatisfy(one -> assertThat(one.state()).isEqualTo(State.DONE));
    }

    private static void requireOnce(Store store, Map<String, Long> sizes, long least) {
        Map<String, Object> found = new TreeMap<>();
        read(store, Query.builder("jobs").build())
                .forEach(row -> assertThat(found.put(String.valueOf(row.get("id")), row.get("size")))
                        .as("%s is there once", row.get("id"))
                        .isNull());
        assertThat(found.keySet()).isEqualTo(sizes.keySet());
        // Only those that are wrong are worth a reader's time.
        found.entrySet().removeIf(one -> {
            long size = sizes.getOrDefault(one.getKey(), 0L);
            return one.getValue().equals(size < least ? size : size + STEP);
        });
        assertThat(found).isEmpty();
    }

    /** The newest partition is done, and rows of the oldest were read, when rows go both ways. */
    @Test
    void shouldSetARowOnceThatMovesBesideABackfill() {
        try (Store store = newStore()) {
            if (!store.capabilities().contains(Capability.MIGRATIONS)) {
                return;
            }
            Table<Row> table = store.createTable(spec());
            Map<String, Long> sizes = new TreeMap<>();
            for (int i = 0; i < 20; i++) {
                sizes.put("old" + i, (long) i);
                sizes.put("new" + i, 100L + i);
                append(
                        table,
                        job(table.spec(), "old" + i, 0, "", i),
                        job(table.spec(), "new" + i, 1, "done", 100L + i));
            }
            AtomicBoolean moved = new AtomicBoolean();
            store.migrate(
                    List.of(function(row -> {
                        if (String.valueOf(row.get("id")).startsWith("old") && moved.compareAndSet(false, true)) {
                            // To where it has been.
                            move(store, "old5", 1, "done");
                            // From there to where it has read rows, and to a partition that was not there.
                            move(store, "new5", 0, "");
                            move(store, "new6", 2, "done");
                            move(store, "old6", 2, "");
                            // There and back.
                            move(store, "old7", 1, "done");
                            move(store, "old7", 0, "");
                            move(store, "new7", 0, "");
                            move(store, "new7", 1, "done");
                            // On from where it came.
                            move(store, "old8", 1, "done");
                            move(store, "old8", 2, "done");
                            move(store, "new8", 0, "");
                            move(store, "new8", 2, "");
                        }
                    })),
                    false);
            done(store);
            assertThat(moved).isTrue();
            requireOnce(store, sizes, 0);
            // Rows that move when it is done are nothing to it.
            move(store, "old5", 0, "");
            move(store, "new6", 0, "");
            done(store);
            requireOnce(store, sizes, 0);
        }
    }

    @Test
    void shouldSetEachRowOnceWhateverMovesWhen() {
        try (Store store = newStore()) {
            if (!store.capabilities().contains(Capability.MIGRATIONS)) {
                return;
            }
        }
        Property.check("each row is set once", TRIALS, gen -> {
            try (Trial one = new Trial(gen)) {
                one.run();
            }
        });
    }

    /** One backfill, paused and gone on with, also by another life of the store, and rows that move in between and meanwhile. */
    private final class Trial implements AutoCloseable {
        private final Gen gen;
        private final Migration migration;
        private final String address = engine().newStore();
        private final Map<String, Long> sizes = new TreeMap<>();
        private final List<String> ids;
        private Store store = open(address, false);

        Trial(Gen gen) {
            this.gen = gen;
            this.migration = switch (gen.between(0, 2)) {
                case 0 -> function(row -> {});
                case 1 ->
                    new Migration(
                            "once",
                            "jobs",
                            new MigrationStep.Backfill(Map.of("size", "size + " + STEP), Map.of(), "size >= " + LEAST));
                default ->
                    new Migration(
                            "once",
                            "jobs",
                            new MigrationStep.Backfill(
                                    Map.of("size", "size + bonus"),
                                    Map.of("bonus", Lookup.of(Lookup.Function.MAX, "extra", "bonus", "id", "id")),
                                    null));
            };
            Table<Row> table = store.createTable(spec());
            Table<Row> extra = store.createTable(TableSpec.builder("extra")
                    .column("id", ColumnType.TEXT)
                    .column("at", ColumnType.TIMESTAMP)
                    .column("bonus", ColumnType.INTEGER)
                    .time("at")
                    .build());
            List<Row> rows = new ArrayList<>();
            List<Row> more = new ArrayList<>();
            for (int i = gen.between(20, 20 + 20 * gen.size()); i > 0; i--) {
                String id = "r" + i;
                sizes.put(id, (long) i);
                rows.add(job(table.spec(), id, gen.between(0, DAYS - 1), gen.of("", "done"), i));
                more.add(row(extra.spec(), "id", id, "at", FIRST, "bonus", STEP));
            }
            append(table, rows);
            append(extra, more);
            ids = List.copyOf(sizes.keySet());
        }

        @Override
        public void close() {
            store.close();
        }

        void run() {
            moves(10);
            store.migrate(List.of(migration), false);
            int rounds = gen.between(2, 6);
            for (int round = 0; round < rounds; round++) {
                // Beside it: whatever slice is made meanwhile.
                moves(gen.between(0, 10));
                store.pauseMigrations(null);
                moves(gen.between(0, 20));
                if (gen.oneIn(4) && store.capabilities().contains(Capability.PERSISTENT)) {
                    store.close();
                    store = open(address, false);
                    store.migrate(List.of(migration), false);
                }
                store.resumeMigrations(null);
            }
            moves(gen.between(0, 20));
            done(store);
            requireOnce(
                    store,
                    sizes,
                    migration.step() instanceof MigrationStep.Backfill fill && fill.where() != null ? LEAST : 0);
        }

        private void moves(int most) {
            for (int i = 0; i < most; i++) {
                move(store, gen.of(ids), gen.between(0, DAYS - 1), gen.of("", "done", "odd"));
            }
        }
    }
}
