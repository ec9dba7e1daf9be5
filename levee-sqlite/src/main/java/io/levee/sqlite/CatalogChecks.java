package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.internal.time.Micros;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What the catalog knows of the checksums of closed partitions, and of when they were compared. */
final class CatalogChecks {
    private CatalogChecks() {}

    /** Closed partitions whose checksum is still to be made. */
    static Set<String> filesWithoutChecksum(Connection connection) throws SQLException {
        return Set.copyOf(
                Catalog.files(connection, "SELECT file FROM partitions WHERE state = 'closed' AND checksum IS NULL"));
    }

    static void putChecksum(Connection connection, PartitionId id, String checksum, Instant now) throws SQLException {
        Catalog.update(connection, "checksum=?1, verified=" + Micros.of(now), id, now, checksum);
    }

    /** The checksum of a closed partition; empty while it is open, or until it is made. */
    static Optional<String> checksum(Connection connection, PartitionId id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT checksum FROM partitions"
                + " WHERE table_name = ? AND class = ? AND period = ? AND n = ? AND state = 'closed'")) {
            Catalog.bind(statement, 1, id);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.ofNullable(rows.getString(1)) : Optional.empty();
            }
        }
    }

    /** Those that were compared longest ago, if that is long enough; a time in the future counts as never. */
    static List<PartitionId> due(Connection connection, long now, Duration again, int limit) throws SQLException {
        List<PartitionId> due = new ArrayList<>();
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT table_name, class, period, n FROM partitions"
                        + " WHERE state = 'closed' AND checksum IS NOT NULL"
                        + " AND (verified IS NULL OR verified < ?1 OR verified > ?2) ORDER BY verified LIMIT ?3")) {
            statement.setLong(1, now - Micros.of(again));
            statement.setLong(2, now);
            statement.setInt(3, limit);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    due.add(new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4)));
                }
            }
        }
        return due;
    }

    /** It was what it should be at that time. */
    static void putVerified(Connection connection, PartitionId id, long now) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("UPDATE partitions SET verified = ?5"
                + " WHERE table_name = ?1 AND class = ?2 AND period = ?3 AND n = ?4 AND checksum IS NOT NULL")) {
            Catalog.bind(statement, 1, id);
            statement.setLong(5, now);
            statement.executeUpdate();
        }
    }

    /** What a closed partition holds, as its file tells; nothing where it was opened meanwhile. */
    static void correct(Connection connection, PartitionId id, Partition.Held held) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("UPDATE partitions SET min_time = ?5,"
                + " max_time = ?6, row_count = ?7, min_seq = NULL, max_seq = ?8"
                + " WHERE table_name = ?1 AND class = ?2 AND period = ?3 AND n = ?4 AND state = 'closed'")) {
            Catalog.bind(statement, 1, id);
            statement.setLong(5, held.minMicros());
            statement.setLong(6, held.maxMicros());
            statement.setLong(7, held.rows());
            statement.setLong(8, held.maxSeq());
            statement.executeUpdate();
        }
    }
}
