package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Levee;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.testkit.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What two crashes leave of a splitting, one in a step and one in the next, beside a catalog that is lost (G64, G84, T5). */
class SplitLeftoverTest {
    private static final int ROWS = 2_000;
    private static final int AT_ONCE = 1_000;

    @TempDir
    Path directory;

    /** Goes on with the splitting until the first time that it comes to a point, and stops dead there. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) throws InterruptedException {
            Splitting.Point dead = Splitting.Point.valueOf(arguments[1]);
            // No pass of the janitor comes first: it would put away what is looked for.
            Store store = SqliteSplittings.open(
                    Path.of(arguments[0]),
                    point -> {
                        if (point == dead) {
                            Runtime.getRuntime().halt(1);
                        }
                    },
                    AT_ONCE,
                    o -> o.retentionEvery(Duration.ofDays(1)));
            store.split(AdoptedCatalog.id("invocations", 1));
            new CountDownLatch(1).await();
        }
    }

    private static void die(Path home, Splitting.Point at) throws Exception {
        try (ChildJvm child = ChildJvm.start(Child.class, home.toString(), at.name())) {
            child.rest();
        }
    }

    private static List<Path> partitions(Path home) throws Exception {
        try (Stream<Path> files = Files.list(home.resolve("tables/invocations"))) {
            return files.filter(file -> file.toString().endsWith(".db")).toList();
        }
    }

    /**
     * The first step dies when its files are in their places, the next one when the ledger has its names in place of the first one's. Where
     * the catalog is lost then nothing says of the files that their rows are in the adopted database yet: they were there twice.
     */
    @Test
    void shouldTakeNothingForAPartitionThatACrashLeftOfTheStepBefore() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.monitor(file, ROWS, true);
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home)) {
            store.createTable(LegacyData.invocations().build());
            store.adopt(
                    "invocations",
                    Adoption.of(file, "invocations").time("finished_at").details("invocation_details", "task_id"));
        }
        die(home, Splitting.Point.IN_PLACE);
        assertThat(partitions(home)).isNotEmpty();
        die(home, Splitting.Point.NAMED);
        assertThat(new SqliteSplittings().lose(home.toString())).isTrue();
        try (Store store = SqliteSplittings.open(home, point -> {}, AT_ONCE, o -> {})) {
            store.splits().stream()
                    .filter(split -> split.state() == SplitStatus.State.RUNNING)
                    .forEach(split -> store.stopSplit(split.partition()));
            try (Result<Row> rows =
                    store.query(Query.builder("invocations").limit(2 * ROWS).build())) {
                assertThat(rows.toList().stream().map(row -> row.get("task_id")))
                        .containsExactlyInAnyOrderElementsOf(IntStream.range(0, ROWS)
                                .mapToObj(i -> (Object) String.format("task-%08d", i))
                                .toList());
            }
        }
    }
}
