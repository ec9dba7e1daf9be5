package io.levee.sqlite;

import io.levee.TableSpec;
import io.levee.engine.WriteRow;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Which partitions of one keyed table may hold a key, so that an upsert of a new key looks into no file. Owned by the writer
 * thread.
 *
 * <p>{@code fed} holds every key of the partitions that were made since the store was opened: one look tells that none of them
 * has a key. Older partitions are asked one by one, by the filter that was stored when they were closed; one without a stored
 * filter (it was open at a crash) is scanned once where it is small, else always looked into.
 */
final class TableKeys {
    /** A partition without a stored filter is scanned up to this many rows: about a quarter of a second. */
    private static final long SCAN_ROWS = 200_000;

    private final TableSpec spec;
    private final StorePaths paths;
    private final int[] keyAt;
    private final KeyFilter fed = new KeyFilter(4096);
    private final Map<Partition, Entry> entries = new LinkedHashMap<>();
    private @Nullable KeyFilter watch;
    private int older;

    /** What is known of one partition's keys; {@code filter} is null where every key may be there. */
    private static final class Entry {
        private final boolean fedFromItsFirstRow;
        private @Nullable KeyFilter filter;

        Entry(boolean fedFromItsFirstRow, @Nullable KeyFilter filter) {
            this.fedFromItsFirstRow = fedFromItsFirstRow;
            this.filter = filter;
        }
    }

    TableKeys(TableSpec spec, StorePaths paths, List<Partition> partitions) {
        this.spec = spec;
        this.paths = paths;
        this.keyAt = spec.key().stream().mapToInt(spec::position).toArray();
        partitions.forEach(p -> entries.put(p, new Entry(false, load(p))));
        older = entries.size();
    }

    /** The key's values, in the order of the spec. */
    Object[] key(WriteRow row) {
        Object[] key = new Object[keyAt.length];
        for (int i = 0; i < key.length; i++) {
            key[i] = Objects.requireNonNull(row.values()[keyAt[i]], "a key column is never null");
        }
        return key;
    }

    /** A partition was made: it holds no key yet. */
    void made(Partition partition) {
        entries.put(partition, new Entry(true, new KeyFilter(1024)));
    }

    /** A partition came back: its keys are as the filter says that it was closed with. */
    void cameBack(Partition partition) {
        entries.put(partition, new Entry(false, load(partition)));
        older++;
    }

    /** Begins to note which keys are inserted from now on; null ends it. */
    void watch(@Nullable KeyFilter noted) {
        watch = noted;
    }

    /** What {@link #watch} has noted since; null where another one, or nobody, watches. */
    @Nullable
    KeyFilter watched() {
        return watch;
    }

    /** A key went: who watches may have read rows of it. */
    void noteGone(long hash) {
        KeyFilter noted = watch;
        if (noted != null) {
            noted.add(hash);
        }
    }

    /** Keys were inserted into a partition. */
    void addAll(Partition partition, long[] hashes) {
        KeyFilter noted = watch;
        if (noted != null) {
            for (long hash : hashes) {
                noted.add(hash);
            }
        }
        Entry entry = entries.get(partition);
        if (entry == null) {
            return;
        }
        for (long hash : hashes) {
            if (entry.filter != null) {
                entry.filter.add(hash);
            }
            if (entry.fedFromItsFirstRow) {
                fed.add(hash);
            }
        }
    }

    /** The partitions among some that may hold a key, the youngest first. Mostly empty for a new key, which costs one look. */
    List<Partition> candidates(long hash, Predicate<Partition> among) {
        boolean perhapsFed = fed.mayContain(hash);
        if (!perhapsFed && older == 0) {
            return List.of();
        }
        List<Partition> found = new ArrayList<>();
        for (Map.Entry<Partition, Entry> one : entries.entrySet()) {
            Entry entry = one.getValue();
            Partition partition = one.getKey();
            boolean perhaps = (perhapsFed || !entry.fedFromItsFirstRow)
                    && partition.held().rows() != 0
                    && partition.state() != Partition.State.DROPPED
                    && among.test(partition);
            if (perhaps && (entry.filter == null || entry.filter.mayContain(hash))) {
                found.add(0, partition);
            }
        }
        return found;
    }

