package io.levee.sqlite;

import static io.levee.engine.WriteRow.Outcome.STORED;
import static io.levee.sqlite.OpenEngine.row;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** G92: a WAL is moved into its database when it is full, and not once more for each batch behind that. */
class WalFillTest {
    private static final int BATCHES = 200;
    private static final long BATCH = 20 * 1100;

    @TempDir
    Path directory;

    /** How often the log began from the front, which it does after it was moved as a whole: its head counts that. */
    private long beginnings() throws Exception {
        try (FileChannel file = FileChannel.open(directory.resolve("tables/events/2026-05-10.db-wal"))) {
            ByteBuffer head = ByteBuffer.allocate(32);
            file.read(head, 0);
            return head.getInt(12);
        }
    }

    @Test
    void shouldMoveTheWalOnceForEachTimeItIsFull() throws Exception {
        Limits limits = new Limits(1 << 20, 64 << 20, 1L << 40);
        try (OpenEngine store = new OpenEngine(directory)) {
            store.engine.open().limits(limits);
            for (int i = 0; i < BATCHES; i++) {
                List<OpenEngine.Handed> rows = new ArrayList<>();
                for (int k = 0; k < 20; k++) {
                    rows.add(row(20 * i + k, 0, "x".repeat(1000)));
                }
                store.append(rows, Ack.COMMITTED);
                assertThat(OpenEngine.outcomes(rows)).containsOnly(STORED);
                store.engine.afterBatch();
            }
            long wal = Partition.size(directory.resolve("tables/events/2026-05-10.db-wal"));
            assertThat(wal).isBetween(limits.checkpoint(), 2 * limits.checkpoint());
            // Each batch writes its rows and some pages of indexes beside them.
            assertThat(beginnings()).isBetween(2L, 4 * BATCHES * BATCH / limits.checkpoint());
        }
        assertThat(OpenEngine.stored(directory, "i")).hasSize(20 * BATCHES);
    }

    @Test
    void shouldTellHowFullALogIsThatBeganAnew() throws Exception {
        Path file = directory.resolve("a.db");
        Path wal = StorePaths.wal(file);
        try (Connection one = DriverManager.getConnection("jdbc:sqlite:" + file)) {
            Sqlite.run(one, "PRAGMA journal_mode=WAL");
            Sqlite.run(one, "PRAGMA wal_autocheckpoint=0");
            Sqlite.run(one, "CREATE TABLE t(x)");
            assertThat(WalFill.reaches(wal, Partition.size(wal), 64 << 10)).isFalse();
            Sqlite.run(one, "INSERT INTO t VALUES(zeroblob(200000))");
            long size = Partition.size(wal);
            assertThat(WalFill.reaches(wal, size, 64 << 10)).isTrue();
            assertThat(WalFill.reaches(wal, size, size)).isTrue();
            assertThat(WalFill.reaches(wal, size, size + 1)).isFalse();
            Sqlite.value(one, "PRAGMA wal_checkpoint(PASSIVE)");
            Sqlite.run(one, "INSERT INTO t VALUES(1)");
            assertThat(Partition.size(wal)).isEqualTo(size);
            assertThat(WalFill.reaches(wal, size, 64 << 10)).isFalse();
            assertThat(WalFill.reaches(wal, size, 32 + 24 + 4096)).isTrue();
        }
    }
}
