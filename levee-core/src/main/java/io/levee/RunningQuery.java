package io.levee;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A query that waits, runs or is being fetched.
 *
 * @param id its number, for {@link Store#cancelQuery}
 * @param what what it asks
 * @param age since it was submitted
 * @param state {@code waiting} for a slot, {@code running}, or {@code fetching} (blocked on its reader)
 * @param remaining until its deadline
 * @param waited how long of its age it has waited for a thread
 * @param plan how it is run, in words, such as how many parts it reads; empty as long as that is not known
 */
public record RunningQuery(
        long id, String what, Duration age, String state, Duration remaining, Duration waited, String plan) {
    /** The entry for JSON. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("id", id);
        map.put("what", what);
        map.put("ageMs", age.toMillis());
        map.put("state", state);
        map.put("remainingMs", remaining.toMillis());
        map.put("waitedMs", waited.toMillis());
        map.put("plan", plan);
        return map;
    }
}
