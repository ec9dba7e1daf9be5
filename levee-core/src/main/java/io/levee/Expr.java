package io.levee;

import io.levee.internal.query.WhereParser;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A filter: the one expression language of Java, HTTP and CLI, with SQL's three-valued logic.
 *
 * <p>Columns are named as in the table, or in camel case as in a record. Values are Java values of the column's type; text
 * is read by the column's type, so a timestamp may be given as ISO-8601 text. Immutable.
 */
public sealed interface Expr {
    /** How a column and a value are compared. */
    enum Op {
        /** Equal. */
        EQ("="),
        /** Not equal. */
        NE("<>"),
        /** Less. */
        LT("<"),
        /** Less or equal. */
        LE("<="),
        /** Greater. */
        GT(">"),
        /** Greater or equal. */
        GE(">=");

        private final String sql;

        Op(String sql) {
            this.sql = sql;
        }

        /** The operator in SQL. */
        public String sql() {
            return sql;
        }
    }

    /** {@code column op value}. */
    record Compare(String column, Op op, Object value) implements Expr {}

    /** {@code column IN (values)}, or NOT IN. */
    record In(String column, List<Object> values, boolean negated) implements Expr {
        /** Copies the list, which holds at least one value. */
        public In {
            values = List.copyOf(values);
            if (values.isEmpty()) {
                throw new LeveeException(ErrorCode.BAD_QUERY, "IN needs at least one value (column " + column + ")");
            }
        }
    }

    /**
     * {@code column LIKE pattern}, or NOT LIKE: {@code %} stands for any text, {@code _} for one character; ASCII letters
     * match in upper and lower case; {@code \} takes the next character as it is.
     */
    record Like(String column, String pattern, boolean negated) implements Expr {}

    /**
     * {@code column CONTAINS text}, or NOT CONTAINS: the text as it stands, without wildcards; ASCII letters match in upper and lower
     * case. Where the table's spec lists the column under {@code fulltext}, an index answers for texts of three characters and more.
     */
    record Contains(String column, String text, boolean negated) implements Expr {}

    /** {@code column IS NULL}, or IS NOT NULL. */
    record IsNull(String column, boolean negated) implements Expr {}

    /** All of them. */
    record And(List<Expr> parts) implements Expr {
        /** Copies the list. */
        public And {
            parts = List.copyOf(parts);
        }
    }

    /** Any of them. */
    record Or(List<Expr> parts) implements Expr {
        /** Copies the list. */
        public Or {
            parts = List.copyOf(parts);
        }
    }

    /** The opposite; unknown stays unknown. */
    record Not(Expr part) implements Expr {}

    /**
     * Reads the text form: {@code name = 'x' AND runtime_ms >= 500 AND (args LIKE '%42%' OR exception IS NULL)}; odd
     * names in double quotes; times as ISO-8601 text or {@code now - 6h}.
     *
     * @param text the filter
     * @param now what {@code now} means
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} naming the character at fault
     */
    static Expr parse(String text, Instant now) {
        return WhereParser.parse(text, now);
    }

    /** {@code column = value}. */
    static Expr eq(String column, Object value) {
        return new Compare(column, Op.EQ, value);
    }

    /** {@code column <> value}. */
    static Expr ne(String column, Object value) {
        return new Compare(column, Op.NE, value);
    }

    /** {@code column < value}. */
    static Expr lt(String column, Object value) {
        return new Compare(column, Op.LT, value);
    }

    /** {@code column <= value}. */
    static Expr le(String column, Object value) {
        return new Compare(column, Op.LE, value);
    }

    /** {@code column > value}. */
    static Expr gt(String column, Object value) {
        return new Compare(column, Op.GT, value);
    }

    /** {@code column >= value}. */
    static Expr ge(String column, Object value) {
        return new Compare(column, Op.GE, value);
    }

    /** {@code column IN (values)}. */
    static Expr in(String column, Object... values) {
        return new In(column, Arrays.asList(values), false);
    }

    /** {@code column LIKE pattern}. */
    static Expr like(String column, String pattern) {
        return new Like(column, pattern, false);
    }

    /** {@code column CONTAINS text}. */
    static Expr contains(String column, String text) {
        return new Contains(column, text, false);
    }

    /** {@code column IS NULL}. */
    static Expr isNull(String column) {
        return new IsNull(column, false);
    }

    /** {@code column IS NOT NULL}. */
    static Expr notNull(String column) {
        return new IsNull(column, true);
    }

    /** All of them. */
    static Expr and(Expr... parts) {
        return new And(List.of(parts));
    }

    /** Any of them. */
    static Expr or(Expr... parts) {
        return new Or(List.of(parts));
    }

    /** The opposite. */
    static Expr not(Expr part) {
        return new Not(part);
    }

    /**
     * Two filters as one.
     *
     * @param first a filter, or null for all rows
     * @param second a filter, or null for all rows
     * @return what both let through, or null for all rows
     */
    static @Nullable Expr both(@Nullable Expr first, @Nullable Expr second) {
        if (first == null || second == null) {
            return first == null ? second : first;
        }
        return new And(List.of(first, second));
    }
}
