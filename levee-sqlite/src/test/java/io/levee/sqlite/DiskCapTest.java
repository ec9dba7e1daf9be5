package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Health;
import io.levee.Levee;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The cap of the disk at full speed: not passed at any moment, and what does not fit below it is shed and told (G85, G93). */
class DiskCapTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .index("text", "at")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final String TEXT = "x".repeat(500);

    @TempDir
    Path directory;

    private static Row row(long i, long day) {
        return Row.of(SPEC)
                .set("i", i)
                .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(i % 86_400_000))
                .set("text", Long.toHexString(i * 0x9E3779B97F4A7C15L) + TEXT)
                .build();
    }

    private static void append(Table<Row> events, long from, long to, long day) {
        List<Row> rows = new ArrayList<>();
        for (long i = from; i < to; i++) {
            rows.add(row(i, day));
        }
        events.appendAll(rows, Ack.COMMITTED, Overflow.block(Duration.ofMinutes(1)))
                .join();
    }

    /** Sizes in whole blocks: SQLite's files have no holes. */
    private static long taken(Path store) {
        AtomicLong sum = new AtomicLong();
        // A file may go to the trash between the look at its directory and the one at the trash.
        Set<Object> seen = new HashSet<>();
        try {
            Files.walkFileTree(store, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    if (seen.add(attributes.fileKey())) {
                        sum.addAndGet((attributes.size() + 4095) / 4096 * 4096);
                    }
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) {
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return sum.get();
    }

    @Test
    void shouldNotPassItsCapAtFullSpeed() throws Exception {
        Bytes cap = Bytes.mebi(16);
        Path home = directory.resolve("store");
        AtomicBoolean over = new AtomicBoolean();
        AtomicLong most = new AtomicLong();
        try (Store store =
                Levee.open(home, o -> o.disk(cap).memory(Bytes.mebi(32)).asOf(DAY1))) {
            Table<Row> events = store.createTable(SPEC);
            Thread sampler = new Thread(() -> {
                while (!over.get()) {
                    most.accumulateAndGet(taken(home), Math::max);
                    LockSupport.parkNanos(2_000_000);
                }
            });
            sampler.start();
            // Four times the cap, in a few days: partitions roll at a sixteenth of it.
            for (long i = 0; i < 50_000; i += 1000) {
                append(events, i, i + 1000, i / 15_000);
            }
            over.set(true);
            sampler.join();
            assertThat(most.get()).isBetween(cap.value() / 2, cap.value());
            StoreStatus status = store.status();
            assertThat(status.lost()).isZero();
            assertThat(status.stored()).isEqualTo(50_000);
            // What is there is the newest, without a hole: the oldest went. One question: another one may go before a
            // second.
            List<Object> kept;
            try (Result<Row> rows = store.query(Query.builder("events").build())) {
                kept = rows.toList().stream().map(row -> row.get("i")).sorted().toList();
            }
            assertThat(kept).hasSizeBetween(1000, 35_000);
            assertThat(kept)
                    .isEqualTo(LongStream.range(50_000 - kept.size(), 50_000)
                            .boxed()
                            .toList());
        }
    }

    @Test
    void shouldShedByThePolicyWhereTheActivePartitionAloneIsTooLarge() {
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home, o -> o.asOf(DAY1))) {
            append(store.createTable(SPEC), 0, 12_000, 0);
        }
        long before = taken(home);
        Bytes cap = Bytes.mebi(8);
        assertThat(before).isGreaterThan(cap.value());
        try (Store store =
                Levee.open(home, o -> o.disk(cap).asOf(DAY1).queueRecords(1000).closeTimeout(Duration.ofMillis(200)))) {
            Table<Row> events = store.createTable(SPEC);
            await().until(() -> store.status().disk().bytes() > 0);
            for (long i = 12_000; i < 30_000; i++) {
                events.append(row(i, 0));
            }
            await().until(() -> store.status().lost() > 0);
            await().until(() -> store.status().health().state() == Health.State.DOWN);
            StoreStatus status = store.status();
            assertThat(status.health().reasons().toString()).contains("DISK_FULL", "of its cap of 8.0 MiB");
            assertThat(status.lostByReason()).containsOnlyKeys(LossReason.OVERFLOW);
            assertThat(status.accepted())
                    .isEqualTo(status.stored() + status.lost() + status.queue().records());
            // The first batch may be written before anybody has looked; what the volume has is none of this.
            assertThat(taken(home)).isLessThan(before + cap.value() / 2);
            assertThat(home.resolve("reserve.bin")).exists();
            assertThat(store.count(Query.builder("events").build())).isGreaterThanOrEqualTo(12_000);
        }
        try (Store store = Levee.open(home, o -> o.disk(Bytes.mebi(64)).asOf(DAY1))) {
            append(store.createTable(SPEC), 30_000, 30_010, 0);
            await().until(() -> store.status().health().state() != Health.State.DOWN);
            assertThat(store.gaps()).isNotEmpty();
        }
    }

    @Test
    void shouldCountWhatIsUnlinkedAndStillOpen() throws Exception {
        StorePaths paths = new StorePaths(directory.resolve("store"));
        Files.createDirectories(paths.tmp());
        Path file = paths.tmp().resolve("etilqs_1");
        try (var channel = java.nio.channels.FileChannel.open(
                file, java.nio.file.StandardOpenOption.CREATE, java.nio.file.StandardOpenOption.WRITE)) {
            channel.write(java.nio.ByteBuffer.allocate(1 << 20));
            Files.delete(file);
            StoreStatus.Disk disk = Volume.measure(paths, 0, Map.of());
            assertThat(disk.byPart()).containsEntry(Volume.SORTS, 1L << 20);
            assertThat(disk.bytes()).isGreaterThanOrEqualTo(1 << 20);
        }
        assertThat(Volume.measure(paths, 0, Map.of()).byPart()).isEqualTo(Map.of());
    }
}
