package io.levee.engine;

import io.levee.Expr;
import io.levee.TableSpec;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What one slice of a migration may do.
 *
 * @param spec the newest spec of the table
 * @param rows most rows that it looks at, at least 1
 * @param target how long its transaction should take; an engine that finds out that it takes longer ends it where it can
 * @param where which rows are changed, its names resolved and its values in stored form; null for all
 * @param set for each column that a {@code Backfill} sets an SQL expression over own columns and the names of {@code given}, without
 *     sub-selects; empty for other steps
 * @param given values that were made for the rows, for a step with lookups or a Java function; null for others, which need none
 * @param cancelled whether nobody waits for it any more: the migration was paused, or the store closes. Looked at while waiting
 */
public record SliceOrder(
        TableSpec spec,
        int rows,
        Duration target,
        @Nullable Expr where,
        java.util.Map<String, String> set,
        @Nullable Given given,
        BooleanSupplier cancelled) {
    /**
     * Values for rows that {@link StorageEngine#migrationRows} gave. A row that is gone meanwhile is left out. Where one was changed since
     * (its version differs), the slice ends before it: it is read again.
     *
     * @param names what the values are: names of lookups, which the expressions of the step use; or, for a Java function, the columns that
     *     they become as they are
     * @param rows in the order of their numbers; of the rows that were looked at those that are not here stay as they are
     * @param seen as of {@link MigrationRows}
     * @param throughSeq as of {@link MigrationRows}: there the cursor is after the slice
     * @param last as of {@link MigrationRows}: the partition is done with this slice
     */
    public record Given(List<String> names, List<Values> rows, long seen, long throughSeq, boolean last) {
        /** Copies the lists. */
        public Given {
            names = List.copyOf(names);
            rows = List.copyOf(rows);
        }
    }

    /**
     * The values of one row.
     *
     * @param seq its number
     * @param version as it was when it was read
     * @param values stored values, one a name
     */
    public record Values(long seq, long version, @Nullable Object[] values) {}
}
