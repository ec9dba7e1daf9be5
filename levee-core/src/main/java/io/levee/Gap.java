package io.levee;

import io.levee.internal.time.Micros;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A range of event time known to be incomplete.
 *
 * @param table the table
 * @param fromMicros the first event time that may be missing, microseconds since the epoch; {@link Long#MIN_VALUE} where unknown
 * @param toMicros the last event time that may be missing (inclusive); {@link Long#MAX_VALUE} where unknown
 * @param count how many records are missing; {@link #UNKNOWN} where nobody can know, as after an unclean stop
 * @param reason why
 */
public record Gap(String table, long fromMicros, long toMicros, long count, LossReason reason) {
    /** The count of a gap whose records nobody could count. */
    public static final long UNKNOWN = -1;

    /**
     * Whether it and another can become one range: same table, same reason, and both counted or both not, so that the sum of the
     * counts stays what it was.
     */
    public boolean sameKind(Gap other) {
        return reason == other.reason && table.equals(other.table) && (count == UNKNOWN) == (other.count == UNKNOWN);
    }

    /** The range over it and another of its {@linkplain #sameKind kind}, with the sum of their counts. */
    public Gap merged(Gap other) {
        return new Gap(
                table,
                Math.min(fromMicros, other.fromMicros),
                Math.max(toMicros, other.toMicros),
                count == UNKNOWN ? UNKNOWN : count + other.count,
                reason);
    }

    /** Whether it touches a half-open range of event time. */
    public boolean touches(long from, long to) {
        return fromMicros < to && toMicros >= from;
    }

    /** The gap for JSON: {@code table, from, to, count, reason}; times ISO-8601, null for what nobody knows. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("table", table);
        map.put("from", fromMicros == Long.MIN_VALUE ? null : Micros.text(fromMicros));
        map.put("to", toMicros == Long.MAX_VALUE ? null : Micros.text(toMicros));
        map.put("count", count == UNKNOWN ? null : count);
        map.put("reason", reason.name());
        return map;
    }

    /**
     * A gap as {@link #toMap} wrote it.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for anything else
     */
    public static Gap fromMap(Map<?, ?> map) {
        try {
            return new Gap(
                    String.valueOf(map.get("table")),
                    map.get("from") instanceof String from ? Micros.parseIso(from) : Long.MIN_VALUE,
                    map.get("to") instanceof String to ? Micros.parseIso(to) : Long.MAX_VALUE,
                    map.get("count") instanceof Number count ? count.longValue() : UNKNOWN,
                    LossReason.valueOf(String.valueOf(map.get("reason"))));
        } catch (IllegalArgumentException e) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "not a gap: " + map, e);
        }
    }
}
