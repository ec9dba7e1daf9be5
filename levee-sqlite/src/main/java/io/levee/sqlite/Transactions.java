package io.levee.sqlite;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.sql.SQLException;

/** How transactions of partitions begin and fail, whatever they write. Owned by the writer thread. */
final class Transactions {
    private final OpenPartitions open;
    private final StorePaths paths;

    Transactions(OpenPartitions open, StorePaths paths) {
        this.open = open;
        this.paths = paths;
    }

    /** Begins one; false where somebody else holds the lock. */
    boolean begin(PartitionWriter writer, Ack level) {
        try {
            if (level == Ack.DURABLE) {
                writer.syncNames(paths);
            }
            writer.begin(level);
            return true;
        } catch (IOException e) {
            throw new LeveeException(
                    ErrorCode.IO_FAILED, "the directory of " + writer.file() + " cannot be synced: " + e, e);
        } catch (SQLException e) {
            if (Sqlite.busy(e)) {
                return false;
            }
            throw failed(writer, "a transaction cannot begin", e);
        }
    }

    /** What an error that ended a transaction is told as; the caller has rolled back. */
    LeveeException failed(PartitionWriter writer, String what, SQLException e) {
        LeveeException failure = Sqlite.failure(what, writer.file(), e);
        if (failure.code() != ErrorCode.DISK_FULL && failure.code() != ErrorCode.PARTITION_BUSY) {
            // What state the connection is in, and whether the commit took effect, nobody knows: the next transaction
            // gets
            // a new connection, which reads again what the partition holds.
            open.release(writer);
            writer.partition().held(Partition.Held.UNKNOWN);
        }
        return failure;
    }
}
