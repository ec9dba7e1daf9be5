package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Erasure;
import io.levee.engine.Slot;
import io.levee.internal.json.Json;
import io.levee.internal.spec.SpecCodec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The catalog's tables, in a schema beside the store's: see docs/postgres.md. Statements only; sessions decide where they run. */
final class Catalog {
    /** The format that this release writes. */
    static final int FORMAT = 1;

    /** That of a store whose tables have lost or renamed a column: what was written before it cannot read them. */
    static final int CHANGED_FORMAT = 2;

    private static final String LEAF_COLUMNS = "SELECT table_name, class, period, n, leaf, from_time, to_time, state,"
            + " min_time, max_time, row_count, max_seq FROM ";

    private final Names names;

    private volatile boolean additions;
    private volatile boolean migrated;

    Catalog(Names names) {
        this.names = names;
    }

    Names names() {
        return names;
    }

    /** Entries of specs that the first releases do not know are beside what these read. */
    private static final String ADDITIONS = "spec_additions";

    /** Entries that migrations made: releases before these refuse them among the others. */
    private static final String MIGRATED = "spec_migrated";

    /** Whether there is a store. */
    boolean exists(Connection connection) throws SQLException {
        return has(connection, "store");
    }

    /** Whether the catalog has a table: one that an older release made may lack it. */
    boolean has(Connection connection, String table) throws SQLException {
        return Boolean.TRUE.equals(
                Postgres.value(connection, "SELECT pg_catalog.to_regclass(?) IS NOT NULL", names.catalog(table)));
    }

