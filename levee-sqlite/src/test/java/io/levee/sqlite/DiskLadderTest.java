package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Health;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** T11, I12, G85, G86, G90: full volumes of every kind. With leave the store drops its oldest and goes on; without it deletes nothing. */
class DiskLadderTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    private static final int ROUNDS = Boolean.getBoolean("levee.long") ? 100 : 1;
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final String TEXT = "x".repeat(1000);

    @TempDir
    Path directory;

    private static Row row(long i, long day) {
        return Row.of(SPEC)
                .set("i", i)
                .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(i))
                .set("text", TEXT)
                .build();
    }

    private static Store open(SmallDisk disk, Consumer<StoreOptions.Builder> more) {
        return Levee.open(disk.directory().resolve("store"), o -> {
            o.memory(Bytes.mebi(32)).queueRecords(5000);
            more.accept(o);
        });
    }

    private static Set<Long> read(Store store) {
        Set<Long> found = new HashSet<>();
        try (Result<Row> rows =
                store.query(Query.builder("events").columns(List.of("i")).build())) {
            for (Row row : rows) {
                assertThat(found.add((Long) row.get("i"))).as("once").isTrue();
            }
        }
        return found;
    }

    /** Appends rows of one day, each waited for until it is committed. */
    private static void append(Table<Row> events, long from, long to, long day) {
        List<CompletableFuture<Receipt>> receipts = new ArrayList<>();
        for (long i = from; i < to; i++) {
            receipts.add(events.append(row(i, day), Ack.COMMITTED));
        }
        receipts.forEach(CompletableFuture::join);
    }

    private static void checkBooks(Store store) {
        StoreStatus status = store.status();
        assertThat(status.accepted())
                .isEqualTo(status.stored()
                        + status.lost()
                        + status.uncertain()
                        + status.queue().records());
    }

    private static void awaitUp(Store store) {
        await().atMost(Duration.ofSeconds(60)).until(() -> {
            Health.State state = store.status().health().state();
            return state != Health.State.DOWN;
        });
    }

    @Test
    void shouldDropTheOldestAndKeepAcceptingOnAFullVolume() throws IOException {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 16 << 20))) {
            long next = 0;
            long day = 0;
            for (int round = 0; round < ROUNDS; round++) {
                try (Store store = open(disk, o -> o.minFreeDisk(Bytes.mebi(1)))) {
                    Table<Row> events = store.createTable(SPEC);
                    Set<Long> before = read(store);
                    for (int batch = 0; batch < 16; batch++, day++) {
                        append(events, next, next + 1000, day);
                        next += 1000;
                    }
                    Set<Long> now = read(store);
                    long oldestKept = now.stream().mapToLong(i -> i).min().orElseThrow();
                    // What went are the oldest days; of what is kept nothing is missing.
                    assertThat(now).hasSize((int) (next - oldestKept));
                    assertThat(oldestKept).isPositive();
                    assertThat(store.status().lost()).isZero();
                    assertThat(before.stream().filter(i -> i >= oldestKept)).allMatch(now::contains);
                    checkBooks(store);
                    awaitUp(store);
                }
            }
        }
    }

    @Test
    void shouldStayUnderItsCap() throws IOException {
        Bytes cap = Bytes.mebi(8);
        try (Store store =
                Levee.open(directory.resolve("store"), o -> o.disk(cap).memory(Bytes.mebi(32)))) {
            Table<Row> events = store.createTable(SPEC);
            for (int day = 0; day < 20; day++) {
                append(events, day * 1000L, day * 1000L + 1000, day);
            }
            await().until(() -> store.status().disk().bytes() <= cap.value());
            assertThat(store.status().disk().limitBytes()).isEqualTo(cap.value());
            Set<Long> now = read(store);
            long oldestKept = now.stream().mapToLong(i -> i).min().orElseThrow();
            assertThat(oldestKept).isPositive();
            assertThat(now).hasSize((int) (20_000 - oldestKept));
            assertThat(store.status().lost()).isZero();
        }
        try (Store store = Levee.openReadOnly(directory.resolve("store"))) {
            assertThat(read(store)).isNotEmpty();
        }
    }

    @Test
    void shouldShedAndSayItAndDeleteNothingWithoutLeave() throws IOException {
        // Room for all that waits, once as rows and once in the WAL: only the ballast makes the volume full.
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 32 << 20))) {
            Set<Long> committed = new HashSet<>();
            try (Store store = open(disk, o -> {})) {
                Table<Row> events = store.createTable(SPEC);
                long i = 0;
                for (; i < 3000; i += 500) {
                    append(events, i, i + 500, i / 2000);
                    for (long n = i; n < i + 500; n++) {
                        committed.add(n);
                    }
                }
                Path ballast = disk.fill(0);
                long until = i + 20_000;
                for (; i < until; i++) {
                    events.append(row(i, 2));
                }
                await().until(() -> store.status().health().state() == Health.State.DOWN);
                await().until(() -> store.status().lost() > 0);
                checkBooks(store);
                assertThat(disk.directory().resolve("store/reserve.bin")).doesNotExist();
                Set<Long> now = read(store);
                assertThat(now).containsAll(committed);
                assertThat(store.partitions().stream().map(PartitionInfo::id).map(Object::toString))
                        .contains("events/2026-05-10");

                Files.delete(ballast);
                awaitUp(store);
                append(events, i, i + 10, 2);
                assertThat(store.flush(Duration.ofSeconds(60))).isTrue();
                checkBooks(store);
                assertThat(store.status().queue().records()).isZero();
                assertThat((long) read(store).size()).isEqualTo(store.status().stored());
                assertThat(store.gaps()).isNotEmpty();
            }
            try (Store store = open(disk, o -> {})) {
                assertThat(read(store)).containsAll(committed);
            }
        }
    }

    @Test
    void shouldStopDroppingWhenAnotherProcessTakesWhatIsFreed() throws IOException {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 24 << 20))) {
            try (Store store = open(disk, o -> o.minFreeDisk(Bytes.mebi(4)))) {
                Table<Row> events = store.createTable(SPEC);
                for (int day = 0; day < 8; day++) {
                    append(events, day * 1000L, day * 1000L + 1000, day);
                }
                // More than all of the store's history could free: it must not be spent on that (G86).
                disk.fill(0);
                // The oldest goes; on a slow machine some may have gone before.
                await().until(() -> store.partitions().stream()
                        .noneMatch(p -> p.id().period().equals("2026-05-10")));
                await().until(() -> Files.getFileStore(directory).getUsableSpace() > 0);
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> store.status().health().state() != Health.State.DOWN);
                assertThat(read(store).stream().mapToLong(i -> i).max()).hasValue(7999);
            }
        }
    }

    @Test
    void shouldWaitForInodes() throws IOException {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 24 << 20, 40))) {
            try (Store store = open(disk, o -> {})) {
                Table<Row> events = store.createTable(SPEC);
                append(events, 0, 10, 0);
                List<Path> names = disk.fillNames();
                List<CompletableFuture<Receipt>> waiting = new ArrayList<>();
                for (long i = 10; i < 20; i++) {
                    waiting.add(events.append(row(i, 1), Ack.COMMITTED));
                }
                await().until(() -> store.status().health().state() == Health.State.DOWN);
                assertThat(store.status().health().toString()).contains("DISK_FULL");
                for (Path name : names) {
                    Files.delete(name);
                }
                waiting.forEach(CompletableFuture::join);
                awaitUp(store);
                assertThat(read(store)).hasSize(20);
            }
        }
    }

    @Test
    void shouldKeepAReserveThatNobodyMisses() throws IOException {
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home)) {
            Path reserve = home.resolve("reserve.bin");
            await().until(() -> Files.exists(reserve) && Files.size(reserve) > 0);
            assertThat(Files.size(reserve)).isLessThanOrEqualTo(64 << 20);
            Files.delete(reserve);
            append(store.createTable(SPEC), 0, 10, 0);
            await().until(() -> Files.exists(reserve));
        }
        assertThat(Reserve.size(64 << 20)).isEqualTo(640 << 10);
        assertThat(Reserve.size(1L << 40)).isEqualTo(64 << 20);
    }
}
