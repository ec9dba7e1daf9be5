package io.levee.sqlite;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import io.levee.internal.migration.SqlExpression;
import io.levee.internal.spec.SpecCodec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The tables and indexes of a partition file: made whole in one transaction, and widened when a table gets new columns. */
final class PartitionSchema {
    /** The entry of the description with what older releases do not read of the spec. */
    static final String SPEC_ADDED = "spec_added";

    /** The entry with what migrations made of the spec, and when it was written: older releases write the others without it. */
    static final String SPEC_MIGRATED = "spec_migrated";

    /** The entry that says when the copy of the spec was written, where that was after the file was made. */
    static final String SPEC_AT = "spec_at";

    private PartitionSchema() {}

    /** The name of the detail table. */
    static String details(TableSpec spec) {
        return details(spec.name());
    }

    /** The same of a table that may have none. */
    static String details(String table) {
        return table + "_details";
    }

    /** The column that holds the event time. */
    static String timeColumn(TableSpec spec) {
        return spec.separateTime() ? "_time" : spec.time().get(0);
    }

    static List<Column> hot(TableSpec spec) {
        return spec.columns().stream().filter(c -> !c.detail()).toList();
    }

    static List<Column> detail(TableSpec spec) {
        return spec.columns().stream().filter(Column::detail).toList();
    }

    static String sqlType(ColumnType type) {
        return switch (type) {
            case TEXT, DECIMAL, UUID, JSON -> "TEXT";
            case INTEGER, BOOLEAN, TIMESTAMP, DURATION -> "INTEGER";
            case REAL -> "REAL";
            case BLOB -> "BLOB";
        };
    }

    /** Makes everything in a new file, or only what a younger spec added. One transaction. */
    static void prepare(Connection connection, TableSpec spec, PartitionId id, Instant now) throws SQLException {
        Sqlite.transaction(connection, () -> {
            if (columns(connection, spec.name()).isEmpty()) {
                create(connection, spec, id, now);
            } else {
                widen(connection, spec, now);
            }
            return id;
        });
    }

