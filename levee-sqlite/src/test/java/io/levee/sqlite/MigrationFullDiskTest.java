package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Health;
import io.levee.Levee;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.Store;
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
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Migrations on a volume that fills up amid their work: they wait, say so in status and health, and go on by themselves (G90, G126, G129,
 * G141). The volume is a real one, of ext4.
 */
class MigrationFullDiskTest {
    private static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    private static final int DAYS = 3;
    private static final int OF_DAY = 200;
    private static final int ROWS = DAYS * OF_DAY;
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final TableSpec SENT = TableSpec.builder("sent")
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("v", ColumnType.INTEGER)
            .column("text", ColumnType.TEXT)
            .build();

    @TempDir
    Path directory;

    private Path mount;
    private final AtomicBoolean full = new AtomicBoolean();

    @BeforeEach
    void mount() throws IOException {
        mount = Files.createDirectories(directory.resolve("mount"));
    }

    private static Store open(SmallDisk disk) {
        return Levee.open(
                disk.directory().resolve("store"),
                o -> o.asOf(BEGIN.plus(Duration.ofDays(DAYS)).minusSeconds(60)));
    }

    private static void fill(Store store) {
        Table<Row> sent = store.createTable(SENT);
        Random random = new Random(7);
        List<Row> rows = new ArrayList<>();
        for (long k = 0; k < ROWS; k++) {
            rows.add(Row.of(SENT)
                    .set("k", k)
                    .set("at", BEGIN.plus(Duration.ofDays(k / OF_DAY)).plusSeconds(k % OF_DAY * 200))
                    .set("v", k)
                    .set("text", Long.toHexString(random.nextLong()).repeat(300))
                    .build());
        }
        sent.appendAll(rows, Ack.COMMITTED).join();
        store.flush(SOON);
    }

    private static MigrationStatus status(Store store) {
        return store.migrations().get(0);
    }

    /** Fills the volume, what the store gives up of its reserve included, as long as it is to be full. */
    private synchronized void hog(SmallDisk disk) {
        if (full.get()) {
            disk.fill(0);
        }
    }

    private synchronized void makeRoom(SmallDisk disk) throws IOException {
        full.set(false);
        // There may be nothing more to fill.
        Files.delete(disk.fill(0));
    }

    /** Waits until the full volume is told, and makes room. */
    private void tellsAndGoesOn(Store store, SmallDisk disk) throws IOException {
        await().atMost(SOON)
                .untilAsserted(() ->
                        assertThat(status(store).note()).as("%s", status(store)).contains("DISK_FULL"));
        assertThat(status(store).state()).as("%s", status(store)).isIn(State.RUNNING, State.PENDING);
        assertThat(status(store).rate()).isZero();
        assertThat(status(store).etaSeconds()).isNull();
        await().atMost(SOON).untilAsserted(() -> {
            assertThat(store.status().health().state()).isEqualTo(Health.State.DEGRADED);
            assertThat(store.status().health().reasons().toString())
                    .contains(status(store).id())
                    .contains("DISK_FULL");
        });
        assertThat(store.status().tasks())
                .filteredOn(task -> task.name().equals("levee-migrate"))
                .extracting(StoreStatus.TaskStatus::failures)
                .as("waiting is no failure")
                .containsExactly(0L);
        assertThat(store.table("sent").query().count()).isEqualTo(ROWS);
        makeRoom(disk);
        await().atMost(SOON)
                .untilAsserted(() -> assertThat(status(store).state())
                        .as("%s", status(store))
                        .isEqualTo(State.DONE));
        assertThat(status(store).error()).isNull();
        assertThat(status(store).note()).isEmpty();
        await().atMost(SOON)
                .untilAsserted(() -> assertThat(store.status().health().state())
                        .as("%s", store.status().health())
                        .isEqualTo(Health.State.UP));
    }

    private static Migration grow(UnaryOperator<Row> function) {
        return new Migration("grow", "sent", new MigrationStep.BackfillRows("1", List.of("v", "text"), function));
    }

    private static Row grown(Row row) {
        RowBuilder changed = Row.of(row.spec());
        row.spec().columns().forEach(column -> changed.set(column.name(), row.get(column.name())));
        return changed.set("v", (Long) row.get("v") + 1)
                .set("text", ((String) row.get("text")).repeat(2))
                .build();
    }

    @Test
    void shouldWaitAmidABackfillAndChangeEachRowOnce() throws Exception {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.ext4(mount, 64 << 20, 0));
                Store store = open(disk)) {
            fill(store);
            full.set(true);
            store.migrate(
                    List.of(grow(row -> {
                        if (row.get("k").equals(OF_DAY + 50L)) {
                            hog(disk);
                        }
                        return grown(row);
                    })),
                    false);
            tellsAndGoesOn(store, disk);
            assertThat(status(store).rowsDone()).isEqualTo(ROWS);
            try (Result<Row> rows =
                    store.query(Query.builder("sent").oldestFirst().limit(ROWS).build())) {
                rows.forEach(row -> assertThat(row.get("v")).isEqualTo((Long) row.get("k") + 1));
            }
        }
    }

    @Test
    void shouldNotLoseTheCursorOfOwnWorkThatCannotBeNoted() throws Exception {
        List<String> cursors = new ArrayList<>();
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.ext4(mount, 64 << 20, 0));
                Store store = open(disk)) {
            fill(store);
            full.set(true);
            store.migrate(
                    List.of(new Migration("own", "sent", new MigrationStep.Custom("1", (cursor, deadline) -> {
                        cursors.add(String.valueOf(cursor));
                        hog(disk);
                        return cursors.size() < 5 ? "c" + cursors.size() : null;
                    }))),
                    false);
            tellsAndGoesOn(store, disk);
            assertThat(cursors).as("no slice is run twice").doesNotHaveDuplicates();
            assertThat(cursors).contains("null");
        }
    }
}
