package io.levee.postgres;

import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.internal.adopt.SplitCount;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How far splittings are, in the catalog: changed in the transaction that writes the moved rows, and asked by every statement that reads an
 * adopted table, so that one snapshot has each row once. Statements only; the caller's transaction.
 */
final class SplitCatalog {
    static final String TABLE = "splits";

    private SplitCatalog() {}

    /** Makes what an older release did not know. */
    static void complete(Connection connection, Catalog catalog) throws SQLException {
        if (!catalog.has(connection, TABLE)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + catalog.names().catalog(TABLE) + "(table_name text COLLATE \"C\" NOT NULL,"
                            + " n integer NOT NULL, state text NOT NULL, from_row bigint NOT NULL, to_row bigint NOT NULL,"
                            + " total bigint NOT NULL, counts text NOT NULL, note text NOT NULL,"
                            + " PRIMARY KEY (table_name, n)) WITH (fillfactor = 50)");
        }
    }

    /** One value of a splitting, read once a statement; null where none was begun. */
    static String value(Names names, PartitionId id, String expression) {
        return "(SELECT " + expression + " FROM " + names.catalog(TABLE) + " s WHERE s.table_name = "
                + StoredSql.literal(id.table()) + " AND s.n = " + id.n() + ")";
    }

    /** All of them; none in a catalog of before. */
    static List<SplitState> all(Connection connection, Catalog catalog) throws SQLException {
        return catalog.has(connection, TABLE)
                ? read(connection, catalog.names(), " ORDER BY table_name, n", null)
                : List.of();
    }

    /** That of one adopted table; null where none was begun. */
    static @Nullable SplitState of(Connection connection, Names names, PartitionId id) throws SQLException {
        return first(read(connection, names, " WHERE table_name = ? AND n = ?", id));
    }

    /** The same, which nobody else changes before the transaction ends. */
    static @Nullable SplitState locked(Connection connection, Names names, PartitionId id) throws SQLException {
        return first(read(connection, names, " WHERE table_name = ? AND n = ? FOR UPDATE", id));
    }

    private static @Nullable SplitState first(List<SplitState> found) {
        return found.isEmpty() ? null : found.get(0);
    }

    private static List<SplitState> read(Connection connection, Names names, String which, @Nullable PartitionId id)
            throws SQLException {
        List<SplitState> all = new ArrayList<>();
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT table_name, n, state, from_row, to_row, total, counts, note FROM "
                        + names.catalog(TABLE) + which)) {
            if (id != null) {
                statement.setString(1, id.table());
                statement.setInt(2, id.n());
            }
            try (ResultSet rows = statement.executeQuery()) {
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
        }
        return all;
    }

    static void put(Connection connection, Names names, SplitState split) throws SQLException {
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog(TABLE) + "(table_name, n, state, from_row, to_row, total, counts, note)"
                        + " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (table_name, n) DO UPDATE SET state ="
                        + " excluded.state, from_row = excluded.from_row, to_row = excluded.to_row, total ="
                        + " excluded.total, counts = excluded.counts, note = excluded.note",
                split.id().table(),
                split.id().n(),
                split.state().name(),
                split.from(),
                split.to(),
                split.total(),
                Json.write(split.count().toMap()),
                split.note());
    }
}
