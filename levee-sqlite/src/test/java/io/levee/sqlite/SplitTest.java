package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
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
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.testkit.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Adopted databases that move into the store's own partitions: no row is missed or met twice, whatever happens meanwhile (G54, G64, G90). */
class SplitTest {
    private static final int ROWS = 200_000;
    private static final Instant BEGIN = LegacyData.BEGIN;
    private static final Duration PATIENCE = Duration.ofSeconds(150);

    @TempDir
    Path directory;

    private static Adoption monitor(Path file) {
        return Adoption.of(file, "invocations").time("finished_at").details("invocation_details", "task_id");
    }

    /** A store whose splittings are in a test's hands. */
    static Store open(Path home, Consumer<Splitting.Point> at, long rows, Consumer<StoreOptions.Builder> options) {
        SqliteEngineProvider sqlite = new SqliteEngineProvider();
        EngineProvider provider = new EngineProvider() {
            @Override
            public boolean accepts(String address) {
                return true;
            }

            @Override
            public StorageEngine open(String address, EngineSettings settings) {
                SqliteEngine engine = (SqliteEngine) sqlite.open(address, settings);
                engine.splitting().at(at, rows);
                return engine;
            }
        };
        return Levee.open(provider, home.toString(), false, options);
    }

    static SplitStatus await(Store store, SplitStatus.State state) {
        Awaitility.await()
                .atMost(PATIENCE)
                .untilAsserted(() -> assertThat(store.splits())
                        .as("%s", store.splits())
                        .extracting(SplitStatus::state)
                        .containsExactly(state));
        return store.splits().get(0);
    }

    private static Map<Long, Long> numbers(Store store, String table) {
        Map<Long, Long> numbers = new HashMap<>();
        try (Result<Row> rows = store.query(Query.builder(table).newestFirst().build())) {
            rows.forEach(row -> assertThat(numbers.put(row.seq(), row.time().toEpochMilli()))
                    .isNull());
        }
        return numbers;
    }

    @Test
    void shouldAnswerEveryKindOfQueryAsTheOriginalBeforeDuringAndAfter() throws Exception {
        Path file = directory.resolve("monitor.db");
        LegacyData.monitor(file, ROWS, true);
        Path home = directory.resolve("store");
        AtomicReference<Throwable> failed = new AtomicReference<>();
        AtomicBoolean over = new AtomicBoolean();
        AtomicReference<Store> opened = new AtomicReference<>();
        int[] compared = new int[1];
        Consumer<Splitting.Point> compare = point -> {
            try {
                if (point == Splitting.Point.RECORDED && compared[0]++ == 3) {
                    AdoptTest.compareAll(opened.get(), file);
                }
            } catch (Throwable e) {
                failed.compareAndSet(null, e);
            }
        };
        try (Store store = open(home, compare, 30_000, o -> {})) {
            opened.set(store);
            store.createTable(LegacyData.invocations().build());
            PartitionId id = store.adopt("invocations", monitor(file)).partition();
            AdoptTest.compareAll(store, file);
            Map<Long, Long> before = numbers(store, "invocations");
            // Beside it, another process's and an own reader count all the time.
            Thread reader = new Thread(() -> {
                try (Store beside = Levee.openReadOnly(home)) {
                    while (!over.get()) {
                        assertThat(store.count(Query.builder("invocations").build()))
                                .isEqualTo(ROWS);
                        assertThat(beside.count(Query.builder("invocations").build()))
                                .isEqualTo(ROWS);
                        LockSupport.parkNanos(200_000_000);
                    }
                } catch (Throwable e) {
                    failed.compareAndSet(null, e);
                }
            });
            reader.start();
            store.split(id);
            SplitStatus done = await(store, SplitStatus.State.DONE);
            over.set(true);
            reader.join();
            assertThat(failed.get()).isNull();
            assertThat(compared[0]).isEqualTo(7);
            assertThat(done.rowsMoved()).isEqualTo(ROWS);
            assertThat(done.timeless()).isEqualTo(2);
            assertThat(done.superseded() + done.expired() + done.keyless() + done.unreadable())
                    .isZero();
            // The same numbers as before: pages that were begun go on, and nobody who follows meets a row again.
            assertThat(numbers(store, "invocations")).isEqualTo(before);
            assertThat(store.table("invocations")
                            .tail(0)
                            .poll(Duration.ofMillis(50))
                            .entries())
                    .isEmpty();
            AdoptTest.compareAll(store, file);
        }
        try (Store store = Levee.open(home)) {
            AdoptTest.compareAll(store, file);
            assertThat(store.adopted()).isEmpty();
            assertThat(store.partitions()).hasSizeBetween(7, 30).allMatch(p -> p.state() == PartitionInfo.State.CLOSED);
            assertThat(store.splits().get(0).state()).isEqualTo(SplitStatus.State.DONE);
        }
        assertThat(file).exists();
    }

