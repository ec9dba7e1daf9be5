package io.levee.testkit.memory;

import io.levee.Expr;
import io.levee.TableSpec;
import io.levee.engine.Term;
import io.levee.testkit.memory.MemoryStore.Held;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Evaluates a resolved filter on one row: the definition of what filters mean. */
final class Filter {
    private static final int ANY_TEXT = -1;
    private static final int ANY_CHARACTER = -2;

    private Filter() {}

    /** Whether a row passes: a filter that is unknown of it lets it not. */
    static boolean passes(@Nullable Expr filter, TableSpec spec, Held row) {
        return filter == null || Boolean.TRUE.equals(test(filter, spec, row));
    }

    /** True, false, or null for unknown (SQL's three-valued logic). */
    private static @Nullable Boolean test(Expr filter, TableSpec spec, Held row) {
        if (filter instanceof Expr.And and) {
            return all(and.parts(), true, spec, row);
        }
        if (filter instanceof Expr.Or or) {
            return all(or.parts(), false, spec, row);
        }
        if (filter instanceof Expr.Not not) {
            Boolean part = test(not.part(), spec, row);
            return part == null ? null : (Boolean) !part;
        }
        if (filter instanceof Expr.IsNull isNull) {
            return (value(isNull.column(), spec, row) == null) != isNull.negated();
        }
        if (filter instanceof Expr.Compare compare) {
            Object value = like(compare.column(), compare.value(), spec, row);
            return value == null ? null : (Boolean) holds(compare(value, compare.value()), compare.op());
        }
        if (filter instanceof Expr.In in) {
            List<Expr> any = new ArrayList<>();
            in.values().forEach(v -> any.add(new Expr.Compare(in.column(), Expr.Op.EQ, v)));
            return test(in.negated() ? new Expr.Not(new Expr.Or(any)) : new Expr.Or(any), spec, row);
        }
        if (filter instanceof Expr.Contains contains) {
            Object value = value(contains.column(), spec, row);
            return value == null ? null : (Boolean) (contains(value.toString(), contains.text()) != contains.negated());
        }
        Expr.Like like = (Expr.Like) filter;
        Object value = value(like.column(), spec, row);
        return value == null ? null : (Boolean) (like(value.toString(), like.pattern()) != like.negated());
    }

    private static @Nullable Object value(String column, TableSpec spec, Held row) {
        return Places.value(Term.of(spec, column), spec, row);
    }

    /** The value of the kind that it is compared with: a place in a json column is a text, and to a number a number or nothing. */
    private static @Nullable Object like(String column, Object compared, TableSpec spec, Held row) {
        Term term = Term.of(spec, column);
        return term.inJson() && compared instanceof Number
                ? Places.number(term, spec, row)
                : Places.value(term, spec, row);
    }

    /** AND, or with {@code usual} false OR: one part of the other kind decides, else an unknown one does. */
    private static @Nullable Boolean all(List<Expr> parts, boolean usual, TableSpec spec, Held row) {
        Boolean answer = usual;
        for (Expr part : parts) {
            Boolean one = test(part, spec, row);
            if (one != null && one != usual) {
                return !usual;
            }
            answer = one == null ? null : answer;
        }
        return answer;
    }

    private static boolean holds(int order, Expr.Op op) {
        return switch (op) {
            case EQ -> order == 0;
            case NE -> order != 0;
            case LT -> order < 0;
            case LE -> order <= 0;
            case GT -> order > 0;
            case GE -> order >= 0;
        };
    }

    /** The order of stored values: null first, text by its UTF-8 bytes, bytes without sign. */
    static int compare(@Nullable Object a, @Nullable Object b) {
        if (a == null || b == null) {
            return a == b ? 0 : a == null ? -1 : 1;
        }
        if (a instanceof Long x && b instanceof Long y) {
            return Long.compare(x, y);
        }
        if (a instanceof Number x) {
            return Double.compare(x.doubleValue(), ((Number) b).doubleValue());
        }
        return Arrays.compareUnsigned(bytes(a), bytes(b));
    }

    private static byte[] bytes(Object value) {
        return value instanceof byte[] blob ? blob : ((String) value).getBytes(StandardCharsets.UTF_8);
    }

    /** LIKE: by code points; after a mismatch, the last % takes one character more. */
    static boolean like(String text, String pattern) {
        int[] t = text.codePoints().map(Filter::fold).toArray();
        int[] p = parsed(pattern);
        int i = 0;
        int j = 0;
        int lastAny = -1;
        int taken = 0;
        while (i < t.length) {
            if (j < p.length && p[j] == ANY_TEXT) {
                lastAny = j++;
                taken = i;
            } else if (j < p.length && (p[j] == ANY_CHARACTER || p[j] == t[i])) {
                i++;
                j++;
            } else if (lastAny >= 0) {
                j = lastAny + 1;
                i = ++taken;
            } else {
                return false;
            }
        }
        while (j < p.length && p[j] == ANY_TEXT) {
            j++;
        }
        return j == p.length;
    }

    private static boolean contains(String text, String part) {
        return lower(text).contains(lower(part));
    }

    private static String lower(String text) {
        StringBuilder folded = new StringBuilder();
        text.codePoints().map(Filter::fold).forEach(folded::appendCodePoint);
        return folded.toString();
    }

    private static int[] parsed(String pattern) {
        int[] points = pattern.codePoints().toArray();
        int[] parsed = new int[points.length];
        int length = 0;
        for (int i = 0; i < points.length; i++) {
            boolean literal = points[i] == '\\' && i + 1 < points.length;
            int point = literal ? points[++i] : points[i];
            parsed[length++] =
                    !literal && point == '%' ? ANY_TEXT : !literal && point == '_' ? ANY_CHARACTER : fold(point);
        }
        return Arrays.copyOf(parsed, length);
    }

    private static int fold(int point) {
        return point >= 'A' && point <= 'Z' ? point + ('a' - 'A') : point;
    }
}