    private static void create(Connection connection, TableSpec spec, PartitionId id, Instant now) throws SQLException {
        Sqlite.run(connection, "PRAGMA application_id=" + Connections.PARTITION_ID);
        Sqlite.run(connection, "PRAGMA user_version=" + Connections.FORMAT);
        List<String> columns = new ArrayList<>(List.of("_seq INTEGER PRIMARY KEY"));
        if (spec.separateTime()) {
            columns.add("_time INTEGER NOT NULL");
        }
        hot(spec).forEach(c -> columns.add(definition(c)));
        if (spec.keyed()) {
            columns.add("_chg INTEGER");
        }
        Sqlite.run(connection, "CREATE TABLE " + Sqlite.quote(spec.name()) + "(" + String.join(", ", columns) + ")");
        createDetails(connection, spec);
        Sqlite.run(connection, "CREATE TABLE levee_partition(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
        Sqlite.run(
                connection,
                "CREATE TABLE levee_stats(id INTEGER PRIMARY KEY CHECK(id = 1), rows INTEGER NOT NULL,"
                        + " min_time INTEGER NOT NULL, max_time INTEGER NOT NULL, max_seq INTEGER NOT NULL)");
        Sqlite.run(
                connection, "INSERT INTO levee_stats VALUES(1, 0, " + Long.MAX_VALUE + ", -" + Long.MAX_VALUE + ", 0)");
        if (spec.keyed()) {
            Sqlite.run(connection, "CREATE TABLE levee_keys(layer INTEGER PRIMARY KEY, bits BLOB NOT NULL)");
        }
        Map<String, String> identity = new LinkedHashMap<>();
        identity.put("format", Integer.toString(Connections.FORMAT));
        identity.put("table", id.table());
        identity.put("class", id.retentionClass());
        identity.put("period", id.period());
        identity.put("n", Integer.toString(id.n()));
        identity.put("created", now.toString());
        identity.put("spec", Json.write(SpecCodec.plain(spec)));
        identity.put(SPEC_ADDED, Json.write(SpecCodec.added(spec)));
        identity.put(SPEC_MIGRATED, migrated(spec, now));
        for (Map.Entry<String, String> entry : identity.entrySet()) {
            describe(connection, entry.getKey(), entry.getValue());
        }
        FilledRows.keep(connection, spec);
        createIndexes(connection, spec);
        Fulltext.create(connection, spec);
    }

    private static String migrated(TableSpec spec, Instant now) {
        return Json.write(Map.of("at", now.toString(), "spec", SpecCodec.migrated(spec)));
    }

    /** Adds an entry to the description of a file. */
    static void describe(Connection connection, String key, String value) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT OR REPLACE INTO levee_partition(key, value) VALUES(?, ?)")) {
            statement.setString(1, key);
            statement.setString(2, value);
            statement.executeUpdate();
        }
    }

    private static String definition(Column column) {
        return Sqlite.quote(column.name()) + " " + sqlType(column.type());
    }

    private static void createDetails(Connection connection, TableSpec spec) throws SQLException {
        List<Column> details = detail(spec);
        if (!details.isEmpty()) {
            List<String> columns = new ArrayList<>(List.of("_seq INTEGER PRIMARY KEY"));
            details.forEach(c -> columns.add(definition(c)));
            Sqlite.run(
                    connection, "CREATE TABLE " + Sqlite.quote(details(spec)) + "(" + String.join(", ", columns) + ")");
        }
    }

    private static void createIndexes(Connection connection, TableSpec spec) throws SQLException {
        String time = timeColumn(spec);
        if (spec.indexes().stream().noneMatch(index -> index.get(0).equals(time))) {
            createIndex(connection, spec, "time", false, List.of(time), "");
        }
        if (spec.keyed()) {
            createIndex(connection, spec, "key", true, spec.key(), "");
            createIndex(connection, spec, "chg", false, List.of("_chg"), " WHERE _chg IS NOT NULL");
        }
        for (int i = 0; i < spec.indexes().size(); i++) {
            createIndex(connection, spec, "i" + (i + 1), false, spec.indexes().get(i), "");
        }
        FileColumns columns = FileColumns.of(spec, connection);
        for (IndexSpec index : spec.namedIndexes()) {
            Sqlite.run(connection, named(spec, index, columns));
        }
    }

    /** What an index with a name is called in a file. */
    static String named(String table, String index) {
        return table + "__" + index;
    }

    /** The statement that makes an index with a name. */
    static String named(TableSpec spec, IndexSpec index, FileColumns columns) {
        List<String> parts = new ArrayList<>();
        for (String part : index.parts()) {
            parts.add(IndexSpec.expression(part) ? inFile(spec, part, columns) : Sqlite.quote(columns.named(part)));
        }
        String where = index.where();
        return "CREATE INDEX " + Sqlite.quote(named(spec.name(), index.name())) + " ON " + Sqlite.quote(spec.name())
                + "(" + String.join(", ", parts) + ")"
                + (where == null ? "" : " WHERE " + inFile(spec, where, columns));
    }

    private static String inFile(TableSpec spec, String expression, FileColumns columns) {
        return SqlExpression.parse(expression).rewrite(spec, name -> Sqlite.quote(columns.named(name)));
    }

    private static void createIndex(
            Connection connection, TableSpec spec, String name, boolean unique, List<String> columns, String where)
            throws SQLException {
        String list = String.join(", ", columns.stream().map(Sqlite::quote).toList());
        Sqlite.run(
                connection,
                "CREATE " + (unique ? "UNIQUE " : "") + "INDEX " + Sqlite.quote(spec.name() + "_" + name) + " ON "
                        + Sqlite.quote(spec.name()) + "(" + list + ")" + where);
    }

    /**
     * Adds the columns that the table got since the file was made: metadata only, at any size. What older rows have in a column with an
     * expression is filled in slices; until then it is read as {@link FileColumns} says.
     */
    static void widen(Connection connection, TableSpec spec, Instant now) throws SQLException {
        boolean changed = FilledRows.doubt(connection, spec);
        if (!detail(spec).isEmpty() && columns(connection, details(spec)).isEmpty()) {
            createDetails(connection, spec);
            changed = true;
        }
        for (Column column : spec.columns()) {
            FileColumns there = FileColumns.of(spec, connection);
            if (there.name(column.name()) == null) {
                add(connection, spec, column, there);
                changed = true;
            }
        }
        FilledRows.keep(connection, spec);
        if (changed) {
            describe(connection, spec, now);
        }
    }

    /** Says what the table is now, for a catalog that is lost. */
    static void describe(Connection connection, TableSpec spec, Instant now) throws SQLException {
        describe(connection, "spec", Json.write(SpecCodec.plain(spec)));
        describe(connection, SPEC_ADDED, Json.write(SpecCodec.added(spec)));
        describe(connection, SPEC_MIGRATED, migrated(spec, now));
        describe(connection, SPEC_AT, now.toString());
    }

    private static void add(Connection connection, TableSpec spec, Column column, FileColumns there)
            throws SQLException {
        String table = column.detail() ? details(spec) : spec.name();
        String name = FileColumns.free(column.name(), columns(connection, table));
        boolean constant = column.defaultValue() != null && !column.detail();
        Sqlite.run(
                connection,
                "ALTER TABLE " + Sqlite.quote(table) + " ADD COLUMN " + Sqlite.quote(name) + " "
                        + sqlType(column.type())
                        + (constant ? " DEFAULT " + FileColumns.literal(column.defaultValue()) : ""));
        if (!name.equals(column.name())) {
            called(connection, there, column.detail(), name, column.name());
        }
        if (column.expression() != null && !column.detail()) {
            describe(connection, FileColumns.UNFILLED, there.unfilledWith(column.name(), true));
        }
    }

    /** Notes that the file calls a column of the table otherwise; older releases refuse it from then on. */
    static void called(Connection connection, FileColumns there, boolean detail, String name, String ours)
            throws SQLException {
        describe(connection, FileColumns.COLUMNS, there.renamedWith(detail, name, ours));
        Sqlite.run(connection, "PRAGMA user_version=" + Connections.FORMAT_RENAMED);
    }

    /** The columns that a table of the file has; empty where it has no such table. */
    static Set<String> columns(Connection connection, String table) throws SQLException {
        Set<String> names = new LinkedHashSet<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("PRAGMA table_info(" + Sqlite.quote(table) + ")")) {
            while (rows.next()) {
                names.add(rows.getString("name"));
            }
        }
        return names;
    }

    /** The columns that a table of an attached file has; empty where it has no such table. */
    static Set<String> columns(Connection connection, String schema, String table) throws SQLException {
        Set<String> names = new LinkedHashSet<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows =
                        statement.executeQuery("PRAGMA " + schema + ".table_info(" + Sqlite.quote(table) + ")")) {
            while (rows.next()) {
                names.add(rows.getString("name"));
            }
        }
        return names;
    }

    /** The statistics of the last commit with the lowest number, for a partition that is being closed. */
    static Partition.Held exactly(Connection connection, TableSpec spec) throws SQLException {
        return exactly(connection, spec.name());
    }

    /** The same of a table by its name. */
    static Partition.Held exactly(Connection connection, String table) throws SQLException {
        Partition.Held held = held(connection);
        long lowest = Sqlite.number(connection, "SELECT min(_seq) FROM " + Sqlite.quote(table));
        return new Partition.Held(held.minMicros(), held.maxMicros(), held.rows(), lowest, held.maxSeq());
    }

    /** The statistics of the last commit; nothing for a file that never got its tables. */
    static Partition.Held held(Connection connection) throws SQLException {
        if (Sqlite.value(connection, "SELECT 1 FROM sqlite_master WHERE name = 'levee_stats'") == null) {
            return Partition.Held.NOTHING;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "SELECT min_time, max_time, rows, max_seq FROM levee_stats WHERE id = 1")) {
            if (!rows.next()) {
                return Partition.Held.UNKNOWN;
            }
            long count = rows.getLong(3);
            return count == 0
                    ? Partition.Held.nothing(0, rows.getLong(4))
                    : new Partition.Held(rows.getLong(1), rows.getLong(2), count, 0, rows.getLong(4));
        }
    }
}
