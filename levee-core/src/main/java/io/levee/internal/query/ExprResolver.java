package io.levee.internal.query;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.TimeFormat;
import io.levee.engine.Term;
import io.levee.internal.row.Values;
import io.levee.internal.spec.Durations;
import io.levee.internal.time.Micros;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;

/** Resolves a filter's names against a table and brings its values into stored form. */
public final class ExprResolver {
    private final TableSpec spec;

    private ExprResolver(TableSpec spec) {
        this.spec = spec;
    }

    /**
     * The filter over exact column names and stored values.
     *
     * @throws LeveeException {@link ErrorCode#UNKNOWN_COLUMN}, {@link ErrorCode#BAD_QUERY}
     */
    public static Expr resolve(Expr filter, TableSpec spec) {
        return new ExprResolver(spec).resolve(filter);
    }

    private Expr resolve(Expr filter) {
        if (filter instanceof Expr.Compare compare) {
            Term term = Names.term(spec, compare.column());
            requireComparable(term, compare.op());
            return new Expr.Compare(term.name(), compare.op(), value(term, compare.value()));
        }
        if (filter instanceof Expr.In in) {
            Term term = Names.term(spec, in.column());
            requireComparable(term, Expr.Op.EQ);
            List<Object> values = new ArrayList<>();
            in.values().forEach(v -> values.add(value(term, v)));
            if (values.stream().map(Object::getClass).distinct().count() > 1) {
                throw new LeveeException(
                                ErrorCode.BAD_QUERY,
                                "the list for '" + term.name() + "' mixes numbers with other values")
                        .hint("write two lists, joined by OR");
            }
            return new Expr.In(term.name(), values, in.negated());
        }
        if (filter instanceof Expr.Like like) {
            requireWhole(like.pattern());
            return new Expr.Like(text(like.column(), "LIKE").name(), like.pattern(), like.negated());
        }
        if (filter instanceof Expr.Contains contains) {
            return new Expr.Contains(text(contains.column(), "CONTAINS").name(), contains.text(), contains.negated());
        }
        if (filter instanceof Expr.IsNull isNull) {
            return new Expr.IsNull(Names.term(spec, isNull.column()).name(), isNull.negated());
        }
        if (filter instanceof Expr.And and) {
            return new Expr.And(and.parts().stream().map(this::resolve).toList());
        }
        if (filter instanceof Expr.Or or) {
            return new Expr.Or(or.parts().stream().map(this::resolve).toList());
        }
        return new Expr.Not(resolve(((Expr.Not) filter).part()));
    }

    private Term text(String name, String what) {
        Term term = Names.term(spec, name);
        ColumnType type = term.type();
        if (type != ColumnType.TEXT && type != ColumnType.JSON && type != ColumnType.UUID) {
            throw new LeveeException(
                    ErrorCode.BAD_QUERY,
                    what + " needs a text, json or uuid column; '" + term.name() + "' is " + type.specName());
        }
        return term;
    }

    /** Engines disagree on what a last backslash means: nothing, an error, or itself. */
    private static void requireWhole(String pattern) {
        int end = pattern.length();
        while (end > 0 && pattern.charAt(end - 1) == '\\') {
            end--;
        }
        if ((pattern.length() - end) % 2 == 1) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "the pattern '" + pattern + "' ends with half an escape")
                    .hint("write \\\\ for a backslash");
        }
    }

    /** Decimals are kept as text: their order is not the text's. */
    private static void requireComparable(Term term, Expr.Op op) {
        if (term.type() == ColumnType.DECIMAL) {
            throw new LeveeException(
                            ErrorCode.NOT_SUPPORTED,
                            "comparing the decimal column '" + term.name() + "' (" + op.sql() + ") is not built yet")
                    .hint("filter by another column, or use sql with CAST(… AS REAL)");
        }
    }

    private static Object value(Term term, Object value) {
        return term.inJson() ? inJson(term.name(), value) : value(term.column(), value);
    }

    /** What a place in a json column is compared with: a number as a number, all else as the text that the place reads as. */
    static Object inJson(String place, Object value) {
        if (value instanceof Number number) {
            return number.doubleValue();
        }
        if (value instanceof Boolean
                || value instanceof CharSequence
                || value instanceof UUID
                || value instanceof Enum<?>) {
            return value instanceof Enum<?> constant ? constant.name() : value.toString();
        }
        throw new LeveeException(
                        ErrorCode.BAD_QUERY,
                        "the value '" + value + "' for '" + place + "' is neither text nor a number nor true or false")
                .hint("json knows no times: give the text, or the number, that it holds");
    }

    /** A value as the column stores it, from what a filter may say. */
    static Object value(Column column, Object value) {
        try {
            if (column.type() == ColumnType.TIMESTAMP) {
                // Filters speak ISO-8601, whatever the input format is; a number means what it means in the input.
                TimeFormat format = Objects.requireNonNullElse(column.format(), TimeFormat.ISO);
                if (value instanceof String text && !text.isEmpty() && !isNumber(text)) {
                    long iso = Micros.parseIso(text);
                    return iso != Micros.NO_OFFSET
                            ? iso
                            : Micros.of((format.zone() == null
                                            ? Micros.parseLocal(text)
                                                    .atOffset(java.time.ZoneOffset.UTC)
                                                    .toZonedDateTime()
                                            : Micros.parseLocal(text).atZone(format.zone()))
                                    .toInstant());
                }
            }
            if (column.type() == ColumnType.DURATION && value instanceof String text && !isNumber(text)) {
                return Micros.of(Durations.parse(text));
            }
            return Objects.requireNonNull(Values.store(column, value));
        } catch (java.time.DateTimeException e) {
            throw bad(column, value, "is no ISO-8601 time", e);
        } catch (LeveeException e) {
            throw bad(column, value, "does not fit: " + e.what(), e);
        }
    }

    private static boolean isNumber(String text) {
        return text.chars().allMatch(c -> c >= '0' && c <= '9' || c == '-' || c == '.') && text.lastIndexOf('-') <= 0;
    }

    private static LeveeException bad(Column column, Object value, String why, Exception cause) {
        return new LeveeException(
                        ErrorCode.BAD_QUERY,
                        "the value '" + value + "' for column '" + column.name() + "' " + why,
                        cause)
                .with("column", column.name());
    }
}
