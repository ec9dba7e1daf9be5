package io.levee.internal.query;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Order;
import io.levee.TableSpec;
import io.levee.internal.row.StoredOrder;
import io.levee.internal.spec.Durations;
import io.levee.internal.time.Micros;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Filters and orders groups by their columns and figures, as stored values, with SQL's three-valued logic. Immutable. */
final class Having {
    private final List<OutColumn> out;
    private final TableSpec spec;

    /** For groups with these columns. */
    Having(List<OutColumn> out, TableSpec spec) {
        this.out = out;
        this.spec = spec;
    }

    /** True, false, or null for unknown, of one group. */
    private interface Test {
        @Nullable
        Boolean of(@Nullable Object[] line);
    }

    /**
     * Which groups a filter lets through; one that is unknown does not.
     *
     * @throws LeveeException {@code BAD_QUERY} for a name that is neither a group column nor a figure
     */
    Predicate<@Nullable Object[]> filter(@Nullable Expr having) {
        if (having == null) {
            return line -> true;
        }
        Test test = test(having);
        return line -> Boolean.TRUE.equals(test.of(line));
    }

    /** The order that was asked for, and behind it the first columns, rising. */
    Comparator<@Nullable Object[]> order(List<Order> parts, int keys) {
        List<Integer> columns = new ArrayList<>();
        List<Boolean> falling = new ArrayList<>();
        for (Order part : parts) {
            columns.add(at(part.by()));
            falling.add(part.descending());
        }
        for (int i = 0; i < keys; i++) {
            columns.add(i);
            falling.add(false);
        }
        return (a, b) -> {
            for (int i = 0; i < columns.size(); i++) {
                int order = StoredOrder.compare(a[columns.get(i)], b[columns.get(i)]);
                if (order != 0) {
                    return falling.get(i) ? -order : order;
                }
            }
            return 0;
        };
    }

    private int at(String name) {
        int at = names().indexOf(name);
        if (at < 0) {
            at = names().indexOf(resolved(name));
        }
        if (at < 0) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY, "'" + name + "' is neither a group column nor a figure of this query")
                    .hint("there are " + String.join(", ", names()));
        }
        if (decimal(out.get(at))) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, "'" + name + "': decimals are not ordered yet");
        }
        return at;
    }

    private static boolean decimal(OutColumn column) {
        Column of = column.column();
        return of != null && of.type() == ColumnType.DECIMAL;
    }

    private List<String> names() {
        return out.stream().map(OutColumn::name).toList();
    }

    /** A name in another form: in camel case, or {@code median(x)} for {@code p50(x)}. */
    private String resolved(String name) {
        try {
            return name.endsWith(")")
                    ? MeasurePlan.of(Measure.parse(name), spec).measure().name()
                    : Names.term(spec, name).name();
        } catch (LeveeException e) {
            return name;
        }
    }

    private Test test(Expr filter) {
        if (filter instanceof Expr.And and) {
            return all(and.parts(), true);
        }
        if (filter instanceof Expr.Or or) {
            return all(or.parts(), false);
        }
        if (filter instanceof Expr.Not not) {
            Test part = test(not.part());
            return line -> {
                Boolean known = part.of(line);
                return known == null ? null : (Boolean) !known;
            };
        }
        if (filter instanceof Expr.IsNull isNull) {
            int at = at(isNull.column());
            return line -> (line[at] == null) != isNull.negated();
        }
        if (filter instanceof Expr.Compare compare) {
            int at = at(compare.column());
            Object wanted = wanted(out.get(at), compare.value());
            return known(at, wanted, value -> holds(StoredOrder.compare(value, wanted), compare.op()));
        }
        if (filter instanceof Expr.In in) {
            List<Expr> equal = new ArrayList<>();
            in.values().forEach(v -> equal.add(Expr.eq(in.column(), v)));
            return in.negated() ? test(new Expr.Not(new Expr.Or(equal))) : test(new Expr.Or(equal));
        }
        if (filter instanceof Expr.Contains contains) {
            int at = at(contains.column());
            return text(at, value -> TextMatch.contains(value, contains.text()) != contains.negated());
        }
        Expr.Like like = (Expr.Like) filter;
        int at = at(like.column());
        return text(at, value -> TextMatch.like(value, like.pattern()) != like.negated());
    }

    /** A test of a value that is there: of null it is unknown, and so of a text where a number is wanted. */
    private Test known(int at, Object wanted, Predicate<Object> test) {
        boolean asNumber = out.get(at).inJson() && wanted instanceof Double;
        return line -> {
            Object value = line[at];
            Object read = asNumber && value instanceof String json ? number(json) : value;
            return read == null ? null : (Boolean) test.test(read);
        };
    }

    private Test text(int at, Predicate<String> test) {
        OutColumn column = out.get(at);
        Column of = column.column();
        ColumnType type = of == null ? null : of.type();
        if (!column.inJson() && type != ColumnType.TEXT && type != ColumnType.JSON && type != ColumnType.UUID) {
            throw bad("'" + column.name() + "' is no text");
        }
        return line -> line[at] instanceof String text ? (Boolean) test.test(text) : null;
    }

    private static @Nullable Object number(String text) {
        try {
            return new BigDecimal(text).doubleValue();
        } catch (NumberFormatException e) {
            return null;
        }
    }

    /** AND, or with {@code usual} false OR: one part of the other kind decides, else an unknown one does. */
    private Test all(List<Expr> parts, boolean usual) {
        List<Test> tests = parts.stream().map(this::test).toList();
        return line -> {
            Boolean answer = usual;
            for (Test test : tests) {
                Boolean one = test.of(line);
                if (one != null && one != usual) {
                    return !usual;
                }
                answer = one == null ? null : answer;
            }
            return answer;
        };
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

    /** A value as the column's are stored. */
    private static Object wanted(OutColumn column, Object value) {
        Column of = column.column();
        if (of != null) {
            return ExprResolver.value(of, value);
        }
        if (column.inJson()) {
            return ExprResolver.inJson(column.name(), value);
        }
        if (column.micros() && value instanceof String text) {
            return Micros.of(Durations.parse(text));
        }
        if (value instanceof BigDecimal decimal) {
            return decimal.doubleValue();
        }
        if (value instanceof Number number) {
            return number instanceof Float || number instanceof Double
                    ? (Object) number.doubleValue()
                    : (Object) number.longValue();
        }
        throw bad("'" + column.name() + "' is a number, and '" + value + "' is none");
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_QUERY, what);
    }
}
