package io.levee.sqlite;

import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.internal.adopt.MovedRows;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * How far in time the rows go that a splitting has left in an adopted database. The newest move first: who reads from the newest on and began
 * where the database ends would step over all that has moved, and take ever larger pieces until one holds half of what is left. Shared by a
 * partition and those that take its place as more moves. Thread-safe.
 */
final class AdoptedRest {
    private MovedRows moved = MovedRows.NONE;
    private long newestMicros = Long.MAX_VALUE;

    /** No row that is left is newer; {@link Long#MAX_VALUE} where nobody has looked. */
    synchronized long newestMicros(MovedRows now) {
        return moved.equals(now) ? newestMicros : Long.MAX_VALUE;
    }

    /** Where more has moved since that is no newer than what was found then. */
    private synchronized long bound(MovedRows now) {
        return !moved.none() && now.from() <= moved.from() && now.to() >= moved.to() ? newestMicros : Long.MAX_VALUE;
    }

    private synchronized void found(MovedRows now, long newest) {
        moved = now;
        newestMicros = newest;
    }

    /** Somebody else has written to it. */
    synchronized void forget() {
        moved = MovedRows.NONE;
        newestMicros = Long.MAX_VALUE;
    }

    /** Looks once for each step of the splitting: by the index, past what has moved since the last look. Query thread. */
    static void look(Partition partition, TableSpec spec, ReadHandle handle, Execution execution) throws SQLException {
        Adopted adopted = partition.adopted();
        AdoptedTable table = handle.adopted();
        if (adopted == null
                || table == null
                || adopted.moved().none()
                || !adopted.timeIndexed()
                || partition.held().maxMicros() == Long.MAX_VALUE) {
            return;
        }
        AdoptedRest rest = partition.rest();
        if (rest.newestMicros(adopted.moved()) == Long.MAX_VALUE) {
            long bound = Math.min(partition.held().maxMicros(), rest.bound(adopted.moved()));
            String sql = table.newestLeft(spec, bound);
            Long newest = sql == null ? null : ask(handle, sql, execution);
            rest.found(adopted.moved(), newest == null ? bound : Math.min(bound, newest + table.slackMicros()));
        }
    }

    private static @Nullable Long ask(ReadHandle handle, String sql, Execution execution) throws SQLException {
        Long[] newest = new Long[1];
        try (PreparedStatement statement = handle.connection().prepareStatement(sql)) {
            execution.<SQLException>interruptibly(() -> RowScan.cancel(statement), () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    newest[0] = rows.next() && rows.getObject(1) != null ? Long.valueOf(rows.getLong(1)) : null;
                }
            });
        }
        return newest[0];
    }
}
