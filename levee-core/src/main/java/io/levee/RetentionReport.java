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
 * @param deleted how many single rows went, by table
 * @param undeleted why single rows that are past their promise stay, by table
 */
public record RetentionReport(
        RetentionPlan plan,
        List<PartitionId> dropped,
        Map<PartitionId, String> blocked,
        long bytesFreed,
        Map<String, Long> deleted,
        Map<String, String> undeleted) {
    /** Copies list and maps. */
    public RetentionReport {
        deleted = Map.copyOf(deleted);
        undeleted = Map.copyOf(undeleted);
        dropped = List.copyOf(dropped);
        blocked = Map.copyOf(blocked);
    }

    /** The report for JSON. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>(plan.toMap());
        map.put("dropped", dropped.stream().map(PartitionId::toString).toList());
        Map<String, String> why = new LinkedHashMap<>();
        blocked.forEach((id, reason) -> why.put(id.toString(), reason));
        undeleted.forEach(why::put);
        map.put("blocked", why);
        map.put("deleted", deleted);
        map.put("bytesFreed", bytesFreed);
        return map;
    }
}
