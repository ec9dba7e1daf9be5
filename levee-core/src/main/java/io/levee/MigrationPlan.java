package io.levee;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What migrations would do, in order; see {@link Store#planMigrations}. Nothing was changed for it.
 *
 * @param steps one a migration
 */
public record MigrationPlan(List<Step> steps) {
    /** Copies the list. */
    public MigrationPlan {
        steps = List.copyOf(steps);
    }

    /**
     * What one migration would do.
     *
     * @param id its name
     * @param table its table
     * @param kind what it does, such as {@code addIndex}
     * @param state where it is: {@link MigrationStatus.State#PENDING} for one that was never declared
     * @param what what it does, in words
     * @param partitions how many partitions it has to reach
     * @param rows rows that it has to look at
     * @param bytes bytes of the partitions that it writes to
     * @param diskNeeded bytes that must be free meanwhile, beside what the store takes now
     * @param expected how long it takes when nothing keeps it, from a sample; null where nothing could be measured
     * @param untouched partitions that it will never touch, with the reason: adopted databases
     * @param needsApproval why it waits for a person's approval; null where it needs none
     * @param undo how its effect is taken back, in words
     */
    public record Step(
            String id,
            String table,
            String kind,
            MigrationStatus.State state,
            String what,
            int partitions,
            long rows,
            long bytes,
            long diskNeeded,
            @Nullable Duration expected,
            List<String> untouched,
            @Nullable String needsApproval,
            String undo) {
        /** Copies the list. */
        public Step {
            untouched = List.copyOf(untouched);
        }

        /** The step for JSON: all components by their names, {@code expectedSeconds} for the duration. */
        public Map<String, @Nullable Object> toMap() {
            Map<String, @Nullable Object> map = new LinkedHashMap<>();
            map.put("id", id);
            map.put("table", table);
            map.put("kind", kind);
            map.put("status", state.text());
            map.put("what", what);
            map.put("partitions", partitions);
            map.put("rows", rows);
            map.put("bytes", bytes);
            map.put("diskNeeded", diskNeeded);
            map.put("expectedSeconds", expected == null ? null : expected.toMillis() / 1000.0);
            map.put("untouched", untouched);
            map.put("needsApproval", needsApproval);
            map.put("undo", undo);
            return map;
        }
    }

    /** Whether a step waits for a person's approval. */
    public boolean needsApproval() {
        return steps.stream().anyMatch(step -> step.needsApproval() != null);
    }

    /** The plan for JSON: {@code steps[]}. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("steps", steps.stream().map(Step::toMap).toList());
        return map;
    }
}
