package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Finding;
import io.levee.testkit.PostgresServer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * A store that was migrated comes right after the release before migrations has written to it (G108, G112). That release finds added columns
 * in the spec without their defaults and expressions, and copies null into them; the server gives its partitions the indexes.
 */
class OlderReleaseTest {
    private static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final int ROWS = 48;

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);

    private static Row row(Table<Row> table, int i) {
        return Row.of(table.spec())
                .set("at", BEGIN.plus(Duration.ofHours(i)))
                .set("ms", (long) i)
                .build();
    }

    private void migrated() {
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Row> table = store.createTable(TableSpec.builder("runs")
                    .time("at")
                    .partitionBy(PartitionBy.DAY)
                    .column("at", ColumnType.TIMESTAMP)
                    .column("ms", ColumnType.INTEGER)
                    .build());
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < ROWS; i++) {
                rows.add(row(table, i));
            }
            table.appendAll(rows, Ack.COMMITTED).join();
            store.migrate(
                    List.of(
                            new Migration(
                                    "region",
                                    "runs",
                                    new MigrationStep.AddColumn(Column.of("region", ColumnType.TEXT), "eu", null)),
                            new Migration(
                                    "level",
                                    "runs",
                                    new MigrationStep.AddColumn(Column.of("level", ColumnType.INTEGER), 3L, null)),
                            new Migration(
                                    "seconds",
                                    "runs",
                                    new MigrationStep.AddColumn(
                                            Column.of("seconds", ColumnType.REAL), null, "ms / 1000.0")),
                            new Migration(
                                    "by",
                                    "runs",
                                    new MigrationStep.AddIndex(new IndexSpec("by", List.of("region"), null)))),
                    true);
            assertThat(store.awaitMigrations(SOON)).as("%s", store.migrations()).isTrue();
        }
    }

    /** What the release before migrations leaves: a heartbeat that says nothing of them, and nulls. */
    private void olderWriter() {
        server.run("UPDATE \"" + schema + "\".runs SET region = NULL, level = NULL, seconds = NULL WHERE ms % 4 = 0");
        server.run("UPDATE \"" + schema + "_levee\".store SET value = (value::jsonb - 'migrates')::text"
                + " WHERE key = 'heartbeat' AND value LIKE '%migrates%'");
    }

    private static void requireRows(Store store) {
        try (SqlResult result = store.sql(SqlQuery.of(
                "SELECT count(*), count(region), sum(level), round(sum(seconds)::numeric, 3)::text FROM runs"))) {
            result.forEach(row -> assertThat(row).hasToString("[" + ROWS + ", " + ROWS + ", " + 3 * ROWS + ", 1.128]"));
        }
        for (Expr filter : List.of(Expr.eq("region", "eu"), Expr.eq("level", 3L))) {
            assertThat(store.count(Query.builder("runs").where(filter).build())).isEqualTo(ROWS);
        }
        assertThat(store.migrations()).allSatisfy(m -> assertThat(m.state()).isEqualTo(State.DONE));
        assertThat(store.diagnose())
                .filteredOn(f -> f.what().contains("index by of runs"))
                .singleElement()
                .satisfies(f -> assertThat(f.level()).isEqualTo(Finding.Level.OK));
    }

    @Test
    void shouldReadDefaultsWhereAnOlderReleaseWroteNull() {
        migrated();
        olderWriter();
        try (Store store = Levee.open(address, true, o -> {})) {
            requireRows(store);
        }
        // The second opening finds the heartbeat of the first.
        for (int i = 0; i < 2; i++) {
            try (Store store = Levee.open(address, false, o -> {})) {
                requireRows(store);
            }
        }
    }
}
