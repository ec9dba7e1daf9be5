package io.levee.sqlite;

import io.levee.Expr;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** A filter as SQL with parameters. Names are quoted, values are never spliced in. */
final class WhereSql {
    private final Columns columns;
    private final StringBuilder sql = new StringBuilder();
    private final List<Object> parameters = new ArrayList<>();

    /** How a column is read in the statement: a partition may lack it. */
    @FunctionalInterface
    interface Columns {
        String sql(String name);
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
            sql.append(columns.sql(compare.column())).append(compare.op().sql()).append('?');
            parameters.add(compare.value());
        } else if (filter instanceof Expr.In in) {
            sql.append(columns.sql(in.column())).append(in.negated() ? " NOT IN (" : " IN (");
            sql.append(String.join(",", Collections.nCopies(in.values().size(), "?")))
                    .append(')');
            parameters.addAll(in.values());
        } else if (filter instanceof Expr.Like like) {
            sql.append(columns.sql(like.column())).append(like.negated() ? " NOT LIKE ?" : " LIKE ?");
            sql.append(" ESCAPE '\\'");
            parameters.add(like.pattern());
        } else if (filter instanceof Expr.Contains contains) {
            sql.append(columns.sql(contains.column())).append(contains.negated() ? " NOT LIKE ?" : " LIKE ?");
            sql.append(" ESCAPE '\\'");
            parameters.add("%" + contains.text().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%");
        } else if (filter instanceof Expr.IsNull isNull) {
            sql.append(columns.sql(isNull.column())).append(isNull.negated() ? " IS NOT NULL" : " IS NULL");
        } else if (filter instanceof Expr.And and) {
            join(and.parts(), " AND ", "1");
        } else if (filter instanceof Expr.Or or) {
            join(or.parts(), " OR ", "0");
        } else {
            sql.append("NOT (");
            append(((Expr.Not) filter).part());
            sql.append(')');
        }
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
