package io.levee.ask;

import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.Coverage;
import io.levee.Estimate;
import io.levee.Explanation;
import io.levee.Histogram;
import io.levee.SlowQuery;
import io.levee.TimeSeries;
import io.levee.internal.time.Micros;
import io.levee.json.JsonOut;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Answers in their JSON form, the same over HTTP and on the command line. */
public final class Forms {
    private Forms() {}

    /** Groups: {@code columns, groups, errors, coverage}, a group being an object. */
    public static Map<String, @Nullable Object> of(Aggregation.Groups groups) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("columns", groups.columns());
        map.put(
                "groups",
                groups.groups().stream().map(g -> named(groups.columns(), g)).toList());
        map.put("errors", groups.errors());
        map.put("coverage", JsonOut.form(groups.coverage()));
        return map;
    }

    private static Map<String, @Nullable Object> named(List<String> names, List<@Nullable Object> values) {
        Map<String, @Nullable Object> object = new LinkedHashMap<>();
        for (int i = 0; i < values.size(); i++) {
            object.put(names.get(i), values.get(i));
        }
        return object;
    }

    /**
     * A histogram: {@code bins} ({@code from, to, count}), {@code below, above, nulls, least, greatest, coverage}. Edges have the form of
     * the column's values: times, durations or numbers.
     */
    public static Map<String, @Nullable Object> of(Histogram.Bins bins, ColumnType type) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put(
                "bins",
                bins.bins().stream()
                        .map(bin -> {
                            Map<String, @Nullable Object> one = new LinkedHashMap<>();
                            one.put("from", edge(bin.from(), type));
                            one.put("to", edge(bin.to(), type));
                            one.put("count", bin.count());
                            return one;
                        })
                        .toList());
        map.put("below", bins.below());
        map.put("above", bins.above());
        map.put("nulls", bins.nulls());
        Double least = bins.least();
        Double greatest = bins.greatest();
        map.put("least", least == null ? null : edge(least, type));
        map.put("greatest", greatest == null ? null : edge(greatest, type));
        map.put("coverage", JsonOut.form(bins.coverage()));
        return map;
    }

    private static Object edge(double value, ColumnType type) {
        return switch (type) {
            case TIMESTAMP -> Micros.instant(Math.round(value));
            case DURATION -> Duration.ofNanos(Math.round(value * 1e3));
            case INTEGER -> value == Math.rint(value) && Math.abs(value) < 1L << 53 ? (Object) (long) value : value;
            default -> value;
        };
    }

    /**
     * A time series: {@code columns, points} (objects with {@code at}, the group columns and the figures), {@code rawFrom, errors,
     * coverage}. A group column that is itself called {@code at} is {@code by.at}.
     */
    public static Map<String, @Nullable Object> of(TimeSeries.Points points) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("columns", points.columns());
        map.put(
                "points",
                points.points().stream()
                        .map(point -> {
                            Map<String, @Nullable Object> one = new LinkedHashMap<>();
                            one.put("at", point.at());
                            int width = point.by().size();
                            for (int i = 0; i < points.columns().size(); i++) {
                                String name = points.columns().get(i);
                                Object value = i < width
                                        ? point.by().get(i)
                                        : point.figures().get(i - width);
                                one.put(name.equals("at") ? "by.at" : name, value);
                            }
                            return one;
                        })
                        .toList());
        map.put("rawFrom", points.rawFrom());
        map.put("errors", points.errors());
        map.put("coverage", JsonOut.form(points.coverage()));
        return map;
    }

    /** The different values of a column with their numbers: {@code values} ({@code value, count}), {@code more, coverage}. */
    public static Map<String, @Nullable Object> values(Aggregation.Groups groups, long limit) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put(
                "values",
                groups.groups().stream()
                        .limit(limit)
                        .map(group -> named(List.of("value", "count"), group))
                        .toList());
        map.put("more", groups.groups().size() > limit);
        map.put("coverage", JsonOut.form(groups.coverage()));
        return map;
    }

    /** An exact number of rows: {@code count, rows, exact, how, coverage}. */
    public static Map<String, @Nullable Object> count(long rows, Coverage coverage) {
        return of(new Estimate(rows, true, "count", coverage));
    }

    /** A number of rows: {@code count, rows, exact, how, coverage}; {@code count} and {@code rows} are the same. */
    public static Map<String, @Nullable Object> of(Estimate estimate) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("count", estimate.rows());
        map.put("rows", estimate.rows());
        map.put("exact", estimate.exact());
        map.put("how", estimate.how());
        map.put("coverage", JsonOut.form(estimate.coverage()));
        return map;
    }

    /** How a query would be run: {@code query, partitions, touched, steps, notes}. */
    public static Map<String, @Nullable Object> of(Explanation explanation) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("query", explanation.query());
        map.put("partitions", explanation.partitions());
        map.put("touched", explanation.touched());
        map.put("steps", explanation.steps().stream().map(Forms::step).toList());
        map.put("notes", explanation.notes());
        return map;
    }

    private static Map<String, @Nullable Object> step(Explanation.Step step) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("partition", step.plan().partition());
        map.put("partitions", step.partitions());
        map.put("statement", step.plan().statement());
        map.put("plan", step.plan().plan());
        map.put("indexes", step.plan().indexes());
        map.put("fullScan", step.plan().fullScan());
        map.put("sorts", step.plan().sorts());
        map.put("rows", step.plan().rows() < 0 ? null : step.plan().rows());
        return map;
    }

    /** A query that took long: {@code id, what, at, waitedMs, ranMs, rows, end, plan}. */
    public static Map<String, @Nullable Object> of(SlowQuery slow) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("id", slow.id());
        map.put("what", slow.what());
        map.put("at", slow.at());
        map.put("waitedMs", slow.waited().toMillis());
        map.put("ranMs", slow.ran().toMillis());
        map.put("rows", slow.rows());
        map.put("end", slow.end());
        map.put("plan", slow.plan());
        return map;
    }
}
