package io.levee.sqlite;

import io.levee.TableSpec;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Finds the row of a key, looking only into the partitions that may have it. Owned by the writer thread. */
final class KeyLookup {
    private final OpenPartitions open;
    private final ReadHandles readers;
    private final Homes homes;

    KeyLookup(OpenPartitions open, ReadHandles readers, Homes homes) {
        this.homes = homes;
        this.open = open;
        this.readers = readers;
    }

    /** Where a row lives. */
    record Found(Partition partition, long seq) {}

    /**
     * Where the row of a key lives, or null where there is none.
     *
     * @param keys the table's filters
     * @param key the key's values in stored form
     * @param hash their {@link KeyFilter#hash}
     */
    @Nullable
    Found find(TableSpec spec, TableKeys keys, Object[] key, long hash) throws SQLException {
        return find(spec, keys, key, hash, partition -> true);
    }

    /** The same among some partitions. */
    @Nullable
    Found find(TableSpec spec, TableKeys keys, Object[] key, long hash, Predicate<Partition> among)
            throws SQLException {
        for (Partition partition : keys.candidates(hash, among)) {
            long seq = find(spec, partition, key);
            if (seq != 0 && !homes.left(partition.id(), seq)) {
                return new Found(partition, seq);
            }
        }
        return null;
    }

    /** The number of the row with that key in one partition, or 0. What was dropped meanwhile has none. */
    private long find(TableSpec spec, Partition partition, Object[] key) throws SQLException {
        PartitionWriter writer = open.get(partition.id());
        if (writer != null) {
            return writer.rows().find(key);
        }
        partition.pin();
        try {
            return partition.state() == Partition.State.DROPPED ? 0 : probe(spec, partition, key);
        } finally {
            partition.unpin();
        }
    }

    /** Looks into a partition that is not open for writing. */
    private long probe(TableSpec spec, Partition partition, Object[] key) throws SQLException {
        ReadHandles.ReadHandle handle = readers.take(partition);
        boolean usable = false;
        String sql =
                "SELECT _seq FROM " + Sqlite.quote(spec.name()) + " WHERE " + RowStatements.keyTest(handle.shape(spec));
        try (PreparedStatement statement = handle.connection().prepareStatement(sql)) {
            for (int i = 0; i < key.length; i++) {
                RowStatements.bind(statement, i + 1, key[i]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                usable = true;
                return rows.next() ? rows.getLong(1) : 0;
            }
        } catch (SQLException e) {
            readers.met(partition, e);
            throw e;
        } finally {
            readers.giveBack(handle, usable);
        }
    }
}
