package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A volume that another fills up in the middle of a splitting's step, at each point of it: the splitting waits, says so, and goes on (G90). */
class SplitFullDiskTest {
    private static final int ROWS = 8_000;

    @TempDir
    Path directory;

    @TempDir
    Path mount;

    /** Fills the volume when a step comes to a point, one point after another. */
    private static final class Filling implements Consumer<Splitting.Point> {
        private final SmallDisk disk;
        private final Deque<Splitting.Point> points = new ArrayDeque<>(List.of(
                Splitting.Point.BUILDING, Splitting.Point.BUILT, Splitting.Point.NAMED, Splitting.Point.IN_PLACE));
        private final BlockingQueue<Path> ballast = new LinkedBlockingQueue<>();

        private final AtomicBoolean full = new AtomicBoolean();

        Filling(SmallDisk disk) {
            this.disk = disk;
        }

        @Override
        public void accept(Splitting.Point point) {
            // Not while it is full: what the store kept in reserve may let a step go on.
            if (point == points.peek() && !full.get()) {
                points.remove();
                Path filled = disk.fill(0);
                full.set(true);
                ballast.add(filled);
            }
        }
    }

    @Test
    void shouldWaitAndGoOnWhereTheVolumeIsFullInTheMiddleOfAStep() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.monitor(file, ROWS, true);
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.ext4(mount, 128 << 20, 0))) {
            Filling filling = new Filling(disk);
            Path home = disk.directory().resolve("history");
            try (Store store = SqliteSplittings.open(home, filling, 1_000, o -> {})) {
                store.createTable(LegacyData.invocations().build());
                store.split(store.adopt(
                                "invocations",
                                Adoption.of(file, "invocations")
                                        .time("finished_at")
                                        .details("invocation_details", "task_id"))
                        .partition());
                for (int points = filling.points.size(); points > 0; points--) {
                    waitsAndGoesOn(store, filling);
                }
                SplitStatus done = SplitTest.await(store, SplitStatus.State.DONE);
                assertThat(done.rowsMoved()).isEqualTo(ROWS);
                assertThat(done.superseded() + done.expired() + done.keyless()).isZero();
                requireEachOnce(store);
                assertThat(store.diagnose()).noneMatch(found -> found.what().startsWith("nobody knows"));
                try (var left = Files.list(home.resolve("tmp"))) {
                    assertThat(left).isEmpty();
                }
            }
        }
    }

    private static void waitsAndGoesOn(Store store, Filling filling) throws IOException, InterruptedException {
        Path ballast = filling.ballast.take();
        SplitStatus[] waiting = new SplitStatus[1];
        Awaitility.await().untilAsserted(() -> {
            waiting[0] = store.splits().get(0);
            assertThat(waiting[0].note()).containsPattern("full|too little is free");
        });
        assertThat(waiting[0].state()).isEqualTo(SplitStatus.State.RUNNING);
        assertThat(store.status().tasks())
                .filteredOn(task -> task.name().equals("levee-split"))
                .extracting(StoreStatus.TaskStatus::failures)
                .as("waiting is no failure")
                .containsExactly(0L);
        requireEachOnce(store);
        Files.delete(ballast);
        filling.full.set(false);
    }

    private static void requireEachOnce(Store store) {
        Set<Object> keys = new HashSet<>();
        try (Result<Row> rows =
                store.query(Query.builder("invocations").limit(2 * ROWS).build())) {
            rows.forEach(row -> assertThat(keys.add(row.get("task_id"))).isTrue());
        }
        assertThat(keys).hasSize(ROWS);
    }
}
