package io.levee;

import io.levee.internal.time.Micros;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What retention would do now, and why. Made by {@link Store#planRetention}, done by {@link Store#applyRetention}.
 *
 * @param id the plan's name; the same state of the store gives the same id
 * @param referenceMicros the time that ages are measured against
 * @param drops the partitions that go, in that order
 * @param trims the single rows that go after them
 * @param kept for each table, why the rest stays
 */
public record RetentionPlan(
        String id, long referenceMicros, List<Drop> drops, List<Trim> trims, Map<String, String> kept) {
    /**
     * One partition that goes.
     *
     * @param partition what is known about it
     * @param rule what asks for it
     * @param reason why it goes
     * @param blockedBy why it had to stay when that was tried last, such as a rollup that could not be kept; an empty text where nothing is
     *     known to block it
     */
    public record Drop(PartitionInfo partition, RetentionEvent.Rule rule, String reason, String blockedBy) {
        /** Nothing is known to block it. */
        public Drop(PartitionInfo partition, RetentionEvent.Rule rule, String reason) {
            this(partition, rule, reason, "");
        }
    }

    /**
     * Single rows of one table that go, because each key keeps its newest: the oldest of their keys. Their room in the files is used again,
     * and no bytes are given back.
     *
     * @param table the table
     * @param rows how many, when the plan was made
     * @param keys of how many keys; 1 for a table that keeps the newest as a whole
     * @param reason why they go
     */
    public record Trim(String table, long rows, long keys, String reason) {}

    /** Copies lists and map. */
    public RetentionPlan {
        drops = List.copyOf(drops);
        trims = List.copyOf(trims);
        kept = Map.copyOf(kept);
    }

    /** Bytes on disk that the plan gives back. */
    public long bytes() {
        return drops.stream().mapToLong(d -> d.partition().bytes()).sum();
    }

    /** Rows that go, with their partitions and one by one. */
    public long rows() {
        return drops.stream().mapToLong(d -> Math.max(0, d.partition().rows())).sum()
                + trims.stream().mapToLong(Trim::rows).sum();
    }

    /** The plan for JSON. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("plan", id);
        map.put("reference", Micros.text(referenceMicros));
        map.put("drop", drops.stream().map(RetentionPlan::form).toList());
        map.put("delete", trims.stream().map(RetentionPlan::form).toList());
        map.put("rows", rows());
        map.put("bytes", bytes());
        map.put("keepReason", kept);
        return map;
    }

    private static Map<String, Object> form(Trim trim) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("table", trim.table());
        map.put("rows", trim.rows());
        map.put("keys", trim.keys());
        map.put("reason", trim.reason());
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
        map.put("rule", drop.rule().name().toLowerCase(Locale.ROOT));
        map.put("reason", drop.reason());
        if (!drop.blockedBy().isEmpty()) {
            map.put("blockedBy", drop.blockedBy());
        }
        return map;
    }
}
