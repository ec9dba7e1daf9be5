package io.levee;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What happened when a store was closed.
 *
 * @param clean whether every accepted record was settled and every partition was checkpointed
 * @param accepted records accepted in this store's life
 * @param stored records stored or updated in this store's life
 * @param lost records given up in this store's life
 * @param uncertain records whose commit failed without saying whether it took effect, and that could not be looked up any more
 * @param gaps the ranges of what was lost
 * @param reason why the close is not clean; empty where it is
 */
public record CloseReport(
        boolean clean, long accepted, long stored, long lost, long uncertain, List<Gap> gaps, String reason) {
    /** Copies the list. */
    public CloseReport {
        gaps = List.copyOf(gaps);
    }

    /** The report for JSON. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("clean", clean);
        map.put("accepted", accepted);
        map.put("stored", stored);
        map.put("lost", lost);
        map.put("uncertain", uncertain);
        map.put("reason", reason);
        return map;
    }
}
