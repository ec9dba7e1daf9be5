package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.internal.backup.BackupDirectory;
import io.levee.internal.backup.BackupManifest;
import io.levee.internal.backup.BackupManifest.Entry;
import io.levee.internal.backup.PlainFiles;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Puts one partition that was dropped or set aside back from a backup: its copy is laid into the trash as if it had been dropped, and
 * comes back from there, so that of a key that was written again the newer row stays. One at a time, off the writer.
 */
final class PutBack {
    private final Writing writing;
    private final Manifest manifest;
    private final Path backup;

    PutBack(Writing writing, Manifest manifest, Path backup) {
        this.writing = writing;
        this.manifest = manifest;
        this.backup = backup.toAbsolutePath().normalize();
    }

    /** What the catalog still knows of a partition that is gone; the checksum is null where it was never closed. */
    private record Known(@Nullable String checksum, long rows) {}

    /** See {@link io.levee.engine.StorageEngine#restore(PartitionId, Path)}. */
    void run(PartitionId id) {
        BackupManifest from = BackupDirectory.read(backup);
        Entry entry = from.partitions().stream()
                .filter(e -> e.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new LeveeException(ErrorCode.NOT_FOUND, "the backup has no partition " + id)
                        .with("partition", id.toString()));
        Known known = writing.catalog().change(c -> {
            requireSame(c, from);
            requireNotErased(c, from, entry);
            return known(c, id);
        });
        // Equal to the last byte to what went: then only what was written since may have one of its keys.
        boolean exact = known.checksum != null && known.checksum.equals(entry.source());
        Partition.Held held =
                new Partition.Held(entry.minMicros(), entry.maxMicros(), entry.rows(), entry.minSeq(), entry.maxSeq());
        TrashEntries.Entry dropped = new TrashEntries.Entry(
                id,
                entry.plain().path(),
                0,
                exact ? entry.maxSeq() : 0,
                held,
                entry.plain().bytes());
        Path copy = copy(entry);
        writing.restoring().restore(writing.trash().claimCopy(copy, dropped, adapted(copy, entry)));
        if (!exact) {
            lacks(from, entry, known);
        }
        writing.quarantine().cameBack(id);
    }

    private void requireSame(Connection connection, BackupManifest from) throws SQLException {
        if (!from.engine().equals("sqlite")
                || !from.incarnation().equals(String.valueOf(Catalog.value(connection, "created")))) {
            throw new LeveeException(
                            ErrorCode.BAD_VALUE,
                            backup + " holds a backup of another store (" + from.store()
                                    + "), or of what this store was" + " before it was restored or its catalog rebuilt")
                    .hint("restore it to a directory of its own, and export from there what is wanted");
        }
    }

    /** What was erased must not come back with a copy that was made before. */
    private void requireNotErased(Connection connection, BackupManifest from, Entry entry) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT max(at) FROM erasures WHERE table_name = ?")) {
            statement.setString(1, entry.id().table());
            try (ResultSet rows = statement.executeQuery()) {
                String last = rows.next() ? rows.getString(1) : null;
                boolean since =
                        last != null && (entry.kept() != null || Micros.of(Instant.parse(last)) >= from.atMicros());
                if (since) {
                    throw new LeveeException(
                                    ErrorCode.NOT_SUPPORTED,
                                    "records of " + entry.id().table() + " were erased at " + last
                                            + ", and the copy may be older: it would bring them back")
                            .with("partition", entry.id().toString())
                            .hint(
                                    "restore the backup to a directory of its own, erase there, and export what is wanted");
                }
            }
        }
    }

    private static Known known(Connection connection, PartitionId id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT checksum, row_count FROM partitions"
                + " WHERE table_name = ? AND class = ? AND period = ? AND n = ? AND state = 'dropped'")) {
            Catalog.bind(statement, 1, id);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next()
                        ? new Known(rows.getString(1), rows.getObject(2) == null ? -1 : rows.getLong(2))
                        : new Known(null, -1);
            }
        }
    }

    private Path copy(Entry entry) {
        Path to = writing.paths().tmp().resolve("putback.db");
        try {
            String found = PlainFiles.copy(
                    backup.resolve(entry.plain().file()), to.resolveSibling("putback.part"), to, bytes -> true);
            if (!found.equals(entry.plain().checksum())) {
                PlainFiles.delete(to);
                throw new LeveeException(
                                ErrorCode.CORRUPT,
                                entry.plain().file() + " of the backup is damaged: its checksum is " + found
                                        + ", and was " + entry.plain().checksum())
                        .hint("put it back from another backup");
            }
            return to;
        } catch (IOException e) {
            throw BackupDirectory.failed("the copy cannot be read", backup, e);
        }
    }

    /** Its columns may be called otherwise by now; returns the checksum of what is put back. */
    private String adapted(Path copy, Entry entry) {
        TableSpec spec =
                writing.catalog().change(c -> CatalogTables.table(c, entry.id().table()));
        List<MigrationRecord> records = writing.catalog().change(MigrationCatalog::all);
        try {
            return CopyColumns.adapt(copy, spec, records)
                    ? PlainFiles.checksum(copy, bytes -> true)
                    : entry.plain().checksum();
        } catch (SQLException e) {
            throw Sqlite.failure("the columns of the copy cannot be told", copy, e);
        } catch (IOException e) {
            throw BackupDirectory.failed("the copy cannot be read", copy, e);
        }
    }

    /** It is older than what went: what was written to it in between is still missing, and told. */
    private void lacks(BackupManifest from, Entry entry, Known known) {
        long more = known.rows - entry.rows();
        Gap gap = new Gap(
                entry.id().table(),
                entry.minMicros(),
                entry.maxMicros(),
                known.rows >= 0 && more > 0 ? more : Gap.UNKNOWN,
                LossReason.RESTORED);
        writing.catalog().change(c -> {
            BackupCatalog.put(c, gap);
            return true;
        });
        manifest.gap(gap);
        System.getLogger("io.levee.sqlite")
                .log(
                        System.Logger.Level.WARNING,
                        "{0} is as it was at {1}: what was written to it after that is missing",
                        entry.id(),
                        Micros.text(from.atMicros()));
    }
}
