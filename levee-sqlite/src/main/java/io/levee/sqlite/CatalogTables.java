package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.Erasure;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** What the catalog keeps of tables: specs, numbers and erasures. Changes are for {@link Catalog#change}. */
final class CatalogTables {
    private CatalogTables() {}

    static List<TableSpec> tables(Connection connection) throws SQLException {
        List<TableSpec> specs = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT spec FROM tables ORDER BY name")) {
            while (rows.next()) {
                specs.add(spec(rows.getString(1)));
            }
        }
        return specs;
    }

    private static TableSpec spec(String json) {
        try {
            return TableSpec.fromMap(Json.object(json));
        } catch (IllegalArgumentException e) {
            throw new LeveeException(ErrorCode.CORRUPT, "the catalog holds a spec that is none: " + e.getMessage(), e)
                    .hint("restore catalog.db from a backup");
        }
    }

    static void putTable(Connection connection, TableSpec spec) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO tables(name, spec, next_seq)"
                + " VALUES(?1, ?2, 1) ON CONFLICT(name) DO UPDATE SET spec = ?2")) {
            statement.setString(1, spec.name());
            statement.setString(2, Json.write(spec.toMap()));
            statement.executeUpdate();
        }
    }

    static long reserveSeq(Connection connection, String table, long count) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "UPDATE tables SET next_seq = next_seq + ? WHERE name = ? RETURNING next_seq")) {
            statement.setLong(1, count);
            statement.setString(2, table);
            try (ResultSet rows = statement.executeQuery()) {
                if (!rows.next()) {
                    throw new LeveeException(ErrorCode.UNKNOWN_TABLE, "the catalog has no table " + table);
                }
                return rows.getLong(1) - count;
            }
        }
    }

    static void noteErasure(Connection connection, Erasure erasure) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT INTO erasures(table_name, at, filter_sha256, rows, pending) VALUES(?, ?, ?, ?, ?)")) {
            statement.setString(1, erasure.table());
            statement.setString(2, erasure.at().toString());
            statement.setString(3, erasure.filterSha256());
            statement.setLong(4, erasure.rows());
            statement.setString(5, Json.write(erasure.pending()));
            statement.executeUpdate();
        }
    }
}
