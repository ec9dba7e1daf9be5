package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.Erasure;
import io.levee.internal.json.Json;
import io.levee.internal.spec.SpecCodec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the catalog keeps of tables: specs, numbers and erasures. Changes are for {@link Catalog#change}. */
final class CatalogTables {
    private CatalogTables() {}

    static List<TableSpec> tables(Connection connection) throws SQLException {
        List<TableSpec> specs = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT t.spec, " + more(connection, "spec_additions") + ", "
                        + more(connection, "spec_migrated") + " FROM tables t ORDER BY name")) {
            while (rows.next()) {
                specs.add(spec(rows.getString(1), rows.getString(2), rows.getString(3)));
            }
        }
        return specs;
    }

    private static String more(Connection connection, String table) throws SQLException {
        return CatalogSchema.hasTable(connection, table)
                ? "(SELECT m.spec FROM " + table + " m WHERE m.name = t.name)"
                : "NULL";
    }

    /** The newest spec of a table; {@code UNKNOWN_TABLE} where there is none. */
    static TableSpec table(Connection connection, String name) throws SQLException {
        return tables(connection).stream()
                .filter(spec -> spec.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new LeveeException(ErrorCode.UNKNOWN_TABLE, "the catalog has no table " + name));
    }

    /**
     * A spec as it is stored.
     *
     * @param json what every release of the format reads
     * @param more what came since, each of them may be null: what was added, and what migrations made
     */
    static TableSpec spec(String json, @Nullable String... more) {
        try {
            Map<String, Object> map = new LinkedHashMap<>(Json.object(json));
            for (String one : more) {
                if (one != null) {
                    map.putAll(Json.object(one));
                }
            }
            return TableSpec.fromMap(map);
        } catch (IllegalArgumentException e) {
            throw new LeveeException(ErrorCode.CORRUPT, "the catalog holds a spec that is none: " + e.getMessage(), e)
                    .hint("restore catalog.db from a backup");
        }
    }

    static void putTable(Connection connection, TableSpec spec) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO tables(name, spec, next_seq)"
                + " VALUES(?1, ?2, 1) ON CONFLICT(name) DO UPDATE SET spec = ?2")) {
            statement.setString(1, spec.name());
            statement.setString(2, Json.write(SpecCodec.plain(spec)));
            statement.executeUpdate();
        }
        putMore(connection, "spec_additions", spec.name(), SpecCodec.added(spec));
        putMore(connection, "spec_migrated", spec.name(), SpecCodec.migrated(spec));
        if (!spec.formerNames().isEmpty() || !spec.droppedColumns().isEmpty()) {
            CatalogSchema.requireRenamed(connection);
        }
    }

    private static void putMore(Connection connection, String table, String name, Map<String, Object> entries)
            throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT OR REPLACE INTO " + table + "(name, spec) VALUES(?, ?)")) {
            statement.setString(1, name);
            statement.setString(2, Json.write(entries));
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
