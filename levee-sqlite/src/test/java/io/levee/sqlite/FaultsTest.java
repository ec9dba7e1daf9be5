package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Health;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Broken files and full disks: a clear error or a wait, never a crash and never a wrong answer in silence. */
class FaultsTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private static Row row(long i, int day, String text) {
        return Row.of(SPEC)
                .set("i", i)
                .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(i))
                .set("text", text)
                .build();
    }

    private static long read(Store store) {
        try (Result<Row> rows = store.query(Query.builder("events").build())) {
            return rows.toList().size();
        }
    }

    private void twoDays() {
        try (Store store = Levee.open(directory)) {
            Table<Row> events = store.createTable(SPEC);
            for (int i = 0; i < 10; i++) {
                events.append(row(i, i % 2, "x"));
            }
        }
    }

    private Path partition(String name) {
        return directory.resolve("tables/events/" + name);
    }

    @Test
    void shouldWaitForSpaceAndGoOn() throws IOException {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 3 << 20))) {
            Path ballast = disk.directory().resolve("ballast");
            try (Store store = Levee.open(disk.directory().resolve("store"))) {
                Table<Row> events = store.createTable(SPEC);
                events.append(row(0, 0, "first"), Ack.COMMITTED).join();
                try (RandomAccessFile file = new RandomAccessFile(ballast.toFile(), "rw")) {
                    fill(file);
                }
                List<CompletableFuture<Receipt>> waiting = new ArrayList<>();
                for (int i = 1; i <= 200; i++) {
                    // Day 3 has no partition yet: making one needs space too.
                    waiting.add(events.append(row(i, i % 4, "y".repeat(2000)), Ack.COMMITTED));
                }
                await().until(() -> store.status().health().state() == Health.State.DOWN);
                assertThat(waiting.get(199)).isNotDone();
                assertThat(read(store)).isBetween(1L, 201L);

                Files.delete(ballast);

                waiting.forEach(CompletableFuture::join);
                assertThat(store.status().lost()).isZero();
                await().until(() -> store.status().health().state() == Health.State.UP);
                assertThat(read(store)).isEqualTo(201);
                assertThat(store.partitions()).hasSize(4);
                CloseReport report = store.close(Duration.ofSeconds(10));
                assertThat(report.clean()).as(report.reason()).isTrue();
            }
            try (Store store = Levee.open(disk.directory().resolve("store"))) {
                assertThat(read(store)).isEqualTo(201);
            }
        }
    }

    @Test
    void shouldWaitForSpaceWhenNumbersRunOut() throws IOException {
        // A new table's first number is reserved in the catalog: that needs space while a partition's transaction is
        // open.
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 4 << 20))) {
            Path ballast = disk.directory().resolve("ballast");
            try (Store store = Levee.open(disk.directory().resolve("store"))) {
                Table<Row> events = store.createTable(SPEC);
                assertThat(store.partitions()).isEmpty();
                try (RandomAccessFile file = new RandomAccessFile(ballast.toFile(), "rw")) {
                    fill(file);
                }
                CompletableFuture<Receipt> first = events.append(row(1, 0, "x"), Ack.COMMITTED);
                await().until(() -> store.status().health().state() == Health.State.DOWN);
                Files.delete(ballast);
                assertThat(first.join().seq()).isPositive();
                assertThat(store.partitions()).hasSize(1);
            }
        }
    }

    private static void fill(RandomAccessFile file) {
        byte[] piece = new byte[4096];
        try {
            while (file.length() < 64 << 20) {
                file.write(piece);
            }
        } catch (IOException e) {
            assertThat(e).hasMessageContaining("No space left");
        }
    }

    @Test
    void shouldSayThatADiskIsFullWhenAStoreIsOpenedAndOpenItLater() throws IOException {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 1 << 20))) {
            Path ballast = disk.directory().resolve("ballast");
            try (RandomAccessFile file = new RandomAccessFile(ballast.toFile(), "rw")) {
                fill(file);
            }
            Path home = disk.directory().resolve("store");
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> Levee.open(home));
            assertThat(e).isNotNull();
            assertThat(e.code()).isIn(ErrorCode.DISK_FULL, ErrorCode.IO_FAILED);
            Files.delete(ballast);
            Levee.open(home).close();
        }
    }

    @Test
    void shouldRefuseADirectoryThatCannotBeWritten() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "x");
        LeveeException e = catchThrowableOfType(LeveeException.class, () -> Levee.open(file.resolve("store")));
        assertThat(e.code()).isEqualTo(ErrorCode.IO_FAILED);
        assertThat(e.hint()).isNotNull();
        assertThat(catchThrowableOfType(LeveeException.class, () -> Levee.open(file)))
                .returns(ErrorCode.NOT_FOUND, LeveeException::code)
                .hasMessageContaining(file.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"foreign", "future"})
    void shouldSayThatACatalogIsNoCatalog(String kind) throws Exception {
        twoDays();
        Path catalog = directory.resolve("catalog.db");
        if (kind.equals("foreign")) {
            Files.delete(catalog);
            sql(catalog, "CREATE TABLE store(key, value)");
        } else {
            sql(catalog, "UPDATE store SET value = '99' WHERE key = 'format'");
        }
        sql(catalog, "PRAGMA user_version=99");
        for (int i = 0; i < 2; i++) {
            // The second time shows that the first left no lock behind.
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> Levee.open(directory));
            assertThat(e).isNotNull();
            assertThat(e.code()).isEqualTo(ErrorCode.UNSAFE_ENVIRONMENT);
            assertThat(catchThrowableOfType(LeveeException.class, () -> Levee.openReadOnly(directory)))
                    .isNotNull();
        }
        assertThat(Handles.open(catalog)).isZero();
    }

    private static void sql(Path database, String sql) throws Exception {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database)) {
            Sqlite.run(connection, sql);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"deleted", "empty", "garbage"})
    void shouldSayThatAClosedPartitionIsDamaged(String kind) throws Exception {
        twoDays();
        Path broken = partition("2026-05-10.db");
        switch (kind) {
            case "deleted" -> Files.delete(broken);
            case "empty" -> Files.write(broken, new byte[0]);
            default ->
                Files.write(
                        broken,
                        "no database, whatever its length may be"
                                .repeat(500)
                                .getBytes(java.nio.charset.StandardCharsets.UTF_8));
        }
        Query damaged =
                Query.builder("events").to(DAY1.plus(Duration.ofHours(1))).build();
        // A store that only reads tells each time; one that writes sets it aside, and only the first query fails.
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(codeOf(() -> read(store))).isEqualTo(ErrorCode.CORRUPT);
            assertThat(codeOf(() -> store.count(damaged))).isEqualTo(ErrorCode.CORRUPT);
            assertThat(codeOf(() -> {
                        try (SqlResult result = store.sql(SqlQuery.of("SELECT count(*) FROM events"))) {
                            result.iterator().next();
                        }
                    }))
                    .isEqualTo(ErrorCode.CORRUPT);
            otherDayIsThere(store, 5);
        }
        try (Store store = Levee.open(directory)) {
            // Unless maintenance met it before: it gives closed files their checksums.
            await().ignoreExceptionsInstanceOf(LeveeException.class).until(() -> store.count(damaged) == 0);
            otherDayIsThere(store, 5);
            store.createTable(SPEC).append(row(100, 5, "on"), Ack.COMMITTED).join();
            await().until(() -> store.quarantined().size() == 1);
            assertThat(store.count(damaged)).isZero();
            otherDayIsThere(store, 5);
        }
    }

    private static ErrorCode codeOf(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        return catchThrowableOfType(LeveeException.class, call).code();
    }

    private static void otherDayIsThere(Store store, long rows) {
        Query other = Query.builder("events")
                .from(DAY1.plus(Duration.ofHours(20)))
                .to(DAY1.plus(Duration.ofDays(2)))
                .build();
        assertThat(store.count(other)).isEqualTo(rows);
    }

    @Test
    void shouldLeaveUnknownFilesAlone() throws IOException {
        twoDays();
        Path stranger = Files.writeString(partition("2026-05-11.db.bak"), "mine");
        Path other =
                Files.createDirectories(directory.resolve("tables/events/sub")).resolve("2020-01-01.db");
        Files.writeString(other, "mine");
        try (Store store = Levee.open(directory)) {
            assertThat(read(store)).isEqualTo(10);
            assertThat(store.status().disk().bytes()).isPositive();
        }
        assertThat(stranger).hasContent("mine");
        assertThat(other).hasContent("mine");
    }

    @ParameterizedTest
    @ValueSource(strings = {"we ird #%41", "quest?ion=1&x", "größe 😀", "a'b"})
    void shouldWorkInAnyDirectory(String name) throws IOException {
        Path home = directory.resolve(name);
        try (Store store = Levee.open(home)) {
            store.createTable(SPEC).append(row(1, 0, "x"), Ack.COMMITTED).join();
            assertThat(read(store)).isEqualTo(1);
            try (SqlResult result = store.sql(SqlQuery.of("SELECT count(*) FROM events"))) {
                assertThat(result.iterator().next()).isEqualTo(List.of(1L));
            }
        }
        try (Store store = Levee.openReadOnly(home)) {
            assertThat(read(store)).isEqualTo(1);
        }
        try (var files = Files.list(directory)) {
            assertThat(files.map(p -> p.getFileName().toString())).containsExactly(name);
        }
        assertThat(home.resolve("tables/events/2026-05-10.db")).isRegularFile();
    }
}
