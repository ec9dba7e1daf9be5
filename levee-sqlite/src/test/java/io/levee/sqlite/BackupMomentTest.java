package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.PartitionId;
import io.levee.engine.BackupHelp;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** A backup is of one moment over all partitions: what is committed in the middle of it is in all copies or in none. */
class BackupMomentTest {
    @TempDir
    Path directory;

    private static final class Help implements BackupHelp {
        private final AtomicBoolean still = new AtomicBoolean();

        @Override
        public void still(Runnable body) {
            still.set(true);
            body.run();
            still.set(false);
        }

        @Override
        public boolean pace(long bytes) {
            return true;
        }

        @Override
        public void done(PartitionId id, boolean copied, long bytes) {}
    }

    private static long rows(Path copy) throws Exception {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + copy)) {
            return Sqlite.number(connection, "SELECT count(*) FROM events");
        }
    }

    @Test
    void shouldBeginAgainWhereAnotherProcessCommittedMeanwhile() throws Exception {
        try (OpenEngine store = new OpenEngine(directory.resolve("store"));
                BackupMoment moment = new BackupMoment(new StorePaths(directory.resolve("store")))) {
            store.append(OpenEngine.row(0, 0), OpenEngine.row(0, 1), OpenEngine.row(0, 2));
            Help help = new Help();
            AtomicInteger asked = new AtomicInteger();
            moment.take(
                    false,
                    one -> {
                        // Three times to open; then the first is held, and the others are not yet.
                        if (asked.incrementAndGet() == 5) {
                            store.append(OpenEngine.row(1, 0), OpenEngine.row(1, 1), OpenEngine.row(1, 2));
                        }
                        return true;
                    },
                    help);
            List<Long> found = new ArrayList<>();
            for (BackupMoment.Live one : moment.live()) {
                Path copy = directory.resolve("copy" + found.size() + ".db");
                assertThat(moment.copy(one.partition(), copy, help)).isTrue();
                found.add(rows(copy));
            }
            assertThat(found).containsExactly(2L, 2L, 2L);
            assertThat(asked.get()).as("once to open, and twice to begin").isEqualTo(9);
        }
    }

    private static PartitionId day(int day) {
        return new PartitionId("events", "", "2026-05-1" + day, 1);
    }

    /** Three closed partitions, of which a moment holds all. */
    private static void held(OpenEngine store, BackupMoment moment, boolean writerHere) throws Exception {
        store.append(OpenEngine.row(0, 0), OpenEngine.row(1, 1), OpenEngine.row(2, 2));
        for (int day = 0; day < 3; day++) {
            assertThat(store.engine.closePartition(day(day))).isEmpty();
        }
        moment.take(writerHere, one -> true, new Help());
        assertThat(moment.letGo()).isFalse();
        assertThat(moment.moved()).isEmpty();
        assertThat(moment.letGo()).isFalse();
    }

    private boolean copied(BackupMoment moment, int day) throws Exception {
        BackupMoment.Live one = moment.live().stream()
                .filter(live -> live.id().equals(day(day)))
                .findFirst()
                .orElseThrow();
        Path copy = directory.resolve("copy" + day + ".db");
        boolean there = moment.copy(one.partition(), copy, new Help());
        assertThat(there && rows(copy) != 1).isFalse();
        return there;
    }

    /** Its space is needed (G85, G86): what is in the trash is still to be had, and what was merged lives on. */
    @Test
    @EnabledIf("io.levee.sqlite.GoneHandlesTest#descriptorsAreShown")
    void shouldLetGoOfWhatHasNoNameAnyMoreAndOfNothingElse() throws Exception {
        StorePaths paths = new StorePaths(directory.resolve("store"));
        try (OpenEngine store = new OpenEngine(paths.root(), o -> o.trashGrace(Duration.ofHours(1)));
                BackupMoment moment = new BackupMoment(paths)) {
            held(store, moment, true);
            assertThat(store.engine.drop(day(0), "too old").blockedBy()).isEmpty();
            assertThat(moment.letGo()).as("it is in the trash").isFalse();
            assertThat(store.engine.freeDroppedNow()).isTrue();
            assertThat(store.engine.dropForSpace(day(1), "full").blockedBy()).isEmpty();
            assertThat(Unlinked.below(paths)).containsKey(Volume.UNLINKED);
            assertThat(moment.letGo()).isTrue();
            assertThat(Unlinked.below(paths)).doesNotContainKey(Volume.UNLINKED);
            assertThat(moment.letGo()).isFalse();
            assertThat(copied(moment, 0)).isFalse();
            assertThat(moment.went(day(0))).endsWith("too old");
            assertThat(copied(moment, 1)).isFalse();
            assertThat(moment.went(day(1))).endsWith("full");
            assertThat(copied(moment, 2)).isTrue();
            assertThat(moment.went(day(2))).isNull();
        }
    }

    /** The writer's process cannot ask for the space, so it is given back without. */
    @Test
    @EnabledIf("io.levee.sqlite.GoneHandlesTest#descriptorsAreShown")
    void shouldLetGoByItselfBesideAnotherProcesssWriter() throws Exception {
        StorePaths paths = new StorePaths(directory.resolve("store"));
        try (OpenEngine store = new OpenEngine(paths.root());
                BackupMoment moment = new BackupMoment(paths)) {
            held(store, moment, false);
            assertThat(store.engine.dropForSpace(day(0), "full").blockedBy()).isEmpty();
            assertThat(store.engine.dropForSpace(day(1), "full").blockedBy()).isEmpty();
            assertThat(copied(moment, 1)).as("it is being copied").isTrue();
            assertThat(Unlinked.below(paths)).doesNotContainKey(Volume.UNLINKED);
            assertThat(moment.went(day(0))).isNotNull();
        }
    }

    /** Another process may have merged what is held here; this one merges nothing that a connection is open on. */
    @Test
    @EnabledIf("io.levee.sqlite.GoneHandlesTest#descriptorsAreShown")
    void shouldKeepWhatWasMergedSinceItsRowsLiveOn() throws Exception {
        StorePaths paths = new StorePaths(directory.resolve("store"));
        try (OpenEngine store = new OpenEngine(paths.root());
                BackupMoment moment = new BackupMoment(paths)) {
            held(store, moment, false);
            assertThat(store.engine
                            .drop(day(0), Merging.MERGED_INTO + "another one")
                            .blockedBy())
                    .isEmpty();
            assertThat(store.engine.freeDroppedNow()).isTrue();
            assertThat(Unlinked.below(paths)).containsKey(Volume.UNLINKED);
            assertThat(moment.letGo()).isFalse();
            assertThat(copied(moment, 0)).isTrue();
        }
    }

    @Test
    void shouldHoldWhatWasThereAtTheMomentAndNothingAfter() throws Exception {
        try (OpenEngine store = new OpenEngine(directory.resolve("store"));
                BackupMoment moment = new BackupMoment(new StorePaths(directory.resolve("store")))) {
            store.append(OpenEngine.row(0, 0), OpenEngine.row(0, 1));
            Help help = new Help();
            List<Boolean> still = new ArrayList<>();
            moment.take(
                    true,
                    one -> {
                        still.add(help.still.get());
                        return true;
                    },
                    help);
            assertThat(still)
                    .as("begun on the writer, which commits nothing meanwhile")
                    .containsExactly(false, false, true, true);
            store.append(OpenEngine.row(1, 0), OpenEngine.row(1, 1), OpenEngine.row(1, 2));
            assertThat(moment.live()).hasSize(2);
            for (BackupMoment.Live one : moment.live()) {
                Path copy = directory.resolve(one.id().period() + ".db");
                assertThat(moment.copy(one.partition(), copy, help)).isTrue();
                assertThat(rows(copy)).isEqualTo(1);
            }
        }
    }
}
