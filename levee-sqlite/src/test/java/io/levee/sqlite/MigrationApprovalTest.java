package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is large is not begun before a person has seen its plan, whatever restarts come between (design, section 8). */
class MigrationApprovalTest {
    private static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    private static final Instant NOW = BEGIN.plus(Duration.ofDays(3));
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final int ROWS = 100;
    private static final TableSpec SENT = TableSpec.builder("sent")
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .column("at", ColumnType.TIMESTAMP)
            .column("v", ColumnType.INTEGER)
            .build();
    private static final List<Migration> LARGE =
            List.of(new Migration("plus", "sent", MigrationStep.Backfill.of("v", "v + 1000")));

    @TempDir
    Path home;

    /** The embedded engine, which says of each partition that it has more rows than are worked on without approval. */
    private static final class Large implements EngineProvider {
        @Override
        public boolean accepts(String address) {
            return true;
        }

        @Override
        public StorageEngine open(String address, EngineSettings settings) {
            StorageEngine engine = new SqliteEngineProvider().open(address, settings);
            return (StorageEngine) Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {StorageEngine.class}, (proxy, method, args) -> {
                        try {
                            return method.getName().equals("partitions")
                                    ? engine.partitions().stream()
                                            .map(Large::large)
                                            .toList()
                                    : method.invoke(engine, args);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
        }

        private static PartitionInfo large(PartitionInfo p) {
            return new PartitionInfo(p.id(), p.state(), p.minMicros(), p.maxMicros(), 5_000_001, p.bytes(), p.apart());
        }
    }

    private Store open() {
        return Levee.open(new Large(), home.toString(), false, o -> o.asOf(NOW));
    }

    private static void fill(Store store) {
        store.createTable(SENT)
                .appendAll(
                        LongStream.range(0, ROWS)
                                .mapToObj(v -> Row.of(SENT)
                                        .set("at", BEGIN.plusSeconds(v))
                                        .set("v", v)
                                        .build())
                                .toList(),
                        Ack.COMMITTED)
                .join();
    }

    private static MigrationStatus status(Store store) {
        return store.migrations().get(0);
    }

    private static void awaitApproval(Store store) {
        await().atMost(SOON)
                .until(() -> status(store).note().contains("it waits for approval: it works on 5000001 rows"));
        assertThat(status(store).state()).isEqualTo(State.PENDING);
        assertThat(status(store).trouble()).isNull();
        assertThat(store.planMigrations(List.of()).needsApproval()).isTrue();
        assertThat(sum(store)).isEqualTo(ROWS * (ROWS - 1) / 2);
    }

    private static long sum(Store store) {
        long sum = 0;
        try (Result<Row> rows = store.query(Query.builder("sent").build())) {
            for (Row row : rows) {
                sum += (Long) row.get("v");
            }
        }
        return sum;
    }

    @Test
    void shouldWaitForApprovalOverRestartsAndKeepTheOneItGot() {
        try (Store store = open()) {
            fill(store);
            assertThat(store.planMigrations(LARGE).needsApproval()).isTrue();
            store.migrate(LARGE, false);
            awaitApproval(store);
        }
        try (Store store = open()) {
            awaitApproval(store);
            // Declared again without a person's word, as every start of the program does.
            store.migrate(LARGE, false);
            awaitApproval(store);
            store.pauseMigrations(null);
            store.migrate(LARGE, true);
        }
        try (Store store = open()) {
            assertThat(store.planMigrations(List.of()).needsApproval()).isFalse();
            store.migrate(LARGE, false);
            store.resumeMigrations(null);
            assertThat(store.awaitMigrations(SOON)).as("%s", store.migrations()).isTrue();
            assertThat(status(store).state()).isEqualTo(State.DONE);
            assertThat(sum(store)).isEqualTo(ROWS * (ROWS - 1) / 2 + ROWS * 1000);
        }
    }
}
