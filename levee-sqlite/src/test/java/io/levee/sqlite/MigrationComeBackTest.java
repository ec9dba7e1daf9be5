package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.engine.Finding;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Partitions that come back from a backup after migrations were done: made right, whatever names mean by now (G17, G102, G107). */
class MigrationComeBackTest {
    private static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final List<String> DAYS = List.of("2026-05-01", "2026-05-02");

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock(BEGIN.plus(Duration.ofHours(12)));

    private Store open() {
        return Levee.open(directory.resolve("store"), o -> o.clock(clock).trashGrace(Duration.ZERO));
    }

    private static TableSpec spec() {
        return TableSpec.builder("ev")
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.maxAge(Duration.ofDays(3)))
                .column("k", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("v", ColumnType.INTEGER)
                .column("text", ColumnType.TEXT)
                .column("old", ColumnType.TEXT)
                .column(new Column("more", ColumnType.TEXT, true, false, null))
                .build();
    }

    private static Row row(long k) {
        return Row.of(spec())
                .set("k", k)
                .set("at", BEGIN.plus(Duration.ofHours(12 * k)))
                .set("text", "t" + k)
                .set("old", "o" + k)
                .set("more", "m" + k)
                .build();
    }

    private void migrate(Store store, String id, MigrationStep step) {
        clock.advance(Duration.ofSeconds(1));
        store.migrate(List.of(new Migration(id, "ev", step)), true);
        done(store);
    }

    private static void done(Store store) {
        assertThat(store.awaitMigrations(SOON)).isTrue();
        assertThat(store.migrations())
                .as("%s", store.migrations())
                .allMatch(m -> m.state() == MigrationStatus.State.DONE);
    }

    private static Map<Long, List<Object>> values(Store store, String... columns) {
        Map<Long, List<Object>> values = new LinkedHashMap<>();
        try (Result<Row> rows =
                store.query(Query.builder("ev").details().oldestFirst().build())) {
            rows.forEach(row -> values.put(
                    (Long) row.get("k"),
                    java.util.Arrays.stream(columns).map(row::get).toList()));
        }
        return values;
    }

    @Test
    void shouldNotTakeAnOlderColumnForTheOneThatHasItsNameNow() {
        Path backup = directory.resolve("backup");
        try (Store store = open()) {
            store.createTable(spec());
            for (long k = 0; k < 4; k++) {
                store.table("ev").append(row(k), Ack.COMMITTED).join();
                clock.advance(Duration.ofHours(12));
            }
            store.backup(backup);
            clock.advance(Duration.ofDays(2).plusHours(3));
            store.table("ev").append(row(8), Ack.COMMITTED).join();
            assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(2);
            migrate(store, "named", new MigrationStep.RenameColumn("text", "Größe ☃"));
            migrate(store, "gone", new MigrationStep.DropColumn("old"));
            migrate(store, "moved", new MigrationStep.RenameColumn("more", "rest"));
            migrate(store, "text", new MigrationStep.AddColumn(Column.of("text", ColumnType.TEXT), "new", null));
            migrate(store, "old", new MigrationStep.AddColumn(Column.of("old", ColumnType.TEXT), null, "'v' || k"));
            migrate(
                    store,
                    "more",
                    new MigrationStep.AddColumn(new Column("more", ColumnType.TEXT, true, false, null), null, null));
            migrate(store, "index", new MigrationStep.AddIndex(IndexSpec.of("by_v", "v")));
            migrate(store, "fill", MigrationStep.Backfill.of("v", "k * 10"));
            DAYS.forEach(day -> store.restore(new PartitionId("ev", "", day, 1), backup));
            String[] columns = {"Größe ☃", "text", "old", "rest", "more"};
            for (int look = 0; look < 2; look++) {
                Map<Long, List<Object>> values = values(store, columns);
                assertThat(values).hasSize(5);
                values.forEach((k, found) ->
                        assertThat(found).as("row %s", k).containsExactly("t" + k, "new", "v" + k, "m" + k, null));
                done(store);
            }
            values(store, "v").forEach((k, found) -> assertThat(found).containsExactly(k * 10));
            assertThat(store.diagnose())
                    .noneMatch(found -> found.level() == Finding.Level.WARNING
                            && found.what().contains("ev"));
            assertThat(store.partitions()).extracting(p -> p.id().period()).containsAll(DAYS);
        }
        try (Store store = open()) {
            assertThat(values(store, "text", "v")).hasSize(5).containsEntry(1L, List.of("new", 10L));
        }
    }
}
