package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.ManualClock;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Backfills beside all else that moves, drops or brings back rows: writes and updates, drops and restores, merges, a splitting, erasures,
 * backups, and the store closed and opened again. In the end each row is what a model says (G17, G120, G129, G130, G140).
 */
class MigrationBesideTest {
    private static final int TRIALS = 2;
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");
    private static final Duration AGE = Duration.ofDays(20);
    private static final int ADOPTED = 60;

    /** Each backfill adds a number of its own, more than twice the one before: a row tells which have set it, and how often. */
    private static final int MOST = 9;

    private static final long UNIT = 1_000;

    @TempDir
    Path directory;

    private int trials;

    @Test
    void shouldEndAsTheModelDoes() {
        Property.check("backfills beside all else = model", TRIALS, gen -> {
            try (Trial trial = new Trial(gen, directory.resolve("trial" + trials++))) {
                trial.run();
            }
        });
    }

    /** What adds the figure of one backfill. */
    private static long step(int backfill) {
        return UNIT * (long) Math.pow(3, backfill);
    }

    /**
     * A row.
     *
     * @param base what it was written with
     * @param since so many backfills were done when it was written, and never set it
     * @param sure so many were declared then: what was not done meets a new row or does not, and later ones set it
     */
    private record Stored(Instant at, String state, long base, int since, int sure) {
        Stored with(Instant when, String as) {
            return new Stored(when, as, base, since, sure);
        }
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
                        .maxAge(AGE)
                        .by("state")
                        .keep("done", AGE.plusDays(5))
                        .build())
                .build();
    }

    private static final class Trial implements AutoCloseable {
        private final Gen gen;
        private final Path home;
        private final Path old;
        private final ManualClock clock = new ManualClock(NOW);
        private final Map<String, Stored> rows = new TreeMap<>();
        private final Map<String, Stored> gone = new HashMap<>();
        private final List<Migration> declared = new ArrayList<>();
        private final List<String> did = new ArrayList<>();
        private Store store;
        private boolean adopted;
        private int names;

        Trial(Gen gen, Path directory) throws Exception {
            this.gen = gen;
            this.home = directory.resolve("store");
            this.old = directory.resolve("old.db");
            Files.createDirectories(directory);
            this.store = open();
            store.createTable(spec());
        }

        private Store open() {
            return SqliteSplittings.open(home, p -> {}, 25, o -> o.clock(clock).trashGrace(Duration.ofHours(5)));
        }

        @Override
        public void close() {
            store.close();
        }

        void run() throws Exception {
            try {
                write();
                for (int i = gen.between(8, 8 + gen.size() / 3); i > 0; i--) {
                    act(gen.between(0, 13));
                    assertThat(ids().keySet()).as("%s", did).isEqualTo(rows.keySet());
                }
                end();
            } catch (AssertionError e) {
                throw new AssertionError(did + ": " + e.getMessage(), e);
            }
        }

        private void act(int which) throws Exception {
            switch (which) {
                case 0, 1 -> write();
                case 2, 3, 4 -> move();
                case 5, 6 -> declare();
                case 7 -> reopen(false);
                case 8 -> reopen(true);
                case 9 -> drop();
                case 10 -> restore();
                case 11 -> erase();
                case 12 -> backup();
                default -> adopt();
            }
        }

        private void end() throws Exception {
            if (adopted) {
                SplitTest.await(store, SplitStatus.State.DONE);
            }
            assertThat(store.awaitMigrations(SOON)).as("%s", store.migrations()).isTrue();
            assertThat(store.migrations())
                    .allSatisfy(one -> assertThat(one.state()).as("%s", one).isEqualTo(State.DONE));
            Map<String, Long> sizes = ids();
            assertThat(sizes.keySet()).isEqualTo(rows.keySet());
            rows.forEach((id, row) -> requireSet(id, row, sizes.get(id)));
        }

        /** Each backfill that there was for it has set it once; those that it came beside once or not at all; no other. */
        private void requireSet(String id, Stored row, long size) {
            long left = size - row.base();
            for (int i = 0; i < declared.size(); i++) {
                long times = left / step(i) % 3;
                boolean once = times == 1 || times == 0 && i < row.sure();
                assertThat(i < row.since() ? times == 0 : once)
                        .as("%s %s: %s, backfill %s has set it %s times", id, row, size, i, times)
                        .isTrue();
            }
        }

        private Map<String, Long> ids() {
            Map<String, Long> found = new TreeMap<>();
            try (Result<Row> all = store.query(Query.builder("jobs").build())) {
                all.forEach(row -> assertThat(found.put(String.valueOf(row.get("id")), (Long) row.get("size")))
                        .as("%s is there once; %s", row.get("id"), did)
                        .isNull());
            }
            return found;
        }

        /** How many backfills are done: new rows are none of their work. */
        private int done() {
            int done = 0;
            while (done < declared.size() && store.migrations().get(done).state() == State.DONE) {
                done++;
            }
            return done;
        }

        private void write() {
            Table<Row> table = store.table("jobs");
            List<Row> batch = new ArrayList<>();
            int since = done();
            for (int i = gen.between(1, 3 * gen.size()); i > 0; i--) {
                String id = "r" + names++;
                // Some are past their age soon.
                Instant at = clock.instant().minus(Duration.ofHours(gen.oneIn(3) ? 24 * 19 : gen.between(0, 70)));
                Stored row = new Stored(at, gen.of("", "done"), gen.between(0L, UNIT / 2), since, declared.size());
                rows.put(id, row);
                batch.add(Row.of(table.spec())
                        .set("id", id)
                        .set("at", at)
                        .set("state", row.state())
                        .set("size", row.base())
                        .build());
            }
            did.add("write " + batch.size());
            assertThat(table.appendAll(batch, Ack.COMMITTED).join().stored()).isEqualTo(batch.size());
        }

        private void move() {
            // Not what lies in an adopted database, nor what retention may be about to drop.
            Instant from = clock.instant().minus(AGE).plus(Duration.ofDays(1));
            List<String> own = rows.entrySet().stream()
                    .filter(row ->
                            row.getKey().startsWith("r") && row.getValue().at().isAfter(from))
                    .map(Map.Entry::getKey)
                    .toList();
            for (int i = gen.between(1, 10); i > 0 && !own.isEmpty(); i--) {
                String id = gen.of(own);
                String state = gen.of("", "done");
                did.add("move " + id + " to " + state);
                assertThat(store.table("jobs")
                                .update(Map.of("state", state), Ack.COMMITTED, id)
                                .join())
                        .isTrue();
                rows.compute(id, (k, row) -> row == null ? null : row.with(row.at(), state));
            }
        }

        private void declare() {
            if (declared.size() == MOST) {
                return;
            }
            long add = step(declared.size());
            String id = "m" + declared.size();
            MigrationStep step = gen.oneIn(2)
                    ? new MigrationStep.Backfill(Map.of("size", "size + " + add), Map.of(), null)
                    : new MigrationStep.BackfillRows(
                            "1",
                            List.of("size"),
                            row -> Row.of(row.spec())
                                    .set("id", row.get("id"))
                                    .set("at", row.get("at"))
                                    .set("size", (Long) row.get("size") + add)
                                    .build());
            did.add("declare " + id + " " + (step instanceof MigrationStep.Backfill ? "by SQL" : "by function"));
            Migration migration = new Migration(id, "jobs", step);
            declared.add(migration);
            store.migrate(List.of(migration), false);
        }

        private void reopen(boolean merge) {
            did.add(merge ? "merge" : "reopen");
            store.close();
            if (merge) {
                MergeHelp.merge(home, clock.instant());
            }
            store = open();
            store.migrate(declared, false);
        }

        private void drop() {
            clock.advance(Duration.ofHours(gen.between(1, 30)));
            did.add("drop");
            store.applyRetention(store.planRetention());
            Map<String, Long> left = ids();
            List<String> went =
                    rows.keySet().stream().filter(id -> !left.containsKey(id)).toList();
            for (String id : went) {
                Stored row = rows.remove(id);
                assertThat(row.at())
                        .as("%s; %s", id, did)
                        .isBefore(clock.instant().minus(AGE));
                gone.put(id, row);
                did.add(id + " went");
            }
        }

        private void restore() {
            List<PartitionId> trash = store.dropped().stream().map(p -> p.id()).toList();
            if (trash.isEmpty()) {
                return;
            }
            PartitionId id = gen.of(trash);
            did.add("restore " + id);
            store.restore(id);
            ids().keySet().stream().filter(found -> !rows.containsKey(found)).forEach(found -> {
                Stored row = gone.remove(found);
                assertThat(row).as("%s; %s", found, did).isNotNull();
                rows.put(found, row);
            });
        }

        private void erase() {
            if (rows.isEmpty()) {
                return;
            }
            String id = gen.of(List.copyOf(rows.keySet()));
            did.add("erase " + id);
            if (store.table("jobs").erase(Expr.eq("id", id)).deleted() > 0) {
                rows.remove(id);
            }
        }

        private void backup() throws Exception {
            did.add("backup");
            Path to = home.resolveSibling("backup" + names++);
            assertThat(store.backup(to).missing()).isEmpty();
        }

        private void adopt() throws Exception {
            if (adopted) {
                return;
            }
            adopted = true;
            did.add("adopt and split");
            try (Connection c = LegacyData.open(old);
                    Statement s = c.createStatement()) {
                s.executeUpdate(
                        "CREATE TABLE jobs(n INTEGER PRIMARY KEY, id TEXT UNIQUE, at INTEGER, state TEXT, size INTEGER)");
                s.executeUpdate("CREATE INDEX jobs_at ON jobs(at)");
                for (int i = 0; i < ADOPTED; i++) {
                    Instant at = clock.instant().minus(Duration.ofHours(gen.between(0, 70)));
                    String state = gen.of("", "done");
                    s.executeUpdate("INSERT INTO jobs(id, at, state, size) VALUES ('a" + i + "', " + at.toEpochMilli()
                            + ", '" + state + "', " + i + ")");
                    rows.put("a" + i, new Stored(at, state, i, 0, 0));
                }
            }
            store.adopt("jobs", Adoption.of(old, "jobs"));
            store.split(store.adopted().get(0).partition());
        }
    }
}
