package io.levee.server;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What the demo did.
 *
 * @param url the address it had
 * @param stored records stored
 * @param lost records lost
 * @param partitions partitions alive at the end
 * @param dropped partitions that retention dropped while it ran
 */
public record DemoReport(String url, long stored, long lost, int partitions, int dropped) {
    /** The report for JSON, with the keys of the contract. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("url", url);
        map.put("stored", stored);
        map.put("lost", lost);
        map.put("partitions", partitions);
        map.put("dropped", dropped);
        return map;
    }
}
