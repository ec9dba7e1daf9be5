package io.levee.sqlite;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.engine.StoredRow;
import java.nio.file.Files;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds the row of a key in adopted databases, where they have an index of it. Owned by the writer thread. */
final class AdoptedKeys {
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Homes homes;
    private final Overrides overrides;

    AdoptedKeys(Manifest manifest, ReadHandles readers, Homes homes, Overrides overrides) {
        this.homes = homes;
        this.overrides = overrides;
        this.manifest = manifest;
        this.readers = readers;
    }

    /** The row of a key that none of our own partitions has, or null: of several databases, that of the last adopted. */
    @Nullable
    StoredRow find(TableSpec spec, Object[] key) throws SQLException {
        List<Partition> all = manifest.adopted(spec.name());
        for (int i = all.size() - 1; i >= 0; i--) {
            Partition partition = all.get(i);
            Adopted adopted = partition.adopted();
            if (adopted != null && Files.exists(adopted.file())) {
                StoredRow row = find(spec, key, partition);
                if (row != null && !homes.left(partition.id(), row.seq())) {
                    return row;
                }
            }
        }
        return null;
    }

    /** Whether the row of a number lies in an adopted database alone: one that was written again is the table's own. Any thread. */
    boolean only(String table, long seq) {
        if (seq >= 0) {
            return false;
        }
        for (Partition partition : manifest.adopted(table)) {
            Adopted adopted = partition.adopted();
            if (adopted != null && adopted.holds(seq)) {
                return !homes.left(partition.id(), seq) && !overrides.holds(partition.id(), seq + adopted.base());
            }
        }
        return false;
    }

    /** The versions of the keys of one batch. */
    AdoptedVersions versions(TableSpec spec) {
        return new AdoptedVersions(spec, manifest, readers, homes);
    }

    /** All rows of a key that are not put down as overridden yet, also those that a running query alone needs. */
    List<AdoptedVersions.Version> all(TableSpec spec, Object[] key) {
        try (AdoptedVersions versions = new AdoptedVersions(spec, manifest, readers, new Homes())) {
            return versions.find(key);
        }
    }

    private @Nullable StoredRow find(TableSpec spec, Object[] key, Partition partition) throws SQLException {
        partition.pin();
        try {
            if (partition.state() == Partition.State.DROPPED) {
                return null;
            }
            ReadHandles.ReadHandle handle = readers.take(partition);
            boolean usable = false;
            try {
                StoredRow row = find(spec, key, handle);
                usable = true;
                return row;
            } finally {
                readers.giveBack(handle, usable);
            }
        } finally {
            partition.unpin();
        }
    }

    private static @Nullable StoredRow find(TableSpec spec, Object[] key, ReadHandles.ReadHandle handle)
            throws SQLException {
        AdoptedTable table = handle.adopted();
        if (table == null || !table.there() || !table.keyIndexed(handle.connection(), spec)) {
            return null;
        }
        List<Column> columns = spec.columns();
        List<String> selected = new ArrayList<>();
        columns.forEach(c -> selected.add(table.column(spec, c)));
        selected.add(table.time(spec));
        selected.add(table.seq());
        String sql = "SELECT " + String.join(", ", selected) + table.from() + " WHERE " + table.keyTest(spec)
                + table.left() + " ORDER BY " + table.rowNumber() + " DESC LIMIT 1";
        try (PreparedStatement statement = handle.connection().prepareStatement(sql)) {
            for (int i = 0; i < key.length; i++) {
                RowStatements.bind(statement, i + 1, key[i]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                if (!rows.next()) {
                    return null;
                }
                @Nullable Object[] values = Stored.row(rows, columns.size());
                for (int i = 0; i < values.length; i++) {
                    Stored.checked(values[i], columns.get(i));
                }
                return new StoredRow(values, rows.getLong(columns.size() + 1), rows.getLong(columns.size() + 2));
            }
        }
    }
}
