package io.levee;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Figures by buckets of event time, empty buckets included.
 *
 * @param query which rows: its range, filter and deadline count; a side of the range that is open ends at the rows there are
 * @param bucket the width of a bucket; buckets begin at whole multiples of it since the epoch, those of whole weeks on Mondays
 * @param by the columns that make a series; empty: one series
 * @param measures the figures
 */
public record TimeSeries(Query query, Duration bucket, List<String> by, List<Measure> measures) {
    /** Most points of one answer, empty ones included; more end with {@link ErrorCode#LIMIT_EXCEEDED}. */
    public static final int MAX_POINTS = 100_000;

    /**
     * Copies the lists.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} for a bucket below 1 ms or without a measure
     */
    public TimeSeries {
        by = List.copyOf(by);
        measures = List.copyOf(measures);
        if (bucket.compareTo(Duration.ofMillis(1)) < 0) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "a bucket is at least 1 ms wide (got " + bucket + ")");
        }
        if (measures.isEmpty()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "a time series needs at least one figure, such as count");
        }
    }

    /**
     * One bucket of one series.
     *
     * @param at its begin
     * @param by the values of the group columns
     * @param figures the figures; of an empty bucket counts are 0 and others null
     */
    public record Point(Instant at, List<@Nullable Object> by, List<@Nullable Object> figures) {}

    /**
     * The answer.
     *
     * @param columns the group columns, then the measures' names
     * @param points by time, then by group
     * @param rawFrom points before this time come, in part or whole, from a rollup whose raw rows are gone; null where all come from rows
     * @param errors of figures that are not exact: the relative error that they stay within, by name
     * @param coverage what it can be trusted for
     */
    public record Points(
            List<String> columns,
            List<Point> points,
            @Nullable Instant rawFrom,
            Map<String, Double> errors,
            Coverage coverage) {
        /** Copies the collections. */
        public Points {
            columns = List.copyOf(columns);
            points = List.copyOf(points);
            errors = Map.copyOf(errors);
        }
    }
}
