package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Verification;
import io.levee.testkit.PostgresProcess;
import io.levee.testkit.PostgresServer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever keeps a store from its server, rows wait, health says why, and it goes on by itself when that has passed (I12). */
class ServerTroubleTest {
    private static final TableSpec JOBS = TableSpec.builder("jobs")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    private static Path directory;

    private static PostgresProcess process;

    private final PostgresServer server = process.server();
    private final String address = server.newStore();
    private final Names names = new Names(PostgresServer.schema(address));

    @BeforeAll
    static void start() {
        process = PostgresProcess.start(directory, "max_connections=25", "wal_writer_delay=10s");
    }

    @AfterAll
    static void stop() {
        process.close();
    }

    private static Row job(int n) {
        return Row.of(JOBS)
                .set("at", Instant.parse("2026-05-20T00:00:00Z").plusSeconds(n))
                .set("n", n)
                .set("text", "job " + n)
                .build();
    }

    private List<String> numbers() {
        return server.texts("SELECT n FROM " + names.in("jobs") + " ORDER BY n");
    }

    private static void awaitReason(Store store, String reason) {
        await().atMost(Duration.ofSeconds(60))
                .until(() -> store.status().health().reasons().toString().contains(reason));
    }

    private void endSessions() {
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'levee %'");
    }

