package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.BackupCheck;
import io.levee.BackupReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Issue 6, part 8: backups of a store that is in use, and stores restored from them. */
class BackupTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T12:00:00Z");
    private static final Instant AS_OF = Instant.parse("2026-05-20T12:00:00Z");
    private static final int DAYS = 4;
    static final TableSpec EVENTS = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
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
    Path directory;

    private Path home() {
        return directory.resolve("store");
    }

    private Path backup() {
        return directory.resolve("backup");
    }

    private static Store open(Path home) {
        return Levee.open(home, o -> o.asOf(AS_OF));
    }

    static Row event(long i) {
        return Row.of(EVENTS)
                .set("i", i)
                .set("at", DAY1.plus(Duration.ofDays(i % DAYS)).plusMillis(i))
                .set("text", "event " + i)
                .build();
    }

    private static Row state(long key, long version) {
        Instant at = DAY1.plus(Duration.ofDays(key % DAYS));
        return Row.of(STATES).set("k", key).set("v", version).set("at", at).build();
    }

    private static List<Long> numbers(Store store, String table, String column) {
        List<Long> numbers = new ArrayList<>();
        try (Result<Row> rows =
                store.query(Query.builder(table).oldestFirst().limit(1_000_000).build())) {
            rows.forEach(row -> numbers.add((Long) row.get(column)));
        }
        numbers.sort(null);
        return numbers;
    }

    private static void fill(Store store, int from, int to) {
        Table<Row> events = store.createTable(EVENTS);
        List<Row> rows = new ArrayList<>();
        for (int i = from; i < to; i++) {
            rows.add(event(i));
        }
        events.appendAll(rows, Ack.COMMITTED).join();
    }

    /** Closes and opens the store, and waits until all that is closed has its checksum. */
    private static void requireChecksums(Store store) {
        await().untilAsserted(() -> assertThat(store.verify(null, one -> {}))
                .allMatch(one -> one.state() == io.levee.engine.Verification.State.OK));
    }

    private static List<Long> upTo(long end) {
        return LongStream.range(0, end).boxed().toList();
    }

    @Test
    void shouldHoldWhatWasCommittedAtOneMomentWhileRecordsComeInAndKeysAreUpdated() throws Exception {
        BackupReport report;
        try (Store store = open(home())) {
            Table<Row> events = store.createTable(EVENTS);
            Table<Row> states = store.createTable(STATES);
            AtomicBoolean stop = new AtomicBoolean();
            Thread feeding = new Thread(() -> {
                for (int i = 0; !stop.get(); i++) {
                    events.append(event(i));
                    if (i % 50 == 0) {
                        // Every key gets the same version, one after another, in partitions of their own.
                        for (int key = 0; key < 8; key++) {
                            states.append(state(key, i));
                        }
                        store.flush(Duration.ofSeconds(60));
                    }
                }
            });
            feeding.start();
            try {
                await().until(() -> store.status().stored() > 2000);
                store.backup(backup());
                long before = store.status().stored();
                await().until(() -> store.status().stored() > before + 500);
                report = store.backup(backup());
            } finally {
                stop.set(true);
                feeding.join();
            }
        }
        assertThat(report.missing()).isEmpty();
        Levee.restore(backup(), directory.resolve("restored").toString());
        try (Store store = open(directory.resolve("restored"))) {
            List<Long> numbers = numbers(store, "events", "i");
            assertThat(numbers)
                    .as("all that was committed by then, and nothing after")
                    .isEqualTo(upTo(numbers.size()));
            List<Long> versions = numbers(store, "states", "v");
            assertThat(versions).hasSize(8);
            assertThat(versions.get(7) - versions.get(0))
                    .as("versions %s", versions)
                    .isIn(0L, 50L);
            assertThat(numbers.size() + versions.size() - 8).isGreaterThan(2000);
            assertThat(report.rows()).isEqualTo(numbers.size() + 8);
        }
    }

    @Test
    void shouldRestoreAStoreThatGoesOnAndTellsWhatItLacks() {
        long next;
        try (Store store = open(home())) {
            fill(store, 0, 100);
            Table<Row> states = store.createTable(STATES);
            states.append(state(1, 1), Ack.COMMITTED).join();
            store.backup(backup());
            states.append(state(1, 2), Ack.COMMITTED).join();
            next = store.table("events")
                    .append(event(100), Ack.COMMITTED)
                    .join()
                    .seq();
            assertThat(store.backups()).extracting(mark -> mark.directory()).containsExactly(backup());
        }
        Path restored = directory.resolve("restored");
        assertThat(Levee.restore(backup(), restored.toString()).rows()).isEqualTo(101);
        try (Store store = open(restored)) {
            requireChecksums(store);
            assertThat(numbers(store, "events", "i")).isEqualTo(upTo(100));
            assertThat(store.gaps())
                    .filteredOn(gap -> gap.reason() == LossReason.RESTORED)
                    .extracting(Gap::table)
                    .containsExactlyInAnyOrder("events", "states");
            Table<Row> states = store.table("states");
            assertThat(states.append(state(1, 3), Ack.COMMITTED).join().updated())
                    .as("a key of the backup is found")
                    .isTrue();
            assertThat(store.table("events")
                            .append(event(100), Ack.COMMITTED)
                            .join()
                            .seq())
                    .as("no number is given twice")
                    .isGreaterThan(next);
        }
        try (Store store = open(restored)) {
            assertThat(numbers(store, "events", "i")).isEqualTo(upTo(101));
            assertThat(store.status().lastShutdown()).isEqualTo("CLEAN");
        }
    }

    @Test
    void shouldCopyOnlyWhatChangedSinceTheBackupBefore() throws Exception {
        try (Store store = open(home())) {
            fill(store, 0, 400);
        }
        try (Store store = open(home())) {
            requireChecksums(store);
            assertThat(store.backup(backup()).copied()).isEqualTo(DAYS);
            assertThat(store.backup(backup()).copied()).isZero();
            store.table("events").append(event(400), Ack.COMMITTED).join();
            BackupReport third = store.backup(backup());
            assertThat(third.copied()).as("the one that is open").isEqualTo(1);
            assertThat(third.partitions()).isEqualTo(DAYS);
        }
        assertThat(Levee.verifyBackup(backup(), line -> {}).damaged()).isEmpty();
        try (Stream<Path> files = Files.walk(backup().resolve("tables"))) {
            assertThat(files.filter(Files::isRegularFile))
                    .as("what is old has gone")
                    .hasSize(DAYS);
        }
        Levee.restore(backup(), directory.resolve("restored").toString());
        try (Store store = open(directory.resolve("restored"))) {
            assertThat(numbers(store, "events", "i")).isEqualTo(upTo(401));
        }
    }

    @Test
    void shouldKeepTheGoodCopyOfAPartitionThatWasDamagedSince() throws Exception {
        try (Store store = open(home())) {
            fill(store, 0, 400);
        }
        Path file = home().resolve("tables/events/2026-05-11.db");
        try (Store store = open(home())) {
            requireChecksums(store);
            store.backup(backup());
        }
        flip(file);
        try (Store store = open(home())) {
            assertThat(store.backup(backup()).missing())
                    .as("unchanged, as far as the catalog knows")
                    .isEmpty();
            assertThat(store.verify("events", one -> {}))
                    .anyMatch(v -> !v.detail().isEmpty());
            await().until(() -> store.quarantined().size() == 1);
            BackupReport report = store.backup(backup());
            assertThat(report.partitions()).isEqualTo(DAYS - 1);
        }
        assertThat(Levee.verifyBackup(backup(), line -> {}).damaged()).isEmpty();
        try (Stream<Path> files = Files.walk(backup().resolve("tables"))) {
            assertThat(files.filter(Files::isRegularFile)).hasSize(DAYS);
        }
    }

    @Test
    void shouldNameWhatIsDamagedAndCopyTheRest() throws Exception {
        try (Store store = open(home())) {
            fill(store, 0, 400);
        }
        try (Store store = open(home())) {
            requireChecksums(store);
        }
        flip(home().resolve("tables/events/2026-05-11.db"));
        try (Store store = open(home())) {
            BackupReport report = store.backup(backup());
            assertThat(report.missing()).containsOnlyKeys("events/2026-05-11");
            assertThat(report.partitions()).isEqualTo(DAYS - 1);
            await().until(() -> store.quarantined().size() == 1);
        }
        Levee.restore(backup(), directory.resolve("restored").toString());
        try (Store store = open(directory.resolve("restored"))) {
            assertThat(numbers(store, "events", "i")).hasSize(300);
            assertThat(store.gaps()).anyMatch(g -> g.reason() == LossReason.QUARANTINED && g.count() == 100);
        }
    }

    private static void flip(Path file) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            bytes.seek(bytes.length() / 2);
            int was = bytes.read();
            bytes.seek(bytes.length() / 2);
            bytes.write(was ^ 4);
        }
    }

    @Test
    void shouldFindWhatIsDamagedInABackupAndRestoreNothingOfItInSilence() throws Exception {
        try (Store store = open(home())) {
            fill(store, 0, 400);
            store.backup(backup());
        }
        Path damaged;
        try (Stream<Path> files = Files.walk(backup().resolve("tables"))) {
            damaged = files.filter(Files::isRegularFile).findFirst().orElseThrow();
        }
        flip(damaged);
        BackupCheck check = Levee.verifyBackup(backup(), line -> {});
        assertThat(check.damaged())
                .containsOnlyKeys(backup().relativize(damaged).toString());
        Path restored = directory.resolve("restored");
        LeveeException refused =
                catchThrowableOfType(LeveeException.class, () -> Levee.restore(backup(), restored.toString()));
        assertThat(refused.code()).isEqualTo(ErrorCode.CORRUPT);
        assertThat(catchThrowableOfType(LeveeException.class, () -> open(restored))
                        .code())
                .as("half a store cannot be taken for a whole one")
                .isEqualTo(ErrorCode.UNSAFE_ENVIRONMENT);
        try (Store store = open(home())) {
            requireChecksums(store);
            store.backup(backup(), true, line -> {});
        }
        Levee.restore(backup(), restored.toString());
        try (Store store = open(restored)) {
            assertThat(numbers(store, "events", "i")).isEqualTo(upTo(400));
        }
    }

    @Test
    void shouldRefuseDirectoriesThatAreNoBackupOfThisStore() throws Exception {
        try (Store store = open(home());
                Store other = open(directory.resolve("other"))) {
            fill(store, 0, 4);
            store.backup(backup());
            assertThat(refusal(() -> other.backup(backup()))).isEqualTo(ErrorCode.BAD_VALUE);
            assertThat(refusal(() -> store.backup(home().resolve("tmp/b")))).isEqualTo(ErrorCode.BAD_VALUE);
            assertThat(refusal(() -> store.backup(directory))).isEqualTo(ErrorCode.BAD_VALUE);
            Path mine = Files.createDirectory(directory.resolve("mine"));
            Files.writeString(mine.resolve("letter.txt"), "dear");
            assertThat(refusal(() -> store.backup(mine))).isEqualTo(ErrorCode.BAD_VALUE);
            assertThat(refusal(() -> Levee.restore(backup(), home().toString())))
                    .isEqualTo(ErrorCode.BAD_VALUE);
            assertThat(refusal(() -> Levee.restore(mine, directory.resolve("r").toString())))
                    .isEqualTo(ErrorCode.NOT_FOUND);
        }
    }

    private static ErrorCode refusal(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        LeveeException refused = catchThrowableOfType(LeveeException.class, call);
        assertThat(refused).isNotNull();
        return refused.code();
    }

    @Test
    void shouldHoldNothingWhenItIsDone() {
        try (Store store = open(home())) {
            fill(store, 0, 40);
            store.backup(backup());
            for (PartitionInfo partition : store.partitions()) {
                assertThat(Handles.open(
                                home().resolve("tables/events/" + partition.id().period() + ".db")))
                        .as("the writer's own")
                        .isLessThanOrEqualTo(1);
            }
        }
        try (Store store = Levee.openReadOnly(home())) {
            assertThat(store.partitions()).allMatch(p -> p.state() == PartitionInfo.State.CLOSED);
        }
    }

    private static TableSpec keeping(Duration age) {
        return TableSpec.builder("states")
                .column("k", ColumnType.INTEGER)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("k")
                .partitionBy(PartitionBy.DAY)
                .retention(io.levee.RetentionRule.maxAge(age))
                .build();
    }

    @Test
    void shouldPutADroppedPartitionBackWithoutTheKeysThatWereWrittenSince() {
        try (Store store = Levee.open(home(), o -> o.asOf(AS_OF).trashGrace(Duration.ZERO))) {
            Table<Row> states = store.createTable(keeping(Duration.ofDays(900)));
            for (int key = 0; key < 40; key++) {
                states.append(state(key, 1));
            }
            store.flush(Duration.ofSeconds(60));
            store.backup(backup());
            io.levee.PartitionId first = store.partitions().get(0).id();
            assertThat(refusal(() -> store.restore(first, backup())))
                    .as("it is live")
                    .isEqualTo(ErrorCode.NOT_FOUND);
            store.createTable(keeping(Duration.ofDays(9)));
            store.applyRetention(store.planRetention());
            assertThat(numbers(store, "states", "k")).hasSize(30);
            // A key of the partition that went, written again in another one.
            states.append(
                            Row.of(STATES)
                                    .set("k", 4)
                                    .set("v", 2)
                                    .set("at", DAY1.plus(Duration.ofDays(3)))
                                    .build(),
                            Ack.COMMITTED)
                    .join();
            store.createTable(keeping(Duration.ofDays(900)));
            store.restore(first, backup());
            assertThat(numbers(store, "states", "k")).isEqualTo(upTo(40));
            assertThat(store.table("states").find(4).orElseThrow().get("v")).isEqualTo(2L);
            assertThat(store.table("states").find(8).orElseThrow().get("v")).isEqualTo(1L);
        }
        try (Store store = open(home())) {
            assertThat(numbers(store, "states", "k")).isEqualTo(upTo(40));
        }
    }

    @Test
    void shouldPutADamagedPartitionBackAndTellNoGapOfItAnyMore() throws Exception {
        try (Store store = open(home())) {
            fill(store, 0, 400);
        }
        try (Store store = open(home())) {
            requireChecksums(store);
            store.backup(backup());
        }
        flip(home().resolve("tables/events/2026-05-11.db"));
        try (Store store = open(home())) {
            store.verify("events", one -> {});
            assertThat(store.quarantined()).hasSize(1);
            assertThat(store.gaps()).isNotEmpty();
            // Two backups later it is still there.
            store.backup(backup());
            store.backup(backup());
            store.restore(store.quarantined().get(0).id(), backup());
            assertThat(numbers(store, "events", "i")).isEqualTo(upTo(400));
            assertThat(store.gaps()).isEmpty();
            assertThat(store.quarantined()).isEmpty();
            requireChecksums(store);
        }
        assertThat(home().resolve("quarantine/events~2026-05-11.db"))
                .as("kept for a person")
                .exists();
        try (Store store = open(home())) {
            requireChecksums(store);
            assertThat(numbers(store, "events", "i")).isEqualTo(upTo(400));
        }
    }

    @Test
    void shouldNotBringBackWhatWasErasedSince() throws Exception {
        try (Store store = open(home())) {
            fill(store, 0, 400);
        }
        try (Store store = open(home())) {
            requireChecksums(store);
            store.backup(backup());
            assertThat(store.table("events").erase(io.levee.Expr.eq("i", 5L)).pending())
                    .singleElement()
                    .asString()
                    .contains(backup().toString());
        }
        flip(home().resolve("tables/events/2026-05-12.db"));
        try (Store store = open(home())) {
            store.verify("events", one -> {});
            assertThat(store.quarantined()).hasSize(1);
            io.levee.PartitionId id = store.quarantined().get(0).id();
            assertThat(refusal(() -> store.restore(id, backup()))).isEqualTo(ErrorCode.NOT_SUPPORTED);
        }
    }

    @Test
    void shouldHoldNothingOfWhatWasErasedOnceItIsMadeAnew() throws Exception {
        try (Store store = open(home())) {
            fill(store, 0, 400);
        }
        try (Store store = open(home())) {
            requireChecksums(store);
            store.backup(backup());
            assertThat(filesWith("event 399")).isNotEmpty();
            store.table("events").erase(io.levee.Expr.eq("i", 399L));
            assertThat(store.backup(backup()).copied()).isEqualTo(1);
        }
        assertThat(filesWith("event 398")).as("the search finds what is there").isNotEmpty();
        assertThat(filesWith("event 399")).isEmpty();
    }

    private List<Path> filesWith(String text) throws IOException {
        List<Path> found = new ArrayList<>();
        try (Stream<Path> files = Files.walk(backup())) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                if (Files.readString(file, java.nio.charset.StandardCharsets.ISO_8859_1)
                        .contains(text)) {
                    found.add(file);
                }
            }
        }
        return found;
    }
}
