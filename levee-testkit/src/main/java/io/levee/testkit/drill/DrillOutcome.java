package io.levee.testkit.drill;

import java.util.List;
import java.util.Map;

/**
 * What a drill found.
 *
 * @param figures by name, as {@code --json} prints them
 * @param table the same for people, line by line
 */
public record DrillOutcome(Map<String, Object> figures, List<String> table) {
    /** Copies the table. */
    public DrillOutcome {
        table = List.copyOf(table);
    }
}
