package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.engine.Slot;
import io.levee.engine.SourceMark;
import io.levee.engine.SourcePoint;
import io.levee.engine.WriteRow;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How far each source's rows are in each partition: written in the commit of the rows themselves, so that a replay neither repeats
 * nor loses one. Owned by the writer thread.
 *
 * <p>A row without a key is there already if a partition whose period contains its time has its position or a later one: a
 * source's rows come in order, and what is behind a row that has to wait waits too. Rows with a key are written again, which
 * changes nothing: their update may live in any partition, so that no position speaks for them.
 */
final class Sources {
    private static final String TABLE = "levee_sources";

    private final Manifest manifest;
    private final OpenPartitions open;
    private final StorePaths paths;
    private final ReadHandles readers;
    private final Map<PartitionId, Map<String, Long>> known = new HashMap<>();

    Sources(Manifest manifest, OpenPartitions open, StorePaths paths, ReadHandles readers) {
        this.manifest = manifest;
        this.open = open;
        this.paths = paths;
        this.readers = readers;
    }

    /** What one partition knows of the sources of a period's rows. */
    private record Part(Period period, Map<String, Long> positions) {}

    /** Settles the rows that are there already, and returns the others. */
    List<? extends WriteRow> unknown(TableSpec spec, List<? extends WriteRow> rows) throws SQLException {
        if (spec.keyed() || rows.stream().allMatch(row -> row.source() == null)) {
            return rows;
        }
        Map<Slot, List<Part>> parts = new HashMap<>();
        List<WriteRow> left = new ArrayList<>(rows.size());
        for (WriteRow row : rows) {
            SourceMark mark = row.source();
            if (mark != null) {
                List<Part> ofSlot = parts.get(row.slot());
                if (ofSlot == null) {
                    ofSlot = parts(spec, row.slot());
                    parts.put(row.slot(), ofSlot);
                }
                if (there(ofSlot, row.timeMicros(), mark)) {
                    row.settle(WriteRow.Outcome.KNOWN, 0, null);
                    continue;
                }
            }
            left.add(row);
        }
        return left;
    }

    private static boolean there(List<Part> parts, long time, SourceMark mark) {
        for (Part part : parts) {
            if (part.positions.getOrDefault(mark.source(), 0L) >= mark.position()
                    && part.period.startMicros() <= time
                    && time < part.period.endMicros()) {
                return true;
            }
        }
        return false;
    }

    /**
     * The partitions that may hold rows of a slot by their own: also those of other widths, never those of other classes, whose
     * positions say nothing of its rows.
     */
    private List<Part> parts(TableSpec spec, Slot slot) throws SQLException {
        List<Part> parts = new ArrayList<>();
        Period period = slot.period();
        for (Partition partition : manifest.own(spec.name())) {
            Period own = partition.period();
            if (partition.id().retentionClass().equals(slot.retentionClass())
                    && own.startMicros() < period.endMicros()
                    && period.startMicros() < own.endMicros()) {
                Map<String, Long> positions = positions(partition);
                if (!positions.isEmpty()) {
                    parts.add(new Part(own, positions));
                }
            }
        }
        return parts;
    }

    private Map<String, Long> positions(Partition partition) throws SQLException {
        Map<String, Long> positions = known.get(partition.id());
        if (positions == null) {
            positions = read(partition);
            known.put(partition.id(), positions);
        }
        return positions;
    }

    private Map<String, Long> read(Partition partition) throws SQLException {
        PartitionWriter writer = open.get(partition.id());
        if (writer != null) {
            return read(writer.connection());
        }
        Path file = paths.partition(partition);
        partition.pin();
        try {
            if (partition.state() == Partition.State.DROPPED || Files.notExists(file)) {
                return new HashMap<>();
            }
            ReadHandles.ReadHandle handle = readers.take(partition);
            boolean usable = false;
            try {
                Map<String, Long> positions = read(handle.connection());
                usable = true;
                return positions;
            } finally {
                readers.giveBack(handle, usable);
            }
        } finally {
            partition.unpin();
        }
    }

    private static Map<String, Long> read(Connection connection) throws SQLException {
        Map<String, Long> positions = new HashMap<>();
        if (PartitionSchema.columns(connection, TABLE).isEmpty()) {
            return positions;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT source, position FROM " + TABLE)) {
            while (rows.next()) {
                positions.put(rows.getString(1), rows.getLong(2));
            }
        }
        return positions;
    }

    /** The highest position of each source among rows that are to be committed together. */
    static Map<String, Long> highest(List<? extends WriteRow> rows) {
        Map<String, Long> highest = new HashMap<>();
        for (WriteRow row : rows) {
            SourceMark mark = row.source();
            if (mark != null) {
                highest.merge(mark.source(), mark.position(), Math::max);
            }
        }
        return highest;
    }

    /** Writes positions in the transaction of their rows. */
    static void write(Connection connection, Map<String, Long> positions) throws SQLException {
        if (positions.isEmpty()) {
            return;
        }
        Sqlite.run(
                connection,
                "CREATE TABLE IF NOT EXISTS " + TABLE
                        + "(source TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID");
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO " + TABLE
                + "(source, position) VALUES(?1, ?2)"
                + " ON CONFLICT(source) DO UPDATE SET position = max(position, ?2)")) {
            for (Map.Entry<String, Long> position : positions.entrySet()) {
                statement.setString(1, position.getKey());
                statement.setLong(2, position.getValue());
                statement.executeUpdate();
            }
        }
    }

    /** Takes over what was committed. */
    void committed(PartitionId id, Map<String, Long> positions) {
        Map<String, Long> before = known.get(id);
        if (before != null) {
            positions.forEach((source, position) -> before.merge(source, position, Math::max));
        }
    }

    /** A partition's rows are in doubt, or gone: it is read again before it is asked again. */
    void forget(PartitionId id) {
        known.remove(id);
    }

    // What the catalog keeps: from where a replay starts.

    static SourcePoint point(Connection catalog, String table, String source) throws SQLException {
        if (!CatalogSchema.has(catalog, "sources", "position")) {
            return SourcePoint.START;
        }
        try (PreparedStatement statement =
                catalog.prepareStatement("SELECT position, state FROM sources WHERE table_name = ? AND source = ?")) {
            statement.setString(1, table);
            statement.setString(2, source);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? new SourcePoint(rows.getLong(1), rows.getString(2)) : SourcePoint.START;
            }
        }
    }

    static void putPoint(Connection catalog, String table, String source, SourcePoint point) throws SQLException {
        try (PreparedStatement statement = catalog.prepareStatement(
                "INSERT OR REPLACE INTO sources(table_name, source, position, state) VALUES(?, ?, ?, ?)")) {
            statement.setString(1, table);
            statement.setString(2, source);
            statement.setLong(3, point.position());
            statement.setString(4, point.state());
            statement.executeUpdate();
        }
    }
}
