package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.TableSpec;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Removes rows of a dropped partition whose keys live elsewhere by now, in a transaction that the caller began. A key can only have come
 * into a partition that was written to since the drop, or into one that was away itself for a while.
 */
final class Twins implements AutoCloseable {
    private final TableSpec spec;
    private final Connection connection;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final StorePaths paths;
    private final PreparedStatement find;
    private final PreparedStatement delete;
    private final @Nullable PreparedStatement deleteDetails;
    private long removed;

    Twins(TableSpec spec, Connection connection, Manifest manifest, ReadHandles readers, StorePaths paths)
            throws SQLException {
        this.spec = spec;
        this.connection = connection;
        this.manifest = manifest;
        this.readers = readers;
        this.paths = paths;
        String table = Sqlite.quote(spec.name());
        this.find = connection.prepareStatement(
                "SELECT _seq FROM " + table + " WHERE " + RowStatements.keyTest(FileColumns.of(spec, connection)));
        this.delete = connection.prepareStatement("DELETE FROM " + table + " WHERE _seq = ?");
        String details = PartitionSchema.details(spec);
        this.deleteDetails = PartitionSchema.columns(connection, details).isEmpty()
                ? null
                : connection.prepareStatement("DELETE FROM " + Sqlite.quote(details) + " WHERE _seq = ?");
    }

    /** How many rows went. */
    long removed() {
        return removed;
    }

    /** No row of the table that is committed now has a higher number, as far as is known. */
    long highest() {
        return manifest.of(spec.name()).stream()
                .mapToLong(p -> p.held().maxSeq())
                .reduce(0, Math::max);
    }

    /**
     * Looks at the keys of rows above a number, and at all of the partitions that were away.
     *
     * @param wasAway partitions that may have keys of rows that were written while they were dropped
     * @return how many rows were looked at
     */
    long remove(long after, Set<PartitionId> wasAway) throws SQLException {
        long looked = 0;
        List<Partition> live = manifest.pinned(spec.name());
        try {
            for (Partition partition : live) {
                boolean away = wasAway.contains(partition.id());
                Partition.Held held = partition.held();
                boolean older = held.known() && held.maxSeq() >= 0 && held.maxSeq() <= after;
                // What was adopted gets no keys.
                if (partition.adopted() == null && (away || !older)) {
                    looked += remove(partition, away ? Long.MIN_VALUE : after);
                }
            }
        } finally {
            live.forEach(Partition::unpin);
        }
        return looked;
    }

    private long remove(Partition partition, long after) throws SQLException {
        if (partition.held().rows() == 0 || Files.notExists(paths.partition(partition))) {
            return 0;
        }
        ReadHandles.ReadHandle handle = readers.take(partition);
        boolean usable = false;
        try {
            long looked =
                    PartitionSchema.columns(handle.connection(), spec.name()).isEmpty()
                            ? 0
                            : remove(handle.connection(), after);
            usable = true;
            return looked;
        } finally {
            readers.giveBack(handle, usable);
        }
    }

    private long remove(Connection live, long after) throws SQLException {
        String columns = String.join(",", FileColumns.of(spec, live).key());
        long looked = 0;
        try (PreparedStatement statement =
                live.prepareStatement("SELECT " + columns + " FROM " + Sqlite.quote(spec.name()) + " WHERE _seq > ?")) {
            statement.setLong(1, after);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    looked++;
                    for (int i = 1; i <= spec.key().size(); i++) {
                        Object value = rows.getObject(i);
                        RowStatements.bind(
                                find, i, value instanceof Integer whole ? (Object) whole.longValue() : value);
                    }
                    remove();
                }
            }
        }
        return looked;
    }

    private void remove() throws SQLException {
        long seq;
        try (ResultSet rows = find.executeQuery()) {
            if (!rows.next()) {
                return;
            }
            seq = rows.getLong(1);
        }
        delete.setLong(1, seq);
        removed += delete.executeUpdate();
        if (deleteDetails != null) {
            deleteDetails.setLong(1, seq);
            deleteDetails.executeUpdate();
        }
    }

    /** Counts what went and ends the transaction. */
    Connection commit() throws SQLException {
        if (removed > 0) {
            Sqlite.run(connection, "UPDATE levee_stats SET rows = rows - " + removed + " WHERE id = 1");
        }
        Sqlite.run(connection, "COMMIT");
        return connection;
    }

    /** Ends the statements; what was not committed is undone with the connection. */
    @Override
    public void close() throws SQLException {
        find.close();
        delete.close();
        if (deleteDetails != null) {
            deleteDetails.close();
        }
    }
}
