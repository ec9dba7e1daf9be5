package io.levee.sqlite;

import io.levee.Expr;
import io.levee.internal.row.StoredOrder;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a closed partition holds in some of its columns: enough to tell, without opening it, that none of its rows passes a filter.
 * What is not known never rules anything out.
 *
 * @param byColumn what is known, by column
 */
record ColumnFacts(Map<String, Fact> byColumn) {
    /**
     * One column.
     *
     * @param min its least value; null where every row is null
     * @param max its greatest value
     * @param nulls whether a row has none
     * @param values all there are; null where they are too many
     */
    record Fact(
            @Nullable Object min,
            @Nullable Object max,
            boolean nulls,
            @Nullable Set<Object> values) {
        private static final int BASE = 120;
        private static final int VALUE = 56;

        /** About what it takes of the heap. */
        long bytes() {
            long bytes = BASE + size(min) + size(max);
            for (Object value : values == null ? Set.of() : values) {
                bytes += VALUE + size(value);
            }
            return bytes;
        }

        private static long size(@Nullable Object value) {
            return value instanceof String text ? VALUE + 2L * text.length() : 24;
        }

        private boolean maybe(Expr.Op op, Object value) {
            if (min == null || max == null) {
                return false;
            }
            if (!comparable(min, value) || !comparable(max, value)) {
                return true;
            }
            int toMin = StoredOrder.compare(value, min);
            int toMax = StoredOrder.compare(value, max);
            return switch (op) {
                case EQ -> toMin >= 0 && toMax <= 0 && (values == null || values.contains(value));
                case NE -> toMin != 0 || toMax != 0;
                case LT -> toMin > 0;
                case LE -> toMin >= 0;
                case GT -> toMax < 0;
                case GE -> toMax <= 0;
            };
        }

        /** Of one kind, whose order is the same here as in a file. */
        private static boolean comparable(Object a, Object b) {
            return a instanceof Long && b instanceof Long
                    || a instanceof Double x && b instanceof Double y && !x.isNaN() && !y.isNaN()
                    || a instanceof String && b instanceof String;
        }
    }

    /** Whether a row may pass a filter of exact column names and stored values. */
    boolean maybe(Expr filter) {
        if (filter instanceof Expr.Compare compare) {
            Fact fact = byColumn.get(compare.column());
            return fact == null || fact.maybe(compare.op(), compare.value());
        }
        if (filter instanceof Expr.In in) {
            Fact fact = byColumn.get(in.column());
            return fact == null
                    || in.negated()
                    || in.values().stream().anyMatch(value -> fact.maybe(Expr.Op.EQ, value));
        }
        if (filter instanceof Expr.IsNull isNull) {
            Fact fact = byColumn.get(isNull.column());
            return fact == null || (isNull.negated() ? fact.min != null : fact.nulls);
        }
        if (filter instanceof Expr.And and) {
            return and.parts().stream().allMatch(this::maybe);
        }
        if (filter instanceof Expr.Or or) {
            return or.parts().stream().anyMatch(this::maybe);
        }
        return true;
    }
}
