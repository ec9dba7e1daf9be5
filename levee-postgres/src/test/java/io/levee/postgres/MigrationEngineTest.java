package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.MigrationStep.AddColumn;
import io.levee.MigrationStep.AddIndex;
import io.levee.MigrationStep.Backfill;
import io.levee.MigrationStep.DropColumn;
import io.levee.MigrationStep.DropIndex;
import io.levee.MigrationStep.RenameColumn;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Finding;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationRows;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.engine.StorageEngine;
import io.levee.internal.supervisor.Supervisor;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the engine does for migrations, slice by slice, with a real server and sessions that are in the way. */
class MigrationEngineTest {
    private static final Instant START = Instant.parse("2026-05-20T00:00:00Z");

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);
    private final Supervisor supervisor = new Supervisor();
    private final AtomicBoolean cancelled = new AtomicBoolean();
    private @Nullable StorageEngine engine;
    private long number;

    @AfterEach
    void close() {
        end();
    }

    private void end() {
        if (engine != null) {
            engine.closeWriter();
            engine.close(null);
            engine = null;
        }
        supervisor.stop();
    }

    private static TableSpec spec(boolean keyed) {
        TableSpec.Builder builder = TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("name", ColumnType.TEXT)
                .column("size", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY);
        return (keyed ? builder.key("name") : builder).build();
    }

    private static Row job(TableSpec spec, int hours, int i) {
        return Row.of(spec)
                .set("at", START.plus(Duration.ofHours(hours)))
                .set("name", "Job " + i)
                .set("size", (long) i)
                .build();
    }

    /** A store with rows, 24 a day, closed again; then the engine alone. */
    private TableSpec filled(boolean keyed, int rows) {
        TableSpec spec = spec(keyed);
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> table = store.createTable(spec);
            table.appendAll(
                            IntStream.range(0, rows)
                                    .mapToObj(i -> job(spec, i, i))
                                    .toList(),
                            Ack.COMMITTED)
                    .join();
        }
        engine = open();
        return spec;
    }

    private StorageEngine open() {
        return new PostgresEngineProvider()
                .open(address, new EngineSettings(StoreOptions.builder().build(), false, supervisor));
    }

    private StorageEngine engine() {
        if (engine == null) {
            throw new IllegalStateException("not opened");
        }
        return engine;
    }

    private MigrationRecord declare(String id, MigrationStep step, TableSpec after) {
        Migration migration = new Migration(id, "jobs", step);
        MigrationRecord record = Records.of(migration, ++number, State.RUNNING);
        engine().checkMigration(record, after);
        engine().putMigration(record, after);
        return record;
    }

    private SliceOrder order(TableSpec spec, int rows, Map<String, String> set, SliceOrder.@Nullable Given given) {
        return new SliceOrder(spec, rows, Duration.ofMillis(25), null, set, given, cancelled::get);
    }

    /** All slices of all partitions; how many rows were written. */
    private long work(MigrationRecord record, TableSpec spec, Map<String, String> set) {
        long changed = 0;
        for (PartitionId id : engine().migrationParts(record)) {
            boolean done = false;
            for (int i = 0; !done && i < 100; i++) {
                SliceOutcome outcome = engine().migrate(record, id, order(spec, 10, set, null));
                assertThat(outcome.waitsFor()).isEmpty();
                changed += outcome.rowsChanged();
                done = outcome.partitionDone();
            }
            assertThat(done).isTrue();
        }
        assertThat(engine().migrationParts(record)).isEmpty();
        return changed;
    }

    private List<String> texts(String sql) {
        List<String> texts = new ArrayList<>();
        server.texts(sql.replace("jobs", "\"" + schema + "\".jobs")).forEach(t -> texts.add(String.valueOf(t)));
        return texts;
    }

    private List<Row> rows() {
        end();
        try (Store store = Levee.open(address, false, o -> {});
                Result<Row> found =
                        store.query(Query.builder("jobs").oldestFirst().build())) {
            return found.toList();
        }
    }

    @Test
    void shouldReadAColumnAtOnceAndWriteItInSlices() {
        TableSpec spec = filled(false, 60);
        Column column = Column.of("double", ColumnType.INTEGER).withExpression("size * 2");
        TableSpec after = spec.toBuilder().column(column).build();
        MigrationRecord record = declare("m1", new AddColumn(column), after);
        assertThat(texts("SELECT count(*) FROM jobs WHERE \"double\" IS NULL")).containsExactly("60");
        assertThat(engine().migrationParts(record)).hasSize(3);
        // Before a row is touched every query has it.
        StorageEngine second = new PostgresEngineProvider()
                .open(address, new EngineSettings(StoreOptions.builder().build(), true, supervisor));
        assertThat(second.tables().get(0)).isEqualTo(after);
        second.close(null);
        assertThat(work(record, after, Map.of())).isEqualTo(60);
        assertThat(texts("SELECT count(*) FROM jobs WHERE \"double\" = size * 2"))
                .containsExactly("60");
    }

    @Test
    void shouldLeaveRowsAloneThatAreRightAndEnd() {
        TableSpec spec = filled(false, 48);
        server.run("UPDATE \"" + schema + "\".jobs SET size = 7 WHERE size % 2 = 0");
        MigrationRecord record = declare("m1", Backfill.of("size", "7"), spec);
        assertThat(work(record, spec, Map.of("size", "7"))).isEqualTo(23);
        assertThat(texts("SELECT count(*) FROM jobs WHERE size = 7")).containsExactly("48");
    }

    @Test
    void shouldPassLockedRowsAndComeBackForThem() throws SQLException {
        TableSpec spec = filled(false, 24);
        MigrationRecord record = declare("m1", Backfill.of("size", "size + 100"), spec);
        // Not idempotent on purpose: each row is changed once (guarantee G129).
        PartitionId id = engine().migrationParts(record).get(0);
        Map<String, String> set = Map.of("size", "CASE WHEN size < 100 THEN size + 100 ELSE size + 1000 END");
        try (Connection other = server.dataSource().getConnection();
                Statement locking = other.createStatement()) {
            other.setAutoCommit(false);
            locking.execute("SELECT * FROM \"" + schema + "\".jobs WHERE size IN (3, 13) FOR UPDATE");
            long seen = 0;
            for (int i = 0; i < 3; i++) {
                seen += engine().migrate(record, id, order(spec, 10, set, null)).rowsSeen();
            }
            assertThat(seen).isEqualTo(24);
            SliceOutcome waiting = engine().migrate(record, id, order(spec, 10, set, null));
            assertThat(waiting.waitsFor()).contains("2 rows").contains("session");
            assertThat(engine().migrationParts(record)).containsExactly(id);
            other.rollback();
        }
        SliceOutcome last = engine().migrate(record, id, order(spec, 10, set, null));
        assertThat(last.partitionDone()).isTrue();
        assertThat(last.rowsChanged()).isEqualTo(2);
        assertThat(texts("SELECT min(size) || '-' || max(size) FROM jobs")).containsExactly("100-123");
    }

    @Test
    void shouldNotOverwriteARowThatChangedSinceItsValueWasMade() {
        TableSpec spec = filled(true, 24);
        MigrationRecord record = declare(
                "m1",
                new Backfill(
                        Map.of("size", "newest"),
                        Map.of("newest", Lookup.of(Lookup.Function.MAX, "jobs", "size", "name", "name")),
                        null),
                spec);
        PartitionId id = engine().migrationParts(record).get(0);
        Map<String, String> set = Map.of("size", "newest");
        MigrationRows read = engine().migrationRows(record, id, order(spec, 100, set, null), spec.columns());
        assertThat(read.rows()).hasSize(24);
        assertThat(read.last()).isTrue();
        // As an update by key does it: the row comes again with a change.
        server.run("UPDATE \"" + schema + "\".jobs SET size = 5000, _chg = 999 WHERE size = 5");
        SliceOrder.Given given = given(read, 1000);
        SliceOutcome first = engine().migrate(record, id, order(spec, 100, set, given));
        assertThat(first.rowsChanged()).isEqualTo(23);
        assertThat(first.partitionDone()).isFalse();
        assertThat(texts("SELECT size FROM jobs WHERE _chg = 999")).containsExactly("5000");
        MigrationRows again = engine().migrationRows(record, id, order(spec, 100, set, null), spec.columns());
        assertThat(again.rows()).hasSize(1);
        assertThat(again.rows().get(0).version()).isEqualTo(999);
        SliceOutcome second = engine().migrate(record, id, order(spec, 100, set, given(again, 2000)));
        assertThat(second.partitionDone()).isTrue();
        assertThat(texts("SELECT size FROM jobs WHERE _chg = 999")).containsExactly("2000");
    }

    private static SliceOrder.Given given(MigrationRows read, long value) {
        return new SliceOrder.Given(
                List.of(Column.of("newest", ColumnType.INTEGER)),
                read.rows().stream()
                        .map(r -> new SliceOrder.Values(r.seq(), r.version(), new Object[] {value}))
                        .toList(),
                read.seen(),
                read.throughSeq(),
                read.last());
    }

    @Test
    void shouldFailByNameAndChangeNothingOfTheSlice() {
        TableSpec spec = filled(false, 24);
        MigrationRecord record = declare("m1", Backfill.of("size", "100 / (size - 20)"), spec);
        PartitionId id = engine().migrationParts(record).get(0);
        Map<String, String> set = Map.of("size", "100 / (size - 20)");
        engine().migrate(record, id, order(spec, 10, set, null));
        assertThatThrownBy(() -> {
                    for (int i = 0; i < 3; i++) {
                        engine().migrate(record, id, order(spec, 10, set, null));
                    }
                })
                .hasMessageContaining("division by zero");
        assertThat(texts("SELECT count(*) FROM jobs WHERE size = 20")).containsExactly("1");
        assertThat(texts("SELECT count(*) FROM jobs WHERE size < 0")).containsExactly("20");
    }

    @Test
    void shouldRefuseExpressionsThatTheServerRefuses() {
        TableSpec spec = filled(false, 1);
        for (String bad : List.of(
                // The last two break for some rows, which no query could read any more.
                "no_such(size)", "nothing + 1", "name + 1", "now()::text::bigint", "1000 / size", "name::bigint")) {
            Column column = Column.of("more", ColumnType.INTEGER).withExpression(bad);
            TableSpec after = spec.toBuilder().column(column).build();
            assertThatThrownBy(() -> declare("bad", new AddColumn(column), after))
                    .as(bad)
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.BAD_SPEC));
        }
        assertThat(engine().migrations()).isEmpty();
        assertThat(engine().tables()).containsExactly(spec);
    }

    private static TableSpec with(TableSpec spec, IndexSpec index) {
        return spec.toBuilder().index(index).build();
    }

    private List<String> valid(String index) {
        return texts("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_inherits h ON"
                + " h.inhrelid = c.oid WHERE i.indisvalid AND h.inhparent = (SELECT oid FROM pg_class WHERE relkind = 'I'"
                + " AND relname LIKE '%=" + index + "~%' AND relnamespace = '\"" + schema + "\"'::regnamespace)");
    }

    @Test
    void shouldBuildAnIndexInEachPartitionAndHaveItInNewOnes() {
        TableSpec spec = filled(false, 60);
        IndexSpec index = IndexSpec.of("by_name", "(lower(name))", "size").where("size > 10");
        TableSpec after = with(spec, index);
        MigrationRecord record = declare("m1", new AddIndex(index), after);
        assertThat(missing()).contains("missing in 3 of 3");
        work(record, after, Map.of());
        assertThat(valid("by_name")).containsExactly("3");
        assertThat(missing()).isEmpty();
        end();
        try (Store store = Levee.open(address, false, o -> {})) {
            store.createTable(spec).append(job(spec, 100, 1), Ack.COMMITTED).join();
        }
        assertThat(valid("by_name")).containsExactly("4");
        engine = open();
        TableSpec without = after.toBuilder().dropIndex("by_name").build();
        MigrationRecord drop = declare("m2", new DropIndex("by_name"), without);
        work(drop, without, Map.of());
        assertThat(valid("by_name")).containsExactly("0");
    }

    private String missing() {
        StringBuilder found = new StringBuilder();
        for (Finding finding : engine().diagnose()) {
            if (finding.what().contains("index ") && finding.level() != Finding.Level.OK) {
                found.append(finding.what());
            }
        }
        return found.toString();
    }

    @Test
    void shouldFindAndRebuildWhatAKilledBuilderLeft() throws Exception {
        TableSpec spec = filled(false, 30);
        IndexSpec index = IndexSpec.of("by_size", "size");
        TableSpec after = with(spec, index);
        MigrationRecord record = declare("m1", new AddIndex(index), after);
        PartitionId id = engine().migrationParts(record).get(0);
        try (Connection other = server.dataSource().getConnection();
                Statement reading = other.createStatement()) {
            // A snapshot of before: the build waits for it when it has made its entry.
            other.setAutoCommit(false);
            reading.execute("LOCK TABLE \"" + schema + "\".jobs IN ROW EXCLUSIVE MODE");
            Thread building = new Thread(() -> {
                try {
                    engine().migrate(record, id, order(after, 10, Map.of(), null));
                } catch (LeveeException e) {
                    assertThat(e.code()).isEqualTo(ErrorCode.SERVER_UNAVAILABLE);
                }
            });
            building.start();
            String builders =
                    "SELECT pid FROM pg_stat_progress_create_index WHERE relid::regclass::text LIKE '%" + schema + "%'";
            await().until(() -> !server.texts(builders).isEmpty());
            server.run("SELECT pg_terminate_backend(" + server.texts(builders).get(0) + ")");
            building.join();
            other.rollback();
        }
        assertThat(missing()).contains("unfinished: [" + id + "]");
        work(record, after, Map.of());
        assertThat(valid("by_size")).containsExactly("2");
        assertThat(missing()).isEmpty();
    }

    @Test
    void shouldBuildOneIndexAtATimeAlsoAcrossSessionsAndNeverWaitForIt() throws SQLException {
        TableSpec spec = filled(false, 24);
        IndexSpec index = IndexSpec.of("by_size", "size");
        TableSpec after = with(spec, index);
        MigrationRecord record = declare("m1", new AddIndex(index), after);
        PartitionId id = engine().migrationParts(record).get(0);
        try (Connection other = server.dataSource().getConnection();
                Statement locking = other.createStatement()) {
            locking.execute("SELECT pg_advisory_lock(" + 0x6c657669 + ", " + new Names(schema).lockNumber() + ")");
            SliceOutcome waiting = engine().migrate(record, id, order(after, 10, Map.of(), null));
            assertThat(waiting.waitsFor())
                    .contains("one index is built at a time")
                    .contains("session");
            assertThat(waiting.partitionDone()).isFalse();
        }
        // The lock went with its session (guarantee G196).
        await().until(() ->
                engine().migrate(record, id, order(after, 10, Map.of(), null)).partitionDone());
        assertThat(valid("by_size")).containsExactly("1");
    }

    @Test
    void shouldEndABuildThatNobodyWaitsForAnyMore() throws Exception {
        TableSpec spec = filled(false, 24);
        IndexSpec index = IndexSpec.of("by_size", "size");
        TableSpec after = with(spec, index);
        MigrationRecord record = declare("m1", new AddIndex(index), after);
        PartitionId id = engine().migrationParts(record).get(0);
        try (Connection other = server.dataSource().getConnection();
                Statement reading = other.createStatement()) {
            other.setAutoCommit(false);
            reading.execute("LOCK TABLE \"" + schema + "\".jobs IN ROW EXCLUSIVE MODE");
            List<Throwable> thrown = new ArrayList<>();
            Thread building = new Thread(() -> {
                try {
                    engine().migrate(record, id, order(after, 10, Map.of(), null));
                } catch (LeveeException e) {
                    thrown.add(e);
                }
            });
            building.start();
            await().until(() -> !server.texts("SELECT pid FROM pg_stat_progress_create_index WHERE"
                            + " relid::regclass::text LIKE '%" + schema + "%'")
                    .isEmpty());
            cancelled.set(true);
            building.join(10_000);
            assertThat(building.isAlive()).isFalse();
            assertThat(thrown).hasSize(1);
            assertThat(((LeveeException) thrown.get(0)).code()).isEqualTo(ErrorCode.CANCELLED);
            other.rollback();
        }
        cancelled.set(false);
        work(record, after, Map.of());
        assertThat(valid("by_size")).containsExactly("1");
    }

    @Test
    void shouldFailAnIndexThatARowRefusesAndLeaveNothingThatRefusesRows() {
        TableSpec spec = filled(false, 24);
        IndexSpec index = IndexSpec.of("by_share", "(100 / (size - 5))");
        TableSpec after = with(spec, index);
        MigrationRecord record = declare("m1", new AddIndex(index), after);
        PartitionId id = engine().migrationParts(record).get(0);
        assertThatThrownBy(() -> engine().migrate(record, id, order(after, 10, Map.of(), null)))
                .hasMessageContaining("division by zero")
                .hasMessageContaining("by_share");
        assertThat(server.texts("SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT"
                        + " indisvalid AND c.relkind = 'i' AND c.relnamespace = '\"" + schema + "\"'::regnamespace"))
                .isEmpty();
    }

    @Test
    void shouldRenameAtOnceDropLaterAndKeepOlderReleasesAway() {
        TableSpec spec = filled(false, 30);
        TableSpec renamed = TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("title", ColumnType.TEXT)
                .column("size", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .formerNames("title", List.of("name"))
                .build();
        MigrationRecord rename = declare("m1", new RenameColumn("name", "title"), renamed);
        assertThat(engine().migrationParts(rename)).isEmpty();
        assertThat(server.texts("SELECT value FROM \"" + schema + "_levee\".store WHERE key = 'format'"))
                .containsExactly("2");
        TableSpec dropped = TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("title", ColumnType.TEXT)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .formerNames("title", List.of("name"))
                .dropped(spec.column("size"))
                .build();
        MigrationRecord drop = declare("m2", new DropColumn("size"), dropped);
        assertThat(texts("SELECT sum(size) FROM jobs")).containsExactly("435");
        work(drop, dropped, Map.of());
        Set<String> columns = new TreeSet<>();
        server.texts("SELECT attname FROM pg_attribute WHERE attrelid = '\"" + schema
                        + "\".jobs'::regclass AND attnum > 0 AND NOT attisdropped")
                .forEach(c -> columns.add(String.valueOf(c)));
        assertThat(columns).containsExactly("_seq", "at", "title");
        List<Row> rows = rows();
        assertThat(rows).hasSize(30);
        assertThat(rows.get(0).get("title")).isNotNull();
    }

    @Test
    void shouldGiveWayToADrop() throws Exception {
        TableSpec spec = filled(false, 60);
        IndexSpec index = IndexSpec.of("by_size", "size");
        TableSpec after = with(spec, index);
        MigrationRecord record = declare("m1", new AddIndex(index), after);
        List<PartitionId> parts = engine().migrationParts(record);
        PartitionId oldest = parts.get(parts.size() - 1);
        try (Connection other = server.dataSource().getConnection();
                Statement reading = other.createStatement()) {
            other.setAutoCommit(false);
            reading.execute("LOCK TABLE ONLY \"" + schema + "\".\"jobs-2026-05-20\" IN ROW EXCLUSIVE MODE");
            Thread building = new Thread(() -> engine().migrate(record, oldest, order(after, 10, Map.of(), null)));
            building.start();
            await().until(() -> !server.texts("SELECT pid FROM pg_stat_progress_create_index WHERE"
                            + " relid::regclass::text LIKE '%" + schema + "%'")
                    .isEmpty());
            engine().drop(oldest, "a test");
            building.join(10_000);
            assertThat(building.isAlive()).isFalse();
            assertThat(server.texts("SELECT pid FROM pg_stat_progress_create_index WHERE relid::regclass::text LIKE '%"
                            + schema + "%'"))
                    .isEmpty();
            other.rollback();
        }
    }
}
