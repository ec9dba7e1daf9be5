package io.levee.sqlite;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.TableSpec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;

/** Whether the schema of an adopted table says that no two of its rows have one key. Statements only. */
final class UniqueKey {
    private UniqueKey() {}

    /**
     * Whether one of the key's columns is unique there, in the values that we read too: a text of ours is one of theirs only where no blob
     * lies among them, and of numbers only a row number is sure to be whole.
     */
    static boolean of(Connection connection, AdoptedTable table, TableSpec spec) throws SQLException {
        for (String name : spec.key()) {
            Column column = spec.column(name);
            AdoptedTable.Foreign foreign = table.foreign(spec, column);
            if (foreign != null && unique(connection, table, column.type(), foreign)) {
                return true;
            }
        }
        return false;
    }

    private static boolean unique(
            Connection connection, AdoptedTable table, ColumnType type, AdoptedTable.Foreign foreign)
            throws SQLException {
        return switch (type) {
            case INTEGER -> rowNumber(connection, table, foreign);
            case TEXT ->
                foreign.affinity() == AdoptedTable.Affinity.TEXT
                        && indexed(connection, table, foreign)
                        // Blobs come after all texts: their index tells at its end.
                        && !any(
                                connection,
                                "SELECT 1" + table.from() + " WHERE m." + Sqlite.quote(foreign.name())
                                        + " >= x'' LIMIT 1",
                                List.of());
            default -> false;
        };
    }

    private static boolean rowNumber(Connection connection, AdoptedTable table, AdoptedTable.Foreign foreign)
            throws SQLException {
        // A primary key of one column and that type, and without an index of its own, is the row number.
        return any(
                connection,
                "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 AND pk = 1 AND upper(type) = 'INTEGER'"
                        + " AND (SELECT count(*) FROM pragma_table_info(?1) WHERE pk > 0) = 1"
                        + " AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')",
                List.of(table.name(), foreign.name()));
    }

    private static boolean indexed(Connection connection, AdoptedTable table, AdoptedTable.Foreign foreign)
            throws SQLException {
        return any(
                connection,
                "SELECT 1 FROM pragma_index_list(?1) l WHERE l.\"unique\" = 1 AND l.partial = 0"
                        + " AND (SELECT group_concat(name) FROM pragma_index_info(l.name)) = ?2"
                        + " AND (SELECT count(*) FROM pragma_index_info(l.name)) = 1",
                List.of(table.name(), foreign.name()));
    }

    private static boolean any(Connection connection, String sql, List<String> values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < values.size(); i++) {
                statement.setString(i + 1, values.get(i));
            }
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next();
            }
        }
    }
}
