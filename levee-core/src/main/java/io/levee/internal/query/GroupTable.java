package io.levee.internal.query;

import io.levee.Aggregation;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Figure;
import io.levee.internal.row.StoredOrder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Groups with figures that are merged as parts of them come in. One thread at a time. */
final class GroupTable {
    private final int keys;
    private final List<Figure> figures;
    private final Map<List<@Nullable Object>, Merged[]> groups = new HashMap<>();

    /** One figure so far. Sums of reals carry their rounding errors along (Neumaier 1974). */
    static final class Merged {
        private long whole;
        private double real;
        private double rest;
        private @Nullable Object extreme;

        private void add(Figure figure, @Nullable Object part) {
            if (part == null) {
                return;
            }
            switch (figure.kind()) {
                case COUNT -> whole += (Long) part;
                case SUM_WHOLE -> addWhole((Long) part, figure);
                case SUM_REAL -> addReal(((Number) part).doubleValue());
                case MIN, MAX -> {
                    int wanted = figure.kind() == Figure.Kind.MIN ? -1 : 1;
                    Object known = extreme;
                    if (known == null || Integer.signum(StoredOrder.compare(part, known)) == wanted) {
                        extreme = part;
                    }
                }
            }
        }

        private void addWhole(long part, Figure figure) {
            try {
                whole = Math.addExact(whole, part);
            } catch (ArithmeticException e) {
                throw new LeveeException(
                                ErrorCode.LIMIT_EXCEEDED,
                                "sum(" + (figure.term() == null ? "" : figure.term().name())
                                        + ") is past the range of 64 bits",
                                e)
                        .hint("use avg, or narrow the range or the filter");
            }
        }

        private void addReal(double part) {
            double sum = real + part;
            rest += Math.abs(real) >= Math.abs(part) ? (real - sum) + part : (part - sum) + real;
            real = sum;
        }

        long whole() {
            return whole;
        }

        double real() {
            double sum = real + rest;
            return Double.isNaN(sum) ? real : sum;
        }

        @Nullable
        Object extreme() {
            return extreme;
        }
    }

    /**
     * An empty table.
     *
     * @param keys how many values make a group; of none there is always one group
     */
    GroupTable(int keys, List<Figure> figures) {
        this.keys = keys;
        this.figures = figures;
        if (keys == 0) {
            groups.put(List.of(), fresh());
        }
    }

    private Merged[] fresh() {
        Merged[] merged = new Merged[figures.size()];
        for (int i = 0; i < merged.length; i++) {
            merged[i] = new Merged();
        }
        return merged;
    }

    /** Takes a part of a group: keys, then figures. */
    void add(@Nullable Object[] row) {
        List<@Nullable Object> key = new ArrayList<>(keys);
        for (int i = 0; i < keys; i++) {
            key.add(wrapped(row[i]));
        }
        Merged[] merged = groups.get(key);
        if (merged == null) {
            if (groups.size() >= Aggregation.MAX_GROUPS) {
                throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, "more than " + Aggregation.MAX_GROUPS + " groups")
                        .hint("group by a column of fewer values, or narrow the range or the filter");
            }
            merged = fresh();
            groups.put(key, merged);
        }
        for (int i = 0; i < merged.length; i++) {
            merged[i].add(figures.get(i), row[keys + i]);
        }
    }

    /** A value as a key of a map: arrays are equal only to themselves, and there are two zeros. */
    private static @Nullable Object wrapped(@Nullable Object value) {
        if (value instanceof byte[] bytes) {
            return ByteBuffer.wrap(bytes);
        }
        return value instanceof Double real && real == 0 ? (Object) 0.0 : value;
    }

    private static @Nullable Object unwrapped(@Nullable Object value) {
        if (value instanceof ByteBuffer bytes) {
            byte[] copy = new byte[bytes.remaining()];
            bytes.duplicate().get(copy);
            return copy;
        }
        return value;
    }

    /** The groups, in no order: keys in stored form, and their figures. */
    void forEach(BiConsumer<List<@Nullable Object>, Merged[]> taker) {
        groups.forEach((key, merged) -> {
            List<@Nullable Object> plain = new ArrayList<>(key.size());
            key.forEach(value -> plain.add(unwrapped(value)));
            taker.accept(plain, merged);
        });
    }
}
