package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.MonotonicClock;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.Requirements;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What was measured about files (design 1) and the rules that come of it: each test fails when its rule is taken out. */
class FileFactsTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T12:00:00Z");
    private static final Instant AS_OF = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private static Row row(TableSpec spec, long i, int day) {
        return Row.of(spec)
                .set("i", i)
                .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(i))
                .set("text", "x".repeat(200))
                .build();
    }

    private Store open() {
        return Levee.open(directory, o -> o.asOf(AS_OF));
    }

    private Path file(int day) {
        return directory.resolve("tables/events/2026-05-" + (10 + day) + ".db");
    }

    private static Object rows(String address) throws Exception {
        try (Connection connection = DriverManager.getConnection(address)) {
            return Sqlite.value(connection, "SELECT count(*) FROM events");
        }
    }

    /** A connection that reads in another process until it is told to end. */
    static final class Reader {
        private Reader() {}

        public static void main(String[] arguments) throws Exception {
            try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + arguments[0])) {
                Sqlite.run(connection, "BEGIN");
                System.out.println("rows " + Sqlite.value(connection, "SELECT count(*) FROM events"));
                System.in.read();
                System.out.println("rows " + Sqlite.value(connection, "SELECT count(*) FROM events"));
                System.out.println("whole " + Sqlite.value(connection, "PRAGMA integrity_check"));
            }
        }
    }

    /**
     * The disease: a writer that closes while a reader is there leaves its rows in the WAL, and an immutable open (or a copy of the
     * one file) does not see them. The rule: closed is only what left WAL mode, so that the file alone has every row.
     */
    @Test
    void shouldNotCallClosedWhatStillHasAWal() throws Exception {
        Path plain = directory.resolve("plain.db");
        Connection writer = Connections.writer(plain, Bytes.mebi(1));
        Sqlite.run(writer, "CREATE TABLE events(i)");
        try (ChildJvm reader = ChildJvm.start(Reader.class, plain.toString())) {
            assertThat(reader.line()).isEqualTo("rows 0");
            Sqlite.run(writer, "INSERT INTO events VALUES(1), (2)");
            Connections.close(plain, writer);
            // Here they are hidden: the file says that it has no rows, or not even the table.
            assertThat(hidden(plain)).isTrue();
            reader.kill();
        }
        try (Store store = open()) {
            Table<Row> events = store.createTable(SPEC);
            events.append(row(SPEC, 1, 0), Ack.COMMITTED).join();
            try (ChildJvm reader = ChildJvm.start(Reader.class, file(0).toString())) {
                assertThat(reader.line()).isEqualTo("rows 1");
                events.append(row(SPEC, 2, 0), Ack.COMMITTED).join();
                store.close(Duration.ofSeconds(10));
                // The reader keeps it open: the catalog must not call it closed.
                assertThat(state(file(0))).isEqualTo("open");
                reader.kill();
            }
        }
        try (Store store = open()) {
            await().until(() -> state(file(0)).equals("closed"));
            assertThat(Files.exists(StorePaths.wal(file(0)))).isFalse();
            assertThat(rows("jdbc:sqlite:file:" + file(0) + "?immutable=1")).isEqualTo(2);
            assertThat(store.count(Query.builder("events").build())).isEqualTo(2);
        }
    }

    private static boolean hidden(Path file) throws Exception {
        try {
            return !Integer.valueOf(2).equals(rows("jdbc:sqlite:file:" + file + "?immutable=1"));
        } catch (java.sql.SQLException e) {
            return String.valueOf(e.getMessage()).contains("no such table");
        }
    }

    private String state(Path file) throws Exception {
        Path catalog = directory.resolve("catalog.db");
        Connection reader = Connections.reader(catalog, Bytes.mebi(1));
        try {
            return String.valueOf(Sqlite.value(
                    reader,
                    "SELECT state FROM partitions WHERE file = "
                            + Sqlite.literal(directory.relativize(file).toString())));
        } finally {
            Connections.close(catalog, reader);
        }
    }

    /** A file past the size that is freed by steps: 65 MiB and more. */
    private Path large(Path file) throws Exception {
        Files.createDirectories(file.getParent());
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
            Sqlite.run(connection, "CREATE TABLE events(b)");
            Sqlite.run(
                    connection,
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)"
                            + " INSERT INTO events SELECT zeroblob(1000000) FROM n");
        }
        assertThat(Files.size(file)).isGreaterThan(65L << 20);
        return file;
    }

    private interface WithTrash {
        void run(Trash trash) throws Exception;
    }

    private void withTrash(WithTrash body) throws Exception {
        StorePaths paths = new StorePaths(directory);
        paths.create();
        Catalog catalog = Catalog.open(paths.catalog(), Instant.EPOCH);
        Supervisor supervisor = new Supervisor();
        UpTime up = UpTime.read(catalog.beforeStart(), MonotonicClock.SYSTEM);
        catalog.start(supervisor);
        try {
            TableMarks marks = new TableMarks(Map.of(), (table, to) -> {});
            Manifest manifest = new Manifest(paths);
            ReadHandles readers = new ReadHandles(paths, new Suspects(true), 0);
            // What the catalog does not know as dropped is left alone.
            catalog.change(c -> {
                Sqlite.run(
                        c,
                        "INSERT INTO partitions(table_name, class, period, n, file, state, created, changed)"
                                + " VALUES('events', '', '2026-05-10', 1, 'tables/events/2026-05-10.db', 'dropped', '', '')");
                return true;
            });
            body.run(new Trash(paths, catalog, manifest, readers, Clock.systemUTC(), marks, Duration.ofHours(1), up));
        } finally {
            supervisor.stop();
            catalog.finish(null);
            catalog.close();
        }
    }

    /** A backup by a hard link shares the bytes: cutting the dropped file in steps would empty the backup. */
    @Test
    void shouldNotEmptyAHardLink() throws Exception {
        withTrash(trash -> {
            Path dropped = large(directory.resolve("trash/events~2026-05-10.db"));
            Path backup = Files.createLink(directory.resolve("backup.db"), dropped);
            long size = Files.size(backup);
            while (trash.free()) {
                // One step after another, as the janitor does.
            }
            assertThat(dropped).doesNotExist();
            assertThat(backup).hasSize(size);
            assertThat(rows("jdbc:sqlite:" + backup)).isEqualTo(70);
        });
    }

    /** A reader of another process has the file open: it must read on to its end, and not meet a file that was cut under it. */
    @Test
    void shouldNotCutAFileUnderAReaderOfAnotherProcess() throws Exception {
        withTrash(trash -> {
            Path dropped = large(directory.resolve("trash/events~2026-05-10.db"));
            try (ChildJvm reader = ChildJvm.start(Reader.class, dropped.toString())) {
                assertThat(reader.line()).isEqualTo("rows 70");
                while (trash.free()) {
                    // One step after another, as the janitor does.
                }
                assertThat(dropped).doesNotExist();
                reader.send("");
                assertThat(reader.line()).isEqualTo("rows 70");
                assertThat(reader.line()).isEqualTo("whole ok");
            }
        });
    }

    /** G89: and where nobody has it, it goes in steps: unlinking a large file at once keeps the file system busy. */
    @Test
    void shouldCutWhatNobodyHas() throws Exception {
        withTrash(trash -> {
            Path dropped = large(directory.resolve("trash/events~2026-05-10.db"));
            long left = Files.size(dropped);
            int steps = 0;
            while (trash.free()) {
                long now = Files.exists(dropped) ? Files.size(dropped) : 0;
                assertThat(left - now).as("what step %s frees", ++steps).isBetween(1L, 16L << 20);
                left = now;
            }
            assertThat(steps).isBetween(4, 6);
            assertThat(dropped).doesNotExist();
        });
    }

    /** Neither after a drop nor after a restart: a reader of another process would take the new file for the old one. */
    @Test
    void shouldGiveNoNameTwice() throws Exception {
        TableSpec kept = TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.maxAge(Duration.ofDays(9).plusHours(12)))
                .build();
        try (Store store = open()) {
            Table<Row> events = store.createTable(SPEC);
            events.append(row(SPEC, 1, 0), Ack.COMMITTED).join();
            events.append(row(SPEC, 2, 9), Ack.COMMITTED).join();
            store.createTable(kept);
            assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(1);
        }
        try (Store store = open()) {
            Table<Row> events = store.createTable(SPEC);
            // Later on the same day than what was dropped: its period comes back.
            events.append(row(SPEC, 50_000, 0), Ack.COMMITTED).join();
            assertThat(store.partitions()).extracting(p -> p.id().toString()).contains("events/2026-05-10.2");
        }
        assertThat(file(0)).doesNotExist();
    }

    /** Closes a store under strace. */
    static final class Closer {
        private Closer() {}

        public static void main(String[] arguments) {
            try (Store store = Levee.open(Path.of(arguments[0]), o -> o.asOf(AS_OF))) {
                store.createTable(SPEC).append(row(SPEC, 1, 0), Ack.COMMITTED).join();
                System.out.println("committed");
            }
        }
    }

    /**
     * SQLite does not sync the directory after its last unlink: after a power cut a journal may lie beside a file that the catalog
     * calls closed. So the directory is synced between the last change in it and the catalog's word.
     */
    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldSyncTheDirectoryBeforeTheCatalogCallsAFileClosed() throws Exception {
        Path trace = directory.resolve("trace");
        Path home = directory.resolve("store");
        Process strace = new ProcessBuilder(
                        Requirements.tool("strace").toString(),
                        "-f",
                        "-y",
                        "-e",
                        "trace=fsync,fdatasync,unlink",
                        "-o",
                        trace.toString(),
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Closer.class.getName(),
                        home.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(strace.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(strace.waitFor()).as(said).isZero();
        List<String> calls = Files.readAllLines(trace);
        int gone = last(calls, "unlink", "2026-05-10.db-");
        int synced = last(calls, "sync", "tables/events>");
        int told = last(calls, "sync", "catalog.db-wal>");
        assertThat(gone).as("%s", calls).isPositive();
        assertThat(synced).as("%s", calls).isBetween(gone, told);
        // And the name of the table's own directory, before the first partition in it is called anything.
        assertThat(last(calls, "sync", "store/tables>")).as("%s", calls).isBetween(0, synced);
    }

    private static int last(List<String> calls, String what, String file) {
        for (int i = calls.size() - 1; i >= 0; i--) {
            if (calls.get(i).contains(what) && calls.get(i).contains(file)) {
                return i;
            }
        }
        return -1;
    }

    /** Opened by the next process at once after a kill: what nobody writes to is closed, and no WAL stays. */
    @Test
    void shouldCloseWhatACrashLeftOpen() throws Exception {
        try (ChildJvm writer = ChildJvm.start(Killed.class, directory.toString())) {
            assertThat(writer.line()).isEqualTo("committed");
            writer.kill();
        }
        assertThat(StorePaths.wal(file(0))).exists();
        try (Store store = open()) {
            assertThat(store.count(Query.builder("events").build())).isEqualTo(3);
            await().until(() -> noWal(directory.resolve("tables")));
            assertThat(state(file(0))).isEqualTo("closed");
            assertThat(store.partitions())
                    .allSatisfy(p -> assertThat(p.rangeKnown()).isTrue());
            assertThat(store.count(Query.builder("events").build())).isEqualTo(3);
        }
    }

    /** Leaves three partitions open. */
    static final class Killed {
        private Killed() {}

        public static void main(String[] arguments) throws IOException {
            Store store = Levee.open(Path.of(arguments[0]), o -> o.asOf(AS_OF));
            Table<Row> events = store.createTable(SPEC);
            for (int day = 0; day < 3; day++) {
                events.append(row(SPEC, day, day), Ack.COMMITTED).join();
            }
            System.out.println("committed");
            System.in.read();
        }
    }

    private static boolean noWal(Path tables) {
        return Tree.files(tables).stream().noneMatch(f -> f.toString().endsWith("-wal"));
    }
}
