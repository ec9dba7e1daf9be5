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

    AdoptedKeys(Manifest manifest, ReadHandles readers) {
        this.manifest = manifest;
        this.readers = readers;
    }

    /** The row of a key that none of our own partitions has, or null: of several databases, that of the last adopted. */
    @Nullable
    StoredRow find(TableSpec spec, Object[] key) throws SQLException {
        List<Partition> all = manifest.of(spec.name());
        for (int i = all.size() - 1; i >= 0; i--) {
            Partition partition = all.get(i);
            Adopted adopted = partition.adopted();
            if (adopted != null && Files.exists(adopted.file())) {
                StoredRow row = find(spec, key, partition);
                if (row != null) {
                    return row;
                }
            }
        }
        return null;
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
                PartitionWriter.bind(statement, i + 1, key[i]);
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
