package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Levee;
import io.levee.PartitionId;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What is PostgreSQL's own of splittings: its sessions (G64). The rest is the conformance kit's. */
class SplitTest {
    private static final Instant BEGIN = LegacyTables.BEGIN;
    private static final Duration PATIENCE = Duration.ofSeconds(150);

    private final PostgresServer server = PostgresServer.shared();
    private final LegacyTables old = new LegacyTables(server);
    private final String address = server.newStore();

    /** A store whose splittings are in a test's hands. */
    static Store open(String address, Consumer<Splitting.Point> at, int rows, Consumer<StoreOptions.Builder> options) {
        PostgresEngineProvider postgres = new PostgresEngineProvider();
        EngineProvider provider = new EngineProvider() {
            @Override
            public boolean accepts(String any) {
                return true;
            }

            @Override
            public StorageEngine open(String any, EngineSettings settings) {
                PostgresEngine engine = (PostgresEngine) postgres.open(any, settings);
                engine.splitting().at(at, rows);
                return engine;
            }
        };
        return Levee.open(provider, address, false, options);
    }

    static SplitStatus await(Store store, SplitStatus.State state) {
        Awaitility.await()
                .atMost(PATIENCE)
                .untilAsserted(() -> assertThat(store.splits())
                        .as("%s", store.splits())
                        .extracting(SplitStatus::state)
                        .containsExactly(state));
        return store.splits().get(0);
    }

    private Adoption checks() {
        return Adoption.ofTable(old.name("check_history")).map("up", "is_up");
    }

    private static PartitionId adopted(Store store) {
        return store.adopted().get(0).partition();
    }

    private Store checks(String where, Consumer<Splitting.Point> at, int rows) {
        Store store = open(where, at, rows, o -> {});
        store.createTable(LegacyTables.checkSpec().build());
        store.adopt("checks", checks());
        return store;
    }

    /** A session that has written and not ended is named, and nothing moves before it is gone. */
    @Test
    void shouldNameAnotherSessionThatWrites() throws Exception {
        old.checks(1000);
        try (Store store = checks(address, p -> {}, 1000);
                Connection foreign = old.open();
                Statement statement = foreign.createStatement()) {
            statement.execute("SET application_name = 'old monitor'");
            foreign.setAutoCommit(false);
            statement.executeUpdate("UPDATE check_history SET latency_ns = 1 WHERE id = 1");
            store.split(adopted(store));
            Awaitility.await()
                    .atMost(PATIENCE)
                    .untilAsserted(
                            () -> assertThat(store.splits().get(0).note()).contains("old monitor"));
            assertThat(store.splits().get(0).rowsDone()).isZero();
            foreign.commit();
            assertThat(await(store, SplitStatus.State.DONE).rowsMoved()).isEqualTo(1000);
        }
    }

    static String key(int i) {
        return String.format(java.util.Locale.ROOT, "task-%08d", i);
    }

    static void again(Store store, int i) {
        var table = store.table("invocations");
        table.append(
                        Row.of(table.spec())
                                .set("task_id", key(i))
                                .set("task_name", "again")
                                .set("state", "SUCCESS")
                                .set("finished_at", BEGIN.plus(Duration.ofHours(1)))
                                .build(),
                        Ack.COMMITTED)
                .join();
    }
}
