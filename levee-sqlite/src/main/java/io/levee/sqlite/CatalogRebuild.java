package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Quarantined;
import io.levee.internal.json.Json;
import io.levee.internal.spec.SpecCodec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Makes a new catalog from what the partition files say of themselves, as docs/format.md tells. The thread that opens the store,
 * with the store's lock.
 *
 * <p>The new one is made beside and renamed into its place when it is whole: a crash in between is an opening without a catalog.
 */
final class CatalogRebuild {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    /** Numbers go on so far above the highest one found: what lay in a partition that cannot be read has none of them. */
    private static final long BEYOND = 1_000_000_000L;

    private static final Bytes CACHE = Bytes.kibi(256);

    private final StorePaths paths;
    private final Instant now;
    private final LedgerState ledger = new LedgerState();
    private final Map<String, Found> tables = new TreeMap<>();
    private final List<PartitionId> live = new ArrayList<>();
    private final MigrationRebuild migrations = new MigrationRebuild();
    private final Map<PartitionId, String> dropped = new LinkedHashMap<>();
    private final Set<String> merged = new HashSet<>();
    private final Set<PartitionId> inTrash = new LinkedHashSet<>();
    private final Map<PartitionId, String> damaged = new LinkedHashMap<>();

    /** What was found of one table. */
    private static final class Found {
        private @Nullable TableSpec spec;
        private String specOf = "";
        private @Nullable String migrated;
        private String migratedOf = "";
        private long highest;
        private long min = Long.MAX_VALUE;
        private long max = Long.MIN_VALUE;

        /** What migrations made, as it was told last: a release before them tells the rest alone, and may be the last to write a file. */
        void migrated(@Nullable Object told) {
            if (told == null) {
                return;
            }
            Map<String, Object> entry = Json.object(told.toString());
            String at = String.valueOf(entry.get("at"));
            if (migratedOf.compareTo(at) <= 0) {
                migrated = Json.write(entry.get("spec"));
                migratedOf = at;
            }
        }

        @Nullable
        TableSpec whole() {
            try {
                return spec == null || migrated == null ? spec : CatalogTables.spec(Json.write(spec.toMap()), migrated);
            } catch (LeveeException | IllegalArgumentException e) {
                LOG.log(System.Logger.Level.WARNING, "what migrations made of " + spec + " is not known any more", e);
                return spec;
            }
        }

        void add(Partition.Held held) {
            highest = Math.max(highest, held.maxSeq());
            if (held.rows() > 0) {
                min = Math.min(min, held.minMicros());
                max = Math.max(max, held.maxMicros());
            }
        }
    }

    private CatalogRebuild(StorePaths paths, Instant now) {
        this.paths = paths;
        this.now = now;
    }

    /**
     * Rebuilds the catalog of a store.
     *
     * @param wrong what is wrong with the one that is there
     * @throws LeveeException where the files themselves cannot be read or the new catalog not be written: nothing was lost, and
     *     the next opening tries again
     */
    static void run(StorePaths paths, Instant now, String wrong) {
        LOG.log(
                System.Logger.Level.WARNING,
                "{0} cannot be used ({1}): it is rebuilt from the partition files",
                paths.catalog(),
                wrong);
        CatalogRebuild rebuild = new CatalogRebuild(paths, now);
        try {
            rebuild.look();
            rebuild.write();
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the catalog cannot be rebuilt: " + e, e)
                    .hint("check the directory's permissions and space, and open the store again");
        } catch (SQLException e) {
            throw Sqlite.failure("the catalog cannot be rebuilt", paths.catalog(), e);
        }
        LOG.log(
                System.Logger.Level.WARNING,
                "the catalog was rebuilt: {0} tables, {1} partitions, {2} set aside",
                rebuild.tables.size(),
                rebuild.live.size(),
                rebuild.damaged.size());
    }

