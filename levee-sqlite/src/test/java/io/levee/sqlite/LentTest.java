package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.PartitionId;
import io.levee.internal.supervisor.Supervisor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A partition that is lent comes back when updates have waited for it (design 4). */
class LentTest {
    private static final long SECOND = Duration.ofSeconds(1).toNanos();
    private static final PartitionId ID = new PartitionId("events", "", "2026-05-10", 1);

    @TempDir
    Path directory;

    private static Partition closed() {
        return new Partition(
                ID, "tables/events/2026-05-10.db", Partition.State.CLOSED, new Partition.Held(1, 2, 3, 1, 3), 4096);
    }

    @Test
    void shouldInterruptTheBorrowerAfterASecondOfWaiting() {
        Partition partition = closed();
        AtomicInteger interrupted = new AtomicInteger();
        partition.wanted(1);
        assertThat(partition.lent(interrupted::incrementAndGet)).isTrue();
        partition.wanted(100 * SECOND);
        partition.wanted(101 * SECOND);
        assertThat(interrupted).hasValue(0);
        partition.wanted(101 * SECOND + 1);
        partition.wanted(200 * SECOND);
        // Once is enough: it is on its way back.
        assertThat(interrupted).hasValue(1);
        partition.givenBack();
        // The next time it may take twice as long, or it would never end.
        assertThat(partition.lent(interrupted::incrementAndGet)).isTrue();
        partition.wanted(300 * SECOND);
        partition.wanted(302 * SECOND);
        assertThat(interrupted).hasValue(1);
        partition.wanted(302 * SECOND + 1);
        assertThat(interrupted).hasValue(2);
    }

    /** An erasure's copy that is interrupted leaves the partition as it was, closed and still to be rewritten. */
    @Test
    void shouldGiveAPartitionBackInTheMiddleOfItsCopy() throws Exception {
        StorePaths paths = new StorePaths(directory);
        paths.create();
        Path file = directory.resolve("tables/events/2026-05-10.db");
        Files.createDirectories(file.getParent());
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
            Sqlite.run(connection, "CREATE TABLE levee_partition(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID");
            Sqlite.run(connection, "CREATE TABLE events(i INTEGER PRIMARY KEY, b)");
            Sqlite.run(
                    connection,
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
                            + " INSERT INTO events SELECT i, randomblob(100) FROM n");
            Rewriter.mark(connection);
        }
        long size = Files.size(file);
        Catalog catalog = Catalog.open(paths.catalog(), Instant.EPOCH);
        Supervisor supervisor = new Supervisor();
        catalog.start(supervisor);
        try {
            Partition partition = closed();
            ReadHandles readers = new ReadHandles(paths, new Suspects(true), 0);
            Rewriter rewriter = new Rewriter(paths, catalog, readers, Clock.systemUTC());
            CompletableFuture<Boolean> done = new CompletableFuture<>();
            Thread borrower = new Thread(() -> done.complete(rewriter.rewrite(partition)));
            borrower.start();
            Path copy = paths.tmp().resolve("rewrite.db");
            await().pollInterval(Duration.ofMillis(1)).until(() -> Partition.size(copy) > 0);
            partition.wanted(SECOND);
            partition.wanted(3 * SECOND);
            assertThat(done.join()).isFalse();
            borrower.join();
            assertThat(partition.state()).isEqualTo(Partition.State.CLOSED);
            assertThat(file).hasSize(size);
            assertThat(rewriter.marked(partition)).isTrue();
            // Nobody wants it now: it is rewritten.
            assertThat(rewriter.rewrite(partition)).isTrue();
            assertThat(rewriter.marked(partition)).isFalse();
        } finally {
            supervisor.stop();
            catalog.finish(null);
            catalog.close();
        }
    }
}
