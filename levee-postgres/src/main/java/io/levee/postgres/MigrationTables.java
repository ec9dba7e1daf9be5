package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.MigrationRecord;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The migrations in the catalog, and how far each of those that change rows is in each partition that it has to reach. A partition's line
 * changes in the transaction that changes its rows (guarantees G111, G127). Statements only; the caller's transaction.
 */
final class MigrationTables {
    private static final String MIGRATIONS = "migrations";
    private static final String PARTS = "migration_parts";

    private static final String WHERE_PART =
            " WHERE migration = ? AND table_name = ? AND class = ? AND period = ? AND n = ?";

    /** Stands for no line. */
    static final Part NONE = new Part(false, 0, null, 0, List.of());

    private final Catalog catalog;
    private final Names names;
    private final MovedNumbers moved;

    MigrationTables(Catalog catalog) {
        this.catalog = catalog;
        this.names = catalog.names();
        this.moved = new MovedNumbers(catalog);
    }

    /** Makes what an older release did not know. */
    void create(Connection connection) throws SQLException {
        if (!catalog.has(connection, MIGRATIONS)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + names.catalog(MIGRATIONS)
                            + "(id text COLLATE \"C\" PRIMARY KEY, number bigint NOT"
                            + " NULL, table_name text NOT NULL, record text NOT NULL) WITH (fillfactor = 50)");
            Postgres.run(
                    connection,
                    "CREATE TABLE " + names.catalog(PARTS) + "(migration text COLLATE \"C\" NOT NULL, table_name text"
                            + " COLLATE \"C\" NOT NULL, class text COLLATE \"C\" NOT NULL, period text COLLATE \"C\" NOT NULL,"
                            + " n integer NOT NULL, done boolean NOT NULL DEFAULT false, through bigint NOT NULL DEFAULT 0,"
                            + " bound bigint, seen bigint NOT NULL DEFAULT 0, changed bigint NOT NULL DEFAULT 0,"
                            + " skipped bigint[] NOT NULL DEFAULT '{}', PRIMARY KEY (migration, table_name, class, period, n))"
                            + " WITH (fillfactor = 50)");
        }
        moved.create(connection);
        for (Map.Entry<String, String> function : StoredSql.functions(names).entrySet()) {
            String called = names.catalog(
                            function.getKey().substring(0, function.getKey().indexOf('(')))
                    + function.getKey().substring(function.getKey().indexOf('('));
            if (Postgres.value(connection, "SELECT 1 WHERE pg_catalog.to_regprocedure(?) IS NOT NULL", called)
                    == null) {
                Postgres.run(connection, function.getValue());
            }
        }
    }

    /** All that were declared, in that order; none where the catalog is an older release's. */
    List<MigrationRecord> all(Connection connection) throws SQLException {
        List<MigrationRecord> all = new ArrayList<>();
        if (!readable(connection)) {
            return all;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "SELECT id, record FROM " + names.catalog(MIGRATIONS) + " ORDER BY number")) {
            while (rows.next()) {
                all.add(record(rows.getString(1), rows.getString(2)));
            }
        }
        return all;
    }

    private static MigrationRecord record(String id, String json) {
        try {
            return MigrationRecord.fromMap(Json.object(json));
        } catch (IllegalArgumentException e) {
            throw new LeveeException(ErrorCode.CORRUPT, "the catalog's record of the migration " + id + " is none", e)
                    .hint("restore the catalog's schema from a backup");
        }
    }

    /** Whether the tables are there, and the session's user may look at them. */
    private boolean readable(Connection connection) throws SQLException {
        return Boolean.TRUE.equals(Postgres.value(
                connection,
                "SELECT pg_catalog.has_table_privilege(pg_catalog.to_regclass(?), 'SELECT')",
                names.catalog(PARTS)));
    }

    /** Whether a migration was declared. */
    boolean has(Connection connection, String id) throws SQLException {
        return readable(connection)
                && Postgres.value(connection, "SELECT 1 FROM " + names.catalog(MIGRATIONS) + " WHERE id = ?", id)
                        != null;
    }

    void put(Connection connection, MigrationRecord record) throws SQLException {
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog(MIGRATIONS) + "(id, number, table_name, record) VALUES (?, ?, ?, ?)"
                        + " ON CONFLICT (id) DO UPDATE SET number = excluded.number, record = excluded.record",
                record.id(),
                record.number(),
                record.table(),
                Json.write(record.toMap()));
    }

    // Partitions

    /** Notes the partitions that hold rows of before: also those that were dropped and may come back. */
    void begin(Connection connection, MigrationRecord record) throws SQLException {
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog(PARTS)
                        + "(migration, table_name, class, period, n) SELECT ?, table_name,"
                        + " class, period, n FROM " + names.catalog("partitions")
                        + " WHERE table_name = ? AND state <> 'freed'"
                        + " ON CONFLICT DO NOTHING",
                record.id(),
                record.table());
    }

    /** Those that it has not reached. */
    Set<PartitionId> open(Connection connection, String migration) throws SQLException {
        Set<PartitionId> open = new HashSet<>();
        try (PreparedStatement statement = connection.prepareStatement("SELECT table_name, class, period, n FROM "
                + names.catalog(PARTS) + " WHERE migration = ? AND NOT done")) {
            statement.setString(1, migration);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    open.add(new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4)));
                }
            }
        }
        return open;
    }

    /** How many lines of live partitions migrations that are done have not reached: those came back, or were made since. */
    long unreached(Connection connection) throws SQLException {
        if (!readable(connection)) {
            return 0;
        }
        return (Long) java.util.Objects.requireNonNull(Postgres.value(
                connection,
                "SELECT count(*) FROM " + names.catalog(PARTS) + " p JOIN " + names.catalog("partitions")
                        + " l USING (table_name, class, period, n) WHERE NOT p.done AND l.state IN ('open', 'closed') AND"
                        + " p.migration IN (SELECT id FROM " + names.catalog(MIGRATIONS)
                        + " WHERE record::jsonb ->> 'state' = 'DONE')"));
    }

    /** Migrations that are done and have not reached a partition that is there: it was brought back, or an older release made it. */
    List<String> missed(Connection connection, Set<PartitionId> live, Set<String> done) throws SQLException {
        List<String> missed = new ArrayList<>();
        for (String migration : done) {
            open(connection, migration).stream()
                    .filter(live::contains)
                    .forEach(id -> missed.add(id + " (" + migration + ")"));
        }
        return missed;
    }

    /**
     * How far a migration is in a partition.
     *
     * @param through up to which number the rows were looked at
     * @param bound up to which number they are to be; null before it began
     * @param seen how many were looked at
     * @param skipped numbers of rows before {@code through} that somebody had locked, or changed meanwhile
     */
    record Part(boolean done, long through, @Nullable Long bound, long seen, List<Long> skipped) {}

    /** The line of a partition, locked until the transaction's end if asked for; a new one where there is none. */
    Part part(Connection connection, String migration, PartitionId id, boolean lock) throws SQLException {
        Part known = known(connection, migration, id, lock);
        return known == null ? NONE : known;
    }

    /** The same; null where there is none. */
    @Nullable
    Part known(Connection connection, String migration, PartitionId id, boolean lock) throws SQLException {
        String sql = "SELECT done, through, bound, seen, skipped FROM " + names.catalog(PARTS) + WHERE_PART
                + (lock ? " FOR UPDATE" : "");
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            bind(statement, 1, migration, id);
            try (ResultSet rows = statement.executeQuery()) {
                if (rows.next()) {
                    long bound = rows.getLong(3);
                    Long known = rows.wasNull() ? null : (Long) bound;
                    Long[] skipped = (Long[]) rows.getArray(5).getArray();
                    return new Part(rows.getBoolean(1), rows.getLong(2), known, rows.getLong(4), List.of(skipped));
                }
            }
        }
        return null;
    }

    /** Writes the line of a partition. */
    void put(Connection connection, String migration, PartitionId id, Part part, long changed) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO " + names.catalog(PARTS)
                + " AS p(migration, table_name, class, period, n, done, through, bound, seen, changed, skipped) VALUES (?, ?,"
                + " ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (migration, table_name, class, period, n) DO UPDATE SET done ="
                + " excluded.done, through = excluded.through, bound = excluded.bound, seen = excluded.seen, changed ="
                + " p.changed + excluded.changed, skipped = excluded.skipped")) {
            bind(statement, 1, migration, id);
            statement.setBoolean(6, part.done);
            statement.setLong(7, part.through);
            statement.setObject(8, part.bound);
            statement.setLong(9, part.seen);
            statement.setLong(10, changed);
            statement.setArray(11, connection.createArrayOf("bigint", part.skipped.toArray()));
            statement.executeUpdate();
        }
    }

    /** Forgets a partition that is gone for good. */
    void forget(Connection connection, PartitionId id) throws SQLException {
        moved.forget(connection, id);
        Postgres.update(
                connection,
                "DELETE FROM " + names.catalog(PARTS) + " WHERE table_name = ? AND class = ? AND period = ? AND n = ?",
                id.table(),
                id.retentionClass(),
                id.period(),
                id.n());
    }

    private static void bind(PreparedStatement statement, int from, String migration, PartitionId id)
            throws SQLException {
        statement.setString(from, migration);
        statement.setString(from + 1, id.table());
        statement.setString(from + 2, id.retentionClass());
        statement.setString(from + 3, id.period());
        statement.setInt(from + 4, id.n());
    }

    /** Tells leaves how many of their rows migrations have changed: answers that were kept of them hold no longer. */
    void read(Connection connection, List<Leaf> leaves) throws SQLException {
        if (leaves.isEmpty() || !readable(connection)) {
            return;
        }
        Map<PartitionId, Long> changed = new HashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows =
                        statement.executeQuery("SELECT table_name, class, period, n, sum(changed)::bigint FROM "
                                + names.catalog(PARTS) + " WHERE changed > 0 GROUP BY 1, 2, 3, 4")) {
            while (rows.next()) {
                changed.put(
                        new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4)),
                        rows.getLong(5));
            }
        }
        leaves.forEach(leaf -> leaf.migrated(changed.getOrDefault(leaf.id(), 0L)));
    }
}
