package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Whether a catalog can be trusted: reads the catalog and nothing else, before each opening for writing. */
final class CatalogCheck {
    /** What to do about a catalog that is lost. */
    static final String REBUILD = "open the store for writing once: its catalog is rebuilt from the partition files";

    private CatalogCheck() {}

    /**
     * What a catalog is like.
     *
     * @param wrong why it has to be rebuilt; null where nothing is wrong, and where there is no store yet
     * @param partitions the live ones that it has: with ten thousand of them a start reads them once
     */
    record Found(@Nullable String wrong, List<Partition> partitions) {
        private static Found wrong(@Nullable String what) {
            return new Found(what, List.of());
        }
    }

    /**
     * Looks at the catalog of a store.
     *
     * @throws LeveeException {@code UNSAFE_ENVIRONMENT} for a catalog of a later release, and {@code IO_FAILED}, {@code DISK_FULL},
     *     {@code PARTITION_BUSY} where it cannot be told now
     */
    static Found look(StorePaths paths) {
        Path file = paths.catalog();
        if (Partition.size(file) == 0) {
            return Found.wrong(anything(paths) ? (Files.exists(file) ? "it is empty" : "it is missing") : null);
        }
        try {
            Connection connection = Connections.catalog(file);
            try {
                return look(connection, paths);
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException e) {
            if (Sqlite.damaged(e) || Sqlite.refused(e)) {
                return Found.wrong(String.valueOf(e.getMessage()));
            }
            throw Sqlite.failure("the catalog cannot be opened", file, e);
        }
    }

    /** Whether there is something that a catalog should know of. */
    private static boolean anything(StorePaths paths) {
        return !PartitionFiles.of(paths).isEmpty() || AdoptedLedger.any(paths);
    }

    /**
     * Before a store is opened for reading.
     *
     * @throws LeveeException {@code NOT_FOUND} where there is none, {@code CORRUPT} where only its catalog is gone
     */
    static void requireThere(StorePaths paths) {
        if (Partition.size(paths.catalog()) == 0 && anything(paths)) {
            throw lost(paths);
        }
        if (Files.notExists(paths.catalog())) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no store in " + paths.root())
                    .with("store", paths.root().toString())
                    .hint("name its directory with --store, or make one by writing to it");
        }
    }

    private static LeveeException lost(StorePaths paths) {
        return new LeveeException(ErrorCode.CORRUPT, "the catalog of " + paths.root() + " is missing or empty")
                .with("store", paths.root().toString())
                .hint(REBUILD);
    }

    /**
     * Whether a reader can use the catalog. One that holds nothing yet is that of a store whose making a full disk, or a kill, has cut off:
     * who opens it for writing makes it whole.
     *
     * @throws LeveeException {@code NOT_FOUND} for such a one, {@code CORRUPT} where there is something that it should know of,
     *     {@code UNSAFE_ENVIRONMENT} for one of another release
     */
    static void requireMade(Connection connection, StorePaths paths) throws SQLException {
        if (Sqlite.number(connection, "PRAGMA user_version") == 0 && !CatalogSchema.anyTable(connection)) {
            throw anything(paths)
                    ? lost(paths)
                    : new LeveeException(
                                    ErrorCode.NOT_FOUND,
                                    "the making of the store in " + paths.root()
                                            + " was interrupted, as by a full disk, or has only begun: there is no record in it")
                            .with("store", paths.root().toString())
                            .hint(
                                    "open it for writing again, which finishes it, such as by levee table create or levee ingest;"
                                            + " or delete the directory");
        }
        CatalogSchema.requireFormat(connection);
    }

    private static Found look(Connection connection, StorePaths paths) throws SQLException {
        Object told = Sqlite.value(connection, "PRAGMA quick_check(1)");
        if (!"ok".equals(told)) {
            return Found.wrong(String.valueOf(told));
        }
        long id = Sqlite.number(connection, "PRAGMA application_id");
        long format = Sqlite.number(connection, "PRAGMA user_version");
        boolean made = CatalogSchema.hasTable(connection, "store");
        if (id != Connections.CATALOG_ID || !Connections.reads(format)) {
            Object kept = made ? Catalog.value(connection, "format") : null;
            if (kept != null
                    && kept.toString().matches("[0-9]{1,9}")
                    && Connections.reads(Long.parseLong(kept.toString()))) {
                return Found.wrong("its header says format " + format + " and application id " + id
                        + ", its tables format " + kept);
            }
            boolean fresh = !CatalogSchema.anyTable(connection);
            if (fresh) {
                return Found.wrong(anything(paths) ? "it holds nothing" : null);
            }
            CatalogSchema.requireFormat(connection);
        }
        try {
            List<Partition> partitions = Catalog.partitions(connection);
            return new Found(contradiction(connection, partitions, paths), partitions);
        } catch (LeveeException | IllegalArgumentException | DateTimeException e) {
            return Found.wrong(String.valueOf(e.getMessage()));
        }
    }

    /** What the tables say of each other and of themselves has to fit. */
    private static @Nullable String contradiction(Connection connection, List<Partition> partitions, StorePaths paths)
            throws SQLException {
        Object created = Catalog.value(connection, "created");
        if (created == null || Instant.parse(created.toString()).isBefore(Instant.EPOCH)) {
            return "it says that it was made in " + created;
        }
        Object report = Catalog.value(connection, "last_report");
        if (report != null && Reports.of(Json.parse(report.toString())) == null) {
            return "its last report is none";
        }
        // Whatever is read while the store is open can be read: a flipped bit in a column's name is found here.
        TableMarks.read(connection);
        Quarantine.read(connection, paths.root());
        Quarantine.rebuilt(connection);
        CatalogChecks.filesWithoutChecksum(connection);
        AdoptedCatalog.check(connection);
        Map<String, Long> next = new HashMap<>();
        for (TableSpec spec : CatalogTables.tables(connection)) {
            String name = Sqlite.literal(spec.name());
            next.put(spec.name(), Sqlite.number(connection, "SELECT next_seq FROM tables WHERE name = " + name));
        }
        for (Partition partition : partitions) {
            PartitionId id = partition.id();
            Long reserved = next.get(id.table());
            if (reserved == null) {
                return "it has the partition " + id + " and not its table";
            }
            if (!partition.file().equals(PartitionFiles.name(id))) {
                return "it has " + id + " in " + partition.file();
            }
            if (partition.held().maxSeq() >= reserved) {
                return id + " holds the number " + partition.held().maxSeq() + ", and the next one is " + reserved;
            }
        }
        return null;
    }
}
