package io.levee;

import io.levee.engine.PlanStep;
import java.util.List;

/**
 * How a query would be run (guarantees G49, G51). Nothing of it was read.
 *
 * @param query what it asks
 * @param partitions how many partitions the table has
 * @param touched how many of them it reads; the others are left out by their held range or their statistics
 * @param steps its statements with the planner's answers; of partitions whose statement and plan are the same, the first
 * @param notes what a person should know, such as a full scan of a table
 */
public record Explanation(String query, int partitions, int touched, List<Step> steps, List<String> notes) {
    /** Copies the lists. */
    public Explanation {
        steps = List.copyOf(steps);
        notes = List.copyOf(notes);
    }

    /**
     * A statement.
     *
     * @param plan the statement and its plan, for one partition
     * @param partitions how many partitions it is run on like this
     */
    public record Step(PlanStep plan, int partitions) {}
}
