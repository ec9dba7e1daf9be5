package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.PartitionId;
import io.levee.engine.BackupHelp;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
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
                moment.copy(one.partition(), copy, help);
                found.add(rows(copy));
            }
            assertThat(found).containsExactly(2L, 2L, 2L);
            assertThat(asked.get()).as("once to open, and twice to begin").isEqualTo(9);
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
                moment.copy(one.partition(), copy, help);
                assertThat(rows(copy)).isEqualTo(1);
            }
        }
    }
}