    /** The server says the same where its volume is full; a trigger needs no volume of its own. */
    @Test
    void shouldKeepRowsWhileTheServersDiskIsFull() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> table = store.createTable(JOBS);
            table.append(job(1), Ack.COMMITTED).join();
            server.run("CREATE FUNCTION " + names.in("full") + "() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE"
                    + " ''could not extend file'' USING ERRCODE = ''53100''; END'; CREATE TRIGGER full_disk BEFORE INSERT ON "
                    + names.in("jobs-2026-05-20") + " FOR EACH ROW EXECUTE FUNCTION " + names.in("full") + "()");
            CompletableFuture<?> waiting = table.append(job(2), Ack.COMMITTED);
            awaitReason(store, "DISK_FULL");
            assertThat(waiting).isNotDone();
            assertThat(numbers()).containsExactly("1");
            server.run("DROP TRIGGER full_disk ON " + names.in("jobs-2026-05-20"));
            waiting.join();
            assertThat(numbers()).containsExactly("1", "2");
        }
    }

    @Test
    void shouldWaitWhileTheServerHasNoConnectionLeft() throws SQLException {
        List<Connection> others = new ArrayList<>();
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> table = store.createTable(JOBS);
            table.append(job(1), Ack.COMMITTED).join();
            endSessions();
            for (boolean more = true; more; ) {
                try {
                    others.add(server.dataSource().getConnection());
                } catch (SQLException e) {
                    assertThat(e.getSQLState()).isEqualTo("53300");
                    more = false;
                }
            }
            CompletableFuture<?> waiting = table.append(job(2), Ack.COMMITTED);
            awaitReason(store, "too many clients already");
            assertThat(waiting).isNotDone();
            closeAll(others);
            waiting.join();
            assertThat(numbers()).containsExactly("1", "2");
        } finally {
            // Whatever failed: the other tests share this server, and would find it full.
            closeAll(others);
        }
    }

    private static void closeAll(List<Connection> others) throws SQLException {
        for (Connection other : others) {
            other.close();
        }
    }

    @Test
    void shouldWaitWhileItsPasswordIsAnother() throws IOException {
        String user = "u_" + names.schema();
        server.run("CREATE ROLE " + user + " SUPERUSER LOGIN PASSWORD 'first'");
        Path rules = process.data().resolve("pg_hba.conf");
        String before = Files.readString(rules);
        Files.writeString(rules, "host all " + user + " localhost scram-sha-256\n" + before);
        server.run("SELECT pg_reload_conf()");
        String own = address.replace("postgres@", user + ":first@");
        await().until(() -> refusedWith(own.replace("first", "wrong")));
        try (Store store = Levee.open(own, false, o -> {})) {
            Table<Row> table = store.createTable(JOBS);
            table.append(job(1), Ack.COMMITTED).join();
            server.run("ALTER ROLE " + user + " PASSWORD 'second'");
            endSessions();
            CompletableFuture<?> waiting = table.append(job(2), Ack.COMMITTED);
            awaitReason(store, "password authentication failed");
            assertThat(waiting).isNotDone();
            assertThat(store.status().health().reasons().toString()).doesNotContain("first");
            server.run("ALTER ROLE " + user + " PASSWORD 'first'");
            waiting.join();
            assertThat(numbers()).containsExactly("1", "2");
        } finally {
            Files.writeString(rules, before);
            server.run("SELECT pg_reload_conf()");
        }
    }

    private static boolean refusedWith(String address) {
        try {
            Levee.open(address, false, o -> {}).close();
            return false;
        } catch (LeveeException e) {
            return String.valueOf(e.getMessage()).contains("password authentication failed");
        }
    }

    /** The address names both: the standby takes no rows until somebody promotes it, and then all of them. */
    @Test
    void shouldGoOnWithAStandbyThatTakesOver(@TempDir Path other) {
        try (PostgresProcess standby = process.standby(Files.createDirectory(other.resolve("standby")))) {
            server.run("ALTER SYSTEM SET synchronous_standby_names = '*'");
            server.run("SELECT pg_reload_conf()");
            await().until(() -> server.texts("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
                            .size()
                    == 1);
            String both = address.replaceFirst("(localhost:\\d+)", "$1,localhost:" + standby.port());
            try (Store store = Levee.open(both, false, o -> {})) {
                Table<Row> table = store.createTable(JOBS);
                table.append(job(1), Ack.COMMITTED).join();
                process.stopImmediately();
                CompletableFuture<?> waiting = table.append(job(2), Ack.COMMITTED);
                awaitReason(store, "is a standby");
                assertThat(waiting).isNotDone();
                standby.server().run("SELECT pg_promote()");
                waiting.join();
                assertThat(standby.server().texts("SELECT n FROM " + names.in("jobs") + " ORDER BY n"))
                        .containsExactly("1", "2");
                assertThat(store.gaps()).isEmpty();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            process.start();
            server.run("ALTER SYSTEM RESET synchronous_standby_names");
            server.run("SELECT pg_reload_conf()");
        }
    }

    /** With synchronous_commit = off a crash of the server takes what it has committed: that is found out, and never silent. */
    @Test
    void shouldTellWhatTheServerLostThatItHadCommitted() {
        String user = "async_" + names.schema();
        server.run("CREATE ROLE " + user + " LOGIN SUPERUSER; ALTER ROLE " + user + " SET synchronous_commit = off");
        try (Store store = Levee.open(address.replace("postgres@", user + "@"), false, o -> {})) {
            Table<Row> table = store.createTable(JOBS);
            table.append(job(1), Ack.DURABLE).join();
            boolean gone = false;
            for (int n = 2; !gone && n < 20; n++) {
                table.append(job(n), Ack.COMMITTED).join();
                process.stopImmediately();
                process.start();
                table.append(job(100 + n), Ack.DURABLE).join();
                gone = !numbers().contains(Integer.toString(n));
                assertThat(store.gaps().isEmpty())
                        .as("a gap where a row is gone")
                        .isEqualTo(!gone);
            }
            assertThat(gone).as("a commit was lost with the server").isTrue();
            assertThat(numbers()).contains("1");
            assertThat(store.gaps()).singleElement().satisfies(gap -> {
                assertThat(gap.reason()).isEqualTo(LossReason.UNCLEAN_STOP);
                assertThat(gap.count()).isEqualTo(Gap.UNKNOWN);
                assertThat(gap.table()).isEqualTo("jobs");
            });
        }
        try (Store store = Levee.open(address, false, o -> {})) {
            assertThat(store.gaps()).as("after another opening").hasSize(1);
        }
    }

    /** A damaged page costs only the queries of its own period, which say whose it is (I10). */
    @Test
    void shouldNameThePartitionThatIsDamaged() throws IOException {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> table = store.createTable(JOBS);
            table.appendAll(IntStream.range(0, 500).mapToObj(n -> job(n * 1000)).toList(), Ack.DURABLE)
                    .join();
        }
        String file = server.texts("SELECT pg_relation_filepath('" + names.in("jobs-2026-05-21") + "')")
                .get(0);
        process.stop();
        try (RandomAccessFile page = new RandomAccessFile(
                process.data().resolve(String.valueOf(file)).toFile(), "rw")) {
            page.seek(8);
            page.write(new byte[] {-1, -1, -1, -1, -1, -1, -1, -1});
        }
        process.start();
        try (Store store = Levee.open(address, true, o -> {})) {
            assertThatThrownBy(() -> store.count(Query.builder("jobs").build()))
                    .isInstanceOfSatisfying(LeveeException.class, e -> {
                        assertThat(e.code()).isEqualTo(ErrorCode.CORRUPT);
                        assertThat(e.details()).containsEntry("partition", "jobs/2026-05-21");
                    });
            assertThat(store.count(Query.builder("jobs")
                            .from(Instant.parse("2026-05-22T00:00:00Z"))
                            .build()))
                    .isPositive();
            Damage damage = damage();
            for (PartitionInfo partition : store.partitions()) {
                assertThat(damage.verify(partition.id()).state())
                        .as("%s", partition.id())
                        .isEqualTo(
                                partition.id().period().equals("2026-05-21")
                                        ? Verification.State.DAMAGED
                                        : Verification.State.OK);
            }
            server.run("DELETE FROM " + names.in("jobs-2026-05-22") + " WHERE n = 200000");
            assertThat(damage.verify(store.partitions().get(2).id()).detail()).contains("the catalog says");
        }
    }

    private Damage damage() {
        Connections connections = Connections.to(Address.parse(address, System.getenv()), 1);
        return new Damage(connections, new CatalogSession(connections, true), names);
    }
}
