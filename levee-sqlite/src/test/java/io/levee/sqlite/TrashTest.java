package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.supervisor.Supervisor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was dropped can come back until its grace ends, whatever happens to the process meanwhile; and never beside a newer row. */
class TrashTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock(NOW);

    private static TableSpec spec(RetentionRule rule, String... key) {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .column(new Column("more", ColumnType.TEXT, true, false, null))
                .time("at")
                .key(key)
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private Store open() {
        return Levee.open(directory, o -> o.clock(clock).retentionEvery(Duration.ofHours(1)));
    }

    private static Row row(TableSpec spec, long i, int daysBack, String text) {
        return Row.of(spec)
                .set("i", i)
                .set("at", NOW.minus(Duration.ofDays(daysBack)).plusMillis(i))
                .set("text", text)
                .set("more", "more of " + text)
                .build();
    }

    private static void fill(Store store, String... key) {
        Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL, key));
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            rows.add(row(table.spec(), i, i % 6, "row " + i));
        }
        table.appendAll(rows, Ack.COMMITTED).join();
    }

    private static List<PartitionId> drop(Store store, int days, String... key) {
        store.createTable(spec(RetentionRule.maxAge(Duration.ofDays(days)), key));
        RetentionReport report = store.applyRetention(store.planRetention());
        assertThat(report.blocked()).isEmpty();
        store.createTable(spec(RetentionRule.KEEP_ALL, key));
        return report.dropped();
    }

    private static List<Object> all(Store store, String column) {
        List<Object> values = new ArrayList<>();
        try (Result<Row> rows = store.query(
                Query.builder("events").oldestFirst().limit(1_000_000).build())) {
            rows.forEach(row -> values.add(row.get(column)));
        }
        return values;
    }

    @Test
    void shouldBringBackWhatAnEarlierProcessDropped() throws Exception {
        List<PartitionId> dropped;
        List<Object> before;
        try (Store store = open()) {
            fill(store, "i");
            before = all(store, "more");
            dropped = drop(store, 3, "i");
            assertThat(dropped).hasSize(2);
            assertThat(store.dropped()).extracting(PartitionInfo::id).containsExactlyElementsOf(dropped);
            assertThat(store.dropped()).allMatch(p -> p.rows() == 100 && p.bytes() > 0 && p.rangeKnown());
        }
        assertThat(files("trash")).isEqualTo(2);
        try (Store reader = Levee.openReadOnly(directory)) {
            assertThat(reader.dropped()).extracting(PartitionInfo::id).containsExactlyElementsOf(dropped);
            try (Store store = open()) {
                dropped.forEach(store::restore);
                assertThat(all(store, "more")).isEqualTo(before);
                assertThat(store.dropped()).isEmpty();
                assertThat(store.status().toMap().get("partitions"))
                        .as("the bound with its present use")
                        .isEqualTo(Map.of("count", 6L, "limit", 20_000L));
                assertThatThrownBy(() -> store.restore(dropped.get(0))).hasMessageContaining("NOT_FOUND");
                // Keys and rows are as if nothing had been.
                Table<Row> table = store.table("events");
                assertThat(table.append(row(table.spec(), 5, 0, "changed"), Ack.DURABLE)
                                .join()
                                .updated())
                        .isTrue();
                assertThat(all(reader, "i")).hasSize(600).doesNotHaveDuplicates();
                assertThat(store.verify("events", each -> {}))
                        .allMatch(v -> !v.state().name().equals("DAMAGED"));
            }
        }
    }

    private long files(String part) throws Exception {
        try (var files = Files.list(directory.resolve(part))) {
            return files.count();
        }
    }

    /** By the store's own time: neither a jump of the wall clock nor a pause of the process ends a grace, and a restart begins none. */
    @Test
    void shouldCountTheGraceWhileItIsOpen() throws Exception {
        try (OpenEngine open = new OpenEngine(directory)) {
            open.append(OpenEngine.row(1, 0), OpenEngine.row(2, 1));
            for (PartitionInfo partition : open.engine.partitions()) {
                assertThat(open.engine.closePartition(partition.id())).isEmpty();
                assertThat(open.engine.drop(partition.id(), "a test").blockedBy())
                        .isEmpty();
            }
        }
        AtomicLong nanos = new AtomicLong();
        Duration grace = Duration.ofMinutes(43);
        for (int opening = 0; opening < 4; opening++) {
            boolean last = opening == 3;
            // A minute for what was before.
            Duration left = Duration.ofMinutes(43 - 11L * opening - 9);
            inTrash(nanos, grace, trash -> {
                nanos.addAndGet(TimeUnit.MINUTES.toNanos(9));
                assertThat(trash.graces().values())
                        .hasSize(2)
                        .allSatisfy(one -> assertThat(one).isBetween(left.minusMinutes(1), left));
                assertThat(trash.free()).as("within the grace").isFalse();
                nanos.addAndGet(TimeUnit.MINUTES.toNanos(2));
                trash.noteTime();
                assertThat(trash.free()).as("after the grace").isEqualTo(last);
            });
            assertThat(files("trash")).as("small files go in one step").isEqualTo(last ? 0 : 2);
            nanos.addAndGet(TimeUnit.DAYS.toNanos(7));
        }
        try (Store store = open()) {
            assertThat(store.dropped()).isEmpty();
            assertThatThrownBy(() -> store.restore(new PartitionId("events", "", "2026-05-11", 1)))
                    .hasMessageContaining("NOT_FOUND");
        }
    }

    private interface Body {
        void run(Trash trash) throws Exception;
    }

    private void inTrash(AtomicLong nanos, Duration grace, Body body) throws Exception {
        StorePaths paths = new StorePaths(directory);
        Catalog catalog = Catalog.open(paths.catalog(), Instant.EPOCH);
        Supervisor supervisor = new Supervisor();
        UpTime up = UpTime.read(catalog.beforeStart(), nanos::get);
        catalog.start(supervisor);
        try {
            TableMarks marks = new TableMarks(Map.of(), (table, to) -> {});
            ReadHandles readers = new ReadHandles(paths, new Suspects(true), 0);
            body.run(new Trash(paths, catalog, new Manifest(paths), readers, Clock.systemUTC(), marks, grace, up));
        } finally {
            supervisor.stop();
            catalog.finish(null);
            catalog.close();
        }
    }

    /** Short of space nobody waits for a grace, and nothing has to be written for it first. */
    @Test
    void shouldGiveTheGraceUpUnderPressure() throws Exception {
        try (Store store = open()) {
            fill(store);
            drop(store, 3);
        }
        inTrash(new AtomicLong(), Duration.ofHours(1), trash -> {
            assertThat(trash.free()).isFalse();
            assertThat(trash.freeNow()).isTrue();
            assertThat(trash.freeNow()).isTrue();
            assertThat(trash.freeNow()).isFalse();
        });
        assertThat(files("trash")).isZero();
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(store.dropped()).isEmpty();
        }
    }

    /** Past the cap the trash goes first, long before its grace ends, and that is enough: no live partition goes. */
    @Test
    void shouldEmptyTheTrashBeforeAnythingElseGoesForSpace() throws Exception {
        long bytes;
        try (Store store = open()) {
            Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < 600; i++) {
                rows.add(row(table.spec(), i, i % 6, "x".repeat(8000)));
            }
            table.appendAll(rows, Ack.COMMITTED).join();
            drop(store, 2);
        }
        assertThat(files("trash")).isEqualTo(3);
        try (Store store = open()) {
            await().until(() -> store.status().disk().bytes() > 0);
            // The reserve is smaller under a cap.
            bytes = store.status().disk().bytes()
                    - store.status().disk().byPart().getOrDefault("reserve", 0L);
        }
        try (Store store = Levee.open(
                directory,
                o -> o.clock(clock)
                        .retentionEvery(Duration.ofHours(1))
                        .disk(new Bytes(bytes - Bytes.mebi(1).value())))) {
            await().until(() -> files("trash") < 3);
            // First the file goes, then the catalog is told.
            await().until(() -> store.dropped().size() < 3);
            assertThat(store.partitions()).hasSize(3);
        }
    }

    /** A crash between the rename and the catalog's word, on the way there and on the way back. */
    @Test
    void shouldFindItsWayAfterACrashInBetween() throws Exception {
        List<PartitionId> dropped;
        try (Store store = open()) {
            fill(store, "i");
            dropped = drop(store, 3, "i");
        }
        Path file = directory.resolve("tables/events/" + dropped.get(0).period() + ".db");
        Files.move(directory.resolve("trash/events~" + file.getFileName()), file);
        try (Store store = open()) {
            assertThat(all(store, "i")).hasSize(400);
            assertThat(store.dropped()).hasSize(2);
            store.restore(dropped.get(0));
            assertThat(all(store, "i")).hasSize(500).doesNotHaveDuplicates();
        }
        assertThat(file).exists();
        assertThat(files("trash")).isEqualTo(1);
    }

    /** What a crash left in its place goes to the trash, however many were dropped since. */
    @Test
    void shouldFindWhatACrashLeftBeforeThousandsOfOtherDrops() throws Exception {
        List<PartitionId> dropped;
        try (Store store = open()) {
            fill(store);
            dropped = drop(store, 3);
        }
        Path file = directory.resolve("tables/events/" + dropped.get(0).period() + ".db");
        Files.move(directory.resolve("trash/events~" + file.getFileName()), file);
        Path catalog = directory.resolve("catalog.db");
        Connection connection = Connections.catalog(catalog);
        Sqlite.run(
                connection,
                "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1200) INSERT INTO"
                        + " partitions(table_name, class, period, n, file, state, created, changed) SELECT 'events', '',"
                        + " '2020-01-01', i, 'tables/events/2020-01-01.' || i || '.db', 'dropped', '9999', '9999' FROM c");
        Connections.close(catalog, connection);
        inTrash(new AtomicLong(), Duration.ofHours(1), Trash::free);
        assertThat(file).doesNotExist();
    }

    /** Two that were dropped have the same key, since it was written between the drops: one row of it is live, in any order. */
    @Test
    void shouldKeepOneRowAKeyWhenSeveralComeBack() {
        for (boolean olderFirst : new boolean[] {true, false}) {
            Path home = directory.resolve("order-" + olderFirst);
            try (Store store = Levee.open(home, o -> o.clock(clock))) {
                fill(store, "i");
                List<PartitionId> first = drop(store, 4, "i");
                Table<Row> table = store.table("events");
                // Those of five days ago are in the trash: their keys are free.
                List<Row> again = new ArrayList<>();
                for (int i = 5; i < 600; i += 6) {
                    again.add(row(table.spec(), i, 3, "again " + i));
                }
                assertThat(table.appendAll(again, Ack.COMMITTED).join().stored())
                        .isEqualTo(100);
                List<PartitionId> second = drop(store, 2, "i");
                List<PartitionId> back = new ArrayList<>(olderFirst ? first : second);
                back.addAll(olderFirst ? second : first);
                assertThat(back).hasSize(3);
                back.forEach(store::restore);
                assertThat(all(store, "i")).hasSize(600).doesNotHaveDuplicates();
                // And after being away once more.
                if (olderFirst) {
                    List<PartitionId> dropped = drop(store, 2, "i");
                    assertThat(dropped).hasSize(3);
                    dropped.forEach(store::restore);
                }
                assertThat(all(store, "i")).hasSize(600).doesNotHaveDuplicates();
                assertThat(store.count(
                                Query.builder("events").where(Expr.eq("i", 5L)).build()))
                        .isEqualTo(1);
            }
        }
    }

    /** The writer goes on while a large partition comes back: none of the keys that it writes meanwhile is there twice. */
    @Test
    void shouldKeepOneRowAKeyWhileItsKeysAreWritten() {
        try (Store store = open()) {
            Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL, "i"));
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < 30_000; i++) {
                rows.add(row(table.spec(), i, 5, "old"));
            }
            rows.add(row(table.spec(), 99_999, 0, "newest"));
            table.appendAll(rows, Ack.COMMITTED).join();
            PartitionId dropped = drop(store, 3, "i").get(0);
            List<CompletableFuture<?>> written = new ArrayList<>();
            CompletableFuture<Void> back = null;
            for (int i = 0; i < 20_000; i++) {
                written.add(table.append(row(table.spec(), i, 1, "new"), Ack.COMMITTED));
                if (i == 5_000) {
                    back = CompletableFuture.runAsync(() -> store.restore(dropped));
                }
            }
            written.forEach(CompletableFuture::join);
            assertThat(back).isNotNull();
            back.join();
            List<Object> keys = all(store, "i");
            assertThat(keys).hasSize(30_001);
            Set<Object> distinct = new HashSet<>(keys);
            assertThat(distinct).hasSize(30_001);
            assertThat(store.count(Query.builder("events")
                            .where(Expr.eq("text", "new"))
                            .build()))
                    .isEqualTo(20_000);
        }
    }

    /** A query that began before the drop has its file under another name, or in its place: it reads on. */
    @Test
    void shouldLetAQueryReadOnWhileItsPartitionGoesAndComesBack() {
        try (Store store = open()) {
            Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < 6000; i++) {
                rows.add(row(table.spec(), i, i % 6, "x".repeat(500)));
            }
            table.appendAll(rows, Ack.COMMITTED).join();
        }
        try (Store store = open()) {
            try (Result<Row> result = store.query(
                    Query.builder("events").oldestFirst().limit(1_000_000).build())) {
                Iterator<Row> iterator = result.iterator();
                iterator.next();
                List<PartitionId> dropped = drop(store, 3);
                dropped.forEach(store::restore);
                drop(store, 3).forEach(store::restore);
                int read = 1;
                while (iterator.hasNext()) {
                    iterator.next();
                    read++;
                }
                assertThat(read).isEqualTo(6000);
            }
            assertThat(all(store, "i")).hasSize(6000);
        }
    }

    /** What is damaged in the trash stays there, and says so. */
    @Test
    void shouldRefuseToBringBackAnotherFile() throws Exception {
        try (Store store = open()) {
            fill(store);
            PartitionId dropped = drop(store, 3).get(0);
            Path file = directory.resolve("trash/events~" + dropped.period() + ".db");
            Path other;
            try (var files = Files.list(directory.resolve("trash"))) {
                other = files.filter(f -> !f.equals(file)).findFirst().orElseThrow();
            }
            Files.copy(other, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            assertThatThrownBy(() -> store.restore(dropped)).hasMessageContaining("CORRUPT");
            assertThat(all(store, "i")).hasSize(400);
            assertThat(store.dropped()).hasSize(2);
        }
    }

    /** The catalog of a release that knew no grace: what it dropped is freed, and its trash is listed as empty. */
    @Test
    void shouldFreeWhatAnOlderReleaseDropped() throws Exception {
        try (Store store = open()) {
            fill(store);
            drop(store, 3);
        }
        Path catalog = directory.resolve("catalog.db");
        Connection connection = Connections.catalog(catalog);
        Sqlite.run(connection, "DROP TABLE trash");
        Connections.close(catalog, connection);
        try (Store reader = Levee.openReadOnly(directory)) {
            assertThat(reader.dropped()).isEmpty();
        }
        try (Store store = open()) {
            assertThat(store.dropped()).isEmpty();
        }
        inTrash(new AtomicLong(), Duration.ofHours(1), trash -> {
            while (trash.free()) {
                // One step after another, as the janitor does.
            }
        });
        assertThat(files("trash")).isZero();
    }
}
