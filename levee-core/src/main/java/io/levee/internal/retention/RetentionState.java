package io.levee.internal.retention;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * What the status says of retention, beside {@link RetentionService#troubles}.
 *
 * @param late what is overdue, in sentences
 * @param overdue for how long records past their promise should have been gone, by table; tables without such are left out
 * @param kept what the last pass said of each table: why it dropped no more
 * @param warnings what is right by the rules and yet worth a look
 */
public record RetentionState(
        List<String> late, Map<String, Duration> overdue, Map<String, String> kept, List<String> warnings) {
    /** Of a store without retention. */
    public static final RetentionState NONE = new RetentionState(List.of(), Map.of(), Map.of(), List.of());

    /** Copies lists and maps. */
    public RetentionState {
        late = List.copyOf(late);
        overdue = Map.copyOf(overdue);
        kept = Map.copyOf(kept);
        warnings = List.copyOf(warnings);
    }
}