    private void look() throws SQLException, IOException {
        if (Files.exists(paths.ledger())) {
            LedgerFile.read(paths.ledger()).entries().forEach(ledger::apply);
        }
        dropped.putAll(ledger.gone());
        for (PartitionId id : PartitionFiles.of(paths)) {
            String wrong = look(id);
            if (wrong == null) {
                live.add(id);
            } else {
                LOG.log(System.Logger.Level.WARNING, "{0} is damaged and set aside: {1}", id, wrong);
                damaged.put(id, wrong);
            }
        }
        for (PartitionId id : PartitionFiles.flat(paths.quarantine())) {
            damaged.putIfAbsent(id, "set aside before the catalog was rebuilt");
        }
        for (PartitionId id : PartitionFiles.flat(paths.trash())) {
            dropped.put(id, "dropped before the catalog was rebuilt");
        }
        // Their rows are in one that lies beside them.
        live.removeIf(id -> {
            boolean superseded = merged.contains(id.toString());
            if (superseded) {
                dropped.put(id, Merging.MERGED_INTO + "another partition");
            }
            return superseded;
        });
        AdoptedLedger.unfinished(ledger, live::contains).forEach(id -> {
            live.remove(id);
            dropped.put(id, Splitting.BEING_SPLIT);
        });
        // An older file of that name lies in its place again: that one is live.
        live.forEach(damaged::remove);
        live.forEach(dropped::remove);
        damaged.keySet().forEach(dropped::remove);
        PartitionFiles.flat(paths.trash()).stream().filter(dropped::containsKey).forEach(inTrash::add);
    }

