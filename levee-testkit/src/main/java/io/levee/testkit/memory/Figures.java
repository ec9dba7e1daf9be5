package io.levee.testkit.memory;

import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.TableSpec;
import io.levee.testkit.memory.MemoryStore.Held;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Groups rows and computes a figure from all values of a group at once: the definition of what aggregations mean. */
final class Figures {
    private final TableSpec spec;
    private final Aggregation aggregation;
    private final int[] by;

    Figures(TableSpec spec, Aggregation aggregation) {
        this.spec = spec;
        this.aggregation = aggregation;
        this.by = aggregation.by().stream().mapToInt(spec::position).toArray();
    }

    /** Group columns, then figures, in the order of the group columns. */
    List<@Nullable Object[]> of(List<Held> rows) {
        Map<List<@Nullable Object>, List<Held>> groups = new TreeMap<>(Figures::compare);
        if (by.length == 0) {
            groups.put(List.of(), new ArrayList<>());
        }
        for (Held row : rows) {
            List<@Nullable Object> key = new ArrayList<>();
            for (int position : by) {
                key.add(row.value(position));
            }
            groups.computeIfAbsent(key, k -> new ArrayList<>()).add(row);
            if (groups.size() > Aggregation.MAX_GROUPS) {
                throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, "more than " + Aggregation.MAX_GROUPS + " groups");
            }
        }
        List<@Nullable Object[]> answer = new ArrayList<>();
        groups.forEach((key, members) -> {
            List<@Nullable Object> line = new ArrayList<>(key);
            aggregation.measures().forEach(measure -> line.add(figure(measure, members)));
            answer.add(line.toArray());
        });
        return answer;
    }

    private static int compare(List<@Nullable Object> a, List<@Nullable Object> b) {
        int order = 0;
        for (int i = 0; i < a.size() && order == 0; i++) {
            order = Filter.compare(a.get(i), b.get(i));
        }
        return order;
    }

    private @Nullable Object figure(Measure measure, List<Held> members) {
        if (measure.column() == null) {
            return (long) members.size();
        }
        int position = spec.position(measure.column());
        List<Object> values = new ArrayList<>();
        for (Held row : members) {
            Object value = row.value(position);
            if (value != null) {
                values.add(value);
            }
        }
        if (measure.function() == Measure.Function.COUNT) {
            return (long) values.size();
        }
        if (values.isEmpty()) {
            return null;
        }
        boolean real = spec.column(measure.column()).type() == ColumnType.REAL;
        return switch (measure.function()) {
            case MIN -> values.stream().min(Filter::compare).orElseThrow();
            case MAX -> values.stream().max(Filter::compare).orElseThrow();
            case SUM -> real ? (Object) sum(values) : (Object) wholeSum(values, measure);
            default -> sum(values) / values.size();
        };
    }

    private static long wholeSum(List<Object> values, Measure measure) {
        BigInteger sum = BigInteger.ZERO;
        for (Object value : values) {
            sum = sum.add(BigInteger.valueOf((Long) value));
        }
        if (sum.bitLength() > 63) {
            throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, measure.name() + " is past the range of 64 bits");
        }
        return sum.longValue();
    }

    /** Exact, then rounded once; infinities add up as they do in floating point. */
    private static double sum(List<Object> values) {
        BigDecimal exact = BigDecimal.ZERO;
        double infinite = 0;
        for (Object value : values) {
            double number = ((Number) value).doubleValue();
            if (Double.isInfinite(number)) {
                infinite += number;
            } else {
                exact = exact.add(value instanceof Long whole ? BigDecimal.valueOf(whole) : new BigDecimal(number));
            }
        }
        return infinite == 0 ? exact.doubleValue() : infinite;
    }
}
