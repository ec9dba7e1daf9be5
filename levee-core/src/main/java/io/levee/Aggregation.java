package io.levee;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Groups of a query's rows with figures for each.
 *
 * @param query which rows: its range, filter and deadline count; order, limit and columns do not
 * @param by the columns that make a group; empty: one group of all rows
 * @param measures the figures
 */
public record Aggregation(Query query, List<String> by, List<Measure> measures) {
    /** Most groups of one answer; more end with {@link ErrorCode#LIMIT_EXCEEDED}. */
    public static final int MAX_GROUPS = 100_000;

    /**
     * Copies the lists.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} without a measure
     */
    public Aggregation {
        by = List.copyOf(by);
        measures = List.copyOf(measures);
        if (measures.isEmpty()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "an aggregation needs at least one figure, such as count");
        }
    }

    /**
     * The answer.
     *
     * @param columns the group columns, then the measures' names
     * @param groups the groups in rising order of their columns; values as {@link Row#get} gives them
     * @param coverage what it can be trusted for
     */
    public record Groups(List<String> columns, List<List<@Nullable Object>> groups, Coverage coverage) {}
}
