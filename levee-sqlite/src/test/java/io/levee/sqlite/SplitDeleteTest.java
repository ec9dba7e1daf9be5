package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A deletion whose rows in the adopted database cannot be put down as overridden when it is committed (G57, G64). */
class SplitDeleteTest {
    private static final TableSpec KEYED = TableSpec.builder("e")
            .column("k", ColumnType.TEXT)
            .column("v", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .retention(RetentionRule.UNBOUNDED)
            .build();

    private static final PartitionId ADOPTED = AdoptedCatalog.id("e", 1);

    @TempDir
    Path directory;

    private static Connection connect(Path file, String... statements) throws Exception {
        Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        try (Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
        return connection;
    }

    private static Store open(Path home, Runnable moved) {
        return SqliteSplittings.open(
                home,
                point -> {
                    if (point == Splitting.Point.RECORDED) {
                        moved.run();
                    }
                },
                1_000,
                o -> {});
    }

    private static void await(Store store, SplitStatus.State state) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> store.splits().get(0).state() == state);
    }

    private static long seven(Store store) {
        return store.count(Query.builder("e").where(Expr.eq("k", "k7")).build());
    }

    /** It is noted with the deletion: what a kill leaves then has none of the rows, and the splitting waits until they are put down. */
    @Test
    void shouldNotBringBackWhatWasDeletedWhereThatCannotBePutDown() throws Exception {
        Path file = directory.resolve("old.db");
        connect(
                        file,
                        "CREATE TABLE e(n INTEGER PRIMARY KEY, k TEXT, v INTEGER, at REAL)",
                        "CREATE INDEX e_k ON e(k)",
                        "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 3000)"
                                + " INSERT INTO e SELECT n, 'k' || (n % 1000), n, 1700000000.5 + n FROM i")
                .close();
        // More than a query reads ahead.
        Path home = directory.resolve("store");
        Path image = directory.resolve("image");
        AtomicReference<Runnable> moved = new AtomicReference<>();
        try (Store store = open(home, () -> moved.getAndSet(() -> {}).run())) {
            moved.set(() -> store.stopSplit(ADOPTED));
            Table<Row> table = store.createTable(KEYED);
            store.adopt("e", Adoption.of(file, "e"));
            store.split(ADOPTED);
            await(store, SplitStatus.State.STOPPED);
            Row again = Row.of(table.spec())
                    .set("k", "k1")
                    .set("v", 1_000)
                    .set("at", Instant.ofEpochSecond(1_700_000_000))
                    .build();
            table.append(again, Ack.COMMITTED).join();
            try (Result<Row> running = store.query(Query.builder("e").build())) {
                assertThat(running.iterator().hasNext()).isTrue();
                Connection locking = connect(home.resolve("overrides.db"), "BEGIN IMMEDIATE");
                assertThat(table.delete(Ack.COMMITTED, "k7").join()).isTrue();
                assertThat(seven(store)).isZero();
                copy(home, image);
                locking.close();
                // The query keeps it from being put down otherwise.
                store.split(ADOPTED);
                await(store, SplitStatus.State.DONE);
            }
            assertThat(seven(store)).isZero();
        }
        try (Store reader = Levee.openReadOnly(image)) {
            assertThat(seven(reader)).isZero();
        }
        try (Store store = open(image, () -> {})) {
            store.split(ADOPTED);
            await(store, SplitStatus.State.DONE);
            assertThat(seven(store)).isZero();
        }
    }

    /** As a kill would leave it. By another process: SQLite's locks of this one are lost where Java opens its files. */
    private static void copy(Path home, Path image) throws Exception {
        Process copy = new ProcessBuilder("cp", "-r", home.toString(), image.toString())
                .inheritIO()
                .start();
        assertThat(copy.waitFor()).isZero();
    }
}
