package io.levee;

import io.levee.internal.time.Micros;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A named cursor as the store keeps it: who reads a table, and how far.
 *
 * @param table the table
 * @param name the cursor's name
 * @param number the number up to which its reader is done
 * @param created when it was made
 * @param changed when its reader last said that it was done with something: long ago for one that was forgotten
 */
public record CursorInfo(String table, String name, long number, Instant created, Instant changed) {
    /** For JSON: {@code table, name, number, created, changed}. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("table", table);
        map.put("name", name);
        map.put("number", number);
        map.put("created", Micros.text(Micros.of(created)));
        map.put("changed", Micros.text(Micros.of(changed)));
        return map;
    }
}
