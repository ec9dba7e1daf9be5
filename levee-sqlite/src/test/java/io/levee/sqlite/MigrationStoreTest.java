package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Migrations of a store of files, through the store: beside adopted databases, other processes' readers, and a writer that goes on. */
class MigrationStoreTest {
    private static final int OLD = 100;
    private static final Duration LONG = Duration.ofMinutes(2);

    @TempDir
    Path directory;

    private CompletableFuture<?> last = CompletableFuture.completedFuture(null);

    private void append(Table<Row> table, Map<String, ?> values) {
        var row = Row.of(table.spec());
        values.forEach(row::set);
        last = table.append(row.build(), Ack.COMMITTED);
    }

    private static long count(Store store, String table, String where) {
        return store.count(
                Query.builder(table).where(Expr.parse(where, LegacyData.BEGIN)).build());
    }

    @Test
    void shouldLeaveAnAdoptedDatabaseAsItIsAndReadItByTheNewestSpec() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.monitor(file, 500, true);
        byte[] before = Files.readAllBytes(file);
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home)) {
            Table<Row> table = store.createTable(LegacyData.invocations().build());
            store.adopt(
                    "invocations",
                    Adoption.of(file, "invocations").time("finished_at").details("invocation_details", "task_id"));
            for (int i = 0; i < 20; i++) {
                append(
                        table,
                        Map.of(
                                "task_id",
                                "own-" + i,
                                "task_name",
                                "x",
                                "state",
                                "SUCCESS",
                                "worker",
                                "w",
                                "finished_at",
                                LegacyData.BEGIN));
            }
            last.join();
            store.migrate(
                    List.of(
                            new Migration(
                                    "level",
                                    "invocations",
                                    new MigrationStep.AddColumn(Column.of("level", ColumnType.INTEGER), 3L, null)),
                            new Migration(
                                    "both",
                                    "invocations",
                                    new MigrationStep.AddColumn(
                                            Column.of("both", ColumnType.TEXT), null, "task_name || '/' || state")),
                            new Migration("named", "invocations", new MigrationStep.RenameColumn("worker", "job")),
                            new Migration(
                                    "by_job", "invocations", new MigrationStep.AddIndex(IndexSpec.of("by_job", "job"))),
                            new Migration("again", "invocations", MigrationStep.Backfill.of("job", "job || '!'"))),
                    true);
            assertThat(store.awaitMigrations(LONG)).isTrue();
            assertThat(store.migrations())
                    .allMatch(
                            m -> m.state() == MigrationStatus.State.DONE && m.partitionsTotal() == m.partitionsDone());
            assertThat(count(store, "invocations", "level = 3")).isEqualTo(520);
            assertThat(count(store, "invocations", "both = 'x/SUCCESS'")).isEqualTo(20);
            assertThat(count(store, "invocations", "job = 'w!'")).isEqualTo(20);
            assertThat(count(store, "invocations", "job IS NOT NULL")).isEqualTo(520);
            assertThat(Files.readAllBytes(file)).isEqualTo(before);
            // A process beside reads the same, and the status that the writing one keeps (G150).
            try (Store beside = Levee.openReadOnly(home)) {
                assertThat(count(beside, "invocations", "level = 3 AND both IS NOT NULL"))
                        .isEqualTo(520);
                assertThat(beside.migrations())
                        .extracting(MigrationStatus::state)
                        .containsOnly(MigrationStatus.State.DONE);
            }
        }
    }

    @Test
    void shouldBackfillWhatRowsOfOtherPartitionsTellWhileNewOnesArrive() {
        Instant begin = Instant.parse("2026-05-10T00:00:00Z");
        try (Store store = Levee.open(directory.resolve("store"))) {
            Table<Row> sent = store.createTable(TableSpec.builder("transmissions")
                    .column("hash", ColumnType.TEXT)
                    .column("at", ColumnType.TIMESTAMP)
                    .column("last_seen", ColumnType.INTEGER)
                    .time("at")
                    .key("hash")
                    .partitionBy(PartitionBy.DAY)
                    .build());
            Table<Row> seen = store.createTable(TableSpec.builder("observations")
                    .column("hash", ColumnType.TEXT)
                    .column("rx_time", ColumnType.TIMESTAMP)
                    .column("n", ColumnType.INTEGER)
                    .time("rx_time")
                    .partitionBy(PartitionBy.DAY)
                    .build());
            for (int i = 0; i < OLD; i++) {
                Instant at = begin.plus(Duration.ofHours(i));
                append(sent, Map.of("hash", "h" + i, "at", at));
                for (int k = 0; k < (i % 20 == 0 ? 0 : 3); k++) {
                    append(
                            seen,
                            Map.of("hash", "h" + i, "rx_time", at.plus(Duration.ofHours(30L * k)), "n", i * 10L + k));
                }
            }
            // All of them: a backfill sets what is stored when a partition's turn comes, and batches commit one
            // partition after another.
            assertThat(store.flush(LONG)).isTrue();
            store.migrate(
                    List.of(new Migration(
                            "last_seen",
                            "transmissions",
                            new MigrationStep.Backfill(
                                    Map.of("last_seen", "coalesce(newest, last_seen)"),
                                    Map.of(
                                            "newest",
                                            Lookup.of(Lookup.Function.MAX, "observations", "n", "hash", "hash")),
                                    null))),
                    true);
            int more = OLD;
            do {
                append(sent, Map.of("hash", "h" + more, "at", begin.plus(Duration.ofHours(more)), "last_seen", -1L));
                last.join();
                more++;
            } while (!store.awaitMigrations(Duration.ofMillis(1)));
            assertThat(store.migrations().get(0).state()).isEqualTo(MigrationStatus.State.DONE);
            for (int i = 0; i < more; i++) {
                Object found = sent.find("h" + i).orElseThrow().get("last_seen");
                assertThat(found)
                        .as("row %s of %s", i, more)
                        .isEqualTo(i >= OLD ? (Object) Long.valueOf(-1) : i % 20 == 0 ? null : i * 10L + 2);
            }
        }
    }
}
