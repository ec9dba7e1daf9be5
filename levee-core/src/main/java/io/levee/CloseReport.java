package io.levee;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What happened when a store was closed. The engine keeps it; the next opening tells it in its status.
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

    /** The report for JSON, with all that {@link #fromMap} needs. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("clean", clean);
        map.put("accepted", accepted);
        map.put("stored", stored);
        map.put("lost", lost);
        map.put("uncertain", uncertain);
        map.put("gaps", gaps.stream().map(Gap::toMap).toList());
        map.put("reason", reason);
        return map;
    }

    /**
     * A report as {@link #toMap} wrote it, and JSON kept it. What an older release did not write is 0 or empty.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for gaps that are none
     */
    public static CloseReport fromMap(Map<?, ?> map) {
        List<Gap> gaps = new ArrayList<>();
        if (map.get("gaps") instanceof List<?> list) {
            for (Object gap : list) {
                if (!(gap instanceof Map<?, ?> form)) {
                    throw new LeveeException(ErrorCode.BAD_VALUE, "not a gap: " + gap);
                }
                gaps.add(Gap.fromMap(form));
            }
        }
        return new CloseReport(
                Boolean.TRUE.equals(map.get("clean")),
                number(map.get("accepted")),
                number(map.get("stored")),
                number(map.get("lost")),
                number(map.get("uncertain")),
                gaps,
                map.get("reason") instanceof String text ? text : "");
    }

    private static long number(@Nullable Object value) {
        return value instanceof Number number ? number.longValue() : 0;
    }
}