    private static Store checks(Path home, Path file, Consumer<Splitting.Point> at, long rows) {
        Store store = open(home, at, rows, o -> {});
        store.createTable(LegacyData.checkSpec().build());
        store.adopt("checks", Adoption.of(file, "check_history").map("up", "is_up"));
        return store;
    }

    private static PartitionId adopted(Store store) {
        return store.adopted().get(0).partition();
    }

    @Test
    void shouldRefuseWithFiguresWhatTheDiskHasNoRoomFor() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 5000);
        Path home = directory.resolve("store");
        try (Store store = open(home, p -> {}, 1000, o -> o.disk(Bytes.mebi(40)))) {
            store.createTable(LegacyData.checkSpec().build());
            PartitionId id =
                    store.adopt("checks", Adoption.of(file, "check_history")).partition();
            assertThatThrownBy(() -> store.split(id)).isInstanceOfSatisfying(LeveeException.class, e -> {
                assertThat(e.code()).isEqualTo(ErrorCode.DISK_FULL);
                assertThat((Long) e.details().get("needed")).isGreaterThan(64L << 20);
                assertThat((Long) e.details().get("free")).isLessThan(40L << 20);
            });
            assertThat(store.splits()).isEmpty();
            assertThatThrownBy(() -> store.stopSplit(id)).hasMessageContaining("not begun");
            assertThatThrownBy(() -> store.split(new PartitionId("checks", "", "adopted", 7)))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND));
        }
    }

    @Test
    void shouldStopAndGoOnAndAnswerInBetween() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 5000);
        AtomicReference<Store> opened = new AtomicReference<>();
        AtomicBoolean stopped = new AtomicBoolean();
        Consumer<Splitting.Point> stop = point -> {
            if (point == Splitting.Point.RECORDED && stopped.compareAndSet(false, true)) {
                opened.get().stopSplit(adopted(opened.get()));
            }
        };
        Path home = directory.resolve("store");
        try (Store store = checks(home, file, stop, 1000)) {
            opened.set(store);
            store.split(adopted(store));
            SplitStatus half = await(store, SplitStatus.State.STOPPED);
            assertThat(half.rowsDone()).isEqualTo(1000);
            assertThat(store.partitions().get(0).rows()).isLessThanOrEqualTo(4000);
        }
        try (Store store = Levee.open(home)) {
            assertThat(numbers(store, "checks")).hasSize(5000);
            // What has moved can be erased, what has not is told.
            assertThat(store.table("checks")
                            .erase(Expr.parse("site_id = 3", BEGIN))
                            .deleted())
                    .isEqualTo(50);
            assertThat(store.table("checks")
                            .erase(Expr.parse("site_id = 3", BEGIN))
                            .pending())
                    .anyMatch(p -> p.startsWith("200 records in adopted databases"));
            assertThat(store.split(adopted(store)).state()).isEqualTo(SplitStatus.State.RUNNING);
            await(store, SplitStatus.State.DONE);
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(4950);
            assertThat(store.table("checks")
                            .erase(Expr.parse("site_id = 3", BEGIN))
                            .deleted())
                    .isEqualTo(200);
        }
    }

    @Test
    void shouldMoveWhatAForeignWriterAddsAndKeepWhatItChanges() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 3000);
        AtomicBoolean once = new AtomicBoolean();
        try (Store store = checks(
                directory.resolve("store"),
                file,
                point -> {
                    if (point == Splitting.Point.RECORDED && once.compareAndSet(false, true)) {
                        run(file, "INSERT INTO check_history(site_id, checked_at) VALUES(99, '2026-04-01 00:00:00')");
                    }
                },
                1000)) {
            store.split(adopted(store));
            assertThat(await(store, SplitStatus.State.DONE).rowsMoved()).isEqualTo(3001);
            assertThat(store.count(Query.builder("checks")
                            .where(Expr.parse("site_id = 99", BEGIN))
                            .build()))
                    .isEqualTo(1);
        }
        once.set(false);
        try (Store store = checks(
                directory.resolve("second"),
                file,
                point -> {
                    if (point == Splitting.Point.RECORDED && once.compareAndSet(false, true)) {
                        run(file, "UPDATE check_history SET latency_ns = -7 WHERE id = 3000");
                    }
                },
                1000)) {
            store.split(adopted(store));
            SplitStatus blocked = await(store, SplitStatus.State.BLOCKED);
            assertThat(blocked.note()).contains("changed after its rows were moved");
            assertThat(store.adopted()).hasSize(1);
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(3001);
        }
    }

    /** One that only has it open is named, and nothing is let go before it is gone. */
    @Test
    void shouldNameAnotherProcessThatMayWrite() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 1000);
        try (Store store = checks(directory.resolve("store"), file, p -> {}, 1000)) {
            try (ChildJvm writer = ChildJvm.start(Holder.class, file.toString())) {
                assertThat(writer.line()).isEqualTo("open");
                store.split(adopted(store));
                Awaitility.await()
                        .atMost(PATIENCE)
                        .untilAsserted(() -> assertThat(store.splits().get(0).note())
                                .contains("another process has it open for writing: pid " + writer.pid()));
                writer.kill();
            }
            await(store, SplitStatus.State.DONE);
        }
    }

    /** Has a database open, as the old program would. */
    static final class Holder {
        private Holder() {}

        public static void main(String[] arguments) throws Exception {
            try (Connection c = LegacyData.open(Path.of(arguments[0]));
                    Statement s = c.createStatement()) {
                s.executeQuery("SELECT count(*) FROM check_history").close();
                System.out.println("open");
                System.in.read();
            }
        }
    }

    private static void run(Path file, String... statements) {
        try {
            LegacyData.run(file, statements);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A row without a time counts as of 1970: by that the rows of a few days would go into one file for years. */
    @Test
    void shouldChooseTheWidthByTheRowsThatHaveATime() throws Exception {
        Path file = directory.resolve("old.db");
        run(
                file,
                "CREATE TABLE e(v INTEGER, at INTEGER)",
                "CREATE INDEX e_at ON e(at)",
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 239) INSERT INTO e SELECT i,"
                        + " CASE i WHEN 7 THEN NULL ELSE 1775001600 + i * 3600 END FROM n");
        TableSpec spec = TableSpec.builder("e")
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .retention(RetentionRule.UNBOUNDED)
                .build();
        assertThat(spec.partitionBy()).isEqualTo(PartitionBy.AUTO);
        try (Store store = open(directory.resolve("store"), p -> {}, 100, o -> {})) {
            store.createTable(spec);
            PartitionId id = store.adopt("e", Adoption.of(file, "e").timeUnit(Adoption.TimeUnit.SECONDS))
                    .partition();
            store.split(id);
            await(store, SplitStatus.State.DONE);
            assertThat(store.count(Query.builder("e").build())).isEqualTo(240);
            assertThat(store.partitions().stream().map(p -> p.id().period()).distinct())
                    .contains("1970")
                    .filteredOn(period -> period.matches("2026-\\d\\d-\\d\\d"))
                    .hasSize(10);
        }
    }

    @Test
    void shouldCountAndTellWhatIsBrokenOrDoubledOrTooOld() throws Exception {
        Path file = directory.resolve("old.db");
        run(
                file,
                "CREATE TABLE e(k TEXT, v, at)",
                "INSERT INTO e VALUES('a', 1, 1775001600), ('b', 2, 1775001601), ('a', 3, 1775001602), (NULL, 4,"
                        + " 1775001603), ('c', 'no number', 1775001604), ('d', 6, NULL), ('e', 7, 'soon'), ('f', 8,"
                        + " 9e18), ('live', 9, 1775001605), ('g', x'00', 1775088000)");
        TableSpec spec = TableSpec.builder("e")
                .column("k", ColumnType.TEXT)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("k")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.UNBOUNDED)
                .build();
        for (long rows : new long[] {3, 100}) {
            try (Store store = open(directory.resolve("store" + rows), p -> {}, rows, o -> {})) {
                Table<Row> table = store.createTable(spec);
                table.append(
                                Row.of(spec)
                                        .set("k", "live")
                                        .set("v", 100L)
                                        .set("at", BEGIN)
                                        .build(),
                                Ack.COMMITTED)
                        .join();
                PartitionId id = store.adopt(
                                "e",
                                Adoption.of(file, "e")
                                        .timeUnit(Adoption.TimeUnit.SECONDS)
                                        .taken())
                        .partition();
                store.split(id);
                SplitStatus done = await(store, SplitStatus.State.DONE);
                assertThat(done.rowsDone()).isEqualTo(10);
                assertThat(done.superseded()).as("the earlier 'a', and 'live'").isEqualTo(2);
                assertThat(done.keyless()).isEqualTo(1);
                assertThat(done.timeless()).isEqualTo(2);
                // 'no number', a blob, and 'soon'.
                assertThat(done.unreadable()).isEqualTo(3);
                assertThat(done.note()).contains("the file is kept");
                assertThat(file).exists();
                Map<String, Object> values = new HashMap<>();
                try (Result<Row> found = store.query(Query.builder("e").build())) {
                    found.forEach(r -> values.put((String) r.get("k"), String.valueOf(r.get("v"))));
                    assertThat(found.coverage().gaps())
                            .extracting(g -> g.reason() + " " + g.count())
                            .containsExactly("WRITE_FAILED 1");
                }
                assertThat(values)
                        .isEqualTo(Map.of(
                                "a", "3", "b", "2", "c", "null", "d", "6", "e", "7", "f", "8", "live", "100", "g",
                                "null"));
                // A row that moved is updated where it is, and deleted: its key is found.
                table.append(
                                Row.of(spec)
                                        .set("k", "b")
                                        .set("v", 22L)
                                        .set("at", BEGIN)
                                        .build(),
                                Ack.COMMITTED)
                        .join();
                assertThat(store.count(Query.builder("e").build())).isEqualTo(8);
                assertThat(table.tail(0).poll(Duration.ofSeconds(5)).entries()).hasSize(2);
                table.delete(Ack.COMMITTED, "a").join();
                assertThat(store.count(Query.builder("e").build())).isEqualTo(7);
            }
        }
    }

    @Test
    void shouldDeleteATakenFileOnlyWhenAllOfItIsElsewhere() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 2000);
        Path home = directory.resolve("store");
        try (Store store = open(home, p -> {}, 700, o -> o.retentionEvery(Duration.ofMillis(100)))) {
            store.createTable(LegacyData.checkSpec().build());
            store.split(store.adopt(
                            "checks",
                            Adoption.of(file, "check_history")
                                    .map("up", "is_up")
                                    .taken())
                    .partition());
            await(store, SplitStatus.State.DONE);
            Awaitility.await().atMost(PATIENCE).until(() -> Files.notExists(file));
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(2000);
        }
    }

    /** What the store may delete is the store's: its cap and its figure count it, wherever it lies. */
    @Test
    void shouldCountATakenDatabaseInTheDiskFigure() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 20_000);
        long size = Files.size(file);
        for (boolean take : new boolean[] {false, true}) {
            try (Store store = Levee.open(directory.resolve("store-" + take))) {
                store.createTable(LegacyData.checkSpec().build());
                Adoption adoption = Adoption.of(file, "check_history");
                store.adopt("checks", take ? adoption.taken() : adoption);
                assertThat(store.status().disk().byPart().getOrDefault("adopted", 0L))
                        .isEqualTo(take ? (size + 4095) / 4096 * 4096 : 0);
            }
        }
    }

    /** The table's own row of a key is found, though the database has a newer one. */
    @Test
    void shouldFindTheOwnRowOfAKeyWhateverItsTime() throws Exception {
        Path file = directory.resolve("monitor.db");
        LegacyData.monitor(file, 1000, false);
        try (Store store = Levee.open(directory.resolve("store"))) {
            Table<Row> table = store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", Adoption.of(file, "invocations").time("finished_at"));
            table.append(
                            Row.of(table.spec())
                                    .set("task_id", "task-00000900")
                                    .set("task_name", "again")
                                    .set("state", "SUCCESS")
                                    .set("finished_at", BEGIN)
                                    .build(),
                            Ack.COMMITTED)
                    .join();
            assertThat(table.find("task-00000900").orElseThrow().get("task_name"))
                    .isEqualTo("again");
            // The database has a table of the same name, and no numbers of ours in it.
            assertThat(table.erase(Expr.parse("task_name = 'again'", BEGIN)).deleted())
                    .isEqualTo(1);
        }
    }

    @Test
    void shouldKnowWhatWasAdoptedAndMovedWhenTheCatalogIsLost() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 4000);
        Path home = directory.resolve("store");
        // Nothing of its own in the table yet: even its spec is told by the ledger alone.
        try (Store store = checks(home, file, p -> {}, 1000)) {
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(4000);
        }
        Files.delete(home.resolve("catalog.db"));
        AtomicReference<Store> opened = new AtomicReference<>();
        AtomicBoolean stopped = new AtomicBoolean();
        Map<Long, Long> before;
        try (Store store = open(
                home,
                point -> {
                    if (point == Splitting.Point.RECORDED && stopped.compareAndSet(false, true)) {
                        opened.get().stopSplit(adopted(opened.get()));
                    }
                },
                1000,
                o -> {})) {
            opened.set(store);
            before = numbers(store, "checks");
            assertThat(before).hasSize(4000);
            store.split(adopted(store));
            await(store, SplitStatus.State.STOPPED);
        }
        Files.delete(home.resolve("catalog.db"));
        try (Store store = Levee.open(home)) {
            assertThat(numbers(store, "checks")).isEqualTo(before);
            store.split(adopted(store));
            await(store, SplitStatus.State.DONE);
            assertThat(numbers(store, "checks")).isEqualTo(before);
        }
        Files.delete(home.resolve("catalog.db"));
        try (Store store = Levee.open(home)) {
            assertThat(numbers(store, "checks")).isEqualTo(before);
            assertThat(store.adopted()).isEmpty();
            // Nor is it adopted again.
            assertThat(store.adopt("checks", Adoption.of(file, "check_history")).dropped())
                    .isTrue();
        }
    }
}
