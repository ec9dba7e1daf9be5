package io.levee.sqlite;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;

/**
 * How far retention has been in each table, as the catalog has it: the writer's process keeps a copy, because every append asks
 * for the floor. Marks only rise. Thread-safe.
 */
final class TableMarks {
    private final Map<String, Marks> known = new ConcurrentHashMap<>();

    private final BiConsumer<String, Marks> ledger;

    /**
     * The marks of an opened store.
     *
     * @param stored what the catalog has
     * @param ledger keeps them a second time, for the day when the catalog is lost
     */
    TableMarks(Map<String, Marks> stored, BiConsumer<String, Marks> ledger) {
        this.ledger = ledger;
        known.putAll(stored);
    }

    /**
     * One table's marks.
     *
     * @param floorMicros rows with earlier event times are refused
     * @param droppedSeq the highest number that went with a dropped partition
     */
    record Marks(long floorMicros, long droppedSeq) {
        static final Marks NONE = new Marks(Long.MIN_VALUE, 0);

        Marks raisedTo(Marks other) {
            return new Marks(Math.max(floorMicros, other.floorMicros), Math.max(droppedSeq, other.droppedSeq));
        }
    }

    Marks of(String table) {
        return known.getOrDefault(table, Marks.NONE);
    }

    /** Takes over what was made durable. */
    void raised(String table, Marks to) {
        Marks before = of(table);
        Marks now = known.merge(table, to, Marks::raisedTo);
        if (!now.equals(before)) {
            ledger.accept(table, now);
        }
    }

    /** All that the catalog has; none where it is older than the marks. */
    static Map<String, Marks> read(Connection connection) throws SQLException {
        Map<String, Marks> marks = new HashMap<>();
        if (!CatalogSchema.has(connection, "tables", "dropped_seq")) {
            return marks;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT name, floor_time, dropped_seq FROM tables")) {
            while (rows.next()) {
                long floor = rows.getObject(2) == null ? Long.MIN_VALUE : rows.getLong(2);
                marks.put(rows.getString(1), new Marks(floor, rows.getLong(3)));
            }
        }
        return marks;
    }

    /** Raises a table's marks; lower ones than before change nothing. */
    static void write(Connection connection, String table, Marks marks) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("UPDATE tables SET floor_time = max(coalesce(floor_time, ?1), ?1),"
                        + " dropped_seq = max(coalesce(dropped_seq, ?2), ?2) WHERE name = ?3")) {
            statement.setLong(1, marks.floorMicros);
            statement.setLong(2, marks.droppedSeq);
            statement.setString(3, table);
            statement.executeUpdate();
        }
    }
}
