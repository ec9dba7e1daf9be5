package io.levee;

import io.levee.internal.time.Micros;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What retention would do now, and why. Made by {@link Store#planRetention}, done by {@link Store#applyRetention}.
 *
 * @param id the plan's name; the same state of the store gives the same id
 * @param referenceMicros the time that ages are measured against
 * @param drops what goes, in that order
 * @param kept for each table, why the rest stays
 */
public record RetentionPlan(String id, long referenceMicros, List<Drop> drops, Map<String, String> kept) {
    /**
     * One partition that goes.
     *
     * @param partition what is known about it
     * @param reason why it goes
     * @param blockedBy why it had to stay when that was tried last, such as a rollup that could not be kept; an empty text where nothing is
     *     known to block it
     */
    public record Drop(PartitionInfo partition, String reason, String blockedBy) {
        /** Nothing is known to block it. */
        public Drop(PartitionInfo partition, String reason) {
            this(partition, reason, "");
        }
    }

    /** Copies list and map. */
    public RetentionPlan {
        drops = List.copyOf(drops);
        kept = Map.copyOf(kept);
    }

    /** Bytes on disk that the plan gives back. */
    public long bytes() {
        return drops.stream().mapToLong(d -> d.partition().bytes()).sum();
    }

    /** Rows that go. */
    public long rows() {
        return drops.stream().mapToLong(d -> Math.max(0, d.partition().rows())).sum();
    }

    /** The plan for JSON. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("plan", id);
        map.put("reference", Micros.text(referenceMicros));
        map.put("drop", drops.stream().map(RetentionPlan::form).toList());
        map.put("rows", rows());
        map.put("bytes", bytes());
        map.put("keepReason", kept);
        return map;
    }

    private static Map<String, Object> form(Drop drop) {
        PartitionInfo partition = drop.partition();
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("table", partition.id().table());
        map.put("partition", partition.id().toString());
        map.put("from", Micros.text(partition.minMicros()));
        map.put("to", Micros.text(partition.maxMicros()));
        map.put("rows", partition.rows());
        map.put("bytes", partition.bytes());
        map.put("reason", drop.reason());
        if (!drop.blockedBy().isEmpty()) {
            map.put("blockedBy", drop.blockedBy());
        }
        return map;
    }
}
