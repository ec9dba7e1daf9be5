package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.testkit.ChildJvm;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** T34: a catalog that is lost or damaged is rebuilt from the files, or the store refuses by name; never is it empty in silence. */
class CatalogRebuildTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T12:00:00Z");
    private static final Instant AS_OF = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec EVENTS = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final TableSpec STATES = TableSpec.builder("states")
            .column("k", ColumnType.INTEGER)
            .column("v", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    static Path made;

    @TempDir
    Path directory;

    private static Row event(long i, int day) {
        return Row.of(EVENTS)
                .set("i", i)
                .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(i))
                .build();
    }

    private static Row state(long key, long version) {
        return Row.of(STATES).set("k", key).set("v", version).set("at", DAY1).build();
    }

    private static Store open(Path home) {
        return Levee.open(home, o -> o.asOf(AS_OF));
    }

    /** 100 events of four days and 20 states. */
    @BeforeAll
    static void makeStore() {
        try (Store store = open(made)) {
            Table<Row> events = store.createTable(EVENTS);
            Table<Row> states = store.createTable(STATES);
            for (int i = 0; i < 100; i++) {
                events.append(event(i, i % 4));
                states.append(state(i % 20, i));
            }
        }
    }

    private Path copy(String name) throws IOException {
        Path home = Files.createDirectory(directory.resolve(name));
        try (Stream<Path> files = Files.walk(made)) {
            for (Path file : files.filter(f -> !f.equals(made)).toList()) {
                Files.copy(file, home.resolve(made.relativize(file).toString()));
            }
        }
        return home;
    }

    private static long count(Store store, String table) {
        return store.count(Query.builder(table).build());
    }

    private static void requireWhole(Store store) {
        assertThat(count(store, "events")).isEqualTo(100);
        assertThat(count(store, "states")).isEqualTo(20);
    }

    private static void rebuilt(Store store) {
        assertThat(store.gaps())
                .filteredOn(g -> g.reason() == LossReason.CATALOG_REBUILT)
                .extracting(Gap::table)
                .containsExactly("events", "states");
    }

    @ParameterizedTest
    @ValueSource(strings = {"deleted", "empty", "garbage", "header", "tables", "spec", "moved"})
    void shouldRebuildACatalogFromTheFiles(String kind) throws Exception {
        Path home = copy("store");
        Path catalog = home.resolve("catalog.db");
        switch (kind) {
            case "deleted" -> Files.delete(catalog);
            case "empty" -> Files.write(catalog, new byte[0]);
            case "garbage" -> Files.write(catalog, new byte[20_000]);
            case "header" -> sql(catalog, "PRAGMA user_version=65537");
            case "tables" -> sql(catalog, "DROP TABLE partitions");
            case "spec" -> sql(catalog, "UPDATE tables SET spec='{\"table\": ' WHERE name = 'events'");
            default -> sql(catalog, "UPDATE partitions SET file = 'tables/events/2026-05-19.db' WHERE n = 1");
        }
        long next;
        try (Store store = open(home)) {
            requireWhole(store);
            rebuilt(store);
            // It goes on: numbers above all that were given, and a known key is updated where it lives.
            Receipt receipt =
                    store.table("events").append(event(100, 1), Ack.COMMITTED).join();
            assertThat(receipt.seq()).isGreaterThan(1_000_000);
            next = receipt.seq();
            store.table("states").append(state(3, 1000), Ack.COMMITTED).join();
            assertThat(count(store, "states")).isEqualTo(20);
            // What it can be trusted for is told with each answer.
            try (Result<Row> rows = store.query(Query.builder("events").build())) {
                assertThat(rows.toList()).hasSize(101);
                assertThat(rows.coverage().gaps()).hasSize(1);
            }
            // Who followed the table from before is told that something may have been missed, once.
            try (Tail<Row> tail = store.table("events").tail(50)) {
                assertThat(tail.poll(Duration.ofSeconds(5)).missed()).isNotNull();
            }
            // Ranges are learned and the files closed in the background.
            await().until(() -> store.partitions().stream().allMatch(p -> p.rangeKnown()));
        }
        if (!kind.equals("deleted")) {
            try (Stream<Path> kept = Files.list(home.resolve("quarantine"))) {
                assertThat(kept.map(f -> f.getFileName().toString()))
                        .anyMatch(f -> f.startsWith("catalog-") && f.endsWith(".db"));
            }
        }
        try (Store store = open(home)) {
            // Not again: the gap is the same, numbers go on.
            rebuilt(store);
            assertThat(count(store, "events")).isEqualTo(101);
            assertThat(store.table("events")
                            .append(event(101, 1), Ack.COMMITTED)
                            .join()
                            .seq())
                    .isBetween(next + 1, next + 1_000_000);
        }
    }

    private static void sql(Path database, String sql) throws Exception {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database)) {
            Sqlite.run(connection, sql);
        }
    }

    @Test
    void shouldReviveNothingAndGiveNoNameTwice() throws Exception {
        Path home = copy("store");
        Path tables = home.resolve("tables/events");
        Files.move(tables.resolve("2026-05-10.db"), home.resolve("trash/events~2026-05-10.db"));
        Files.move(tables.resolve("2026-05-11.db"), home.resolve("quarantine/events~2026-05-11.7.db"));
        // Two files that claim one identity: the one in its place is it.
        Files.copy(tables.resolve("2026-05-12.db"), tables.resolve("2026-05-12.2.db"));
        Files.write(tables.resolve("2026-05-13.2.db"), new byte[5000]);
        Files.writeString(tables.resolve("mine.db"), "not of the store");
        Files.delete(home.resolve("catalog.db"));
        try (Store store = open(home)) {
            assertThat(count(store, "events")).isEqualTo(50);
            assertThat(store.quarantined())
                    .extracting(q -> q.id().toString())
                    .containsExactlyInAnyOrder("events/2026-05-11.7", "events/2026-05-12.2", "events/2026-05-13.2");
            for (int day = 0; day < 4; day++) {
                store.table("events")
                        .append(event(1000 + day, day), Ack.COMMITTED)
                        .join();
            }
            assertThat(store.partitions())
                    .filteredOn(p -> p.id().table().equals("events"))
                    .extracting(p -> p.id().toString())
                    .contains("events/2026-05-10.2", "events/2026-05-11.8", "events/2026-05-12", "events/2026-05-13");
            await().until(() -> Files.exists(home.resolve("quarantine/events~2026-05-12.2.db")));
        }
        assertThat(tables.resolve("mine.db")).exists();
    }

    /** Never empty in silence: after each truncation all rows are there, or the store says that it cannot be opened. */
    @Test
    void shouldSurviveEveryTruncation() throws Exception {
        long length = Files.size(made.resolve("catalog.db"));
        int rebuilt = 0;
        for (long at = 0; at < length; at += at % 4096 == 0 ? 1000 : 4096 - 1000) {
            Path home = copy("at" + at);
            try (FileChannel channel = FileChannel.open(home.resolve("catalog.db"), StandardOpenOption.WRITE)) {
                channel.truncate(at);
            }
            try (Store store = open(home)) {
                requireWhole(store);
                rebuilt += store.gaps().isEmpty() ? 0 : 1;
            }
        }
        System.out.println("catalog of " + length + " bytes: rebuilt after " + rebuilt + " truncations");
        assertThat(rebuilt).isGreaterThanOrEqualTo((int) (length / 4096));
    }

    @Test
    void shouldSurviveFlippedBits() throws Exception {
        byte[] whole = Files.readAllBytes(made.resolve("catalog.db"));
        SplittableRandom random = new SplittableRandom(34);
        int flips = Boolean.getBoolean("levee.long") ? 1000 : 25;
        int rebuilt = 0;
        int refused = 0;
        for (int i = 0; i < flips; i++) {
            Path home = copy("flip" + i);
            byte[] damaged = whole.clone();
            long bit = random.nextLong(8L * whole.length);
            while (whole[(int) (bit / 8)] == 0) {
                // Most of a small catalog is empty: a flip there shows nothing.
                bit = random.nextLong(8L * whole.length);
            }
            damaged[(int) (bit / 8)] ^= (byte) (1 << (bit % 8));
            Files.write(home.resolve("catalog.db"), damaged);
            String what = "bit " + bit;
            try (Store store = open(home)) {
                // Where the catalog's figures are wrong the first query fails by name, and they are put right.
                await(what)
                        .ignoreExceptionsMatching(e -> e instanceof LeveeException)
                        .until(() -> count(store, "events") == 100 && count(store, "states") == 20);
                rebuilt += store.gaps().isEmpty() ? 0 : 1;
            } catch (LeveeException e) {
                System.out.println("bit " + bit + ": " + e.getMessage());
                refused++;
            }
        }
        System.out.println(flips + " flipped bits: " + rebuilt + " rebuilt, " + refused + " refused");
        assertThat(refused).isZero();
    }

    @Test
    void shouldTellAReaderWhatToDo() throws Exception {
        Path home = copy("store");
        for (String kind : List.of("garbage", "missing")) {
            if (kind.equals("garbage")) {
                Files.write(home.resolve("catalog.db"), new byte[20_000]);
            } else {
                Files.delete(home.resolve("catalog.db"));
            }
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> Levee.openReadOnly(home));
            assertThat(e.code()).isEqualTo(ErrorCode.CORRUPT);
            assertThat(e.hint()).contains("for writing");
        }
    }

    /** Writes until it is killed. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) {
            Store store = open(Path.of(arguments[0]));
            Table<Row> events = store.createTable(EVENTS);
            for (int i = 0; ; i++) {
                events.append(event(i, i % 3), Ack.COMMITTED).join();
                if (i % 10 == 9) {
                    System.out.println(i + 1);
                }
            }
        }
    }

    /** Two processes: the writer is killed, its catalog is gone, and another opens the store at once. */
    @Test
    void shouldRebuildAfterAKillToo() throws Exception {
        Path home = directory.resolve("killed");
        long told = 0;
        try (ChildJvm writer = ChildJvm.start(Writer.class, home.toString())) {
            while (told < 200) {
                told = Long.parseLong(String.valueOf(writer.line()));
            }
            writer.kill();
        }
        for (String suffix : List.of("", "-wal", "-shm")) {
            Files.deleteIfExists(home.resolve("catalog.db" + suffix));
        }
        try (Store store = open(home)) {
            assertThat(store.status().lastShutdown()).isEqualTo("UNCLEAN");
            assertThat(count(store, "events")).isGreaterThanOrEqualTo(told);
            // No WAL stays for ever.
            await().until(() -> noWalUnder(home.resolve("tables")));
        }
    }

    private static boolean noWalUnder(Path tables) {
        return Tree.files(tables).stream().noneMatch(f -> f.toString().endsWith("-wal"));
    }
}
