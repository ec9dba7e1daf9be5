package io.levee.sqlite;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Migration;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Makes the store of {@link OlderReleaseTest}: this release migrates it, {@link OlderWriter} writes to it as the release before migrations,
 * then it is packed. {@code java … io.levee.sqlite.MigratedFixture migrate DIR}, {@code java (older classes) io.levee.sqlite.OlderWriter DIR},
 * {@code java … io.levee.sqlite.MigratedFixture pack DIR FILE}.
 */
public final class MigratedFixture {
    /** Additions of every kind, in their order: of a table whose migrations are done, and of one where they have yet to begin. */
    static final List<String> TABLES = List.of("runs", "late");

    private MigratedFixture() {}

    /** See the class. */
    public static void main(String[] args) throws Exception {
        Path directory = Path.of(args[1]);
        if (args[0].equals("migrate")) {
            migrate(directory);
        } else {
            Files.deleteIfExists(directory.resolve("reserve.bin"));
            ReleaseFixture.zip(directory, Path.of(args[2]));
        }
    }

    static TableSpec spec(String table) {
        return TableSpec.builder(table)
                .time("at")
                .key("k")
                .partitionBy(PartitionBy.DAY)
                .column("k", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("name", ColumnType.TEXT)
                .column("ms", ColumnType.INTEGER)
                .column("tries", ColumnType.INTEGER)
                .column(new Column("text", ColumnType.TEXT, true, false, null))
                .build();
    }

    static List<Migration> migrations(String table) {
        return List.of(
                new Migration(
                        table + "-region",
                        table,
                        new MigrationStep.AddColumn(Column.of("region", ColumnType.TEXT), "eu", null)),
                new Migration(
                        table + "-seconds",
                        table,
                        new MigrationStep.AddColumn(Column.of("seconds", ColumnType.REAL), null, "ms / 1000.0")),
                new Migration(
                        table + "-by-name",
                        table,
                        new MigrationStep.AddIndex(new IndexSpec("by_name", List.of("name", "at"), null))),
                new Migration(
                        table + "-by-region",
                        table,
                        new MigrationStep.AddIndex(new IndexSpec("by_region", List.of("region"), "tries > 5"))),
                new Migration(
                        table + "-tmp",
                        table,
                        new MigrationStep.AddIndex(new IndexSpec("tmp", List.of("(lower(name))"), null))),
                new Migration(table + "-no-tmp", table, new MigrationStep.DropIndex("tmp")),
                new Migration(
                        table + "-tries",
                        table,
                        new MigrationStep.Backfill(Map.of("tries", "tries + 1000"), Map.of(), null)));
    }

    private static void migrate(Path directory) {
        try (Store store = Levee.open(directory, o -> o.asOf(OlderWriter.AS_OF))) {
            for (String name : TABLES) {
                Table<Row> table = store.createTable(spec(name));
                List<Row> rows = new ArrayList<>();
                for (long k = 0; k < (long) OlderWriter.DAYS * OlderWriter.OF_DAY; k++) {
                    rows.add(OlderWriter.row(table, k, "old").build());
                }
                table.appendAll(rows, Ack.DURABLE).join();
            }
            store.migrate(migrations("runs"), true);
            if (!store.awaitMigrations(Duration.ofSeconds(60))) {
                throw new IllegalStateException(store.migrations().toString());
            }
            store.pauseMigrations(null);
            store.migrate(migrations("late"), true);
        }
        System.out.println("migrated " + directory);
    }
}
