package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Updates of rows that somebody has locked before a backfill reaches them: what an update does not change is as it is when it is written,
 * never as it was before the backfill (G17, G120).
 */
class MigrationLockedTest {
    private static final Instant AT = Instant.parse("2026-05-10T00:00:00Z");
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final long STEP = 1_000;

    @TempDir
    Path directory;

    private Path home;

    @BeforeEach
    void home() {
        home = directory.resolve("store");
    }

    private Store open() {
        Store store = Levee.open(home, o -> o.clock(new ManualClock(AT)));
        store.createTable(TableSpec.builder("jobs")
                .column("id", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("state", ColumnType.TEXT)
                .column("size", ColumnType.INTEGER)
                .time("at")
                .key("id")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.UNBOUNDED)
                .build());
        return store;
    }

    /** Somebody else's lock on the only partition. */
    private Connection locked() throws Exception {
        Connection other = DriverManager.getConnection("jdbc:sqlite:" + home.resolve("tables/jobs/2026-05-10.db"));
        Sqlite.run(other, "BEGIN IMMEDIATE");
        return other;
    }

    private static CompletableFuture<?> write(Table<Row> table, String id, long size) {
        return table.append(
                Row.of(table.spec())
                        .set("id", id)
                        .set("at", AT)
                        .set("state", "new")
                        .set("size", size)
                        .build(),
                Ack.COMMITTED);
    }

    private static CompletableFuture<Boolean> update(Table<Row> table, String id) {
        return table.update(Map.of("state", "updated"), Ack.COMMITTED, id);
    }

    private static void migrate(Store store) {
        store.migrate(
                List.of(new Migration(
                        "once", "jobs", new MigrationStep.Backfill(Map.of("size", "size + " + STEP), Map.of(), null))),
                false);
        // It has met the lock.
        Awaitility.await()
                .atMost(SOON)
                .until(() -> store.migrations().get(0).note().contains("is in use"));
    }

    private static void done(Store store) {
        assertThat(store.awaitMigrations(SOON)).as("%s", store.migrations()).isTrue();
        assertThat(store.migrations()).extracting(MigrationStatus::state).containsExactly(MigrationStatus.State.DONE);
    }

    /** An update reads and writes in one go of the writer, or is refused: nothing of it is tried again behind a slice. */
    @Test
    void shouldRefuseAnUpdateThatCannotBeWrittenAndKeepNothingOfIt() throws Exception {
        try (Store store = open()) {
            Table<Row> table = store.table("jobs");
            write(table, "a", 1).join();
            try (Connection other = locked()) {
                assertThatThrownBy(() -> update(table, "a").join())
                        .cause()
                        .isInstanceOfSatisfying(
                                LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.PARTITION_BUSY));
                migrate(store);
                Sqlite.run(other, "ROLLBACK");
            }
            done(store);
            Row row = table.find("a").orElseThrow();
            assertThat(row.get("size")).isEqualTo(1 + STEP);
            assertThat(row.get("state")).isEqualTo("new");
            assertThat(update(table, "a").join()).isTrue();
            assertThat(table.find("a").orElseThrow().get("size")).isEqualTo(1 + STEP);
        }
    }

    /** One that waits for its turn, behind a record of its key that waits for the lock, reads when that has come. */
    @Test
    void shouldReadWhatIsThereWhenAnUpdateHasItsTurn() throws Exception {
        try (Store store = open()) {
            Table<Row> table = store.table("jobs");
            write(table, "a", 1).join();
            CompletableFuture<?> written;
            CompletableFuture<Boolean> updated;
            try (Connection other = locked()) {
                written = write(table, "a", 5);
                updated = update(table, "a");
                migrate(store);
                assertThat(written).isNotDone();
                assertThat(updated).isNotDone();
                Sqlite.run(other, "ROLLBACK");
            }
            written.join();
            assertThat(updated.join()).isTrue();
            done(store);
            Row row = table.find("a").orElseThrow();
            assertThat(row.get("state")).isEqualTo("updated");
            // Whether the record or the slice comes first is nobody's promise; what the record replaced is gone.
            assertThat((Long) row.get("size")).isIn(5L, 5 + STEP);
        }
    }
}
