package io.levee.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The next rows of a partition in the order of {@code _seq}, behind the cursor that the partition keeps and up to the bound that was taken
 * when the migration came to it.
 *
 * @param rows those that the migration's filter lets through
 * @param seen how many rows were looked at, those that the filter keeps out included
 * @param throughSeq the number of the last of those; the cursor is moved there by the slice that follows
 * @param last whether none come behind them
 */
public record MigrationRows(List<Read> rows, long seen, long throughSeq, boolean last) {
    /** Copies the list. */
    public MigrationRows {
        rows = List.copyOf(rows);
    }

    /**
     * One row.
     *
     * @param seq its number
     * @param version the number of its last change; 0 for none. One that differs later tells that the row was changed
     * @param seen how many rows were looked at from the first to this one, those that the filter keeps out included
     * @param timeMicros its event time
     * @param values stored values of the columns that were asked for, adapted to the newest spec
     */
    public record Read(
            long seq,
            long version,
            long seen,
            long timeMicros,
            @Nullable Object[] values) {}
}
