package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.internal.time.Micros;
import io.levee.testkit.PostgresServer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Partitions that come when a backfill is done, where the process died before anybody was told (G129, G130). */
class MigrationArrivalsTest {
    private static final Instant START = Instant.parse("2026-05-20T00:00:00Z");
    private static final int ROWS = 72;

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final ManualClock clock =
            new ManualClock(START.plus(Duration.ofHours(ROWS - 1)).plusSeconds(1));

    private static TableSpec spec() {
        return TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("size", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    private Store open() {
        return Levee.open(address, false, o -> o.clock(clock));
    }

    private static void done(Store store) {
        assertThat(store.awaitMigrations(Duration.ofSeconds(60))).isTrue();
        assertThat(store.migrations())
                .as("%s", store.migrations())
                .extracting(MigrationStatus::state)
                .containsOnly(State.DONE);
    }

    /** What a restore leaves where the process dies in the next moment: its rows are of before, and the catalog knows that. */
    @Test
    void shouldBringUpWhatCameBackBeforeTheProcessDied() {
        String schema = PostgresServer.schema(address);
        try (Store store = open()) {
            store.createTable(spec())
                    .appendAll(
                            IntStream.range(0, ROWS)
                                    .mapToObj(i -> Row.of(spec())
                                            .set("at", START.plus(Duration.ofHours(i)))
                                            .set("size", 1L)
                                            .build())
                                    .toList(),
                            Ack.COMMITTED)
                    .join();
            store.migrate(List.of(new Migration("once", "jobs", MigrationStep.Backfill.of("size", "size + 1"))), false);
            done(store);
        }
        server.run(
                "UPDATE \"" + schema + "\".jobs SET size = 1 WHERE at < " + Micros.of(START.plus(Duration.ofDays(1))));
        server.run("UPDATE \"" + schema + "_levee\".migration_parts SET done = false, bound = NULL, through = 0,"
                + " seen = 0 WHERE period = '2026-05-20'");
        try (Store beside = Levee.open(address, true, o -> {})) {
            assertThat(beside.migrations().get(0).note()).contains("a restore");
        }
        try (Store store = open()) {
            done(store);
            try (Result<Row> rows =
                    store.query(Query.builder("jobs").oldestFirst().build())) {
                assertThat(rows.toList())
                        .hasSize(ROWS)
                        .extracting(row -> row.get("size"))
                        .containsOnly(2L);
            }
        }
    }
}
