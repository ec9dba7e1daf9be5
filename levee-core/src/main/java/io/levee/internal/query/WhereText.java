package io.levee.internal.query;

import io.levee.Expr;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Writes a filter as people write it, for logs and explanations. */
final class WhereText {
    private static final int LONGEST = 500;
    private static final Pattern PLAIN = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}_.\\[\\]]*|[a-z0-9.]+\\(.*\\)");

    private WhereText() {}

    /** The filter's text, cut where it is long; empty for none. */
    static String of(@Nullable Expr filter) {
        String text = filter == null ? "" : text(filter);
        return text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "…";
    }

    private static String text(Expr filter) {
        if (filter instanceof Expr.And and) {
            return joined(and.parts(), " AND ");
        }
        if (filter instanceof Expr.Or or) {
            return joined(or.parts(), " OR ");
        }
        if (filter instanceof Expr.Not not) {
            return "NOT (" + text(not.part()) + ")";
        }
        if (filter instanceof Expr.Compare compare) {
            return name(compare.column()) + " " + compare.op().sql() + " " + value(compare.value());
        }
        if (filter instanceof Expr.In in) {
            String values = in.values().stream().limit(20).map(WhereText::value).collect(Collectors.joining(", "));
            return name(in.column())
                    + (in.negated() ? " NOT IN (" : " IN (")
                    + values
                    + (in.values().size() > 20 ? ", … " + in.values().size() + " values)" : ")");
        }
        if (filter instanceof Expr.Like like) {
            return name(like.column()) + (like.negated() ? " NOT LIKE " : " LIKE ") + value(like.pattern());
        }
        if (filter instanceof Expr.Contains contains) {
            return name(contains.column())
                    + (contains.negated() ? " NOT CONTAINS " : " CONTAINS ")
                    + value(contains.text());
        }
        Expr.IsNull isNull = (Expr.IsNull) filter;
        return name(isNull.column()) + (isNull.negated() ? " IS NOT NULL" : " IS NULL");
    }

    private static String joined(List<Expr> parts, String by) {
        return parts.stream()
                .map(p -> p instanceof Expr.And || p instanceof Expr.Or ? "(" + text(p) + ")" : text(p))
                .collect(Collectors.joining(by));
    }

    private static String name(String column) {
        return PLAIN.matcher(column).matches() ? column : "\"" + column.replace("\"", "\"\"") + "\"";
    }

    private static String value(Object value) {
        if (value instanceof Number || value instanceof Boolean) {
            return value.toString();
        }
        return value instanceof byte[] bytes
                ? "(" + bytes.length + " bytes)"
                : "'" + value.toString().replace("'", "''") + "'";
    }
}
