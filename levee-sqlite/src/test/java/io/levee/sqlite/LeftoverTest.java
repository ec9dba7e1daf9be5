package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files as a kill, or a volume that became read-only, leaves them: what was committed can be read. */
class LeftoverTest {
    private static final Instant NOON = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final int ROWS = 400;

    @TempDir
    Path directory;

    private static Row row(long k, String text) {
        return Row.of(SPEC)
                .set("k", k)
                .set("at", NOON.plusMillis(k))
                .set("text", text)
                .build();
    }

    private static Store open(Path where) {
        return Levee.open(where, o -> o.asOf(NOON.plusSeconds(3600)));
    }

    private static void fill(Path where) {
        try (Store store = open(where)) {
            Table<Row> events = store.createTable(SPEC);
            for (long k = 0; k < ROWS; k++) {
                events.append(row(k, "before " + "x".repeat(300)));
            }
            events.append(row(ROWS, "last"), Ack.DURABLE).join();
        }
    }

    private static long counted(Store store, String sql) {
        try (SqlResult result = store.sql(SqlQuery.of(sql))) {
            return Long.parseLong(String.valueOf(result.iterator().next().get(0)));
        }
    }

    /** A process that was killed while it changed a partition's journal mode: the catalog says open, a hot journal lies there. */
    private void leaveHotJournal() throws Exception {
        Path file = directory.resolve("tables/events/2026-05-10.db");
        Path copy = directory.resolve("copy.db");
        Files.copy(file, copy);
        try (Connection half = DriverManager.getConnection("jdbc:sqlite:" + copy)) {
            Sqlite.run(half, "PRAGMA cache_size=2");
            Sqlite.run(half, "BEGIN IMMEDIATE");
            Sqlite.run(half, "UPDATE events SET text = 'half done ' || text");
            assertThat(Partition.size(StorePaths.journal(copy))).isPositive();
            Files.copy(copy, file, StandardCopyOption.REPLACE_EXISTING);
            Files.copy(StorePaths.journal(copy), StorePaths.journal(file));
            Sqlite.run(half, "ROLLBACK");
        }
        Files.delete(copy);
        try (Connection catalog = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("catalog.db"))) {
            Sqlite.run(
                    catalog,
                    "UPDATE partitions SET state='open', min_time=NULL, max_time=NULL, row_count=NULL, checksum=NULL,"
                            + " min_seq=NULL, max_seq=NULL");
            Sqlite.run(catalog, "UPDATE store SET value='RUNNING' WHERE key='last_shutdown'");
        }
    }

    /** Without the two places that undo it, reads end with SQLITE_READONLY_ROLLBACK and a write by key waits for ever. */
    @Test
    void shouldUndoWhatAKillLeftHalfDoneBeforeAnybodyReads() throws Exception {
        fill(directory);
        leaveHotJournal();
        try (Store store = open(directory)) {
            assertThat(counted(store, "SELECT count(*) FROM events WHERE text LIKE 'half%'"))
                    .isZero();
            assertThat(store.count(Query.builder("events").build())).isEqualTo(ROWS + 1);
            Table<Row> events = store.table("events");
            assertThat(events.append(row(7, "after"), Ack.COMMITTED).join().updated())
                    .isTrue();
            assertThat(store.quarantined()).isEmpty();
        }
    }

    /** A read-only volume has no room for the shared memory that a database in WAL mode asks for, and needs none. */
    @Test
    void shouldReadAndSayWhyItCannotWriteOnAReadOnlyVolume() {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 16 << 20))) {
            Path where = disk.directory().resolve("history");
            fill(where);
            disk.readOnly(true);
            try (Store store = Levee.openReadOnly(where)) {
                assertThat(store.count(Query.builder("events").build())).isEqualTo(ROWS + 1);
                assertThat(counted(store, "SELECT count(*) FROM events")).isEqualTo(ROWS + 1);
            }
            LeveeException refused = catchThrowableOfType(LeveeException.class, () -> open(where));
            assertThat(refused.code()).isEqualTo(ErrorCode.VOLUME_READ_ONLY);
            disk.readOnly(false);
            try (Store store = open(where)) {
                assertThat(store.table("events")
                                .append(row(7, "after"), Ack.COMMITTED)
                                .join()
                                .updated())
                        .isTrue();
            }
        }
    }
}
