package io.levee.internal.adopt;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What became of rows of an adopted database that a splitting has read. Immutable.
 *
 * @param rows how many were read
 * @param hash the sum of their hashes ({@link SplitRow#hash}): of the same rows the same, whatever their order
 * @param superseded not moved, as the table has their key
 * @param expired not moved, as they are older than the table's floor
 * @param keyless not moved, as they lack a part of the key
 * @param timeless moved as of 1970
 * @param unreadable values that are not of their column's kind
 * @param lostFrom least event time of those expired or keyless
 * @param lostTo greatest one
 */
public record SplitCount(
        long rows,
        long hash,
        long superseded,
        long expired,
        long keyless,
        long timeless,
        long unreadable,
        long lostFrom,
        long lostTo) {
    /** Of no rows. */
    public static final SplitCount NONE = new SplitCount(0, 0, 0, 0, 0, 0, 0, Long.MAX_VALUE, Long.MIN_VALUE);

    /** Both together. */
    public SplitCount plus(SplitCount other) {
        return new SplitCount(
                rows + other.rows,
                hash + other.hash,
                superseded + other.superseded,
                expired + other.expired,
                keyless + other.keyless,
                timeless + other.timeless,
                unreadable + other.unreadable,
                Math.min(lostFrom, other.lostFrom),
                Math.max(lostTo, other.lostTo));
    }

    /** How many are in the store's own partitions. */
    public long moved() {
        return rows - superseded - expired - keyless;
    }

    /** Whether the database has something that the store has not. */
    public boolean lossy() {
        return expired + keyless + unreadable > 0;
    }

    /** As it is kept, for {@link #of}. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("rows", rows);
        map.put("hash", hash);
        map.put("superseded", superseded);
        map.put("expired", expired);
        map.put("keyless", keyless);
        map.put("timeless", timeless);
        map.put("unreadable", unreadable);
        map.put("lostFrom", lostFrom);
        map.put("lostTo", lostTo);
        return map;
    }

    /** Reads {@link #toMap}; none where nothing was kept. */
    public static SplitCount of(@Nullable Object kept) {
        if (!(kept instanceof Map<?, ?> map)) {
            return NONE;
        }
        return new SplitCount(
                number(map.get("rows")),
                number(map.get("hash")),
                number(map.get("superseded")),
                number(map.get("expired")),
                number(map.get("keyless")),
                number(map.get("timeless")),
                number(map.get("unreadable")),
                number(map.get("lostFrom")),
                number(map.get("lostTo")));
    }

    private static long number(@Nullable Object value) {
        return value instanceof Number known ? known.longValue() : 0;
    }
}
