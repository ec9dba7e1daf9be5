package io.levee.sqlite;

import static io.levee.sqlite.OpenEngine.row;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.IndexSpec;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.engine.MigrationRecord;
import io.levee.engine.SliceOutcome;
import io.levee.engine.WriteRow;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a partition has in its log when new rows go elsewhere is moved and synced by nobody that appends wait for (G12, G102, G103). */
class LogMoverTest {
    private static final PartitionId FIRST = new PartitionId("events", "", "2026-05-10", 1);

    @TempDir
    Path directory;

    /** A disk that is slow with the left file: the move does not end before it is let. */
    private static final class Slow implements Consumer<Path> {
        private final CountDownLatch begun = new CountDownLatch(1);
        private final CountDownLatch go = new CountDownLatch(1);
        private final AtomicReference<Thread> by = new AtomicReference<>();

        @Override
        public void accept(Path file) {
            by.set(Thread.currentThread());
            begun.countDown();
            try {
                assertThat(go.await(1, TimeUnit.MINUTES)).isTrue();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        boolean begun() {
            return begun.getCount() == 0;
        }
    }

    private static List<WriteRow> rows(int from, int count, int day) {
        List<WriteRow> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add(row(from + i, day));
        }
        return rows;
    }

    private static PartitionInfo.State state(OpenEngine store, PartitionId id) {
        return store.engine.partitions().stream()
                .filter(p -> p.id().equals(id))
                .findFirst()
                .orElseThrow()
                .state();
    }

    /** An index build has the writer leave the partition, and moves the log itself. */
    @Test
    void shouldNotHaveAppendsWaitForTheRollOfAnIndexBuild() throws Exception {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.fill(0, 0, 3000);
            MigrationRecord record = home.declare(
                    "by-text", new MigrationStep.AddIndex(new IndexSpec("by_text", List.of("text"), null)));
            PartitionId first = home.engine.partitions().get(0).id();
            Slow slow = new Slow();
            home.engine.logs().onMove(slow);
            CompletableFuture<SliceOutcome> build =
                    CompletableFuture.supplyAsync(() -> home.engine.migrate(record, first, home.order(record, 100)));
            try {
                await().until(() -> {
                    home.engine.afterBatch();
                    return slow.begun() || build.isDone();
                });
                assertThat(slow.begun()).isTrue();
                // This is the writer's thread.
                assertThat(slow.by.get()).isNotSameAs(Thread.currentThread());
                home.fill(0, 10_000, 100);
                home.engine.afterBatch();
                assertThat(home.engine.partitions()).hasSize(2);
                assertThat(build).isNotDone();
            } finally {
                slow.go.countDown();
            }
            SliceOutcome done = home.serve(build::join);
            assertThat(done.waitsFor()).isEmpty();
            assertThat(done.partitionDone()).isTrue();
            assertThat(home.rows()).hasSize(3100);
        }
    }

    /** What takes no new rows any more, by size or by time, is closed when its log was moved elsewhere. */
    @Test
    void shouldNotHaveAppendsWaitForTheLogOfAPartitionThatWasLeft() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(rows(0, 3000, 0), Ack.COMMITTED);
            Slow slow = new Slow();
            store.engine.logs().onMove(slow);
            store.engine.open().leave(store.writer().partition());
            try {
                await().pollInterval(Duration.ofMillis(20)).until(() -> {
                    store.append(rows(5000, 1, 1), Ack.COMMITTED);
                    store.engine.afterBatch();
                    return slow.begun() || state(store, FIRST) == PartitionInfo.State.CLOSED;
                });
                assertThat(slow.begun()).isTrue();
                assertThat(slow.by.get()).isNotSameAs(Thread.currentThread());
                store.append(rows(6000, 10, 1), Ack.COMMITTED);
                store.engine.afterBatch();
                assertThat(state(store, FIRST)).isEqualTo(PartitionInfo.State.OPEN);
            } finally {
                slow.go.countDown();
            }
            await().pollInterval(Duration.ofMillis(20)).until(() -> {
                store.engine.afterBatch();
                return state(store, FIRST) == PartitionInfo.State.CLOSED;
            });
        }
        assertThat(OpenEngine.stored(directory, "i")).contains(0, 2999, 6009);
    }

    /** All of it is in the database then, and rows that come after it are not lost. */
    @Test
    void shouldMoveTheWholeLogBesideTheWriter() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(rows(0, 3000, 0), Ack.COMMITTED);
            Path file = store.writer().file();
            long log = Partition.size(StorePaths.wal(file));
            assertThat(Partition.size(file)).isLessThan(log / 2);
            CompletableFuture.runAsync(() -> store.engine.logs().now(file)).join();
            assertThat(Partition.size(file)).isGreaterThan(log / 2);
            store.append(rows(3000, 10, 0), Ack.COMMITTED);
            // A file that is gone is not made again.
            Path gone = file.resolveSibling("2026-01-01.db");
            CompletableFuture.runAsync(() -> store.engine.logs().now(gone)).join();
            assertThat(gone).doesNotExist();
        }
        assertThat(OpenEngine.stored(directory, "i")).hasSize(3010);
    }
}
