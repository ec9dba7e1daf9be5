package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.SplitStatus;
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

/**
 * How far the splitting of one adopted database is, as the catalog has it: changed in the transaction that makes the moved rows' partitions
 * live. Immutable.
 *
 * @param id the adopted database
 * @param state whether it goes on
 * @param from the lowest row number that has moved
 * @param to the highest one; less than {@code from} before the first step
 * @param total about how many rows there are
 * @param count what became of those that were read
 * @param note what it waits for or why it ended, in words
 */
record SplitState(
        PartitionId id, SplitStatus.State state, long from, long to, long total, SplitCount count, String note) {
    static final String SCHEMA = "CREATE TABLE IF NOT EXISTS splits(table_name TEXT NOT NULL, n INTEGER NOT NULL,"
            + " state TEXT NOT NULL, from_row INTEGER NOT NULL, to_row INTEGER NOT NULL, total INTEGER NOT NULL,"
            + " counts TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY(table_name, n)) WITHOUT ROWID";

    static SplitState begun(PartitionId id, long total) {
        Adopted.Moved none = Adopted.Moved.NONE;
        return new SplitState(id, SplitStatus.State.RUNNING, none.from(), none.to(), total, SplitCount.NONE, "");
    }

    Adopted.Moved moved() {
        return new Adopted.Moved(from, to, count.rows());
    }

    SplitState with(SplitStatus.State now, String why) {
        return new SplitState(id, now, from, to, total, count, why);
    }

    /** One step further. */
    SplitState further(long newFrom, long newTo, SplitCount step) {
        return new SplitState(id, state, newFrom, newTo, total, count.plus(step), "");
    }

    SplitStatus status() {
        return new SplitStatus(
                id,
                state,
                count.rows(),
                Math.max(total, count.rows()),
                count.moved(),
                count.superseded(),
                count.expired(),
                count.keyless(),
                count.timeless(),
                count.unreadable(),
                note);
    }

    // In the catalog.

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
        return all(catalog).stream().filter(s -> s.id.equals(id)).findFirst().orElse(null);
    }

    /** The rows that have moved, by adopted database. */
    static Map<PartitionId, Adopted.Moved> moved(Connection catalog) throws SQLException {
        Map<PartitionId, Adopted.Moved> moved = new LinkedHashMap<>();
        all(catalog).forEach(s -> moved.put(s.id, s.moved()));
        return moved;
    }

    /** Keeps it, with {@link Catalog#change}. */
    void put(Connection catalog) throws SQLException {
        try (PreparedStatement statement =
                catalog.prepareStatement("INSERT OR REPLACE INTO splits(table_name, n, state,"
                        + " from_row, to_row, total, counts, note) VALUES(?, ?, ?, ?, ?, ?, ?, ?)")) {
            statement.setString(1, id.table());
            statement.setInt(2, id.n());
            statement.setString(3, state.name());
            statement.setLong(4, from);
            statement.setLong(5, to);
            statement.setLong(6, total);
            statement.setString(7, Json.write(count.toMap()));
            statement.setString(8, note);
            statement.executeUpdate();
        }
    }
}
