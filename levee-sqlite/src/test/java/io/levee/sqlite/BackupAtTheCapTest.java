package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.BackupCheck;
import io.levee.BackupReport;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.time.Micros;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** A backup to a slow disk below a cap: it keeps nobody from writing, and is whole without what was dropped meanwhile (G85, G86). */
@EnabledIf("io.levee.sqlite.GoneHandlesTest#descriptorsAreShown")
class BackupAtTheCapTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final String TEXT = "x".repeat(500);
    private static final Bytes CAP = Bytes.mebi(16);

    /** Written in turns, so that all of them are open when the backup takes its moment. */
    private static final int OPEN_DAYS = 6;

    private static final int A_DAY = 600;

    @TempDir
    Path directory;

    private long next;

    private Path backup() {
        return directory.resolve("backup");
    }

    private void append(Table<Row> events, int rows, int day) {
        List<Row> batch = new ArrayList<>();
        for (int i = 0; i < rows; i++, next++) {
            batch.add(Row.of(SPEC)
                    .set("i", next)
                    .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(next))
                    .set("text", Long.toHexString(next * 0x9E3779B97F4A7C15L) + TEXT)
                    .build());
        }
        events.appendAll(batch, Ack.COMMITTED, Overflow.block(Duration.ofSeconds(30)))
                .join();
    }

    private Store filled() {
        Store store = Levee.open(
                directory.resolve("store"), o -> o.disk(CAP).asOf(DAY1).retentionEvery(Duration.ofHours(1)));
        Table<Row> events = store.createTable(SPEC);
        for (int i = 0; i < A_DAY; i += 200) {
            for (int day = 0; day < OPEN_DAYS; day++) {
                append(events, 200, day);
            }
        }
        return store;
    }

    private long unlinked(Store store) {
        return store.status().disk().byPart().getOrDefault(Volume.UNLINKED, 0L);
    }

    /** The target takes the first partition, and then nothing until it is told to. */
    private final class SlowTarget {
        private final CountDownLatch held = new CountDownLatch(1);
        private final CountDownLatch goOn = new CountDownLatch(1);
        private final CompletableFuture<BackupReport> report;

        SlowTarget(Store store) throws InterruptedException {
            report = CompletableFuture.supplyAsync(() -> store.backup(backup(), false, line -> {
                held.countDown();
                try {
                    assertThat(goOn.await(2, TimeUnit.MINUTES)).isTrue();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }));
            assertThat(held.await(1, TimeUnit.MINUTES)).isTrue();
        }
    }

    private static Set<String> live(Store store) {
        Set<String> live = new TreeSet<>();
        store.partitions().forEach(p -> live.add(p.id().toString()));
        return live;
    }

    private static void requireWhole(BackupReport report, BackupCheck check) {
        assertThat(report.missing()).isEmpty();
        assertThat(check.missing()).isEmpty();
        assertThat(check.damaged()).isEmpty();
        assertThat(check.partitions()).isEqualTo(report.partitions());
    }

    /**
     * The files of the moment were kept until each was copied: rows found no room below the cap, and after half a minute were lost.
     */
    @Test
    void shouldGoWithoutWhatTheStoreDroppedMeanwhile() throws Exception {
        BackupReport report;
        BackupReport second;
        Set<String> gone;
        long left;
        try (Store store = filled()) {
            Table<Row> events = store.table("events");
            Set<String> before = live(store);
            assertThat(before).hasSize(OPEN_DAYS);
            SlowTarget target = new SlowTarget(store);
            try {
                for (int i = 0; i < 35_000; i += 500) {
                    append(events, 500, OPEN_DAYS + i / 10_000);
                }
                await().until(() -> unlinked(store) == 0);
                assertThat(target.report).isNotDone();
                gone = new TreeSet<>(before);
                gone.removeAll(live(store));
                assertThat(gone).isEqualTo(before);
                assertThat(store.status().lost()).isZero();
                assertThat(store.status().stored()).isEqualTo(next);
            } finally {
                target.goOn.countDown();
            }
            report = target.report.join();
            requireWhole(report, Levee.verifyBackup(backup(), line -> {}));
            assertThat(report.partitions()).isEqualTo(1);
            assertThat(report.dropped())
                    .hasSize(OPEN_DAYS - 1)
                    .allSatisfy(
                            (id, why) -> assertThat(why).contains("dropped while it was copied", "come to its cap"));
            Path restored = directory.resolve("restored");
            assertThat(Levee.restore(backup(), restored.toString()).rows()).isEqualTo(A_DAY);
            requireRestored(restored, report);
            second = store.backup(backup());
            left = store.count(Query.builder("events").build());
        }
        requireWhole(second, Levee.verifyBackup(backup(), line -> {}));
        assertThat(second.dropped()).isEmpty();
        assertThat(second.rows()).isEqualTo(left);
        Path again = directory.resolve("again");
        assertThat(Levee.restore(backup(), again.toString()).rows()).isEqualTo(left);
    }

    private static void requireRestored(Path restored, BackupReport report) {
        try (Store store = Levee.open(restored, o -> o.asOf(DAY1))) {
            assertThat(store.count(Query.builder("events").build())).isEqualTo(A_DAY);
            assertThat(live(store)).doesNotContainAnyElementsOf(report.dropped().keySet());
            List<Gap> expired = store.gaps().stream()
                    .filter(gap -> gap.reason() == LossReason.EXPIRED)
                    .toList();
            for (String id : report.dropped().keySet()) {
                Instant from = Instant.parse(id.substring(id.indexOf('/') + 1) + "T00:00:00Z");
                assertThat(expired)
                        .anyMatch(gap -> gap.touches(Micros.of(from), Micros.of(from.plus(Duration.ofDays(1)))));
            }
        }
    }
}
