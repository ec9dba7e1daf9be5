package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Health;
import io.levee.IndexSpec;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationPlan;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Tables are changed while they are written and read (design 8, guarantees G17, G98–G145). */
abstract class MigrationConformance extends Conformance {
    static final int DAYS = 4;
    static final int PER_DAY = 6;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final String address;
    private Store store;

    MigrationConformance(EngineConformance kit) {
        super(kit);
        address = engine().newStore();
        store = open(address, false);
    }

    static TableSpec jobs() {
        return TableSpec.builder("jobs")
                .column("id", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .column("state", ColumnType.TEXT)
                .column("last", ColumnType.INTEGER)
                .column(new Column("trace", ColumnType.TEXT, true, false, null))
                .time("at")
                .key("id")
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    private static TableSpec beats() {
        return TableSpec.builder("beats")
                .column("job", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("value", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    /** The table with rows in several partitions; {@code n} counts them. */
    private Table<Row> filled() {
        Table<Row> table = store.createTable(jobs());
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < DAYS * PER_DAY; i++) {
            rows.add(job(jobs(), i));
        }
        append(table, rows);
        return table;
    }

    private static Row job(TableSpec spec, int i) {
        return row(
                spec,
                "id",
                "j" + i,
                "at",
                NOW.minus(Duration.ofDays(i / PER_DAY)).plusSeconds(i),
                "n",
                (long) i,
                "state",
                i % 3 == 0 ? "done" : "open",
                "trace",
                "t" + i);
    }

    private boolean can(TestReporter reporter) {
        store.createTable(jobs());
        return has(
                store,
                Capability.MIGRATIONS,
                reporter,
                () -> store.migrate(List.of(custom("w", "1", (cursor, deadline) -> null)), false));
    }

    private static Migration of(String id, MigrationStep step) {
        return new Migration(id, "jobs", step);
    }

    private static Migration custom(String id, String version, MigrationStep.SliceWork work) {
        return of(id, new MigrationStep.Custom(version, work));
    }

    private static Migration rows(String id, UnaryOperator<Row> change) {
        return of(id, new MigrationStep.BackfillRows("1", List.of("last"), change));
    }

    private static Migration fill(String id, String column, String expression) {
        return of(id, MigrationStep.Backfill.of(column, expression));
    }

    private MigrationStatus status(String id) {
        return store.migrations().stream()
                .filter(one -> one.id().equals(id))
                .findFirst()
                .orElseThrow();
    }

    private void done(Migration... migrations) {
        store.migrate(List.of(migrations), false);
        assertThat(store.awaitMigrations(PATIENCE)).isTrue();
        for (Migration migration : migrations) {
            MigrationStatus status = status(migration.id());
            assertThat(status.state()).as("%s", status).isEqualTo(State.DONE);
            assertThat(status.error()).isNull();
            assertThat(status.etaSeconds()).isZero();
            assertThat(status.rowsDone()).isEqualTo(status.rowsTotal());
            assertThat(status.partitionsDone()).isEqualTo(status.partitionsTotal());
        }
    }

    /** A column by the number of the job. */
    private Map<Long, @Nullable Object> values(String column) {
        Map<Long, @Nullable Object> values = new LinkedHashMap<>();
        read(store, all(jobs())).forEach(row -> values.put((Long) row.get("n"), row.get(column)));
        return values;
    }

    private Store reopen() {
        store.close();
        store = open(address, false);
        return store;
    }

    /** What a new column holds for older rows is there when the call returns, and stays when partitions are reached. */
    @Test
    void shouldAddColumnsThatOlderRowsHaveAtOnce(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        Table<Row> table = filled();
        store.pauseMigrations(null);
        Column kind = Column.of("kind", ColumnType.TEXT).withDefault("plain");
        Column twice = Column.of("twice", ColumnType.INTEGER).withExpression("n * 2");
        Migration one = of("001-kind", new MigrationStep.AddColumn(kind));
        Migration two = of("002-twice", new MigrationStep.AddColumn(twice));
        Migration three = of("003-none", new MigrationStep.AddColumn(Column.of("none", ColumnType.REAL)));
        store.migrate(List.of(one, two, three), false);
        for (int pass = 0; pass < 3; pass++) {
            int rows = DAYS * PER_DAY + pass;
            assertThat(values("kind")).hasSize(rows).containsEntry(5L, "plain").containsEntry(20L, "plain");
            values("twice").forEach((n, value) -> assertThat(value).isEqualTo(n == 100 ? (Long) 7L : (Long) (n * 2)));
            assertThat(values("none").values()).containsOnlyNulls();
            assertThat(store.count(
                            Query.builder("jobs").where(Expr.gt("twice", 20)).build()))
                    .isEqualTo(rows - 11 - (pass > 0 ? 1 : 0));
            if (pass == 0) {
                assertThat(store.migrations())
                        .extracting(MigrationStatus::state)
                        .containsOnly(State.PAUSED);
                append(table, row(table.spec(), "id", "a", "at", NOW, "n", 100L, "twice", 7L));
            } else if (pass == 1) {
                store.resumeMigrations(null);
                done(one, two, three);
                append(table, row(table.spec(), "id", "b", "at", NOW, "n", 101L));
            }
        }
        assertThat(values("kind").values()).as("new rows too").containsOnly("plain");
        assertThat(table.spec().column("twice").expression()).isEqualTo("n * 2");
        MigrationStatus before = status("001-kind");
        done(one, two, three);
        assertThat(status("001-kind")).as("a finished one is left alone (G130)").isEqualTo(before);
    }

    /** A backfill reads another table over all its partitions, writes what changes and ends on rows that it does not change (G121, G140). */
    @Test
    void shouldFillFromAnotherTable(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        Table<Row> table = filled();
        Table<Row> beats = store.createTable(beats());
        List<Row> rows = new ArrayList<>();
        Map<Long, @Nullable Object> expected = new LinkedHashMap<>();
        values("n").keySet().forEach(n -> expected.put(n, null));
        for (int i = 0; i < DAYS * PER_DAY; i++) {
            for (int beat = 0; beat < i % 4; beat++) {
                // In other partitions than the job itself.
                rows.add(row(beats(), "job", "j" + i, "at", NOW.minus(Duration.ofDays(beat)), "value", 10L * i + beat));
                expected.put((long) i, 10L * i + beat);
            }
        }
        append(beats, rows);
        Lookup newest = Lookup.of(Lookup.Function.MAX, "beats", "value", "job", "id");
        done(of("fill", new MigrationStep.Backfill(Map.of("last", "newest"), Map.of("newest", newest), null)));
        assertThat(values("last")).containsExactlyInAnyOrderEntriesOf(expected);
        assertThat(status("fill").rowsDone()).as("jobs, not beats (G135)").isEqualTo(DAYS * PER_DAY);
        done(fill("again", "last", "coalesce((SELECT count(*) FROM beats b WHERE b.job = jobs.id), 0) + n"));
        values("last").forEach((n, value) -> assertThat(value).isEqualTo(n + n % 4));
        done(of("some", new MigrationStep.Backfill(Map.of("last", "-1"), Map.of(), "state = 'done' AND n >= 9")));
        values("last").forEach((n, value) -> assertThat(value).isEqualTo(n % 3 == 0 && n >= 9 ? -1 : n + n % 4));
        assertThat(table.find("j9").orElseThrow().get("last")).isEqualTo(-1L);
    }

    @Test
    void shouldRenameAndDropColumns(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        Table<Row> table = filled();
        Row old = job(table.spec(), 50);
        store.pauseMigrations(null);
        store.migrate(List.of(of("rename", new MigrationStep.RenameColumn("state", "phase"))), false);
        assertThat(store.count(
                        Query.builder("jobs").where(Expr.eq("phase", "done")).build()))
                .isEqualTo(8);
        refused(
                ErrorCode.UNKNOWN_COLUMN,
                () -> read(
                        store,
                        Query.builder("jobs").where(Expr.eq("state", "done")).build()));
        append(table, old);
        assertThat(table.find("j50").orElseThrow().get("phase"))
                .as("a row of the spec before")
                .isEqualTo("open");
        store.resumeMigrations(null);
        done(of("rename", new MigrationStep.RenameColumn("state", "phase")));
        done(of("drop", new MigrationStep.DropColumn("last")), of("drop-trace", new MigrationStep.DropColumn("trace")));
        assertThat(table.spec().columns()).extracting(Column::name).containsExactly("id", "at", "n", "phase");
        append(table, job(jobs(), 51));
        assertThat(plain(table.find("j51").orElseThrow()))
                .containsOnlyKeys("id", "at", "n", "phase")
                .containsEntry("phase", "done");
        assertThat(values("phase")).hasSize(DAYS * PER_DAY + 2).containsEntry(3L, "done");
        refused(ErrorCode.SPEC_CONFLICT, () -> store.createTable(jobs()));
        done(of(
                "back",
                new MigrationStep.AddColumn(
                        Column.of("last", ColumnType.INTEGER).withDefault(5L))));
        assertThat(values("last").values())
                .as("what was dropped does not come back")
                .containsOnly(5L);
        store.createTable(table.spec());
        reopen();
        assertThat(values("phase")).hasSize(DAYS * PER_DAY + 2);
    }

    @Test
    void shouldBuildAndDropIndexes(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        Table<Row> table = filled();
        IndexSpec plain = IndexSpec.of("by_state", "state", "n");
        IndexSpec partial = IndexSpec.of("by_low", "(lower(state))").where("n > 3");
        done(of("i1", new MigrationStep.AddIndex(plain)), of("i2", new MigrationStep.AddIndex(partial)));
        assertThat(table.spec().namedIndexes()).containsExactly(plain, partial);
        append(table, job(jobs(), 30));
        assertThat(store.count(
                        Query.builder("jobs").where(Expr.eq("state", "done")).build()))
                .isEqualTo(9);
        refused(
                ErrorCode.SPEC_CONFLICT,
                () -> store.migrate(
                        List.of(of("i3", new MigrationStep.AddIndex(IndexSpec.of("by_state", "n")))), false));
        done(of("i4", new MigrationStep.DropIndex("by_state")));
        assertThat(table.spec().namedIndexes()).containsExactly(partial);
        reopen();
        assertThat(store.count(
                        Query.builder("jobs").where(Expr.eq("state", "done")).build()))
                .isEqualTo(9);
    }

    /** A failure stays visible until somebody takes the migration up again (G126, G139, G143); those behind it wait. */
    @Test
    void shouldTellWhyOneFailed(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        filled();
        AtomicBoolean broken = new AtomicBoolean(true);
        Migration failing = rows("failing", row -> {
            if (broken.get() && row.get("n") instanceof Long n && n == 8) {
                throw new IllegalStateException("no eight");
            }
            return changed(row, 1);
        });
        store.migrate(List.of(failing, fill("behind", "last", "last + 1")), false);
        assertThat(store.awaitMigrations(PATIENCE)).isTrue();
        MigrationStatus failed = status("failing");
        assertThat(failed.state()).isEqualTo(State.FAILED);
        assertThat(failed.error()).contains("no eight");
        assertThat(failed.etaSeconds()).isNull();
        assertThat(failed.rate()).isZero();
        assertThat(status("behind").state()).isEqualTo(State.PENDING);
        assertThat(status("behind").note()).contains("failing");
        await("health tells", () -> store.status().health().state() == Health.State.DEGRADED);
        assertThat(store.status().health().reasons().toString()).contains("no eight");
        reopen();
        assertThat(status("failing").error()).as("after an opening too").contains("no eight");
        broken.set(false);
        store.resumeMigrations("failing");
        assertThat(store.awaitMigrations(PATIENCE)).isTrue();
        assertThat(status("failing").note()).as("its function is not known").contains("function");
        done(failing, fill("behind", "last", "last + 1"));
        values("last").forEach((n, value) -> assertThat(value).isEqualTo(n + 2));
    }

    /** What a row breaks is told with its key and the expression: it is no fault of the disk (G126). */
    @Test
    void shouldNameTheRowThatBreaksAnExpression(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        Table<Row> table = filled();
        append(table, List.of(row(jobs(), "id", "odd one", "at", NOW, "n", Long.MIN_VALUE)));
        String breaks = "abs(n)";
        store.migrate(List.of(fill("breaks", "last", breaks)), false);
        assertThat(store.awaitMigrations(PATIENCE)).isTrue();
        assertThat(status("breaks").state()).isEqualTo(State.FAILED);
        assertThat(status("breaks").error())
                .contains("BAD_VALUE", "id = odd one", "last = " + breaks)
                .doesNotContain("IO_FAILED");
        assertThat(table.delete(Ack.COMMITTED, "odd one").join()).isTrue();
        store.resumeMigrations("breaks");
        done(fill("breaks", "last", breaks));
        values("last").forEach((n, value) -> assertThat(value).isEqualTo(n));
    }

    private static Row changed(Row row, long more) {
        return row(
                jobs(),
                "id",
                row.get("id"),
                "at",
                row.get("at"),
                "last",
                row.get("n") instanceof Long n ? n + more : more);
    }

    /** What a close interrupts says so, and goes on with the next opening where it was (G129, G131). */
    @Test
    void shouldGoOnAfterAnInterruption(TestReporter reporter) throws InterruptedException {
        if (!can(reporter)) {
            return;
        }
        filled();
        List<String> cursors = new ArrayList<>();
        CountDownLatch reached = new CountDownLatch(1);
        AtomicInteger slices = new AtomicInteger();
        MigrationStep.SliceWork work = (cursor, deadline) -> {
            cursors.add(String.valueOf(cursor));
            if (slices.incrementAndGet() == 3) {
                reached.countDown();
                // Ends with the store: the slice is done again after the opening, or was kept.
                await("the store closes", () -> slices.get() < 0);
            }
            return cursor == null ? "1" : cursor.equals("4") ? null : String.valueOf(Integer.parseInt(cursor) + 1);
        };
        Migration own = custom("own", "1", work);
        store.migrate(List.of(own), false);
        reached.await();
        assertThat(status("own").state()).isEqualTo(State.RUNNING);
        Thread closer = new Thread(() -> store.close());
        closer.start();
        await("the close waits for the slice", () -> closer.getState() == Thread.State.TIMED_WAITING);
        slices.set(-1_000);
        closer.join();
        store = open(address, false);
        assertThat(status("own").state()).isIn(State.PENDING, State.INTERRUPTED);
        done(own);
        assertThat(cursors).containsExactly("null", "1", "2", "3", "4");
        assertThat(status("own").rowsDone()).isEqualTo(5);
        refused(ErrorCode.SPEC_CONFLICT, () -> store.migrate(List.of(custom("own", "2", work)), false));
    }

    @Test
    void shouldPauseOneAndAll(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        filled();
        Migration one = fill("one", "last", "n");
        store.pauseMigrations(null);
        store.migrate(List.of(one), false);
        assertThat(status("one").state()).isEqualTo(State.PAUSED);
        assertThat(store.awaitMigrations(PATIENCE)).as("nothing runs").isTrue();
        reopen();
        assertThat(status("one").state()).as("paused for good").isEqualTo(State.PAUSED);
        store.pauseMigrations("one");
        store.resumeMigrations(null);
        assertThat(status("one").state()).as("paused by name").isEqualTo(State.PAUSED);
        assertThat(values("last").values()).containsOnlyNulls();
        store.resumeMigrations("one");
        done(one);
        values("last").forEach((n, value) -> assertThat(value).isEqualTo(n));
        refused(ErrorCode.NOT_FOUND, () -> store.pauseMigrations("nobody"));
    }

    @Test
    void shouldRefuseWhatDoesNotFit(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        filled();
        for (Migration bad : List.of(
                fill("b", "last", "nobody + 1"),
                fill("b", "last", "n + ?"),
                fill("b", "last", "(SELECT 1)"),
                fill("b", "last", "(SELECT max(value) FROM beats)"),
                fill("b", "id", "'x'"),
                fill("b", "at", "0"),
                of(
                        "b",
                        new MigrationStep.AddColumn(
                                Column.of("x", ColumnType.REAL).withExpression("random()"))),
                of(
                        "b",
                        new MigrationStep.AddColumn(
                                Column.of("x", ColumnType.REAL).withExpression("n +* 2"))),
                // No JSON in every row: all queries would fail, and new rows be refused.
                of(
                        "b",
                        new MigrationStep.AddColumn(
                                Column.of("x", ColumnType.TEXT).withExpression("json_extract(state, '$.a')"))),
                of("b", new MigrationStep.AddIndex(IndexSpec.of("i", "(json_extract(state, '$.a'))"))),
                of("b", new MigrationStep.AddIndex(IndexSpec.of("i", "trace"))))) {
            refused(ErrorCode.BAD_SPEC, () -> store.migrate(List.of(bad), false));
        }
        for (Migration bad : List.of(
                fill("b", "nobody", "1"),
                of("b", new MigrationStep.AddColumn(Column.of("n", ColumnType.REAL))),
                of("b", new MigrationStep.DropColumn("id")),
                of("b", new MigrationStep.DropColumn("nobody")),
                of("b", new MigrationStep.RenameColumn("n", "state")),
                of("b", new MigrationStep.DropIndex("nobody")))) {
            refused(ErrorCode.SPEC_CONFLICT, () -> store.migrate(List.of(bad), false));
        }
        refused(
                ErrorCode.UNKNOWN_TABLE,
                () -> store.migrate(List.of(new Migration("b", "nobody", MigrationStep.Backfill.of("a", "1"))), false));
        assertThat(store.migrations()).isEmpty();
        done(fill("m", "last", "n"));
        refused(ErrorCode.SPEC_CONFLICT, () -> store.migrate(List.of(fill("m", "last", "n + 1")), false));
    }

    /** A plan says what would be done, and does nothing. */
    @Test
    void shouldPlan(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        filled();
        Migration one = of("one", new MigrationStep.AddColumn(Column.of("x", ColumnType.INTEGER)));
        Migration two = fill("two", "x", "n");
        MigrationPlan plan = store.planMigrations(List.of(one, two));
        assertThat(plan.steps()).extracting(MigrationPlan.Step::id).containsExactly("one", "two");
        assertThat(plan.needsApproval()).isFalse();
        MigrationPlan.Step step = plan.steps().get(1);
        assertThat(step.rows()).isEqualTo(DAYS * PER_DAY);
        assertThat(step.partitions()).isEqualTo(store.partitions().size());
        assertThat(step.what()).contains("jobs");
        assertThat(step.undo()).isNotEmpty();
        assertThat(store.migrations()).isEmpty();
        assertThat(store.table("jobs").spec()).isEqualTo(jobs());
        done(one, two);
        assertThat(store.planMigrations(List.of()).steps()).isEmpty();
        assertThat(store.planMigrations(List.of(two)).steps().get(0).partitions())
                .isZero();
    }

    /** Who only reads sees the same (G150). */
    @Test
    void shouldTellReaders(TestReporter reporter) {
        if (!can(reporter)) {
            return;
        }
        filled();
        done(fill("m", "last", "n"));
        if (!store.capabilities().contains(Capability.SECOND_PROCESS)) {
            reportLack(store, Capability.SECOND_PROCESS, reporter);
            return;
        }
        Store reader = open(address, true);
        assertThat(reader.migrations()).isEqualTo(store.migrations());
        refused(ErrorCode.NOT_WRITABLE, () -> reader.migrate(List.of(fill("x", "last", "n")), false));
        refused(ErrorCode.NOT_WRITABLE, () -> reader.pauseMigrations(null));
    }
}