    /** Forgets what was dropped since the last batch. */
    void forgetDropped() {
        entries.keySet().removeIf(partition -> partition.state() == Partition.State.DROPPED);
        older = (int)
                entries.values().stream().filter(e -> !e.fedFromItsFirstRow).count();
    }

    /** The filter to be stored when a partition is closed, or null where there is none. */
    @Nullable
    KeyFilter filter(Partition partition) {
        Entry entry = entries.get(partition);
        return entry == null ? null : entry.filter;
    }

    long bytes() {
        long bytes = fed.bytes();
        for (Entry entry : entries.values()) {
            bytes += entry.filter == null ? 0 : entry.filter.bytes();
        }
        return bytes;
    }

    /** Gives filters up until they fit: the oldest partitions are then always looked into. */
    void shrinkTo(long limit) {
        long bytes = bytes();
        for (Entry entry : entries.values()) {
            if (bytes <= limit) {
                return;
            }
            if (entry.filter != null && !entry.fedFromItsFirstRow) {
                bytes -= entry.filter.bytes();
                entry.filter = null;
            }
        }
    }

    private @Nullable KeyFilter load(Partition partition) {
        Path file = paths.partition(partition);
        if (!Files.exists(file)) {
            return new KeyFilter(1);
        }
        try {
            Connection connection = Connections.reader(file, io.levee.Bytes.mebi(1));
            try {
                if (partition.state() == Partition.State.CLOSED) {
                    KeyFilter stored = stored(connection);
                    if (stored != null) {
                        return stored;
                    }
                }
                return scan(connection);
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException e) {
            // Not knowing costs time and no correctness: the upsert itself will meet the error, if it lasts.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.WARNING, "no key filter for " + file, e);
            return null;
        }
    }

    private static @Nullable KeyFilter stored(Connection connection) throws SQLException {
        List<byte[]> layers = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT bits FROM levee_keys ORDER BY layer")) {
            while (rows.next()) {
                layers.add(rows.getBytes(1));
            }
        }
        return layers.isEmpty() ? null : KeyFilter.fromBytes(layers);
    }

    private @Nullable KeyFilter scan(Connection connection) throws SQLException {
        Partition.Held held = PartitionSchema.held(connection);
        if (!held.known() || held.rows() > SCAN_ROWS) {
            return null;
        }
        return of(connection, spec, held.rows());
    }

    /** The filter of all keys in a file. */
    static KeyFilter of(Connection connection, TableSpec spec, long count) throws SQLException {
        KeyFilter filter = new KeyFilter(count);
        if (count == 0) {
            return filter;
        }
        String columns = String.join(",", FileColumns.of(spec, connection).key());
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT " + columns + " FROM " + Sqlite.quote(spec.name()))) {
            while (rows.next()) {
                Object[] key = new Object[spec.key().size()];
                for (int i = 0; i < key.length; i++) {
                    Object value = rows.getObject(i + 1);
                    key[i] = value instanceof Integer whole ? (Object) whole.longValue() : value;
                }
                filter.add(KeyFilter.hash(key));
            }
        }
        return filter;
    }

    /** Stores a filter beside the keys in place of an older one, or none, within the caller's transaction. */
    static void store(Connection connection, @Nullable KeyFilter filter) throws SQLException {
        Sqlite.run(connection, "DELETE FROM levee_keys");
        if (filter == null) {
            return;
        }
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT INTO levee_keys(layer, bits) VALUES(?, ?)")) {
            int layer = 1;
            for (byte[] bits : filter.toBytes()) {
                statement.setInt(1, layer++);
                statement.setBytes(2, bits);
                statement.executeUpdate();
            }
        }
    }
}
