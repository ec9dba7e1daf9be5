package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.PartitionId;
import io.levee.engine.Period;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What partitions keep of rows that moved: notes where they came, and the copies that they left; see {@link Moves}. */
final class MoveNotes {
    private static final String TABLE = "levee_moves";
    private static final Bytes CACHE = Bytes.kibi(64);

    private MoveNotes() {}

    /**
     * Writes the notes of rows that come from a partition or take the place of adopted ones, in the transaction that takes them in.
     *
     * @param change the lowest number of their changes: whatever that partition still has of them was changed before
     */
    static void write(Connection connection, Group group, long change) throws SQLException {
        PartitionId from = group.from;
        List<AdoptedVersions.Version> overridden = group.overridden();
        if (from == null && overridden.isEmpty()) {
            return;
        }
        Sqlite.run(
                connection,
                "CREATE TABLE IF NOT EXISTS " + TABLE + "(seq INTEGER NOT NULL, class TEXT NOT NULL, period TEXT"
                        + " NOT NULL, n INTEGER NOT NULL, chg INTEGER NOT NULL,"
                        + " PRIMARY KEY(seq, class, period, n)) WITHOUT ROWID");
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT OR REPLACE INTO " + TABLE + "(seq, class, period, n, chg) VALUES(?, ?, ?, ?, ?)")) {
            if (from != null) {
                for (Group.Moved one : group.moved) {
                    note(statement, from, one.seq(), change);
                }
            }
            for (AdoptedVersions.Version older : overridden) {
                note(statement, older.from(), older.seq(), change);
            }
        }
    }

    private static void note(PreparedStatement statement, PartitionId from, long seq, long change) throws SQLException {
        statement.setLong(1, seq);
        statement.setString(2, from.retentionClass());
        statement.setString(3, from.period());
        statement.setInt(4, from.n());
        statement.setLong(5, change);
        statement.executeUpdate();
    }

    /**
     * Deletes rows by their numbers. Notes of where they came from stay: there may be an older copy of them there. An
     * erasure of the rows, wherever they are then, has to reach what this leaves in the file.
     */
    static int delete(PartitionWriter writer, List<Long> numbers) throws SQLException {
        if (numbers.isEmpty()) {
            return 0;
        }
        Rewriter.markMoved(writer.connection());
        boolean details = !PartitionSchema.detail(writer.spec()).isEmpty();
        return delete(
                writer.connection(),
                writer.spec().name(),
                details ? PartitionSchema.details(writer.spec()) : null,
                numbers);
    }

    private static int delete(Connection connection, String table, @Nullable String details, List<Long> numbers)
            throws SQLException {
        int deleted = 0;
        try (PreparedStatement rows =
                        connection.prepareStatement("DELETE FROM " + Sqlite.quote(table) + " WHERE _seq = ?");
                PreparedStatement more = details == null
                        ? null
                        : connection.prepareStatement("DELETE FROM " + Sqlite.quote(details) + " WHERE _seq = ?")) {
            for (long number : numbers) {
                rows.setLong(1, number);
                deleted += rows.executeUpdate();
                if (more != null) {
                    more.setLong(1, number);
                    more.executeUpdate();
                }
            }
        }
        return deleted;
    }

    /**
     * Makes a copy of a partition one that stands without the others: it has no note, and nothing that went to another one.
     *
     * @param moved what the others note of rows that came from it; null for nothing
     */
    static void settleCopy(Connection copy, String table, @Nullable Map<Long, Long> moved) throws SQLException {
        Sqlite.transaction(copy, () -> {
            if (moved != null) {
                String details = PartitionSchema.details(table);
                delete(copy, table, CatalogSchema.hasTable(copy, details) ? details : null, older(copy, table, moved));
            }
            if (noted(copy)) {
                Sqlite.run(copy, "DELETE FROM " + TABLE);
            }
            return true;
        });
    }

    /** By partition, what copies it has that do not count, as the others note now; for who reads beside another process's writer. */
    static Map<PartitionId, Set<Long>> left(StorePaths paths, List<Partition> partitions, String table)
            throws SQLException {
        Map<PartitionId, Map<Long, Long>> noted = new LinkedHashMap<>();
        for (Partition partition : partitions) {
            Path file = paths.partition(partition);
            if (partition.state() == Partition.State.OPEN && Partition.size(file) > 0) {
                Connection connection = Connections.reader(file, CACHE);
                try {
                    add(noted, read(connection, table));
                } finally {
                    Connections.close(file, connection);
                }
            }
        }
        Map<PartitionId, Set<Long>> left = new HashMap<>();
        noted.forEach((id, moved) -> {
            if (id.period().equals(Period.ADOPTED.name())) {
                left.put(id, Set.copyOf(moved.keySet()));
            }
        });
        for (Partition partition : partitions) {
            Map<Long, Long> moved = noted.get(partition.id());
            if (moved != null && Partition.size(paths.partition(partition)) > 0) {
                left.put(partition.id(), Set.copyOf(older(paths.partition(partition), table, moved)));
            }
        }
        return left;
    }

    /** Adds up what several partitions note. */
    static void add(Map<PartitionId, Map<Long, Long>> all, Map<PartitionId, Map<Long, Long>> more) {
        more.forEach((from, numbers) -> numbers.forEach((number, change) ->
                all.computeIfAbsent(from, f -> new HashMap<>()).merge(number, change, Math::max)));
    }

    private static boolean noted(Connection connection) throws SQLException {
        return Sqlite.value(connection, "SELECT 1 FROM sqlite_master WHERE name = '" + TABLE + "'") != null;
    }

    /** By partition, the numbers that came from it, each with the change before which a copy there was written. */
    static Map<PartitionId, Map<Long, Long>> read(Connection connection, String table) throws SQLException {
        Map<PartitionId, Map<Long, Long>> notes = new LinkedHashMap<>();
        if (!noted(connection)) {
            return notes;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT class, period, n, seq, chg FROM " + TABLE)) {
            while (rows.next()) {
                PartitionId from = new PartitionId(table, rows.getString(1), rows.getString(2), rows.getInt(3));
                notes.computeIfAbsent(from, f -> new LinkedHashMap<>()).put(rows.getLong(4), rows.getLong(5));
            }
        }
        return notes;
    }

    /** The same of a file that nobody writes to now. */
    static Map<PartitionId, Map<Long, Long>> read(Path file, String table) throws SQLException {
        if (Partition.size(file) == 0) {
            return Map.of();
        }
        Connection connection = Connections.reader(file, CACHE);
        try {
            return read(connection, table);
        } finally {
            Connections.close(file, connection);
        }
    }

    /** Deletes all notes: nothing is left where rows came from. */
    static void clear(Connection connection) throws SQLException {
        Sqlite.transaction(connection, () -> {
            Sqlite.run(connection, "DELETE FROM " + TABLE);
            return true;
        });
    }

    /** The same of a file that nobody writes to now. */
    static List<Long> older(Path file, String table, Map<Long, Long> moved) throws SQLException {
        Connection connection = Connections.reader(file, CACHE);
        try {
            return older(connection, table, moved);
        } finally {
            Connections.close(file, connection);
        }
    }

    /** Those that are there and were not moved back since. */
    static List<Long> older(Connection connection, String table, Map<Long, Long> moved) throws SQLException {
        List<Long> older = new ArrayList<>();
        if (PartitionSchema.columns(connection, table).isEmpty()) {
            return older;
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT coalesce(_chg, 0) FROM " + Sqlite.quote(table) + " WHERE _seq = ?")) {
            for (Map.Entry<Long, Long> one : moved.entrySet()) {
                statement.setLong(1, one.getKey());
                try (ResultSet rows = statement.executeQuery()) {
                    if (rows.next() && rows.getLong(1) < one.getValue()) {
                        older.add(one.getKey());
                    }
                }
            }
        }
        return older;
    }
}
