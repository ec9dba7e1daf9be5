package io.levee.sqlite;

import io.levee.Expr;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A filter as SQL with parameters. Names are quoted, values are never spliced in. */
final class WhereSql {
    private final Columns columns;
    private final StringBuilder sql = new StringBuilder();
    private final List<Object> parameters = new ArrayList<>();

    /** Below a NOT, where what is unknown must stay unknown. */
    private boolean negated;

    /** How what a filter names is read in the statement: a partition may lack it. */
    interface Columns {
        /** As it is compared with text, and looked at for null. */
        String text(String name);

        /** As it is compared with a number. */
        String number(String name);

        /**
         * The index of trigrams in which a column is looked up, with the number of the row it is for.
         *
         * @return the beginning of a condition that MATCH goes on, or null where there is none
         */
        default @Nullable String grams(String name) {
            return null;
        }
    }

    private WhereSql(Columns columns) {
        this.columns = columns;
    }

    /** The text of a filter. */
    static String of(Expr filter, Columns columns, List<Object> parameters) {
        WhereSql where = new WhereSql(columns);
        where.append(filter);
        parameters.addAll(where.parameters);
        return where.sql.toString();
    }

    private void append(Expr filter) {
        if (filter instanceof Expr.Compare compare) {
            sql.append(column(compare.column(), compare.value()))
                    .append(compare.op().sql())
                    .append('?');
            parameters.add(stored(compare.value()));
        } else if (filter instanceof Expr.In in) {
            in(in);
        } else if (filter instanceof Expr.Like like) {
            like(like.column(), like.pattern(), like.negated());
        } else if (filter instanceof Expr.Contains contains) {
            contains(contains);
        } else if (filter instanceof Expr.IsNull isNull) {
            sql.append(columns.text(isNull.column())).append(isNull.negated() ? " IS NOT NULL" : " IS NULL");
        } else if (filter instanceof Expr.And and) {
            join(and.parts(), " AND ", "1");
        } else if (filter instanceof Expr.Or or) {
            join(or.parts(), " OR ", "0");
        } else {
            boolean before = negated;
            negated = true;
            sql.append("NOT (");
            append(((Expr.Not) filter).part());
            sql.append(')');
            negated = before;
        }
    }

    private String column(String name, Object value) {
        return value instanceof Number ? columns.number(name) : columns.text(name);
    }

    /** A truth value reads as text in json; columns of that type have numbers by now. */
    private static Object stored(Object value) {
        return value instanceof Boolean ? value.toString() : value;
    }

    /** A place in json is compared with numbers as a number, with text as text. */
    private void in(Expr.In in) {
        List<Object> numbers =
                in.values().stream().filter(v -> v instanceof Number).toList();
        List<Object> others =
                in.values().stream().filter(v -> !(v instanceof Number)).toList();
        sql.append(in.negated() ? "(NOT (" : "(");
        oneOf(in.column(), numbers);
        sql.append(numbers.isEmpty() || others.isEmpty() ? "" : " OR ");
        oneOf(in.column(), others);
        sql.append(in.negated() ? "))" : ")");
    }

    private void oneOf(String name, List<Object> values) {
        if (!values.isEmpty()) {
            sql.append(column(name, values.get(0))).append(" IN (");
            sql.append(String.join(",", Collections.nCopies(values.size(), "?")))
                    .append(')');
            values.forEach(value -> parameters.add(stored(value)));
        }
    }

    private void contains(Expr.Contains contains) {
        String grams = negated || contains.negated() ? null : columns.grams(contains.column());
        String wanted = grams == null ? null : Fulltext.match(contains.text());
        if (wanted != null) {
            sql.append('(').append(grams).append(" MATCH ?) AND ");
            parameters.add(wanted);
        }
        String literal =
                contains.text().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_");
        like(contains.column(), "%" + literal + "%", contains.negated());
        sql.append(wanted == null ? "" : ")");
    }

    private void like(String name, String pattern, boolean not) {
        sql.append(columns.text(name)).append(not ? " NOT LIKE ?" : " LIKE ?").append(" ESCAPE '\\'");
        parameters.add(pattern);
    }

    private void join(List<Expr> parts, String word, String none) {
        sql.append('(');
        for (int i = 0; i < parts.size(); i++) {
            sql.append(i == 0 ? "" : word);
            append(parts.get(i));
        }
        sql.append(parts.isEmpty() ? none : "").append(')');
    }
}
