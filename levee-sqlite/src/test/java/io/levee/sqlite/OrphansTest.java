package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files in a store that the catalog does not know: told with their bytes, counted, and still there afterwards. */
class OrphansTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");
    private static final String DAY = "tables/events/2026-05-19.db";

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock(NOW);

    private static TableSpec spec(RetentionRule rule) {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private Store open() {
        return Levee.open(directory, o -> o.clock(clock).retentionEvery(Duration.ofHours(1)));
    }

    private static void fill(Store store) {
        Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
        for (int day = 0; day < 3; day++) {
            table.append(
                            Row.of(table.spec())
                                    .set("i", day)
                                    .set("at", NOW.minus(Duration.ofDays(day)))
                                    .build(),
                            Ack.COMMITTED)
                    .join();
        }
    }

    /** Each as a crash, a person or a copy from elsewhere may leave it. */
    private List<Path> strew() throws IOException {
        Files.createDirectories(directory.resolve("tables/other"));
        List<Path> strewn = List.of(
                Files.copy(directory.resolve(DAY), directory.resolve("tables/events/2026-05-19.7.db")),
                Files.copy(directory.resolve(DAY), directory.resolve("tables/other/2026-05-19.db")),
                Files.write(directory.resolve("tables/events/2026-05-01.db-wal"), new byte[12_345]),
                Files.copy(directory.resolve(DAY), directory.resolve("trash/events~2026-05-02.db")),
                Files.copy(directory.resolve(DAY), directory.resolve("quarantine/events~2026-05-02.db")),
                Files.write(directory.resolve("tmp/merge.db"), new byte[4096]),
                Files.write(directory.resolve("tmp/split-3.db"), new byte[8192]));
        for (Path file : strewn) {
            Files.setLastModifiedTime(file, FileTime.from(Instant.EPOCH));
        }
        return strewn;
    }

    private void requireTold(Store store, List<Path> strewn) throws IOException {
        List<Finding> findings = store.diagnose();
        for (Path file : strewn) {
            assertThat(findings)
                    .as("%s", findings)
                    .anySatisfy(found -> assertThat(found.what())
                            .contains(directory.relativize(file).toString(), Files.size(file) + " bytes"))
                    .filteredOn(found -> found.what().contains(directory.relativize(file) + " "))
                    .singleElement()
                    .satisfies(found -> {
                        assertThat(found.level()).isEqualTo(Finding.Level.WARNING);
                        assertThat(found.hint()).contains("elete it");
                    });
        }
        assertThat(findings.stream().filter(f -> f.what().startsWith("nobody knows")))
                .hasSameSizeAs(strewn);
    }

    /** G80: files that the store did not make are told of, and never touched. */
    @Test
    void shouldTellAndCountAndKeepWhatNobodyOwns() throws Exception {
        try (Store store = open()) {
            fill(store);
        }
        List<Path> strewn = strew();
        long bytes = 0;
        for (Path file : strewn) {
            bytes += (Files.size(file) + 4095) / 4096 * 4096;
        }
        try (Store store = Levee.openReadOnly(directory)) {
            requireTold(store, strewn);
        }
        try (Store store = open()) {
            requireTold(store, strewn);
            long all = bytes;
            await().untilAsserted(
                            () -> assertThat(store.status().disk().byPart().get(Volume.ORPHANS))
                                    .isEqualTo(all));
            // A drop, its grace, and what frees it: the trash is emptied of what was dropped here, and of nothing else.
            store.createTable(spec(RetentionRule.maxAge(Duration.ofDays(1))));
            assertThat(store.applyRetention(store.planRetention()).dropped()).isNotEmpty();
            assertThat(store.count(Query.builder("events").build())).isEqualTo(2);
        }
        try (Store store = Levee.open(
                directory, o -> o.clock(clock).trashGrace(Duration.ZERO).retentionEvery(Duration.ofMillis(20)))) {
            await().until(() ->
                    store.dropped().isEmpty() && Files.notExists(directory.resolve("trash/events~2026-05-18.db")));
            requireTold(store, strewn);
        }
        assertThat(strewn).allMatch(Files::exists);
    }

    /** Everything that a store has of its own, open, dropped and being read, is nobody's orphan. */
    @Test
    void shouldTellNothingOfItsOwnFiles() {
        try (Store store = open()) {
            fill(store);
            store.createTable(spec(RetentionRule.maxAge(Duration.ofDays(1))));
            store.applyRetention(store.planRetention());
            assertThat(store.dropped()).isNotEmpty();
            assertThat(store.diagnose()).noneMatch(found -> found.what().startsWith("nobody knows"));
            try (Store reader = Levee.openReadOnly(directory)) {
                assertThat(reader.diagnose()).noneMatch(found -> found.what().startsWith("nobody knows"));
            }
        }
    }

    /** A kill between the unlink of a database and that of its WAL, in the drop for space that the ledger names. */
    @Test
    void shouldFinishAnUnlinkingThatAKillStopped() throws Exception {
        try (Store store = open()) {
            fill(store);
        }
        try (LedgerFixture ledger = new LedgerFixture(directory)) {
            ledger.gone(new io.levee.PartitionId("events", "", "2026-05-18", 1));
        }
        Path wal = directory.resolve("tables/events/2026-05-18.db-wal");
        Files.write(wal, new byte[5000]);
        Files.delete(directory.resolve("tables/events/2026-05-18.db"));
        try (Store store = open()) {
            assertThat(wal).doesNotExist();
            assertThat(store.diagnose()).noneMatch(found -> found.what().startsWith("nobody knows"));
            assertThat(store.count(Query.builder("events").build())).isEqualTo(2);
        }
    }

    /** The ledger of a store that nobody has open. */
    private record LedgerFixture(Ledger ledger) implements AutoCloseable {
        LedgerFixture(Path directory) {
            this(Ledger.open(directory.resolve("ledger.log"), java.time.Clock.systemUTC(), "boot"));
        }

        void gone(io.levee.PartitionId id) {
            assertThat(ledger.gone(id, "the volume is full")).isTrue();
        }

        @Override
        public void close() {
            ledger.close(null);
        }
    }
}
