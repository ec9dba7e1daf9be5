package io.levee.postgres;

import io.levee.Expr;
import io.levee.TableSpec;
import io.levee.engine.Term;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A filter as SQL with parameters. Names are quoted, values are never spliced in; those of a list go as one array, so that the text
 * does not depend on how many there are.
 */
final class FilterSql {
    private final TableSpec spec;
    private final TermSql terms;
    private final SqlBuilder sql;

    private FilterSql(TableSpec spec, Names names, SqlBuilder sql) {
        this.spec = spec;
        this.terms = new TermSql(spec, names);
        this.sql = sql;
    }

    /** Appends a filter over exact column names and stored values. */
    static void append(TableSpec spec, Names names, Expr filter, SqlBuilder sql) {
        new FilterSql(spec, names, sql).append(filter);
    }

    /** Appends {@code WHERE} for a range of event time and a filter. */
    static void where(
            TableSpec spec, Names names, long fromMicros, long toMicros, @Nullable Expr filter, SqlBuilder sql) {
        sql.add(" WHERE true");
        if (fromMicros != Long.MIN_VALUE) {
            sql.add(" AND " + Names.time(spec) + " >= ").parameter(fromMicros);
        }
        if (toMicros != Long.MAX_VALUE) {
            sql.add(" AND " + Names.time(spec) + " < ").parameter(toMicros);
        }
        if (filter != null) {
            sql.add(" AND ");
            append(spec, names, filter, sql);
        }
    }

    /** Appends the classes whose branches of the parent are read; null for all. */
    static void branches(@Nullable List<String> classes, SqlBuilder sql) {
        if (classes != null) {
            sql.add(" AND " + Schema.CLASS + " = ANY (")
                    .parameter(new SqlBuilder.Listed("text", classes.toArray()))
                    .add(")");
        }
    }

    private void append(Expr filter) {
        if (filter instanceof Expr.Compare compare) {
            Term term = Term.of(spec, compare.column());
            sql.add(compared(term, compare.value()) + compare.op().sql()).parameter(compare.value());
        } else if (filter instanceof Expr.In in) {
            in(in);
        } else if (filter instanceof Expr.Like like) {
            like(like);
        } else if (filter instanceof Expr.Contains contains) {
            String pattern =
                    contains.text().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_");
            like(new Expr.Like(contains.column(), "%" + pattern + "%", contains.negated()));
        } else if (filter instanceof Expr.IsNull isNull) {
            sql.add(value(isNull.column()) + (isNull.negated() ? " IS NOT NULL" : " IS NULL"));
        } else if (filter instanceof Expr.And and) {
            join(and.parts(), " AND ", "true");
        } else if (filter instanceof Expr.Or or) {
            join(or.parts(), " OR ", "false");
        } else {
            sql.add("NOT (");
            append(((Expr.Not) filter).part());
            sql.add(")");
        }
    }

    private String value(String name) {
        return terms.value(Term.of(spec, name));
    }

    /** A place in a json column is a text, and to a number a number or nothing. */
    private String compared(Term term, Object value) {
        if (!term.inJson() || value instanceof String) {
            return terms.value(term);
        }
        return value instanceof Long ? terms.number(term) : terms.real(term);
    }

    private void in(Expr.In in) {
        Term term = Term.of(spec, in.column());
        if (!term.inJson()) {
            sql.add(terms.value(term) + (in.negated() ? " <> ALL (" : " = ANY ("));
            sql.parameter(new SqlBuilder.Listed(
                            TermSql.arrayType(term.type()), in.values().toArray()))
                    .add(")");
            return;
        }
        Map<String, List<Object>> byType = new LinkedHashMap<>();
        for (Object value : in.values()) {
            String type = value instanceof Long ? "numeric" : value instanceof Double ? "float8" : "text";
            byType.computeIfAbsent(type, t -> new ArrayList<>()).add(value);
        }
        sql.add(in.negated() ? "NOT (" : "(");
        String[] between = {""};
        byType.forEach((type, values) -> {
            sql.add(between[0] + compared(term, values.get(0)) + " = ANY (");
            sql.parameter(new SqlBuilder.Listed(type, values.toArray())).add(")");
            between[0] = " OR ";
        });
        sql.add(")");
    }

    /** The collation makes it ASCII letters that match in both cases, and no others; a backslash escapes without being told. */
    private void like(Expr.Like like) {
        String value = value(like.column());
        if (cannotMatch(like.pattern())) {
            sql.add("CASE WHEN " + value + " IS NOT NULL THEN " + like.negated() + " END");
        } else {
            sql.add(value + " COLLATE \"C\"" + (like.negated() ? " NOT ILIKE " : " ILIKE "))
                    .parameter(like.pattern());
        }
    }

    /** The server refuses what cannot be in a text, which so matches none. */
    private static boolean cannotMatch(String pattern) {
        return pattern.codePoints().anyMatch(c -> c == 0 || Character.getType(c) == Character.SURROGATE);
    }

    private void join(Iterable<Expr> parts, String word, String none) {
        sql.add("(");
        String between = "";
        for (Expr part : parts) {
            sql.add(between);
            append(part);
            between = word;
        }
        sql.add(between.isEmpty() ? none : "").add(")");
    }
}
