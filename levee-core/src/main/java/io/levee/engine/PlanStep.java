package io.levee.engine;

import java.util.List;

/**
 * One statement of a query, as its engine's planner would run it.
 *
 * @param partition the partition it reads; empty where it is one statement over several
 * @param statement the text, with {@code ?} for values
 * @param plan the planner's own words, a line each
 * @param indexes the indexes it uses, by name
 * @param fullScan whether it reads every row of the partition's hot table
 * @param sorts whether rows are sorted in a temporary structure
 * @param rows how many rows the partition holds; -1 where unknown
 */
public record PlanStep(
        String partition,
        String statement,
        List<String> plan,
        List<String> indexes,
        boolean fullScan,
        boolean sorts,
        long rows) {
    /** Copies the lists. */
    public PlanStep {
        plan = List.copyOf(plan);
        indexes = List.copyOf(indexes);
    }
}
