package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Health;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.engine.Verification;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An index is built where the disk ends amid it, although there was room when it began (G90, G102, G104, G106, G126): a small disk lies where
 * the copy is made. It waits, says so, leaves no half index and no damage, and goes on by itself when there is room.
 */
class IndexFullDiskTest {
    private static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final int ROWS = 3_000;
    private static final TableSpec SPEC = TableSpec.builder("ev")
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .build();

    @TempDir
    Path directory;

    private Store open() {
        return Levee.open(directory.resolve("store"), o -> o.asOf(BEGIN.plus(Duration.ofDays(3))));
    }

    private static void fill(Store store) {
        store.createTable(SPEC);
        Random random = new Random(3);
        List<Row> rows = new ArrayList<>();
        for (long k = 0; k < ROWS; k++) {
            rows.add(Row.of(SPEC)
                    .set("k", k)
                    .set("at", BEGIN.plusSeconds(k))
                    .set("text", Long.toHexString(random.nextLong()).repeat(30))
                    .build());
        }
        store.table("ev").appendAll(rows, Ack.COMMITTED).join();
    }

    private static MigrationStatus status(Store store) {
        return store.migrations().get(0);
    }

    private Path only() throws Exception {
        try (var files = Files.list(directory.resolve("store/tables/ev"))) {
            return files.filter(f -> f.toString().endsWith(".db"))
                    .reduce((a, b) -> {
                        throw new AssertionError("two partitions: " + a + ", " + b);
                    })
                    .orElseThrow();
        }
    }

    /** In the copy of about 1.7 MB, and in the index of about as much that is made in it. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void shouldWaitWhereTheDiskEndsAndLeaveNothingBehind(int mebi) throws Exception {
        try (Store store = open()) {
            fill(store);
        }
        Path tmp = directory.resolve("store/tmp");
        SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(tmp, (long) mebi << 20));
        try (Store store = open()) {
            store.migrate(
                    List.of(new Migration("by", "ev", new MigrationStep.AddIndex(IndexSpec.of("by", "text", "k")))),
                    false);
            await().atMost(SOON)
                    .untilAsserted(() -> assertThat(status(store).trouble())
                            .as("%s", status(store))
                            .isEqualTo(ErrorCode.DISK_FULL));
            assertThat(status(store).state()).isIn(State.RUNNING, State.PENDING);
            assertThat(status(store).error()).isNull();
            assertThat(status(store).rate()).isZero();
            await().atMost(SOON).untilAsserted(() -> {
                assertThat(store.status().health().state()).isEqualTo(Health.State.DEGRADED);
                assertThat(store.status().health().reasons().toString()).contains("by", "DISK_FULL");
            });
            // What is there is as it was, and rows go on being taken and found.
            await("between two tries it is lent to nobody, and as its checksum says")
                    .atMost(SOON)
                    .until(() ->
                            store.verify(null, v -> {}).stream().allMatch(v -> v.state() == Verification.State.OK));
            assertThat(store.count(Query.builder("ev").build())).isEqualTo(ROWS);
            assertThat(store.diagnose()).anyMatch(f -> f.what().contains("lack the index by"));
            disk.close();
            await().atMost(SOON)
                    .untilAsserted(() -> assertThat(status(store).state())
                            .as("%s", status(store))
                            .isEqualTo(State.DONE));
            assertThat(status(store).note()).isEmpty();
            await().atMost(SOON)
                    .untilAsserted(
                            () -> assertThat(store.status().health().state()).isEqualTo(Health.State.UP));
            assertThat(store.count(Query.builder("ev").build())).isEqualTo(ROWS);
            assertThat(store.diagnose()).noneMatch(f -> f.what().contains("lack the index"));
        } finally {
            disk.close();
        }
        assertThat(LegacyData.ask(only(), "PRAGMA integrity_check")).containsExactly(List.of("ok"));
        assertThat(LegacyData.ask(only(), "SELECT count(*) FROM sqlite_master WHERE name = 'ev__by'"))
                .containsExactly(List.of(1L));
        try (var left = Files.list(tmp)) {
            assertThat(left).isEmpty();
        }
    }
}
