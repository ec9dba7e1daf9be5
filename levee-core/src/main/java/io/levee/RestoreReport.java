package io.levee;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a restoration did.
 *
 * @param store the store's address
 * @param at the moment that it holds: what was stored after it is a gap {@link LossReason#RESTORED}
 * @param partitions how many partitions it has
 * @param rows how many rows they hold
 * @param bytes what was written
 */
public record RestoreReport(String store, Instant at, int partitions, long rows, long bytes) {
    /** For JSON: {@code store, at, partitions, rows, bytes}. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("store", store);
        map.put("at", at.toString());
        map.put("partitions", partitions);
        map.put("rows", rows);
        map.put("bytes", bytes);
        return map;
    }
}
