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
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A checksum is of the file that is there: a wrong one would have a whole partition set aside as damaged. */
class MissingChecksumsTest {
    private static final PartitionId ID = new PartitionId("events", "", "2026-05-10", 1);

    @TempDir
    Path directory;

    private final Supervisor supervisor = new Supervisor();
    private final Partition partition = new Partition(
            ID, "tables/events/2026-05-10.db", Partition.State.CLOSED, new Partition.Held(1, 2, 3, 1, 3), 4096);
    private Catalog catalog;
    private MissingChecksums checksums;

    @BeforeEach
    void open() throws Exception {
        StorePaths paths = new StorePaths(directory);
        paths.create();
        Path file = paths.partition(partition);
        Files.createDirectories(file.getParent());
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
            Sqlite.run(connection, "CREATE TABLE events(i)");
        }
        catalog = Catalog.open(paths.catalog(), Instant.EPOCH);
        catalog.start(supervisor);
        catalog.change(c -> {
            Sqlite.run(c, "INSERT OR IGNORE INTO tables(name, spec, next_seq) VALUES('events', '{}', 1000)");
            Catalog.insertOpen(c, partition, Instant.EPOCH);
            Sqlite.run(c, "UPDATE partitions SET state = 'closed'");
            return true;
        });
        ReadHandles readers = new ReadHandles(paths, new Suspects(false), 0);
        checksums = new MissingChecksums(paths, catalog, readers, Clock.systemUTC());
    }

    @AfterEach
    void close() {
        supervisor.stop();
        catalog.finish(null);
        catalog.close();
    }

    private Optional<String> known() {
        return catalog.change(c -> CatalogChecks.checksum(c, ID));
    }

    /** Makes the checksum while the catalog is busy until something was done. */
    private void makeWhile(Runnable meanwhile) throws Exception {
        CountDownLatch busy = new CountDownLatch(1);
        CountDownLatch free = new CountDownLatch(1);
        Thread other = new Thread(() -> catalog.change(c -> {
            busy.countDown();
            try {
                free.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return true;
        }));
        other.start();
        busy.await();
        Thread maker = new Thread(() -> checksums.make(partition));
        maker.start();
        // It has read the file, and waits for the catalog.
        await().until(() -> maker.getState() == Thread.State.WAITING);
        meanwhile.run();
        free.countDown();
        maker.join();
        other.join();
    }

    @Test
    void shouldBeOfAFileThatNobodyHadMeanwhile() throws Exception {
        makeWhile(() -> {});
        assertThat(known()).isPresent();
    }

    @Test
    void shouldNotBeOfAFileThatWasReplacedMeanwhile() throws Exception {
        makeWhile(() -> {
            assertThat(partition.lent(() -> {})).isTrue();
            partition.givenBack();
        });
        assertThat(known()).isEmpty();
        checksums.make(partition);
        assertThat(known()).isPresent();
    }

    @Test
    void shouldNotBeOfAFileThatTheWriterHas() throws Exception {
        makeWhile(() -> assertThat(partition.opened()).isTrue());
        assertThat(known()).isEmpty();
    }
}
