package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.internal.adopt.MovedRows;
import io.levee.internal.adopt.SplitCount;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.json.Json;
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

/** How far splittings are, in the catalog: changed in the transaction that makes the moved rows' partitions live. Statements only. */
final class SplitCatalog {
    static final String SCHEMA = "CREATE TABLE IF NOT EXISTS splits(table_name TEXT NOT NULL, n INTEGER NOT NULL,"
            + " state TEXT NOT NULL, from_row INTEGER NOT NULL, to_row INTEGER NOT NULL, total INTEGER NOT NULL,"
            + " counts TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY(table_name, n)) WITHOUT ROWID";

    private SplitCatalog() {}

    /** All of them; none in a catalog of before. */
    static List<SplitState> all(Connection catalog) throws SQLException {
        List<SplitState> all = new ArrayList<>();
        if (!CatalogSchema.hasTable(catalog, "splits")) {
            return all;
        }
        try (Statement statement = catalog.createStatement();
                ResultSet rows = statement.executeQuery("SELECT table_name, n, state, from_row, to_row, total, counts,"
                        + " note FROM splits ORDER BY table_name, n")) {
            while (rows.next()) {
                all.add(new SplitState(
                        AdoptedCatalog.id(rows.getString(1), rows.getInt(2)),
                        SplitStatus.State.valueOf(rows.getString(3)),
                        rows.getLong(4),
                        rows.getLong(5),
                        rows.getLong(6),
                        SplitCount.of(Json.parse(rows.getString(7))),
                        rows.getString(8)));
            }
        }
        return all;
    }

    /** That of one adopted database; null where it was never begun. */
    static @Nullable SplitState of(Connection catalog, PartitionId id) throws SQLException {
        return all(catalog).stream().filter(s -> s.id().equals(id)).findFirst().orElse(null);
    }

    /** The rows that have moved, by adopted database. */
    static Map<PartitionId, MovedRows> moved(Connection catalog) throws SQLException {
        Map<PartitionId, MovedRows> moved = new LinkedHashMap<>();
        all(catalog).forEach(s -> moved.put(s.id(), s.moved()));
        return moved;
    }

    /** Keeps it, with {@link Catalog#change}. */
    static void put(Connection catalog, SplitState split) throws SQLException {
        try (PreparedStatement statement =
                catalog.prepareStatement("INSERT OR REPLACE INTO splits(table_name, n, state,"
                        + " from_row, to_row, total, counts, note) VALUES(?, ?, ?, ?, ?, ?, ?, ?)")) {
            statement.setString(1, split.id().table());
            statement.setInt(2, split.id().n());
            statement.setString(3, split.state().name());
            statement.setLong(4, split.from());
            statement.setLong(5, split.to());
            statement.setLong(6, split.total());
            statement.setString(7, Json.write(split.count().toMap()));
            statement.setString(8, split.note());
            statement.executeUpdate();
        }
    }
}
