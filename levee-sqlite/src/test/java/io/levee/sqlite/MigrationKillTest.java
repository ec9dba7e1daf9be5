package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.engine.MigrationRecord;
import io.levee.engine.SliceOutcome;
import io.levee.testkit.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A migration that is killed goes on where it was: each row is changed exactly once, whenever that is (G99, G106, G127, G129). */
class MigrationKillTest {
    private static final int HOURS = 6;
    private static final int ROWS = 400;
    private static final int KILLS = 3;

    @TempDir
    Path directory;

    private static MigrationStep step(int number) {
        return switch (number) {
            case 0 -> new MigrationStep.AddColumn(Column.of("up", ColumnType.TEXT), null, "upper(text)");
            // Done twice to a row it shows.
            case 1 -> MigrationStep.Backfill.of("n", "n + 1");
            case 2 -> new MigrationStep.AddIndex(IndexSpec.of("by_up", "up", "n"));
            default -> new MigrationStep.DropColumn("more");
        };
    }

    /** Goes on with the migrations, and tells each slice. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (MigrationHelp home = new MigrationHelp(Path.of(arguments[0]), false)) {
                for (int number = 0; number < 4; number++) {
                    List<MigrationRecord> known = home.engine.migrations();
                    MigrationRecord record =
                            number < known.size() ? known.get(number) : home.declare("step" + number, step(number));
                    for (PartitionId id : home.parts(record)) {
                        SliceOutcome outcome;
                        do {
                            System.out.println("slice");
                            outcome = home.slice(record, id, home.order(record, 23));
                            if (!outcome.waitsFor().isEmpty()) {
                                System.out.println("waits: " + outcome.waitsFor());
                            }
                        } while (!outcome.partitionDone());
                    }
                }
            }
            System.out.println("done");
        }
    }

    @Test
    void shouldChangeEachRowOnceWheneverItIsKilled() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.work(
                    home.declare("n", new MigrationStep.AddColumn(Column.of("n", ColumnType.INTEGER), 0L, null)), 100);
            for (int hour = 0; hour < HOURS; hour++) {
                home.fill(hour, hour * ROWS, ROWS);
            }
        }
        forgetFirst();
        for (int kill = 0; kill < KILLS; kill++) {
            // About 70 slices a step, and a build for each partition: from anywhere in the first step to the last.
            int after = random.nextInt(110);
            boolean done = false;
            try (ChildJvm child = ChildJvm.start(Child.class, directory.toString())) {
                for (int i = 0; i <= after && !done; i++) {
                    String line = child.line();
                    assertThat(line).as("seed %s", seed).isIn("slice", "done");
                    done = line.equals("done");
                }
                if (!done) {
                    child.kill();
                }
            }
            check(seed, kill);
        }
        try (ChildJvm child = ChildJvm.start(Child.class, directory.toString())) {
            assertThat(child.rest()).last().isEqualTo("done");
        }
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            assertThat(home.sql("SELECT count(*), min(n), max(n), sum(up = upper(text)) FROM events"))
                    .as("seed %s", seed)
                    .containsExactly("[" + HOURS * ROWS + ", 1, 1, " + HOURS * ROWS + "]");
            home.engine
                    .migrations()
                    .forEach(record -> assertThat(home.parts(record)).isEmpty());
            assertThat(home.sql("EXPLAIN QUERY PLAN SELECT * FROM events WHERE up = 'T1' AND n = 1")
                            .toString())
                    .contains("events__by_up")
                    .doesNotContain("SCAN");
        }
        try (Stream<Path> left = Files.list(directory.resolve("tmp"))) {
            assertThat(left).isEmpty();
        }
    }

    /** The catalog forgets the first migration, which only made the column: the child counts its own. */
    private void forgetFirst() throws Exception {
        try (var connection = java.sql.DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("catalog.db"))) {
            Sqlite.run(connection, "DELETE FROM migrations");
        }
    }

    /** Answers are whole at any time: no row was changed twice, whichever were changed. */
    private void check(long seed, int kill) {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            boolean up = home.spec.position("up") >= 0;
            assertThat(home.sql("SELECT count(*), min(n) >= 0, max(n) <= 1"
                            + (up ? ", sum(up = upper(text))" : ", count(*)") + " FROM events"))
                    .as("seed %s, kill %s", seed, kill)
                    .containsExactly("[" + HOURS * ROWS + ", 1, 1, " + HOURS * ROWS + "]");
        }
    }
}
