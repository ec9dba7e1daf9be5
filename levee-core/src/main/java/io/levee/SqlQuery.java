package io.levee;

import java.time.Duration;

/**
 * A free, read-only SQL query over the tables as views.
 *
 * @param sql one SELECT, WITH or EXPLAIN
 * @param fromMicros only partitions that may hold rows from this event time on
 * @param toMicros only partitions that may hold rows before this event time
 * @param deadline waiting for a slot, running and fetching together
 * @param limit most rows that are handed out, or {@link Query#NO_LIMIT}; {@link SqlResult#more} says whether there are others
 */
public record SqlQuery(String sql, long fromMicros, long toMicros, Duration deadline, long limit) {
    /**
     * Refuses a limit that cannot be.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}
     */
    public SqlQuery {
        if (limit < 0) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "limit must be 0 or more (got " + limit + ")");
        }
    }

    /** All rows. */
    public SqlQuery(String sql, long fromMicros, long toMicros, Duration deadline) {
        this(sql, fromMicros, toMicros, deadline, Query.NO_LIMIT);
    }

    /** Over all partitions, with the default deadline. */
    public static SqlQuery of(String sql) {
        return new SqlQuery(sql, Long.MIN_VALUE, Long.MAX_VALUE, Query.DEFAULT_DEADLINE);
    }
}
