package io.levee.postgres;

import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What the catalog knows of classes of records: the floor of each, and of partitions of no named class the classes that have had
 * partitions of their own as long as these are there ({@code apart}). A class that a table names no more is taken off for good. Statements
 * only; the caller's transaction.
 */
final class ClassTables {
    private static final String FLOORS = "class_floors";
    private static final String APART = "apart";

    private final Catalog catalog;
    private final Names names;

    ClassTables(Catalog catalog) {
        this.catalog = catalog;
        this.names = catalog.names();
    }

    /** Makes what an older release did not know. */
    void create(Connection connection) throws SQLException {
        if (!catalog.has(connection, FLOORS)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + names.catalog(FLOORS) + "(table_name text COLLATE \"C\" NOT NULL, class text"
                            + " COLLATE \"C\" NOT NULL, floor bigint NOT NULL, PRIMARY KEY (table_name, class))");
        }
        if (!catalog.has(connection, APART)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + names.catalog(APART) + "(table_name text COLLATE \"C\" NOT NULL, period text"
                            + " COLLATE \"C\" NOT NULL, n integer NOT NULL, classes text NOT NULL,"
                            + " PRIMARY KEY (table_name, period, n))");
        }
    }

    // Floors

    /** The records of one class of a table. */
    record Key(String table, String retentionClass) {}

    /** All floors; those of rows of no named class are where the first releases look for them. */
    Map<Key, Long> floors(Connection connection) throws SQLException {
        Map<Key, Long> floors = new HashMap<>();
        String sql = "SELECT name, '', floor FROM " + names.catalog("tables") + " WHERE floor IS NOT NULL";
        if (catalog.has(connection, FLOORS)) {
            sql += " UNION ALL SELECT table_name, class, floor FROM " + names.catalog(FLOORS);
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                floors.put(new Key(rows.getString(1), rows.getString(2)), rows.getLong(3));
            }
        }
        return floors;
    }

    void raiseFloor(Connection connection, Key key, long floorMicros) throws SQLException {
        if (key.retentionClass.isEmpty()) {
            Postgres.update(
                    connection,
                    "UPDATE " + names.catalog("tables") + " SET floor = greatest(floor, ?) WHERE name = ?",
                    floorMicros,
                    key.table);
        } else {
            Postgres.update(
                    connection,
                    "INSERT INTO " + names.catalog(FLOORS) + " AS f(table_name, class, floor) VALUES (?, ?, ?)"
                            + " ON CONFLICT (table_name, class) DO UPDATE SET floor = greatest(f.floor, excluded.floor)",
                    key.table,
                    key.retentionClass,
                    floorMicros);
        }
    }

    /** The floor of a row {@code p} of the catalog's partitions, as an expression. */
    static String floorOf(Names names) {
        return "(CASE WHEN p.class = '' THEN (SELECT t.floor FROM " + names.catalog("tables")
                + " t WHERE t.name = p.table_name) ELSE (SELECT f.floor FROM " + names.catalog(FLOORS)
                + " f WHERE f.table_name = p.table_name AND f.class = p.class) END)";
    }

    // Classes apart

    /** Tells it to the leaves that were read off the catalog. */
    void read(Connection connection, List<Leaf> leaves) throws SQLException {
        if (leaves.isEmpty() || !catalog.has(connection, APART)) {
            return;
        }
        Map<PartitionId, Set<String>> known = new HashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows =
                        statement.executeQuery("SELECT table_name, period, n, classes FROM " + names.catalog(APART))) {
            while (rows.next()) {
                known.put(
                        new PartitionId(rows.getString(1), "", rows.getString(2), rows.getInt(3)),
                        classes(rows.getString(4)));
            }
        }
        leaves.forEach(leaf -> leaf.apart(known.getOrDefault(leaf.id(), Set.of())));
    }

    /** Keeps and tells what a new leaf of no named class has no rows of. */
    void insert(Connection connection, TableSpec spec, Leaf leaf) throws SQLException {
        Set<String> apart = now(connection, spec);
        if (!apart.isEmpty()) {
            Postgres.update(
                    connection,
                    "INSERT INTO " + names.catalog(APART) + "(table_name, period, n, classes) VALUES (?, ?, ?, ?)",
                    spec.name(),
                    leaf.id().period(),
                    leaf.id().n(),
                    text(apart));
            leaf.apart(apart);
        }
    }

    /** The classes that the writer knows and the table still names. */
    Set<String> now(Connection connection, TableSpec spec) throws SQLException {
        Set<String> classes = new HashSet<>(spec.retention().classes().keySet());
        if (!classes.isEmpty()) {
            TableSpec stored = catalog.table(connection, spec.name());
            classes.retainAll(
                    stored == null ? Set.of() : stored.retention().classes().keySet());
        }
        return classes;
    }

    /** Takes off what a table's spec names no more, with the spec. */
    void keepTo(Connection connection, TableSpec spec) throws SQLException {
        record Row(String period, int n, Set<String> classes) {}
        List<Row> known = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT period, n, classes FROM " + names.catalog(APART) + " WHERE table_name = ?")) {
            statement.setString(1, spec.name());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    known.add(new Row(rows.getString(1), rows.getInt(2), classes(rows.getString(3))));
                }
            }
        }
        for (Row row : known) {
            if (row.classes.retainAll(spec.retention().classes().keySet())) {
                Postgres.update(
                        connection,
                        "UPDATE " + names.catalog(APART)
                                + " SET classes = ? WHERE table_name = ? AND period = ? AND n = ?",
                        text(row.classes),
                        spec.name(),
                        row.period,
                        row.n);
            }
        }
    }

    /** The same for the leaves that this process knows. */
    static void keepTo(Collection<Leaf> leaves, TableSpec spec) {
        for (Leaf leaf : leaves) {
            Set<String> left = new HashSet<>(leaf.apart());
            if (left.retainAll(spec.retention().classes().keySet())) {
                leaf.apart(left);
            }
        }
    }

    private static String text(Set<String> classes) {
        return Json.write(new ArrayList<>(new TreeSet<>(classes)));
    }

    private static Set<String> classes(String json) {
        Set<String> classes = new HashSet<>();
        if (Json.parse(json) instanceof List<?> list) {
            list.forEach(one -> classes.add(String.valueOf(one)));
        }
        return classes;
    }
}
