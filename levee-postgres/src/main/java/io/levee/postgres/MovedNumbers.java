package io.levee.postgres;

import io.levee.PartitionId;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Rows that came to a partition beside a backfill's own way through it, by number: those that it has still to set there ({@code due}), which may
 * be whole ranges, and those that it has set where they were before. What is in the list is no work of the way by numbers. Changed under the
 * lock of the partition's line in {@code migration_parts}. Statements only; the caller's transaction.
 */
final class MovedNumbers {
    private static final String TABLE = "migration_rows";

    private final Catalog catalog;
    private final String table;

    MovedNumbers(Catalog catalog) {
        this.catalog = catalog;
        this.table = catalog.names().catalog(TABLE);
    }

    /** Makes what an older release did not know. */
    void create(Connection connection) throws SQLException {
        if (!catalog.has(connection, TABLE)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + table
                            + "(migration text COLLATE \"C\" NOT NULL, table_name text COLLATE \"C\" NOT"
                            + " NULL, class text COLLATE \"C\" NOT NULL, period text COLLATE \"C\" NOT NULL, n integer NOT"
                            + " NULL, due boolean NOT NULL, from_seq bigint NOT NULL, to_seq bigint NOT NULL,"
                            + " PRIMARY KEY (migration, table_name, class, period, n, due, from_seq))");
        }
    }

    private static String line(String migration, PartitionId id) {
        return "migration = " + StoredSql.literal(migration) + " AND table_name = " + StoredSql.literal(id.table())
                + " AND class = " + StoredSql.literal(id.retentionClass()) + " AND period = "
                + StoredSql.literal(id.period()) + " AND n = " + id.n();
    }

    /** Whether there are any of one partition. */
    boolean any(Connection connection, String migration, PartitionId id) throws SQLException {
        return Postgres.value(connection, "SELECT 1 FROM " + table + " WHERE " + line(migration, id) + " LIMIT 1")
                != null;
    }

    /** Whether any of one partition are still to be set. */
    boolean due(Connection connection, String migration, PartitionId id) throws SQLException {
        return Postgres.value(
                        connection, "SELECT 1 FROM " + table + " WHERE " + line(migration, id) + " AND due LIMIT 1")
                != null;
    }

    /** Adds numbers from one to another. */
    void put(Connection connection, String migration, PartitionId id, boolean due, long from, long to)
            throws SQLException {
        Postgres.update(
                connection,
                "INSERT INTO " + table + " AS x(migration, table_name, class, period, n, due, from_seq, to_seq) VALUES"
                        + " (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (migration, table_name, class, period, n, due, from_seq)"
                        + " DO UPDATE SET to_seq = greatest(x.to_seq, excluded.to_seq)",
                migration,
                id.table(),
                id.retentionClass(),
                id.period(),
                id.n(),
                due,
                from,
                to);
    }

    /** Adds single numbers. Those that have to be set are no longer called set, and the other way round. */
    void put(Connection connection, String migration, PartitionId id, boolean due, List<Long> seqs)
            throws SQLException {
        remove(connection, migration, id, !due, seqs);
        for (long seq : seqs) {
            put(connection, migration, id, due, seq, seq);
        }
    }

    /** Forgets single numbers of one kind. A range stays as it is: a row of it that is said to be set is none of it. */
    void remove(Connection connection, String migration, PartitionId id, boolean due, List<Long> seqs)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("DELETE FROM " + table + " WHERE "
                + line(migration, id) + " AND due = ? AND from_seq = ANY (?) AND to_seq = from_seq")) {
            statement.setBoolean(1, due);
            statement.setArray(2, connection.createArrayOf("bigint", seqs.toArray()));
            statement.executeUpdate();
        }
    }

    /** Of some numbers those that are in the list: whether they are to be set. */
    Map<Long, Boolean> of(Connection connection, String migration, PartitionId id, List<Long> seqs)
            throws SQLException {
        Map<Long, Boolean> found = new HashMap<>();
        try (PreparedStatement statement = connection.prepareStatement("SELECT k.seq, " + isSet(migration, id, "k.seq")
                + ", " + isDue(migration, id, "k.seq") + " FROM unnest(?::bigint[]) AS k(seq)")) {
            statement.setArray(1, connection.createArrayOf("bigint", seqs.toArray()));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    if (rows.getBoolean(2)) {
                        found.put(rows.getLong(1), false);
                    } else if (rows.getBoolean(3)) {
                        found.put(rows.getLong(1), true);
                    }
                }
            }
        }
        return found;
    }

    private String isSet(String migration, PartitionId id, String seq) {
        return "EXISTS (SELECT 1 FROM " + table + " x WHERE " + line(migration, id) + " AND NOT x.due AND x.from_seq = "
                + seq + ")";
    }

    /** Ranges do not overlap: only the last that begins before a number may hold it. */
    private String isDue(String migration, PartitionId id, String seq) {
        return "coalesce((SELECT x.to_seq FROM " + table + " x WHERE " + line(migration, id)
                + " AND x.due AND x.from_seq <= " + seq + " ORDER BY x.from_seq DESC LIMIT 1) >= " + seq + ", false)";
    }

    /** A condition on rows that were not set where they were before. */
    String notSet(String migration, PartitionId id) {
        return " AND NOT " + isSet(migration, id, "_seq");
    }

    /** A condition on rows that are not in the list. */
    String notListed(String migration, PartitionId id) {
        return notSet(migration, id) + " AND NOT " + isDue(migration, id, "_seq");
    }

    /**
     * Takes rows that are to be set out of the list, the lowest first; numbers without a row go with them.
     *
     * @param rows the partition's table, quoted
     * @return their numbers in rising order; empty where none are left
     */
    List<Long> take(Connection connection, String migration, PartitionId id, String rows, int most)
            throws SQLException {
        List<Long> taken = new ArrayList<>();
        Long last = upTo(connection, migration, id, most);
        while (taken.isEmpty() && last != null) {
            String sql = "SELECT _seq FROM (SELECT from_seq, to_seq FROM " + table + " WHERE " + line(migration, id)
                    + " AND due AND from_seq <= " + last + ") e JOIN " + rows
                    + " r ON r._seq BETWEEN e.from_seq AND e.to_seq WHERE NOT " + isSet(migration, id, "_seq")
                    + " ORDER BY _seq LIMIT " + most;
            try (PreparedStatement statement = connection.prepareStatement(sql);
                    ResultSet found = statement.executeQuery()) {
                while (found.next()) {
                    taken.add(found.getLong(1));
                }
            }
            String these = " WHERE " + line(migration, id) + " AND due AND from_seq <= " + last;
            long end = taken.size() < most ? Long.MAX_VALUE : taken.get(taken.size() - 1);
            Postgres.run(connection, "DELETE FROM " + table + these + " AND to_seq <= " + end);
            if (end < Long.MAX_VALUE) {
                Postgres.run(
                        connection,
                        "UPDATE " + table + " SET from_seq = " + (end + 1) + these + " AND from_seq <= " + end);
            } else if (taken.isEmpty()) {
                last = upTo(connection, migration, id, most);
            }
        }
        return taken;
    }

    /** Where the last range begins of the first that may hold so many rows; null where there is none. */
    private @Nullable Long upTo(Connection connection, String migration, PartitionId id, int most) throws SQLException {
        Long last = null;
        long numbers = 0;
        try (PreparedStatement statement = connection.prepareStatement("SELECT from_seq, to_seq FROM " + table
                        + " WHERE " + line(migration, id) + " AND due ORDER BY from_seq LIMIT " + most);
                ResultSet ranges = statement.executeQuery()) {
            while (numbers < most && ranges.next()) {
                last = ranges.getLong(1);
                numbers += ranges.getLong(2) - ranges.getLong(1) + 1;
            }
        }
        return last;
    }

    /** A backfill is done with a partition. */
    void clear(Connection connection, String migration, PartitionId id) throws SQLException {
        Postgres.run(connection, "DELETE FROM " + table + " WHERE " + line(migration, id));
    }

    /** A partition is gone for good. */
    void forget(Connection connection, PartitionId id) throws SQLException {
        Postgres.update(
                connection,
                "DELETE FROM " + table + " WHERE table_name = ? AND class = ? AND period = ? AND n = ?",
                id.table(),
                id.retentionClass(),
                id.period(),
                id.n());
    }
}
