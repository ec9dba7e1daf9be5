package io.levee.sqlite;

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
 * What the catalog knows of partitions of no named class: the classes that have had partitions of their own as long as these are
 * there, so that no row of them is in these. A class that the table names no more is taken off for good: its rows go here from then on.
 * Changes are for {@link Catalog#change}.
 */
final class Apart {
    private Apart() {}

    /** Tells it to the partitions that were read off a catalog; one without the table knows nothing of it. */
    static void read(Connection connection, List<Partition> partitions) throws SQLException {
        if (!CatalogSchema.hasTable(connection, "apart")) {
            return;
        }
        Map<PartitionId, Set<String>> known = new HashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT table_name, period, n, classes FROM apart")) {
            while (rows.next()) {
                known.put(
                        new PartitionId(rows.getString(1), "", rows.getString(2), rows.getInt(3)),
                        classes(rows.getString(4)));
            }
        }
        if (!known.isEmpty()) {
            partitions.forEach(partition -> partition.apart(known.getOrDefault(partition.id(), Set.of())));
        }
    }

    /** What a partition has no rows of that is made now: the classes that the writer knows and the table still names. */
    static Set<String> now(Connection connection, TableSpec spec) throws SQLException {
        Set<String> classes = new HashSet<>(spec.retention().classes().keySet());
        if (!classes.isEmpty()) {
            for (TableSpec stored : CatalogTables.tables(connection)) {
                if (stored.name().equals(spec.name())) {
                    classes.retainAll(stored.retention().classes().keySet());
                }
            }
        }
        return classes;
    }

    /** Keeps what a new partition knows. */
    static void write(Connection connection, Partition partition) throws SQLException {
        PartitionId id = partition.id();
        if (partition.apart().isEmpty() || !id.retentionClass().isEmpty()) {
            return;
        }
        put(connection, id.table(), id.period(), id.n(), partition.apart());
    }

    /** What one partition has no rows of. */
    static Set<String> of(Connection connection, PartitionId id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT classes FROM apart WHERE table_name = ? AND period = ? AND n = ?")) {
            statement.setString(1, id.table());
            statement.setString(2, id.period());
            statement.setInt(3, id.n());
            try (ResultSet rows = statement.executeQuery()) {
                return id.retentionClass().isEmpty() && rows.next() ? classes(rows.getString(1)) : new HashSet<>();
            }
        }
    }

    /** Keeps and tells what one has no rows of that took over those of others: what none of them has. */
    static void merged(Connection connection, Partition made, List<Partition> sources) throws SQLException {
        Set<String> common = of(connection, sources.get(0).id());
        for (Partition source : sources) {
            common.retainAll(of(connection, source.id()));
        }
        write(connection, made.apart(common));
    }

    private static void put(Connection connection, String table, String period, int n, Set<String> classes)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT OR REPLACE INTO apart(table_name, period, n, classes) VALUES(?, ?, ?, ?)")) {
            statement.setString(1, table);
            statement.setString(2, period);
            statement.setInt(3, n);
            statement.setString(4, Json.write(new ArrayList<>(new TreeSet<>(classes))));
            statement.executeUpdate();
        }
    }

    /** Takes off what a table's spec names no more, with the spec. */
    static void keepTo(Connection connection, TableSpec spec) throws SQLException {
        Set<String> named = spec.retention().classes().keySet();
        record Row(String period, int n, Set<String> classes) {}
        List<Row> known = new ArrayList<>();
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT period, n, classes FROM apart WHERE table_name = ?")) {
            statement.setString(1, spec.name());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    known.add(new Row(rows.getString(1), rows.getInt(2), classes(rows.getString(3))));
                }
            }
        }
        for (Row row : known) {
            if (row.classes.retainAll(named)) {
                put(connection, spec.name(), row.period, row.n, row.classes);
            }
        }
    }

    /** The same for the partitions that this process knows. */
    static void keepTo(Collection<Partition> partitions, TableSpec spec) {
        for (Partition partition : partitions) {
            Set<String> left = new HashSet<>(partition.apart());
            if (left.retainAll(spec.retention().classes().keySet())) {
                partition.apart(left);
            }
        }
    }

    private static Set<String> classes(String json) {
        Set<String> classes = new HashSet<>();
        if (Json.parse(json) instanceof List<?> list) {
            list.forEach(one -> classes.add(String.valueOf(one)));
        }
        return classes;
    }
}