    /** Takes in what a file says of itself; returns what is wrong with it, or null. */
    private @Nullable String look(PartitionId id) throws SQLException {
        Path file = paths.root().resolve(PartitionFiles.name(id));
        if (Partition.size(file) == 0) {
            return Files.exists(StorePaths.wal(file)) ? "it is empty, and its WAL is not" : null;
        }
        try {
            Connection connection = Connections.reader(file, CACHE);
            try {
                return look(id, connection);
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException e) {
            if (Sqlite.damaged(e)) {
                return String.valueOf(e.getMessage());
            }
            throw e;
        }
    }

    private @Nullable String look(PartitionId id, Connection connection) throws SQLException {
        if (!CatalogSchema.anyTable(connection)) {
            // A crash came before its tables.
            return null;
        }
        PartitionId told =
                CatalogSchema.hasTable(connection, "levee_partition") ? Identity.read(connection, "main") : null;
        if (told == null || !CatalogSchema.hasTable(connection, "levee_stats")) {
            return "it does not say what it is";
        }
        String wrong = Identity.wrong(connection, "main", id, null);
        if (wrong != null) {
            return wrong;
        }
        Object later = described(connection, PartitionSchema.SPEC_AT);
        Object created = later == null ? described(connection, "created") : later;
        Object spec = described(connection, "spec");
        try {
            Found found = tables.computeIfAbsent(id.table(), name -> new Found());
            TableSpec parsed = CatalogTables.spec(
                    String.valueOf(spec), (String) described(connection, PartitionSchema.SPEC_ADDED));
            if (found.specOf.compareTo(String.valueOf(created)) <= 0) {
                found.spec = parsed;
                found.specOf = String.valueOf(created);
            }
            found.migrated(described(connection, PartitionSchema.SPEC_MIGRATED));
            found.add(PartitionSchema.held(connection));
            migrations.saw(id, connection);
            merged.addAll(MergedFile.names((String) described(connection, MergedFile.MERGED)));
            return null;
        } catch (LeveeException | IllegalArgumentException e) {
            return "its copy of the spec is none: " + e.getMessage();
        }
    }

    private static @Nullable Object described(Connection connection, String key) throws SQLException {
        return Sqlite.value(connection, "SELECT value FROM levee_partition WHERE key = " + Sqlite.literal(key));
    }

    private void write() throws SQLException, IOException {
        Path made = paths.tmp().resolve("catalog.db");
        for (String suffix : Quarantine.SUFFIXES) {
            Files.deleteIfExists(made.resolveSibling(made.getFileName() + suffix));
        }
        Connection connection = Connections.catalog(made);
        try {
            CatalogSchema.prepare(connection, now);
            Sqlite.transaction(connection, () -> {
                fill(connection);
                return true;
            });
            Sqlite.run(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        } finally {
            Connections.close(made, connection);
        }
        keep();
        Files.move(made, paths.catalog(), StandardCopyOption.ATOMIC_MOVE);
        StorePaths.sync(paths.root());
    }

    private void fill(Connection connection) throws SQLException {
        AdoptedLedger.specs(ledger).forEach((name, spec) -> {
            Found found = tables.computeIfAbsent(name, n -> new Found());
            found.spec = found.spec == null ? spec : found.spec;
            found.migrated = found.migrated == null ? Json.write(SpecCodec.migrated(spec)) : found.migrated;
        });
        for (Map.Entry<String, Found> table : tables.entrySet()) {
            Found found = table.getValue();
            TableSpec spec = found.whole();
            if (spec == null) {
                continue;
            }
            CatalogTables.putTable(connection, spec);
            CatalogTables.reserveSeq(connection, spec.name(), found.highest + BEYOND);
            TableMarks.Marks known = ledger.marks().getOrDefault(spec.name(), TableMarks.Marks.NONE);
            TableMarks.write(
                    connection, spec.name(), known.raisedTo(new TableMarks.Marks(Long.MIN_VALUE, found.highest)));
            if (found.min <= found.max) {
                gap(connection, new Gap(spec.name(), found.min, found.max, Gap.UNKNOWN, LossReason.CATALOG_REBUILT));
            }
        }
        migrations.write(connection, live, now);
        AdoptedLedger.fill(ledger, connection, now, live::contains);
        for (PartitionId id : live) {
            insert(connection, id);
            Found found = tables.get(id.table());
            if (found == null || found.spec == null) {
                // An empty file of a table that no file describes: only its name is used.
                Catalog.markDropped(connection, id, "never written to", now);
            }
            if (Files.exists(StorePaths.wal(paths.root().resolve(PartitionFiles.name(id))))) {
                Catalog.put(connection, "last_shutdown", "RUNNING");
            }
        }
        for (Map.Entry<PartitionId, String> one : dropped.entrySet()) {
            insert(connection, one.getKey());
            Catalog.markDropped(connection, one.getKey(), one.getValue(), now);
        }
        for (PartitionId id : inTrash) {
            // Nobody knows how much of its grace is left, nor what was written since its drop.
            TrashEntries.put(connection, id, 0, 0);
        }
        for (Map.Entry<PartitionId, String> one : damaged.entrySet()) {
            insert(connection, one.getKey());
            Catalog.markDropped(connection, one.getKey(), one.getValue(), now);
            Quarantined quarantined = Quarantine.describe(paths, one.getKey(), one.getValue(), now);
            Quarantine.write(connection, paths, quarantined);
        }
    }

    private void insert(Connection connection, PartitionId id) throws SQLException {
        Partition open = new Partition(id, PartitionFiles.name(id), Partition.State.OPEN, Partition.Held.UNKNOWN, 0);
        Catalog.insertOpen(connection, open, now);
    }

    private static void gap(Connection connection, Gap gap) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT INTO gaps(table_name, from_time, to_time, count, reason) VALUES(?, ?, ?, NULL, ?)")) {
            statement.setString(1, gap.table());
            statement.setLong(2, gap.fromMicros());
            statement.setLong(3, gap.toMicros());
            statement.setString(4, gap.reason().name());
            statement.executeUpdate();
        }
    }

    /** The damaged one is kept for a person: nothing here ever deletes what it cannot read. */
    private void keep() throws IOException {
        String name = "catalog-" + now.toString().replace(':', '-') + ".db";
        for (String suffix : Quarantine.SUFFIXES) {
            Path part = paths.catalog().resolveSibling(paths.catalog().getFileName() + suffix);
            if (Files.exists(part)) {
                Files.move(part, paths.quarantine().resolve(name + suffix), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        StorePaths.sync(paths.quarantine());
    }
}
