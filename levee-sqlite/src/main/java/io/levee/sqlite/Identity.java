package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Whether a file is the partition that the catalog takes it for: cheap enough for each connection that is opened, and what finds
 * swapped files, older copies and foreign WALs long before their checksum is looked at.
 */
final class Identity {
    /** Where a file's header says how it is written: 1 by a rollback journal, 2 by a WAL. */
    private static final int WRITE_VERSION_AT = 18;

    private static final int WAL_VERSION = 2;

    private Identity() {}

    /**
     * What is wrong with what lies beside a closed partition: SQLite would read a foreign WAL into it, and roll a journal back. An
     * empty one holds nothing: it is what an opening makes where one call failed while the file left WAL mode.
     *
     * @return null where nothing is
     */
    static @Nullable String wrongBeside(Path file) {
        for (String suffix : new String[] {"-wal", "-journal"}) {
            if (file.resolveSibling(file.getFileName() + suffix).toFile().length() > 0) {
                return "a " + suffix.substring(1) + " lies beside it, and it was closed without one";
            }
        }
        return null;
    }

    /** Whether the header of a file that nobody has open says that it has a WAL; false where somebody has it open. */
    static boolean walMode(Path file) throws SQLException {
        ByteBuffer versions = ByteBuffer.allocate(2);
        try {
            return Handles.read(file, WRITE_VERSION_AT, versions) == 2 && versions.get(0) == WAL_VERSION;
        } catch (IOException e) {
            throw new SQLException("the header of " + file + " cannot be read", e);
        }
    }

    /**
     * What is wrong with an opened file.
     *
     * @param schema {@code main}, or the name that it is attached by
     * @param exactly what it must hold; null where that cannot be told, as while it is open
     * @return null where nothing is. A file without our tables is not judged: whether it may be empty the caller knows
     */
    static @Nullable String wrong(
            Connection connection, String schema, PartitionId id, Partition.@Nullable Held exactly)
            throws SQLException {
        if (Sqlite.value(connection, "SELECT 1 FROM " + schema + ".sqlite_master WHERE name = 'levee_partition'")
                == null) {
            return null;
        }
        long application = Sqlite.number(connection, "PRAGMA " + schema + ".application_id");
        if (application != Connections.PARTITION_ID) {
            return "its application id is " + application + " and not " + Connections.PARTITION_ID;
        }
        PartitionId told = read(connection, schema);
        if (!id.equals(told)) {
            return "it says that it is " + told;
        }
        return exactly == null || !exactly.known() ? null : differs(connection, schema, exactly);
    }

    /** Who a partition says it is; null where it does not. */
    static @Nullable PartitionId read(Connection connection, String schema) throws SQLException {
        Map<String, String> told = new HashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT key, value FROM " + schema
                        + ".levee_partition WHERE key IN ('table', 'class', 'period', 'n')")) {
            while (rows.next()) {
                told.put(rows.getString(1), rows.getString(2));
            }
        }
        try {
            return told.size() < 4
                    ? null
                    : new PartitionId(
                            told.getOrDefault("table", ""),
                            told.getOrDefault("class", ""),
                            told.getOrDefault("period", ""),
                            Integer.parseInt(told.getOrDefault("n", "")));
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static @Nullable String differs(Connection connection, String schema, Partition.Held exactly)
            throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows =
                        statement.executeQuery("SELECT rows, max_seq FROM " + schema + ".levee_stats WHERE id = 1")) {
            if (!rows.next()) {
                return "it has no statistics";
            }
            long count = rows.getLong(1);
            long highest = rows.getLong(2);
            boolean same = count == exactly.rows() && (exactly.maxSeq() < 0 || highest == exactly.maxSeq());
            return same
                    ? null
                    : "it holds " + count + " rows up to number " + highest + ", and was closed with " + exactly.rows()
                            + " up to " + exactly.maxSeq();
        }
    }

    /** The error for a file that is not what it should be. */
    static LeveeException failure(PartitionId id, Path file, String wrong) {
        return new LeveeException(ErrorCode.CORRUPT, "the partition " + id + " is damaged (" + file + "): " + wrong)
                .with("partition", id.toString())
                .hint("the writing process sets it aside in quarantine/ and goes on; ask again for the rest");
    }
}
