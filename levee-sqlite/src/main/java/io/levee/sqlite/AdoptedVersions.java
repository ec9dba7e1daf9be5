package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.file.Files;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The rows that adopted databases have of the keys of one batch: what is written again takes their place. Looks only by an index of the
 * key; costs one search a key that is new to the table, and nothing where nothing was adopted. Owned by the writer thread; closed after
 * the batch.
 */
final class AdoptedVersions implements AutoCloseable {
    /** Most rows of one key that are overridden at once, the newest: a key of a table is no key there where it has more. */
    static final int MOST = 10_000;

    /** The writer does not wait for other people's locks: its rows do, and are tried again. */
    private static final int PATIENCE_MILLIS = 20;

    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    private final TableSpec spec;
    private final ReadHandles readers;
    private final Homes homes;
    private final List<Partition> adopted;
    private final Map<Partition, ReadHandle> handles = new LinkedHashMap<>();
    private @Nullable LeveeException busy;

    /**
     * A row of an adopted database.
     *
     * @param in which one
     * @param seq its number in the table
     */
    record Version(Partition in, long seq) {
        PartitionId from() {
            return in.id();
        }
    }

    AdoptedVersions(TableSpec spec, Manifest manifest, ReadHandles readers, Homes homes) {
        this.spec = spec;
        this.readers = readers;
        this.homes = homes;
        this.adopted = new ArrayList<>(manifest.adopted(spec.name()));
        Collections.reverse(adopted);
        adopted.forEach(Partition::pin);
    }

    /**
     * The rows of a key that none of the table's own partitions has: the last of the last adopted comes first.
     *
     * @throws LeveeException {@code PARTITION_BUSY} where another process has locked the database
     */
    List<Version> find(Object[] key) {
        if (adopted.isEmpty()) {
            return List.of();
        }
        if (busy != null) {
            throw busy;
        }
        List<Version> found = new ArrayList<>();
        for (Partition partition : List.copyOf(adopted)) {
            try {
                find(partition, key, found);
            } catch (SQLException e) {
                met(partition, e);
            }
        }
        return found;
    }

    private void met(Partition partition, SQLException e) {
        if (Sqlite.busy(e)) {
            busy = new LeveeException(ErrorCode.PARTITION_BUSY, partition.id() + " is locked by another process", e)
                    .with("partition", partition.id().toString())
                    .hint("stop the program that writes to the adopted database");
            throw busy;
        }
        // What cannot be read is in no answer either, and must not keep new rows from being stored.
        LOG.log(
                System.Logger.Level.WARNING,
                "the adopted database {0} cannot be asked for keys: {1}",
                partition.id(),
                e);
        leave(partition);
    }

    /** It is not asked any more in this batch. */
    private void leave(Partition partition) {
        ReadHandle handle = handles.remove(partition);
        if (handle != null) {
            readers.giveBack(handle, false);
        }
        adopted.remove(partition);
        partition.unpin();
    }

    private void find(Partition partition, Object[] key, List<Version> found) throws SQLException {
        ReadHandle handle = handle(partition);
        AdoptedTable table = handle == null ? null : handle.adopted();
        if (handle == null || table == null || !table.there() || !table.keyIndexed(handle.connection(), spec)) {
            return;
        }
        String sql = "SELECT " + table.rowNumber() + table.from() + " WHERE " + table.keyTest(spec) + table.left()
                + " ORDER BY " + table.rowNumber() + " DESC LIMIT " + (MOST + 1);
        PreparedStatement statement = handle.statement(sql);
        boolean done = false;
        try {
            for (int i = 0; i < key.length; i++) {
                RowStatements.bind(statement, i + 1, key[i]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                for (int read = 0; rows.next(); read++) {
                    if (read == MOST) {
                        throw tooMany(partition);
                    }
                    long seq = table.seq(rows.getLong(1));
                    if (!homes.left(partition.id(), seq)) {
                        found.add(new Version(partition, seq));
                    }
                }
            }
            done = true;
        } finally {
            if (done) {
                handle.done(sql, statement);
            } else {
                statement.close();
            }
        }
    }

    private static LeveeException tooMany(Partition partition) {
        return new LeveeException(
                        ErrorCode.LIMIT_EXCEEDED,
                        "the adopted database " + partition.id() + " has more than " + MOST
                                + " rows of the record's key: it is no key there")
                .with("limit", MOST)
                .with("partition", partition.id().toString())
                .hint("declare the table without that key, or remove these rows from the adopted database");
    }

    /** Null where it is gone or missing. */
    private @Nullable ReadHandle handle(Partition partition) throws SQLException {
        ReadHandle known = handles.get(partition);
        if (known != null) {
            return known;
        }
        if (partition.state() == Partition.State.DROPPED || Files.notExists(java.nio.file.Path.of(partition.file()))) {
            return null;
        }
        ReadHandle taken = readers.take(partition);
        handles.put(partition, taken);
        Sqlite.run(taken.connection(), "PRAGMA busy_timeout=" + PATIENCE_MILLIS);
        return taken;
    }

    @Override
    public void close() {
        handles.forEach((partition, handle) -> {
            boolean usable = false;
            try {
                Sqlite.run(handle.connection(), "PRAGMA busy_timeout=" + Connections.BUSY_MILLIS);
                usable = true;
            } catch (SQLException e) {
                LOG.log(System.Logger.Level.DEBUG, "a reader is not kept", e);
            } finally {
                readers.giveBack(handle, usable);
            }
        });
        handles.clear();
        adopted.forEach(Partition::unpin);
    }
}
