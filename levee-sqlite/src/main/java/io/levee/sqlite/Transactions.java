package io.levee.sqlite;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.sqlite.Trouble.Kind;
import java.io.IOException;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

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
        Trouble trouble = tryBegin(writer, level);
        if (trouble == null) {
            return true;
        }
        if (trouble.kind() == Kind.BUSY) {
            return false;
        }
        throw trouble.error();
    }

    /** Begins one; returns what kept it from that, or null. */
    @Nullable
    Trouble tryBegin(PartitionWriter writer, Ack level) {
        try {
            if (level == Ack.DURABLE) {
                writer.syncNames(paths);
            }
            writer.begin(level);
            return null;
        } catch (IOException e) {
            // Nothing of this batch is in the file yet; what lies in the directory is not to be trusted any more.
            open.sealOff(writer);
            return new Trouble(Kind.BROKEN, Volume.failure("a directory cannot be synced", writer.file(), e));
        } catch (SQLException e) {
            return trouble(writer, "a transaction cannot begin", e, false);
        }
    }

    /**
     * What an error that ended a transaction means. The caller has rolled back; of a partition that cannot be trusted as it is the
     * connection is closed here.
     *
     * @param committing whether the commit itself failed, so that it may have taken effect
     */
    Trouble trouble(PartitionWriter writer, String what, SQLException e, boolean committing) {
        Partition partition = writer.partition();
        if (Sqlite.busy(e)) {
            return Trouble.busy(partition);
        }
        if (Sqlite.refused(e)) {
            return new Trouble(Kind.REFUSED, Sqlite.failure(what, writer.file(), e));
        }
        LeveeException failure = Volume.failure(what, writer.file(), paths, e);
        if (failure.code() == ErrorCode.DISK_FULL && Sqlite.full(e)) {
            // Pages go before the page that makes them a commit: nothing took effect.
            return new Trouble(Kind.LATER, failure);
        }
        boolean damaged = failure.code() == ErrorCode.CORRUPT;
        if (damaged || committing || failure.code() == ErrorCode.IO_FAILED || Volume.atLimit(writer.file())) {
            // What state the connection is in nobody knows: the next transaction gets a new one, which reads again what
            // the partition holds; and where the file itself is the trouble new rows go elsewhere.
            open.sealOff(writer);
            Kind kind = damaged ? Kind.DAMAGED : committing ? Kind.UNCERTAIN : Kind.BROKEN;
            return new Trouble(kind, failure);
        }
        return new Trouble(Kind.LATER, failure);
    }

    /** What an error that ended a transaction is told as; the caller has rolled back. */
    LeveeException failed(PartitionWriter writer, String what, SQLException e) {
        return trouble(writer, what, e, true).error();
    }
}
