package io.levee.engine;

import io.levee.Column;
import io.levee.Expr;
import io.levee.TableSpec;
import java.time.Duration;
import java.util.List;
import java.util.Map;
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
 *     sub-selects ({@link io.levee.internal.migration.SqlExpression} tells its names); empty for other steps
 * @param given values that were made for the rows, for a step with lookups or a Java function; null for others, which need none
 * @param cancelled whether nobody waits for it any more: the migration was paused, or the store closes. Looked at while waiting
 */
public record SliceOrder(
        TableSpec spec,
        int rows,
        Duration target,
        @Nullable Expr where,
        Map<String, String> set,
        @Nullable Given given,
        BooleanSupplier cancelled) {
    /**
     * Values for rows that {@link StorageEngine#migrationRows} gave. A row that is gone meanwhile is left out. Where one was changed since
     * (its version differs), the slice ends before it: it is read again.
     *
     * @param columns what the values are: the lookups by their names, which the expressions of the step use, with the types of their values;
     *     or, for a Java function, the columns that they become as they are
     * @param rows in the order of their numbers; of the rows that were looked at those that are not here stay as they are
     * @param seen as of {@link MigrationRows}
     * @param throughSeq where the cursor is after the slice, as of {@link MigrationRows} or a row before
     * @param last whether none come behind: the partition is done with this slice
     */
    public record Given(List<Column> columns, List<Values> rows, long seen, long throughSeq, boolean last) {
        /** Copies the lists. */
        public Given {
            columns = List.copyOf(columns);
            rows = List.copyOf(rows);
        }
    }

    /**
     * The values of one row.
     *
     * @param seq its number
     * @param version as it was when it was read
     * @param values stored values, one a column
     */
    public record Values(long seq, long version, @Nullable Object[] values) {}
}
