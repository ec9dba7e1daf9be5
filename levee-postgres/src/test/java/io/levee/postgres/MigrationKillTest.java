package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.PostgresServer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * A process that migrates is killed at any moment: the next one goes on, each row is changed exactly once,
 * and no index is left invalid (G99, G106, G127, G129, G196). {@code -Dlevee.kills} kills more often.
 */
class MigrationKillTest {
    private static final Instant START = Instant.parse("2026-05-20T00:00:00Z");
    private static final int ROWS = 6_000;
    private static final int KILLS = Integer.getInteger("levee.kills", 3);
    private static final Duration SOON = Duration.ofSeconds(60);

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);

    private static TableSpec spec() {
        return TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .column("once", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    private static List<Migration> migrations() {
        return List.of(
                // Done twice to a row it shows.
                new Migration("once", "jobs", MigrationStep.Backfill.of("once", "once + 1")),
                new Migration(
                        "twice",
                        "jobs",
                        new MigrationStep.AddColumn(Column.of("twice", ColumnType.INTEGER), null, "n * 2")),
                new Migration("by", "jobs", new MigrationStep.AddIndex(IndexSpec.of("by", "once", "n"))));
    }

    /** Goes on with the migrations until they are done. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (Store store = Levee.open(arguments[0], false, o -> {})) {
                System.out.println("begins");
                store.migrate(migrations(), false);
                while (!store.awaitMigrations(SOON)) {
                    System.out.println("goes on: " + store.migrations());
                }
                boolean done = store.migrations().stream().allMatch(m -> m.state() == State.DONE);
                System.out.println(done ? "done" : store.migrations().toString());
            }
        }
    }

    private void fill() {
        try (Store store = Levee.open(address, false, o -> {})) {
            store.createTable(spec())
                    .appendAll(
                            IntStream.range(0, ROWS)
                                    .mapToObj(i -> Row.of(spec())
                                            .set("at", START.plusSeconds(i * 40L))
                                            .set("n", (long) i)
                                            .set("once", (long) i)
                                            .build())
                                    .toList(),
                            Ack.COMMITTED)
                    .join();
        }
    }

    private String text(String sql) {
        return String.valueOf(
                server.texts(sql.replace("{}", "\"" + schema + "\"")).get(0));
    }

    private ChildJvm child() {
        ChildJvm child = ChildJvm.start(Child.class, address);
        assertThat(child.line()).isEqualTo("begins");
        return child;
    }

    private void end(String why) {
        try (ChildJvm child = child()) {
            assertThat(child.rest()).as(why).last().isEqualTo("done");
        }
        assertThat(
                        text(
                                "SELECT count(*) || ' ' || count(*) FILTER (WHERE once = n + 1 AND twice = n * 2) FROM {}.jobs"))
                .as(why)
                .isEqualTo(ROWS + " " + ROWS);
        assertThat(text(
                        "SELECT count(*) FILTER (WHERE NOT i.indisvalid) || ' of ' || count(*) FROM pg_index i JOIN pg_class c"
                                + " ON c.oid = i.indexrelid WHERE c.relnamespace = '{}'::regnamespace AND pg_get_indexdef(c.oid)"
                                + " LIKE '%once%'"))
                .as("the parent's, and one in each of three partitions: " + why)
                .isEqualTo("0 of 4");
    }

    @Test
    void shouldChangeEachRowOnceWheneverItIsKilled() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        fill();
        for (int kill = 0; kill < KILLS; kill++) {
            try (ChildJvm child = child()) {
                LockSupport.parkNanos(random.nextLong(400_000_000L));
                child.kill();
            }
            assertThat(text("SELECT count(*) FROM {}.jobs WHERE once <> n AND once <> n + 1"))
                    .as("seed %s, kill %s", seed, kill)
                    .isEqualTo("0");
        }
        end("seed " + seed);
    }
}
