package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Adoption;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is SQLite's own of splittings: its processes, files, values and catalog (G64, G90). The rest is the conformance kit's. */
class SplitTest {
    private static final Duration PATIENCE = Duration.ofSeconds(150);

    @TempDir
    Path directory;

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

    private static Store checks(Path home, Path file, Consumer<Splitting.Point> at, long rows) {
        Store store = SqliteSplittings.open(home, at, rows, o -> {});
        store.createTable(LegacyData.checkSpec().build());
        store.adopt("checks", Adoption.of(file, "check_history").map("up", "is_up"));
        return store;
    }

    private static PartitionId adopted(Store store) {
        return store.adopted().get(0).partition();
    }

    /** G90: what is to stay free of the volume is not there to be used. */
    @Test
    void shouldRefuseWhatWouldTakeWhatIsToStayFree() {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 500);
        try (Store store = Levee.open(directory.resolve("store"), o -> o.minFreeDisk(Bytes.gibi(1L << 30)))) {
            store.createTable(LegacyData.checkSpec().build());
            Adoption adoption = Adoption.of(file, "check_history");
            PartitionId id = store.adopt("checks", adoption).partition();
            assertThatThrownBy(() -> store.split(id))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DISK_FULL));
            assertThatThrownBy(() -> store.adopt("checks", adoption.thenSplit()))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DISK_FULL));
            assertThat(store.splits()).isEmpty();
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

    /** Columns without a type hold anything: what is no value of its column's kind, and what is no time, is counted and null. */
    @Test
    void shouldCountValuesOfAnyKind() {
        Path file = directory.resolve("old.db");
        LegacyData.run(
                file,
                "CREATE TABLE e(k TEXT, v, at)",
                "INSERT INTO e VALUES('c', 'no number', 1775001604), ('d', 6, NULL), ('e', 7, 'soon'), ('f', 8, 9e18),"
                        + " ('g', x'00', 1775088000)");
        try (Store store = SqliteSplittings.open(directory.resolve("store"), p -> {}, 3, o -> {})) {
            store.createTable(TableSpec.builder("e")
                    .column("k", ColumnType.TEXT)
                    .column("v", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .key("k")
                    .partitionBy(PartitionBy.DAY)
                    .retention(RetentionRule.UNBOUNDED)
                    .build());
            store.split(store.adopt("e", Adoption.of(file, "e").timeUnit(Adoption.TimeUnit.SECONDS))
                    .partition());
            SplitStatus done = await(store, SplitStatus.State.DONE);
            assertThat(done.rowsMoved()).isEqualTo(5);
            assertThat(done.timeless()).isEqualTo(2);
            // 'no number', a blob, and 'soon'.
            assertThat(done.unreadable()).isEqualTo(3);
            Map<String, Object> values = new HashMap<>();
            try (Result<Row> found = store.query(Query.builder("e").build())) {
                found.forEach(r -> values.put((String) r.get("k"), String.valueOf(r.get("v"))));
            }
            assertThat(values).isEqualTo(Map.of("c", "null", "d", "6", "e", "7", "f", "8", "g", "null"));
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
        try (Store store = SqliteSplittings.open(
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