    /** Makes what an older release did not know, in the caller's transaction. */
    void complete(Connection connection) throws SQLException {
        if (!has(connection, "ledger")) {
            Ledger.create(connection, names);
        }
        if (!has(connection, "sources")) {
            Sources.create(connection, names);
        }
        if (!has(connection, RetentionLog.TABLE)) {
            RetentionLog.create(connection, names);
        }
        new ClassTables(this).create(connection);
        if (!has(connection, ADDITIONS)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + names.catalog(ADDITIONS)
                            + "(name text COLLATE \"C\" PRIMARY KEY, spec text NOT NULL)");
        }
        if (!has(connection, MIGRATED)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + names.catalog(MIGRATED)
                            + "(name text COLLATE \"C\" PRIMARY KEY, spec text NOT NULL)");
        }
        AdoptedCatalog.complete(connection, this);
        new MigrationTables(this).create(connection);
        for (Map.Entry<String, String> function : SqlFunctions.places(names).entrySet()) {
            String called = names.catalog(function.getKey()) + "(text, text[])";
            if (Postgres.value(connection, "SELECT 1 WHERE pg_catalog.to_regprocedure(?) IS NOT NULL", called)
                    == null) {
                Postgres.run(connection, function.getValue());
            }
        }
    }

    /** Makes what is missing, in the caller's transaction. Schemas that are there need no right on the database. */
    void create(Connection connection, Instant now) throws SQLException {
        for (String schema : List.of(names.schema(), names.catalogSchema())) {
            if (Postgres.value(connection, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?", schema) == null) {
                Postgres.run(connection, "CREATE SCHEMA " + Names.quote(schema));
            }
        }
        Postgres.run(
                connection,
                "CREATE TABLE " + names.catalog("store") + "(key text COLLATE \"C\" PRIMARY KEY, value text NOT NULL)");
        // Room on each page for new versions of the rows that every batch changes: such updates touch no index.
        Postgres.run(
                connection,
                "CREATE TABLE " + names.catalog("tables")
                        + "(name text COLLATE \"C\" PRIMARY KEY, spec text NOT NULL, next_seq bigint NOT NULL DEFAULT 1,"
                        + " floor bigint, dropped_seq bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50)");
        Postgres.run(
                connection,
                "CREATE TABLE " + names.catalog("partitions")
                        + "(table_name text COLLATE \"C\" NOT NULL, class text COLLATE \"C\" NOT NULL,"
                        + " period text COLLATE \"C\" NOT NULL, n integer NOT NULL, leaf text NOT NULL,"
                        + " from_time bigint NOT NULL, to_time bigint NOT NULL, state text NOT NULL CHECK (state IN"
                        + " ('open', 'closed', 'dropping', 'dropped', 'freed')), min_time bigint, max_time bigint,"
                        + " row_count bigint NOT NULL DEFAULT 0, max_seq bigint NOT NULL DEFAULT 0,"
                        + " changed timestamptz NOT NULL, reason text,"
                        + " PRIMARY KEY (table_name, class, period, n)) WITH (fillfactor = 50)");
        Postgres.run(
                connection,
                "CREATE TABLE " + names.catalog("erasures")
                        + "(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, table_name text NOT NULL,"
                        + " at timestamptz NOT NULL, filter_sha256 text NOT NULL, row_count bigint NOT NULL,"
                        + " pending text NOT NULL)");
        for (String function : SqlFunctions.create(names)) {
            Postgres.run(connection, function);
        }
        put(connection, "format", Integer.toString(FORMAT));
        put(connection, "created", now.toString());
        put(connection, "last_shutdown", "CLEAN");
    }

    /** Refuses formats of a later release (guarantee G110). */
    void requireFormat(Connection connection) throws SQLException {
        String format = get(connection, "format");
        if (!Integer.toString(FORMAT).equals(format)
                && !Integer.toString(CHANGED_FORMAT).equals(format)) {
            throw new LeveeException(
                            ErrorCode.UNSAFE_ENVIRONMENT,
                            "the store in schema " + names.schema() + " has format " + format
                                    + "; this release reads formats " + FORMAT + " and " + CHANGED_FORMAT)
                    .hint("open the store with the release that wrote it");
        }
    }

    @Nullable
    String get(Connection connection, String key) throws SQLException {
        return (String)
                Postgres.value(connection, "SELECT value FROM " + names.catalog("store") + " WHERE key = ?", key);
    }

    void put(Connection connection, String key, String value) throws SQLException {
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog("store")
                        + "(key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                key,
                value);
    }

    void delete(Connection connection, String key) throws SQLException {
        Postgres.update(connection, "DELETE FROM " + names.catalog("store") + " WHERE key = ?", key);
    }

    // Tables

    List<TableSpec> tables(Connection connection) throws SQLException {
        List<TableSpec> specs = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(specs(connection) + " ORDER BY name")) {
            while (rows.next()) {
                specs.add(spec(rows));
            }
        }
        return specs;
    }

    /** A table's stored spec, or null. */
    @Nullable
    TableSpec table(Connection connection, String table) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(specs(connection) + " WHERE name = ?")) {
            statement.setString(1, table);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? spec(rows) : null;
            }
        }
    }

    /** A store that a reader opens before its writer was of this release has no additions, or none that the reader may see. */
    private String specs(Connection connection) throws SQLException {
        additions = additions || readable(connection, ADDITIONS);
        migrated = migrated || readable(connection, MIGRATED);
        return "SELECT t.spec, " + (additions ? "a.spec" : "NULL") + ", " + (migrated ? "m.spec" : "NULL") + " FROM "
                + names.catalog("tables") + " t"
                + (additions ? " LEFT JOIN " + names.catalog(ADDITIONS) + " a USING (name)" : "")
                + (migrated ? " LEFT JOIN " + names.catalog(MIGRATED) + " m USING (name)" : "");
    }

    /** Whether there is a table that this user may read. */
    boolean readable(Connection connection, String table) throws SQLException {
        return Boolean.TRUE.equals(Postgres.value(
                connection,
                "SELECT pg_catalog.has_table_privilege(pg_catalog.to_regclass(?), 'SELECT')",
                names.catalog(table)));
    }

    private static TableSpec spec(ResultSet row) throws SQLException {
        try {
            Map<String, Object> map = new LinkedHashMap<>(Json.object(row.getString(1)));
            for (int at = 2; at <= 3; at++) {
                String more = row.getString(at);
                if (more != null) {
                    map.putAll(Json.object(more));
                }
            }
            return TableSpec.fromMap(map);
        } catch (IllegalArgumentException e) {
            throw new LeveeException(ErrorCode.CORRUPT, "the catalog holds a spec that is none: " + e.getMessage(), e)
                    .hint("restore the catalog's schema from a backup");
        }
    }

    void putTable(Connection connection, TableSpec spec) throws SQLException {
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog("tables")
                        + "(name, spec) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET spec = excluded.spec",
                spec.name(),
                Json.write(SpecCodec.plain(spec)));
        putMore(connection, ADDITIONS, spec.name(), SpecCodec.added(spec));
        putMore(connection, MIGRATED, spec.name(), SpecCodec.migrated(spec));
    }

    private void putMore(Connection connection, String table, String name, Map<String, Object> entries)
            throws SQLException {
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog(table)
                        + "(name, spec) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET spec = excluded.spec",
                name,
                Json.write(entries));
    }

    /**
     * Reserves numbers.
     *
     * @param atLeast none below this
     */
    long reserveSeq(Connection connection, String table, long atLeast, long count) throws SQLException {
        Object end = Postgres.value(
                connection,
                "UPDATE " + names.catalog("tables")
                        + " SET next_seq = greatest(next_seq, ?) + ? WHERE name = ? RETURNING next_seq",
                atLeast,
                count,
                table);
        return ((Long) known(table, end)) - count;
    }

    /** Past all numbers that rows have: a standby that took over may have had rows of numbers whose reservation it lacks. */
    void raiseNextSeq(Connection connection) throws SQLException {
        Postgres.run(
                connection,
                "UPDATE " + names.catalog("tables") + " t SET next_seq = p.highest + 1 FROM (SELECT table_name,"
                        + " max(max_seq) AS highest FROM " + names.catalog("partitions")
                        + " GROUP BY table_name) p WHERE p.table_name = t.name AND t.next_seq <= p.highest");
    }

    private static Object known(String table, @Nullable Object value) {
        if (value == null) {
            throw new LeveeException(ErrorCode.UNKNOWN_TABLE, "the catalog has no table " + table);
        }
        return value;
    }

    void raiseDroppedSeq(Connection connection, String table, long seq) throws SQLException {
        Postgres.update(
                connection,
                "UPDATE " + names.catalog("tables") + " SET dropped_seq = greatest(dropped_seq, ?) WHERE name = ?",
                seq,
                table);
    }

    long droppedSeq(Connection connection, String table) throws SQLException {
        return (Long) known(
                table,
                Postgres.value(
                        connection, "SELECT dropped_seq FROM " + names.catalog("tables") + " WHERE name = ?", table));
    }

    void noteErasure(Connection connection, Erasure erasure) throws SQLException {
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog("erasures")
                        + "(table_name, at, filter_sha256, row_count, pending) VALUES (?, ?, ?, ?, ?)",
                erasure.table(),
                erasure.at().atOffset(ZoneOffset.UTC),
                erasure.filterSha256(),
                erasure.rows(),
                Json.write(erasure.pending()));
    }

    // Partitions

    /** Those that are attached: open, closed or about to be detached. */
    List<Leaf> leaves(Connection connection) throws SQLException {
        List<Leaf> leaves = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(LEAF_COLUMNS + names.catalog("partitions")
                        + " WHERE state IN ('open', 'closed', 'dropping')")) {
            while (rows.next()) {
                leaves.add(leaf(rows, Leaf.State.valueOf(rows.getString(8).toUpperCase(Locale.ROOT))));
            }
        }
        new ClassTables(this).read(connection, leaves);
        new MigrationTables(this).read(connection, leaves);
        return leaves;
    }

    /** Those that are detached and not freed yet, the first that went first. They are nobody's to write to. */
    List<Leaf> dropped(Connection connection) throws SQLException {
        List<Leaf> leaves = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(LEAF_COLUMNS + names.catalog("partitions")
                        + " WHERE state = 'dropped' ORDER BY changed, table_name, from_time")) {
            while (rows.next()) {
                leaves.add(leaf(rows, Leaf.State.DROPPING));
            }
        }
        new ClassTables(this).read(connection, leaves);
        return leaves;
    }

    private static Leaf leaf(ResultSet rows, Leaf.State state) throws SQLException {
        PartitionId id = new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4));
        return new Leaf(id, rows.getString(5), rows.getLong(6), rows.getLong(7), state, held(rows, 9));
    }

    private static Leaf.Held held(ResultSet rows, int from) throws SQLException {
        long min = rows.getLong(from);
        if (rows.wasNull()) {
            return Leaf.Held.NOTHING;
        }
        return new Leaf.Held(min, rows.getLong(from + 1), rows.getLong(from + 2), rows.getLong(from + 3));
    }

    /** What a partition holds as committed, or null where the catalog has none of that id. */
    Leaf.@Nullable Held held(Connection connection, PartitionId id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT min_time, max_time, row_count, max_seq FROM " + names.catalog("partitions") + WHERE_ID)) {
            bind(statement, 1, id);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? held(rows, 1) : null;
            }
        }
    }

    private static final String WHERE_ID = " WHERE table_name = ? AND class = ? AND period = ? AND n = ?";

    /** The next unused number of a slot: dropped partitions count, so that no name is used twice. */
    int nextN(Connection connection, String table, Slot slot) throws SQLException {
        Object n = Postgres.value(
                connection,
                "SELECT COALESCE(MAX(n), 0) + 1 FROM " + names.catalog("partitions")
                        + " WHERE table_name = ? AND period = ? AND class = ?",
                table,
                slot.period().name(),
                slot.retentionClass());
        return n instanceof Integer number ? number : 1;
    }

    void insert(Connection connection, Leaf leaf, Instant now) throws SQLException {
        PartitionId id = leaf.id();
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog("partitions")
                        + "(table_name, class, period, n, leaf, from_time, to_time, state, changed)"
                        + " VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?)",
                id.table(),
                id.retentionClass(),
                id.period(),
                id.n(),
                leaf.name(),
                leaf.fromMicros(),
                leaf.toMicros(),
                now.atOffset(ZoneOffset.UTC));
    }

    /**
     * Adds what a transaction wrote to a partition, in that transaction; a closed one is open again.
     *
     * @return false where it takes no rows any more
     */
    boolean add(Connection connection, PartitionId id, long min, long max, long rows, long maxSeq) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("UPDATE " + names.catalog("partitions")
                + " SET state = 'open', min_time = least(min_time, ?), max_time = greatest(max_time, ?),"
                + " row_count = row_count + ?, max_seq = greatest(max_seq, ?)" + WHERE_ID
                + " AND state IN ('open', 'closed')")) {
            statement.setLong(1, min);
            statement.setLong(2, max);
            statement.setLong(3, rows);
            statement.setLong(4, maxSeq);
            bind(statement, 5, id);
            return statement.executeUpdate() == 1;
        }
    }

    /** Takes deleted rows out of the count, in the transaction that deletes them. */
    void subtract(Connection connection, PartitionId id, long rows) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "UPDATE " + names.catalog("partitions") + " SET row_count = row_count - ?" + WHERE_ID)) {
            statement.setLong(1, rows);
            bind(statement, 2, id);
            statement.executeUpdate();
        }
    }

    /**
     * Moves a partition from one state to another.
     *
     * @return false where it was not in the first
     */
    boolean move(Connection connection, PartitionId id, String from, String to, @Nullable String reason, Instant now)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("UPDATE " + names.catalog("partitions")
                + " SET state = ?, reason = coalesce(?, reason), changed = ?" + WHERE_ID + " AND state = ?")) {
            statement.setString(1, to);
            statement.setString(2, reason);
            statement.setObject(3, now.atOffset(ZoneOffset.UTC));
            bind(statement, 4, id);
            statement.setString(8, from);
            return statement.executeUpdate() == 1;
        }
    }

    private static void bind(PreparedStatement statement, int from, PartitionId id) throws SQLException {
        statement.setString(from, id.table());
        statement.setString(from + 1, id.retentionClass());
        statement.setString(from + 2, id.period());
        statement.setInt(from + 3, id.n());
    }
}
