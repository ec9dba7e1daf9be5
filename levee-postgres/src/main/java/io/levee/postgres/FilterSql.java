package io.levee.postgres;

import io.levee.Column;
import io.levee.Expr;
import io.levee.TableSpec;
import org.jspecify.annotations.Nullable;

/**
 * A filter as SQL with parameters. Names are quoted, values are never spliced in; those of a list go as one array, so that the text
 * does not depend on how many there are.
 */
final class FilterSql {
    private final TableSpec spec;
    private final SqlBuilder sql;

    private FilterSql(TableSpec spec, SqlBuilder sql) {
        this.spec = spec;
        this.sql = sql;
    }

    /** Appends a filter over exact column names and stored values. */
    static void append(TableSpec spec, Expr filter, SqlBuilder sql) {
        new FilterSql(spec, sql).append(filter);
    }

    /** Appends {@code WHERE} for a range of event time and a filter. */
    static void where(TableSpec spec, long fromMicros, long toMicros, @Nullable Expr filter, SqlBuilder sql) {
        sql.add(" WHERE true");
        if (fromMicros != Long.MIN_VALUE) {
            sql.add(" AND " + Names.time(spec) + " >= ").parameter(fromMicros);
        }
        if (toMicros != Long.MAX_VALUE) {
            sql.add(" AND " + Names.time(spec) + " < ").parameter(toMicros);
        }
        if (filter != null) {
            sql.add(" AND ");
            append(spec, filter, sql);
        }
    }

    private void append(Expr filter) {
        if (filter instanceof Expr.Compare compare) {
            sql.add(column(compare.column()) + compare.op().sql()).parameter(compare.value());
        } else if (filter instanceof Expr.In in) {
            Column column = spec.column(in.column());
            sql.add(column(in.column()) + (in.negated() ? " <> ALL (" : " = ANY ("));
            sql.parameter(new SqlBuilder.Listed(arrayType(column), in.values().toArray()))
                    .add(")");
        } else if (filter instanceof Expr.Like like) {
            like(like);
        } else if (filter instanceof Expr.Contains contains) {
            String pattern = contains.text().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_");
            like(new Expr.Like(contains.column(), "%" + pattern + "%", contains.negated()));
        } else if (filter instanceof Expr.IsNull isNull) {
            sql.add(column(isNull.column()) + (isNull.negated() ? " IS NOT NULL" : " IS NULL"));
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

    private String column(String name) {
        return Names.column(spec, name);
    }

    private static String arrayType(Column column) {
        return switch (column.type()) {
            case INTEGER, TIMESTAMP, DURATION, BOOLEAN -> "bigint";
            case REAL -> "float8";
            case BLOB -> "bytea";
            case TEXT, DECIMAL, UUID, JSON -> "text";
        };
    }

    /** The collation makes it ASCII letters that match in both cases, and no others; a backslash escapes without being told. */
    private void like(Expr.Like like) {
        String column = column(like.column());
        if (cannotMatch(like.pattern())) {
            sql.add("CASE WHEN " + column + " IS NOT NULL THEN " + like.negated() + " END");
        } else {
            sql.add(column + " COLLATE \"C\"" + (like.negated() ? " NOT ILIKE " : " ILIKE "))
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
