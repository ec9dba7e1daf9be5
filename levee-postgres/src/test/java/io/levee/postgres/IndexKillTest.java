package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * A kill amid CREATE INDEX CONCURRENTLY: what it leaves is found, taken away and built anew, and no row is refused or lost meanwhile (G106,
 * G196).
 */
class IndexKillTest {
    private static final Instant START = Instant.parse("2026-05-20T00:00:00Z");
    private static final int ROWS = 600;
    private static final Duration SOON = Duration.ofSeconds(90);
    private static final String HELD = "jobs-2026-05-21";

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);
    private int written;

    private static TableSpec spec() {
        return TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    private static List<Migration> migrations() {
        return List.of(new Migration("by", "jobs", new MigrationStep.AddIndex(IndexSpec.of("by", "n"))));
    }

    /** Goes on with the migration until it is done. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (Store store = Levee.open(arguments[0], false, o -> {})) {
                System.out.println("begins");
                store.migrate(migrations(), false);
                while (!store.awaitMigrations(SOON)) {
                    System.out.println("goes on: " + store.migrations());
                }
                System.out.println("done " + store.migrations());
            }
        }
    }

    /** Rows of three days, the held one among them. */
    private void write(Table<Row> table) {
        table.appendAll(
                        IntStream.range(0, ROWS)
                                .mapToObj(i -> Row.of(spec())
                                        .set("at", START.plusSeconds(i * 400L).plusMillis(written))
                                        .set("n", (long) i)
                                        .build())
                                .toList(),
                        Ack.COMMITTED)
                .join();
        written++;
    }

    private String text(String sql) {
        return String.valueOf(
                server.texts(sql.replace("{}", "\"" + schema + "\"")).get(0));
    }

    private static String held(String of) {
        return " JOIN pg_class c ON c.oid = " + of + " WHERE c.relname = '" + HELD
                + "' AND c.relnamespace = '{}'::regnamespace";
    }

    private List<String> builders() {
        return server.texts(
                ("SELECT p.pid FROM pg_stat_progress_create_index p" + held("p.relid") + " AND p.phase LIKE 'waiting%'")
                        .replace("{}", "\"" + schema + "\""));
    }

    private String invalid() {
        return text("SELECT count(*) FROM pg_index i" + held("i.indrelid") + " AND NOT i.indisvalid");
    }

    /** Whoever builds an index waits for it; whoever writes rows does not. */
    private Connection hold() throws Exception {
        Connection other = server.dataSource().getConnection();
        other.setAutoCommit(false);
        try (Statement holding = other.createStatement()) {
            holding.execute("LOCK TABLE ONLY \"" + schema + "\".\"" + HELD + "\" IN ROW EXCLUSIVE MODE");
        }
        return other;
    }

    private void end(Store store) {
        assertThat(store.awaitMigrations(SOON)).isTrue();
        assertThat(store.migrations())
                .as("%s", store.migrations())
                .extracting(MigrationStatus::state)
                .containsOnly(State.DONE);
        assertThat(text(
                        "SELECT count(*) FILTER (WHERE NOT i.indisvalid) || ' of ' || count(*) FROM pg_index i JOIN pg_class c"
                                + " ON c.oid = i.indexrelid WHERE c.relnamespace = '{}'::regnamespace AND pg_get_indexdef(c.oid)"
                                + " LIKE '%(n%'"))
                .as("the parent's, and one in each of three partitions")
                .isEqualTo("0 of 4");
        assertThat(store.count(Query.builder("jobs").build())).isEqualTo((long) ROWS * written);
    }

    @Test
    void shouldBuildAnewWhatAKilledProcessLeft() throws Exception {
        try (Store store = Levee.open(address, false, o -> {})) {
            write(store.createTable(spec()));
        }
        try (Connection other = hold()) {
            try (ChildJvm child = ChildJvm.start(Child.class, address)) {
                assertThat(child.line()).isEqualTo("begins");
                await().atMost(SOON).until(() -> !builders().isEmpty());
                child.kill();
            }
            // While the server still works for the one that is dead, and behind it: rows go in.
            Store next =
                    await().atMost(SOON).ignoreExceptions().until(() -> Levee.open(address, false, o -> {}), s -> true);
            try (Store store = next) {
                write(store.table("jobs"));
                for (String pid : builders()) {
                    server.texts("SELECT pg_terminate_backend(" + pid + ")");
                }
                write(store.table("jobs"));
                other.rollback();
                end(store);
            }
        }
        assertThat(invalid()).isEqualTo("0");
    }

    @Test
    void shouldBuildAnewWhatAKilledSessionLeft() throws Exception {
        try (Store store = Levee.open(address, false, o -> {})) {
            write(store.createTable(spec()));
            try (Connection other = hold()) {
                store.migrate(migrations(), false);
                await().atMost(SOON).until(() -> !builders().isEmpty());
                write(store.table("jobs"));
                List<String> killed = builders();
                killed.forEach(pid -> server.texts("SELECT pg_terminate_backend(" + pid + ")"));
                await().atMost(SOON).until(() -> !builders().equals(killed));
                write(store.table("jobs"));
                other.rollback();
                end(store);
            }
        }
        assertThat(invalid()).isEqualTo("0");
    }
}
