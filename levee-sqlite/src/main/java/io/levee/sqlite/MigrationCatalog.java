package io.levee.sqlite;

import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.engine.MigrationRecord;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What the catalog keeps of migrations. Changes are for {@link Catalog#change}. */
final class MigrationCatalog {
    static final String SCHEMA = "CREATE TABLE IF NOT EXISTS migrations(id TEXT PRIMARY KEY, n INTEGER NOT NULL,"
            + " table_name TEXT NOT NULL, record TEXT NOT NULL, bound INTEGER) WITHOUT ROWID";

    private static final String PAUSED = "migrations_paused";

    private static final String UNLOOKED = "migrations_unlooked";

    private MigrationCatalog() {}

    /** All migrations in the order of their declaration. */
    static List<MigrationRecord> all(Connection connection) throws SQLException {
        List<MigrationRecord> records = new ArrayList<>();
        if (!CatalogSchema.hasTable(connection, "migrations")) {
            return records;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT record FROM migrations ORDER BY n, id")) {
            while (rows.next()) {
                records.add(MigrationRecord.fromMap(Json.object(rows.getString(1))));
            }
        }
        return records;
    }

    /** Whether all work is paused. */
    static boolean paused(Connection connection) throws SQLException {
        return "1".equals(Catalog.value(connection, PAUSED));
    }

    static boolean pause(Connection connection, boolean paused) throws SQLException {
        Catalog.put(connection, PAUSED, paused ? "1" : "0");
        return paused;
    }

    /**
     * How often something came that migrations which are done may lack, and nobody has looked at: what a release wrote that knows nothing of
     * them, or partitions that were split off or came back. 0 for nothing.
     */
    static long unlooked(Connection connection) throws SQLException {
        Object found = Catalog.value(connection, UNLOOKED);
        return found == null ? 0 : Long.parseLong(found.toString());
    }

    /** Something came; in the transaction that makes it live. */
    static void came(Connection connection) throws SQLException {
        Catalog.put(connection, UNLOOKED, Long.toString(unlooked(connection) + 1));
    }

    /** The same of a partition of a table, where it has migrations. */
    static void came(Connection connection, String table) throws SQLException {
        if (all(connection).stream().anyMatch(record -> record.table().equals(table))) {
            came(connection);
        }
    }

    /** Somebody has looked at what came up to then; what came since is still to be looked at. */
    static boolean looked(Connection connection, long upTo) throws SQLException {
        if (upTo > 0 && unlooked(connection) == upTo) {
            Catalog.put(connection, UNLOOKED, "0");
        }
        return true;
    }

    static void put(Connection connection, MigrationRecord record) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT INTO migrations(id, n, table_name, record, bound) VALUES(?1, ?2, ?3, ?4,"
                        + " CASE WHEN ?5 THEN (SELECT next_seq FROM tables WHERE name = ?3) END)"
                        + " ON CONFLICT(id) DO UPDATE SET n = ?2, table_name = ?3, record = ?4,"
                        + " bound = coalesce(bound, excluded.bound)")) {
            statement.setString(1, record.id());
            statement.setLong(2, record.number());
            statement.setString(3, record.table());
            statement.setString(4, Json.write(record.toMap()));
            statement.setInt(5, record.applied() ? 1 : 0);
            statement.executeUpdate();
        }
    }

    /** The same of one whose bound is known otherwise. */
    static void put(Connection connection, MigrationRecord record, long bound) throws SQLException {
        put(connection, record);
        try (PreparedStatement statement =
                connection.prepareStatement("UPDATE migrations SET bound = ? WHERE id = ?")) {
            statement.setLong(1, bound);
            statement.setString(2, record.id());
            statement.executeUpdate();
        }
    }

    /**
     * One that sets values is done: of what has no number below this one nothing is its work, also where it has to reach what comes back. Of
     * blocks that were reserved before its declaration new rows get numbers below its first bound.
     */
    static void ended(Connection connection, String id, long end) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("UPDATE migrations SET bound = ?1 WHERE id = ?2 AND bound > ?1")) {
            statement.setLong(1, end);
            statement.setString(2, id);
            statement.executeUpdate();
        }
    }

    /** Numbers from here on were given after the table's spec was as a migration makes it. */
    static long bound(Connection connection, String id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT bound FROM migrations WHERE id = ?")) {
            statement.setString(1, id);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() && rows.getObject(1) != null ? rows.getLong(1) : Long.MAX_VALUE;
            }
        }
    }

    /**
     * The migrations of a table that set values of rows and are not done, or may have to reach what came since: what they have reached
     * cannot be told of mixed rows.
     */
    static Set<String> unfinished(Connection connection, String table) throws SQLException {
        Set<String> ids = new LinkedHashSet<>();
        boolean came = unlooked(connection) != 0;
        for (MigrationRecord record : all(connection)) {
            boolean done = record.state() == MigrationStatus.State.DONE && !came;
            if (record.table().equals(table) && !done && sets(record.step())) {
                ids.add(record.id());
            }
        }
        return ids;
    }

    /** Whether a step sets values of rows, so that how far it is has to be kept. */
    static boolean sets(MigrationStep step) {
        return step instanceof MigrationStep.Backfill || step instanceof MigrationStep.BackfillRows;
    }
}
