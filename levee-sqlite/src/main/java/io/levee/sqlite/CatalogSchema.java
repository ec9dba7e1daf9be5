package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;

/** The tables of the catalog database: made in one transaction, and widened when a later release needs more of them. */
final class CatalogSchema {
    private static final String[] SCHEMA = {
        "CREATE TABLE IF NOT EXISTS store(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS tables(name TEXT PRIMARY KEY, spec TEXT NOT NULL, next_seq INTEGER NOT NULL,"
                + " floor_time INTEGER, dropped_seq INTEGER) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS partitions(table_name TEXT NOT NULL, class TEXT NOT NULL, period TEXT NOT NULL,"
                + " n INTEGER NOT NULL, file TEXT NOT NULL, state TEXT NOT NULL CHECK(state IN"
                + " ('open','closed','dropped')), min_time INTEGER, max_time INTEGER, row_count INTEGER, bytes INTEGER,"
                + " checksum TEXT, created TEXT NOT NULL, changed TEXT NOT NULL, reason TEXT, min_seq INTEGER,"
                + " max_seq INTEGER, verified INTEGER, PRIMARY KEY(table_name, class, period, n)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS erasures(table_name TEXT NOT NULL, at TEXT NOT NULL, filter_sha256 TEXT NOT NULL,"
                + " rows INTEGER NOT NULL, pending TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS sources(table_name TEXT NOT NULL, source TEXT NOT NULL, position INTEGER NOT NULL,"
                + " state TEXT NOT NULL, PRIMARY KEY(table_name, source)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS trash(table_name TEXT NOT NULL, class TEXT NOT NULL, period TEXT NOT NULL,"
                + " n INTEGER NOT NULL, up INTEGER NOT NULL, seq INTEGER NOT NULL, restored INTEGER NOT NULL,"
                + " PRIMARY KEY(table_name, class, period, n)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS quarantine(table_name TEXT NOT NULL, class TEXT NOT NULL, period TEXT NOT NULL,"
                + " n INTEGER NOT NULL, file TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL,"
                + " row_count INTEGER, min_time INTEGER, max_time INTEGER,"
                + " PRIMARY KEY(table_name, class, period, n)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS gaps(table_name TEXT NOT NULL, from_time INTEGER NOT NULL, to_time INTEGER NOT NULL,"
                + " count INTEGER, reason TEXT NOT NULL)",
        AdoptedCatalog.SCHEMA,
        "CREATE TABLE IF NOT EXISTS class_floors(table_name TEXT NOT NULL, class TEXT NOT NULL,"
                + " floor_time INTEGER NOT NULL, PRIMARY KEY(table_name, class)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS apart(table_name TEXT NOT NULL, period TEXT NOT NULL, n INTEGER NOT NULL,"
                + " classes TEXT NOT NULL, PRIMARY KEY(table_name, period, n)) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS spec_additions(name TEXT PRIMARY KEY, spec TEXT NOT NULL) WITHOUT ROWID",
        // Not in spec_additions: releases before migrations refuse entries there that they do not know.
        "CREATE TABLE IF NOT EXISTS spec_migrated(name TEXT PRIMARY KEY, spec TEXT NOT NULL) WITHOUT ROWID",
        RetentionLog.SCHEMA,
        SplitCatalog.SCHEMA,
        MigrationCatalog.SCHEMA,
    };

    /** What the first releases of the format did not have: table, column. All of them may be NULL. */
    private static final String[][] ADDED = {
        {"tables", "floor_time"},
        {"tables", "dropped_seq"},
        {"partitions", "min_seq"},
        {"partitions", "max_seq"},
        {"partitions", "verified"}
    };

    private CatalogSchema() {}

    /** Makes the tables of a new catalog, or what an older one lacks. */
    static void prepare(Connection connection, Instant now) throws SQLException {
        if (Sqlite.number(connection, "PRAGMA user_version") != 0) {
            requireFormat(connection);
            widen(connection);
            return;
        }
        Sqlite.transaction(connection, () -> {
            for (String sql : SCHEMA) {
                Sqlite.run(connection, sql);
            }
            Catalog.put(connection, "format", Integer.toString(Connections.FORMAT));
            Catalog.put(connection, "created", now.toString());
            Catalog.put(connection, "last_shutdown", "CLEAN");
            Sqlite.run(connection, "PRAGMA application_id=" + Connections.CATALOG_ID);
            Sqlite.run(connection, "PRAGMA user_version=" + Connections.FORMAT);
            return true;
        });
    }

    /** Adds what came since the catalog was made: releases that do not know it go on as before. */
    private static void widen(Connection connection) throws SQLException {
        if (Sqlite.number(connection, "SELECT count(*) FROM sqlite_master WHERE type = 'table'") >= SCHEMA.length) {
            return;
        }
        Sqlite.transaction(connection, () -> {
            for (String[] column : ADDED) {
                if (!has(connection, column[0], column[1])) {
                    Sqlite.run(connection, "ALTER TABLE " + column[0] + " ADD COLUMN " + column[1] + " INTEGER");
                }
            }
            boolean apart = hasTable(connection, "spec_migrated");
            // Tables come last: where all of them are, everything is.
            for (String sql : SCHEMA) {
                Sqlite.run(connection, sql);
            }
            if (!apart) {
                for (TableSpec spec : CatalogTables.tables(connection)) {
                    CatalogTables.putTable(connection, spec);
                }
            }
            return true;
        });
    }

    /** Has releases refuse the catalog that do not know of renamed and dropped columns. Within the caller's transaction. */
    static void requireRenamed(Connection connection) throws SQLException {
        if (Sqlite.number(connection, "PRAGMA user_version") < Connections.FORMAT_RENAMED) {
            Catalog.put(connection, "format", Integer.toString(Connections.FORMAT_RENAMED));
            Sqlite.run(connection, "PRAGMA user_version=" + Connections.FORMAT_RENAMED);
        }
    }

    /** Whether it holds anything. */
    static boolean anyTable(Connection connection) throws SQLException {
        return Sqlite.value(connection, "SELECT 1 FROM sqlite_master LIMIT 1") != null;
    }

    static boolean hasTable(Connection connection, String table) throws SQLException {
        return Sqlite.value(connection, "SELECT 1 FROM sqlite_master WHERE name = '" + table + "'") != null;
    }

    /** Whether a table has a column: a store that is opened for reading only keeps the catalog it was made with. */
    static boolean has(Connection connection, String table, String column) throws SQLException {
        return PartitionSchema.columns(connection, table).contains(column);
    }

    /** Refuses what is no catalog, and formats of a later release (guarantee G110). */
    static void requireFormat(Connection connection) throws SQLException {
        long id = Sqlite.number(connection, "PRAGMA application_id");
        long format = Sqlite.number(connection, "PRAGMA user_version");
        if (id != Connections.CATALOG_ID || !Connections.reads(format)) {
            throw new LeveeException(
                            ErrorCode.UNSAFE_ENVIRONMENT,
                            "catalog.db has format " + format + " (application id " + id
                                    + "); this release reads format " + Connections.FORMAT + " and "
                                    + Connections.FORMAT_RENAMED)
                    .hint("open the store with the release that wrote it");
        }
    }
}
