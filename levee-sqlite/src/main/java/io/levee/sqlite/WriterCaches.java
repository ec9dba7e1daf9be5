package io.levee.sqlite;

import io.levee.Bytes;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Divides the writer's share of the memory budget over its open partitions: half of it to the two that were written last, the
 * other half to all that may be open. A partition that fills a batch with a small cache writes its index pages several times.
 * Owned by the writer thread.
 */
final class WriterCaches {
    private static final int HOT = 2;

    private final Bytes hot;
    private final Bytes cold;
    private final Deque<PartitionWriter> hottest = new ArrayDeque<>();

    WriterCaches(Bytes share) {
        hot = new Bytes(Math.min(32L << 20, share.value() / 2 / HOT));
        cold = new Bytes(share.value() / 2 / OpenPartitions.MAX_OPEN);
    }

    /** The cache that a partition is opened with. */
    Bytes cold() {
        return cold;
    }

    /** A partition is about to be written. */
    void use(PartitionWriter writer) {
        if (writer.equals(hottest.peekFirst())) {
            return;
        }
        try {
            if (!hottest.remove(writer)) {
                Connections.setCache(writer.connection(), hot);
            }
            hottest.addFirst(writer);
            if (hottest.size() > HOT) {
                Connections.setCache(hottest.removeLast().connection(), cold);
            }
        } catch (SQLException e) {
            throw Sqlite.failure("a partition's cache cannot be set", writer.file(), e);
        }
    }

    /** A partition's connection is about to be closed. */
    void forget(PartitionWriter writer) {
        hottest.remove(writer);
    }

    /** What the caches of so many open partitions may take together. */
    long bytes(int open) {
        return hottest.size() * hot.value() + (long) Math.max(0, open - hottest.size()) * cold.value();
    }
}
