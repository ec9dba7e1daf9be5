package io.levee;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Groups of a query's rows with figures for each.
 *
 * @param query which rows: its range, filter and deadline count; order, limit and columns do not
 * @param by the columns, or places in json columns, that make a group; empty: one group of all rows
 * @param measures the figures
 * @param having which groups: a filter over group columns and figures' names; null for all
 * @param order the groups' order, by group columns or figures' names; the group columns, rising, come behind it
 * @param limit most groups, or {@link Query#NO_LIMIT}
 */
public record Aggregation(
        Query query,
        List<String> by,
        List<Measure> measures,
        @Nullable Expr having,
        List<Order> order,
        long limit) {
    /**
     * Most groups of one answer; more end with {@link ErrorCode#LIMIT_EXCEEDED}, and so do fewer that take more memory than the store's budget has
     * for groups: about 200 bytes each, and what is sketched in them.
     */
    public static final int MAX_GROUPS = 100_000;

    /**
     * Copies the lists.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} without a measure
     */
    public Aggregation {
        by = List.copyOf(by);
        measures = List.copyOf(measures);
        order = List.copyOf(order);
        if (limit < 0) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "limit must be 0 or more (got " + limit + ")");
        }
        if (measures.isEmpty()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "an aggregation needs at least one figure, such as count");
        }
    }

    /** All groups, in the order of their columns. */
    public Aggregation(Query query, List<String> by, List<Measure> measures) {
        this(query, by, measures, null, List.of(), Query.NO_LIMIT);
    }

    /**
     * The answer.
     *
     * @param columns the group columns, then the measures' names
     * @param groups the groups; values as {@link Row#get} gives them
     * @param errors of figures that are not exact: the relative error that they stay within, by name
     * @param coverage what it can be trusted for
     */
    public record Groups(
            List<String> columns, List<List<@Nullable Object>> groups, Map<String, Double> errors, Coverage coverage) {}
}
