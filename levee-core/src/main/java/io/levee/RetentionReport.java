package io.levee;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a retention pass did.
 *
 * @param plan the plan that was applied
 * @param dropped the partitions that went
 * @param blocked the partitions that could not go, each with the reason
 * @param bytesFreed bytes of the files that went, measured on the file system
 */
public record RetentionReport(
        RetentionPlan plan, List<PartitionId> dropped, Map<PartitionId, String> blocked, long bytesFreed) {
    /** Copies list and map. */
    public RetentionReport {
        dropped = List.copyOf(dropped);
        blocked = Map.copyOf(blocked);
    }

    /** The report for JSON. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>(plan.toMap());
        map.put("dropped", dropped.stream().map(PartitionId::toString).toList());
        Map<String, String> why = new LinkedHashMap<>();
        blocked.forEach((id, reason) -> why.put(id.toString(), reason));
        map.put("blocked", why);
        map.put("bytesFreed", bytesFreed);
        return map;
    }
}
