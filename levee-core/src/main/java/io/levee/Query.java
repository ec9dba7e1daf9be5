package io.levee;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What rows of a table are wanted. Immutable; made by {@link #builder} or by {@link Table#query}.
 *
 * @param table the table
 * @param fromMicros the first event time (inclusive), microseconds
 * @param toMicros the end of the event times (exclusive), microseconds; {@link Long#MAX_VALUE} for no end
 * @param where the filter, or null for all rows
 * @param newestFirst the order: event time, then {@code _seq}, both falling or both rising
 * @param order another order, with {@code _seq} behind it; empty for that of event time
 * @param newestPer only the newest row of each combination of these values, among those that the filter lets through; empty for all rows
 * @param limit most rows, or {@link #NO_LIMIT}
 * @param after the cursor of the page before, or null
 * @param columns the columns wanted, or empty for all
 * @param details whether detail columns are read too, where {@code columns} is empty
 * @param deadline waiting for a slot, running and fetching together
 */
public record Query(
        String table,
        long fromMicros,
        long toMicros,
        @Nullable Expr where,
        boolean newestFirst,
        List<Order> order,
        List<String> newestPer,
        long limit,
        @Nullable String after,
        List<String> columns,
        boolean details,
        Duration deadline) {
    /** Every row. */
    public static final long NO_LIMIT = Long.MAX_VALUE;

    /** Waiting, running and fetching together, unless a call asks for less. */
    public static final Duration DEFAULT_DEADLINE = Duration.ofSeconds(30);

    /** Copies the list. */
    public Query {
        columns = List.copyOf(columns);
        order = List.copyOf(order);
        newestPer = List.copyOf(newestPer);
        if (limit < 0) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "limit must be 0 or more (got " + limit + ")");
        }
        if (fromMicros > toMicros) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "the range ends before it begins");
        }
        if (deadline.isZero() || deadline.isNegative()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "a deadline must be longer than 0 (got " + deadline + ")");
        }
    }

    /** All rows of a table, newest first, hot columns only. */
    public static Builder builder(String table) {
        return new Builder(table);
    }

    /** Collects the parts of a query. Not thread-safe. */
    public static final class Builder {
        private final String table;
        private long from = Long.MIN_VALUE;
        private long to = Long.MAX_VALUE;
        private @Nullable Expr where;
        private boolean newestFirst = true;
        private List<Order> order = List.of();
        private List<String> newestPer = List.of();
        private long limit = NO_LIMIT;
        private @Nullable String after;
        private List<String> columns = List.of();
        private boolean details;
        private Duration deadline = DEFAULT_DEADLINE;

        private Builder(String table) {
            this.table = table;
        }

        /** Only rows from this event time on (inclusive). */
        public Builder from(Instant instant) {
            from = io.levee.internal.time.Micros.of(instant);
            return this;
        }

        /** Only rows before this event time (exclusive). */
        public Builder to(Instant instant) {
            to = io.levee.internal.time.Micros.of(instant);
            return this;
        }

        /** Only rows that the filter lets through; a second filter narrows the first. */
        public Builder where(@Nullable Expr filter) {
            where = Expr.both(where, filter);
            return this;
        }

        /** The newest row first: the default. */
        public Builder newestFirst() {
            newestFirst = true;
            return this;
        }

        /** The oldest row first. */
        public Builder oldestFirst() {
            newestFirst = false;
            return this;
        }

        /** In this order; the event time's counts where none is given. */
        public Builder orderBy(Order... parts) {
            order = List.of(parts);
            return this;
        }

        /** Only the newest row of each combination of these values. */
        public Builder newestPer(String... columns) {
            newestPer = List.of(columns);
            return this;
        }

        /** At most this many rows. */
        public Builder limit(long rows) {
            limit = rows;
            return this;
        }

        /** The page after the one that gave this cursor; null for the first. */
        public Builder after(@Nullable String cursor) {
            after = cursor;
            return this;
        }

        /** Only these columns. */
        public Builder columns(List<String> names) {
            columns = names;
            return this;
        }

        /** Detail columns too. */
        public Builder details() {
            details = true;
            return this;
        }

        /** Ends waiting, running and fetching together after this long; 30 s by default. */
        public Builder deadline(Duration duration) {
            deadline = duration;
            return this;
        }

        /**
         * The query.
         *
         * @throws LeveeException {@link ErrorCode#BAD_QUERY} for a negative limit, a range or a deadline that cannot be
         */
        public Query build() {
            return new Query(
                    table, from, to, where, newestFirst, order, newestPer, limit, after, columns, details, deadline);
        }
    }
}
