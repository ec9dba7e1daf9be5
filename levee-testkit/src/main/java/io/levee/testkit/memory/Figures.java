package io.levee.testkit.memory;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.Term;
import io.levee.internal.row.StoredOrder;
import io.levee.testkit.memory.MemoryStore.Held;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Groups rows and computes a figure from all values of a group at once: the definition of what groupings mean. */
final class Figures {
    private final Grouping grouping;

    Figures(Grouping grouping) {
        this.grouping = grouping;
    }

    /** Keys, then figures, in the order of the keys. */
    List<@Nullable Object[]> of(List<Held> rows) {
        Map<List<@Nullable Object>, List<Held>> groups = new TreeMap<>(Figures::compare);
        for (Held row : rows) {
            List<@Nullable Object> key = new ArrayList<>();
            grouping.keys().forEach(one -> key.add(key(one, row)));
            groups.computeIfAbsent(key, k -> new ArrayList<>()).add(row);
        }
        List<@Nullable Object[]> answer = new ArrayList<>();
        groups.forEach((key, members) -> {
            List<@Nullable Object> line = new ArrayList<>(key);
            grouping.figures().forEach(figure -> line.add(figure(figure, members)));
            answer.add(line.toArray());
        });
        return answer;
    }

    private static int compare(List<@Nullable Object> a, List<@Nullable Object> b) {
        int order = 0;
        for (int i = 0; i < a.size() && order == 0; i++) {
            order = StoredOrder.compare(a.get(i), b.get(i));
        }
        return order;
    }

    /** What a group is made by: of a place in a json column its text. */
    private @Nullable Object value(Term term, Held row) {
        return Places.value(term, grouping.spec(), row);
    }

    /** What is measured: of a place in a json column its number, in floating point. */
    private @Nullable Object measured(Term term, Held row) {
        return term.inJson() ? number(term, row) : value(term, row);
    }

    private @Nullable Object key(GroupKey key, Held row) {
        if (key instanceof GroupKey.Value value) {
            return value(value.term(), row);
        }
        if (key instanceof GroupKey.TimeBucket time) {
            long since = row.timeMicros() - time.originMicros();
            return Math.floorDiv(since, time.widthMicros()) * time.widthMicros() + time.originMicros();
        }
        if (key instanceof GroupKey.NumberBucket number) {
            Double x = number(number.term(), row);
            return x == null ? null : (Object) (long) Math.floor((x - number.origin()) / number.width());
        }
        if (key instanceof GroupKey.Edges edges) {
            Double x = number(edges.term(), row);
            return x == null
                    ? null
                    : (Object) edges.edges().stream().filter(e -> e <= x).count();
        }
        GroupKey.LogBucket log = (GroupKey.LogBucket) key;
        Double x = number(log.term(), row);
        if (x == null || !Double.isFinite(x)) {
            return null;
        }
        long bucket =
                x == 0 ? 0 : (long) Math.floor(Math.log(Math.abs(x)) * log.multiplier()) + GroupKey.LogBucket.OFFSET;
        return x < 0 ? -bucket : bucket;
    }

    private @Nullable Double number(Term term, Held row) {
        return Places.number(term, grouping.spec(), row) instanceof Number number
                ? (Double) number.doubleValue()
                : null;
    }

    private @Nullable Object figure(Figure figure, List<Held> members) {
        Term term = figure.term();
        if (term == null) {
            return (long) members.size();
        }
        List<Object> values = new ArrayList<>();
        for (Held row : members) {
            Object value = measured(term, row);
            if (value != null) {
                values.add(value);
            }
        }
        if (figure.kind() == Figure.Kind.COUNT) {
            return (long) values.size();
        }
        if (values.isEmpty()) {
            return null;
        }
        return switch (figure.kind()) {
            case MIN -> values.stream().min(StoredOrder::compare).orElseThrow();
            case MAX -> values.stream().max(StoredOrder::compare).orElseThrow();
            case SUM_WHOLE -> (Object) wholeSum(values, term);
            default -> (Object) sum(values);
        };
    }

    private static long wholeSum(List<Object> values, Term term) {
        BigInteger sum = BigInteger.ZERO;
        for (Object value : values) {
            sum = sum.add(BigInteger.valueOf((Long) value));
        }
        if (sum.bitLength() > 63) {
            throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, "sum(" + term.name() + ") is past the range of 64 bits");
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
