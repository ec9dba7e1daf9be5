package io.levee.sqlite;

import static io.levee.engine.WriteRow.Outcome.STORED;
import static io.levee.sqlite.OpenEngine.row;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** G92, G12: partitions and their WALs have a largest size, whoever reads them; a locked file costs nobody else. */
class RollTest {
    private static final long BATCH = 100 * 1100;

    @TempDir
    Path directory;

    private void batch(OpenEngine store, int from) {
        List<OpenEngine.Handed> rows = new ArrayList<>();
        for (int i = from; i < from + 100; i++) {
            rows.add(row(i, 0, "x".repeat(1000)));
        }
        store.append(rows, Ack.COMMITTED);
        assertThat(OpenEngine.outcomes(rows)).containsOnly(STORED);
        store.engine.afterBatch();
    }

    private List<Path> files(String suffix) {
        try (Stream<Path> files = Files.list(directory.resolve("tables/events"))) {
            return files.filter(f -> f.toString().endsWith(suffix)).toList();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldRollAPartitionThatIsLarge() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.engine.open().limits(new Limits(64 << 10, 256 << 10, 1 << 20));
            for (int i = 0; i < 4000; i += 100) {
                batch(store, i);
            }
        }
        assertThat(files(".db")).hasSizeBetween(4, 8).allMatch(f -> Partition.size(f) < (1 << 20) + 3 * BATCH);
        assertThat(OpenEngine.stored(directory, "i")).hasSize(4000).doesNotHaveDuplicates();
    }

    /** Design section 1: with checkpoints of others the WAL reached 655 MB. Here the writer leaves a WAL that it cannot empty. */
    @Test
    void shouldBoundTheWalWhileAForeignReaderHoldsIt() throws Exception {
        long cap = 512 << 10;
        try (OpenEngine store = new OpenEngine(directory)) {
            store.engine.open().limits(new Limits(128 << 10, cap, 1L << 40));
            batch(store, 0);
            try (Connection reader =
                    DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("tables/events/2026-05-10.db"))) {
                reader.setAutoCommit(false);
                assertThat(Sqlite.number(reader, "SELECT count(*) FROM events")).isEqualTo(100);
                for (int i = 100; i < 4000; i += 100) {
                    batch(store, i);
                    assertThat(files("-wal")).allMatch(wal -> Partition.size(wal) <= cap + 2 * BATCH);
                }
                assertThat(files(".db")).hasSize(2);
                assertThat(Sqlite.number(reader, "SELECT count(*) FROM events")).isEqualTo(100);
            }
        }
        assertThat(files("-wal")).isEmpty();
        assertThat(OpenEngine.stored(directory, "i")).hasSize(4000).doesNotHaveDuplicates();
    }

    @Test
    void shouldGoRoundAFileThatSomebodyElseLocks() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.append(row(0, 0), row(1, 1))).containsOnly(STORED);
            try (Connection other =
                    DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("tables/events/2026-05-10.db"))) {
                Sqlite.run(other, "BEGIN EXCLUSIVE");
                assertThat(store.append(row(2, 0), row(3, 1))).containsOnly(STORED);
                Sqlite.run(other, "ROLLBACK");
            }
            assertThat(store.engine.partitions()).hasSize(3);
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactlyInAnyOrder(0, 1, 2, 3);
    }
}
