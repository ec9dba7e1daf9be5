package io.levee;

import java.time.Duration;

/**
 * A free, read-only SQL query over the tables as views.
 *
 * @param sql one SELECT, WITH or EXPLAIN
 * @param fromMicros only partitions that may hold rows from this event time on
 * @param toMicros only partitions that may hold rows before this event time
 * @param deadline waiting for a slot, running and fetching together
 */
public record SqlQuery(String sql, long fromMicros, long toMicros, Duration deadline) {
    /** Over all partitions, with the default deadline. */
    public static SqlQuery of(String sql) {
        return new SqlQuery(sql, Long.MIN_VALUE, Long.MAX_VALUE, Query.DEFAULT_DEADLINE);
    }
}
