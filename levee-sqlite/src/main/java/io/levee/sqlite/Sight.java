package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** Where one query finds rows that move while it runs: each once, see {@link Homes}. Thread-safe. */
final class Sight implements AutoCloseable {
    /** Of tables whose rows never move. */
    static final Sight NONE = new Sight(null, "", 0, Map.of());

    private final @Nullable Homes homes;
    private final String table;
    private final long since;
    private final Map<PartitionId, Set<Long>> left;
    private final AtomicBoolean closed = new AtomicBoolean();

    Sight(Homes homes, String table, long since) {
        this(homes, table, since, Map.of());
    }

    /**
     * Beside another process's writer: what rows had left behind when the query began is not read again. What moves later may be found twice or
     * not at all.
     */
    Sight(Map<PartitionId, Set<Long>> left) {
        this(null, "", 0, left);
    }

    private Sight(@Nullable Homes homes, String table, long since, Map<PartitionId, Set<Long>> left) {
        this.left = left;
        this.homes = homes;
        this.table = table;
        this.since = since;
    }

    /** Something that begins to read a file as it is at one moment. */
    @FunctionalInterface
    interface Snapshot {
        void begin() throws SQLException;
    }

    /**
     * Begins to read a partition: what its statements find from here on, until it is given back, is of one moment, and it is known
     * which rows of that are found elsewhere.
     */
    void begin(Partition partition, ReadHandle handle) throws SQLException {
        if (homes != null && (partition.adopted() == null || handle.overridden(partition.id()))) {
            handle.leaveOut(leftOut(partition, handle::begin));
        } else if (homes != null) {
            // Nothing of it was ever written again: no snapshot for what nobody changes.
            handle.leaveOut(leftOut(partition, () -> {}));
        } else {
            handle.leaveOut(left.getOrDefault(partition.id(), Set.of()));
        }
    }

    /** The rows of a partition that are found elsewhere; the snapshot is begun in the course of it. */
    Set<Long> leftOut(Partition partition, Snapshot snapshot) throws SQLException {
        if (homes == null) {
            return left.getOrDefault(partition.id(), Set.of());
        }
        // Asked before for what was left behind, since that may be gone from the files and from memory afterwards; and
        // asked after for what came, since that may have come in between.
        Set<Long> out = new HashSet<>(homes.leftOut(partition.id(), since));
        snapshot.begin();
        out.addAll(homes.leftOut(partition.id(), since));
        return out;
    }

    /** Numbers as SQLite reads them. */
    static String json(Set<Long> numbers) {
        StringBuilder json = new StringBuilder("[");
        for (long number : numbers) {
            json.append(json.length() == 1 ? "" : ",").append(number);
        }
        return json.append(']').toString();
    }

    @Override
    public void close() {
        if (homes != null && closed.compareAndSet(false, true)) {
            homes.close(table, since);
        }
    }
}
