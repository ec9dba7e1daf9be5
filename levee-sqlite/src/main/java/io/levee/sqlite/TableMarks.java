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
     * @param floorMicros rows of no named class with earlier event times are refused
     * @param droppedSeq the highest number that went with a dropped partition
     * @param floors the same as {@code floorMicros} for each named class that has one
     */
    record Marks(long floorMicros, long droppedSeq, Map<String, Long> floors) {
        static final Marks NONE = new Marks(Long.MIN_VALUE, 0);

        Marks {
            floors = Map.copyOf(floors);
        }

        Marks(long floorMicros, long droppedSeq) {
            this(floorMicros, droppedSeq, Map.of());
        }

        /** Those of what was dropped of one class. */
        static Marks of(String retentionClass, long floorMicros, long droppedSeq) {
            return retentionClass.isEmpty() || floorMicros == Long.MIN_VALUE
                    ? new Marks(floorMicros, droppedSeq)
                    : new Marks(Long.MIN_VALUE, droppedSeq, Map.of(retentionClass, floorMicros));
        }

        Marks raisedTo(Marks other) {
            Map<String, Long> higher = new HashMap<>(floors);
            other.floors.forEach((one, floor) -> higher.merge(one, floor, Math::max));
            return new Marks(Math.max(floorMicros, other.floorMicros), Math.max(droppedSeq, other.droppedSeq), higher);
        }

        long floor(String retentionClass) {
            return retentionClass.isEmpty() ? floorMicros : floors.getOrDefault(retentionClass, Long.MIN_VALUE);
        }

        long highestFloor() {
            long highest = floorMicros;
            for (long floor : floors.values()) {
                highest = Math.max(highest, floor);
            }
            return highest;
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
        if (!CatalogSchema.hasTable(connection, "class_floors")) {
            return marks;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT table_name, class, floor_time FROM class_floors")) {
            while (rows.next()) {
                marks.merge(rows.getString(1), Marks.of(rows.getString(2), rows.getLong(3), 0), Marks::raisedTo);
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
        for (Map.Entry<String, Long> floor : marks.floors.entrySet()) {
            try (PreparedStatement statement = connection.prepareStatement(
                    "INSERT INTO class_floors(table_name, class, floor_time) VALUES(?1, ?2, ?3)"
                            + " ON CONFLICT(table_name, class) DO UPDATE SET floor_time = max(floor_time, ?3)")) {
                statement.setString(1, table);
                statement.setString(2, floor.getKey());
                statement.setLong(3, floor.getValue());
                statement.executeUpdate();
            }
        }
    }
}
