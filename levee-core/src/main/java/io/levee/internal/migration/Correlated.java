package io.levee.internal.migration;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.internal.migration.SqlExpression.Kind;
import io.levee.internal.migration.SqlExpression.Token;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Takes correlated selects out of an expression: each of the one shape {@code (SELECT f(a.col) FROM table [AS] a WHERE a.x = parent.y
 * [AND …])} becomes a lookup with a name of its own. Every other select is refused.
 */
final class Correlated {
    private final String parent;
    private final SqlExpression expression;
    private final Map<String, Lookup> lookups;
    private final List<Token> out = new ArrayList<>();
    private List<Token> tokens = List.of();
    private int at;

    private Correlated(String parent, SqlExpression expression, Map<String, Lookup> lookups) {
        this.parent = parent;
        this.expression = expression;
        this.lookups = lookups;
    }

    /**
     * The expression with names in place of its selects.
     *
     * @param parent the migrated table
     * @param lookups the lookups by name; those that are found are added
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} for a select of another shape
     */
    static SqlExpression extract(String parent, SqlExpression expression, Map<String, Lookup> lookups) {
        return expression.hasSelect() ? new Correlated(parent, expression, lookups).extract() : expression;
    }

    private SqlExpression extract() {
        List<Token> all = expression.tokens();
        int next = 0;
        while (next < all.size()) {
            int select = all.get(next).is("(") ? skipBlank(all, next + 1) : all.size();
            if (select < all.size()
                    && all.get(select).kind() == Kind.WORD
                    && all.get(select).is("select")) {
                int end = closing(all, next);
                tokens = all.subList(next + 1, end).stream()
                        .filter(token -> token.kind() != Kind.BLANK)
                        .toList();
                at = 0;
                String name = "lookup_" + (lookups.size() + 1);
                lookups.put(name, select());
                out.add(new Token(Kind.WORD, name, name));
                next = end + 1;
            } else {
                if (all.get(next).kind() == Kind.WORD
                        && (all.get(next).is("select") || all.get(next).is("with"))) {
                    throw refused();
                }
                out.add(all.get(next++));
            }
        }
        return SqlExpression.of(out);
    }

    private static int skipBlank(List<Token> all, int from) {
        int next = from;
        while (next < all.size() && all.get(next).kind() == Kind.BLANK) {
            next++;
        }
        return next;
    }

    private static int closing(List<Token> all, int open) {
        int depth = 0;
        for (int i = open; i < all.size(); i++) {
            depth += all.get(i).is("(") ? 1 : all.get(i).is(")") ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        return all.size();
    }

    private Lookup select() {
        expect("select");
        Lookup.Function function = function(name());
        expect("(");
        Ref column = peek("*") ? null : ref();
        if (column == null) {
            expect("*");
        }
        expect(")");
        expect("from");
        String table = name();
        if (peek("as")) {
            at++;
        }
        String alias = peek("where") ? table : name();
        if (alias.equalsIgnoreCase(parent)) {
            throw refused();
        }
        if (column != null && column.of() != null && !column.of().equalsIgnoreCase(alias)) {
            throw refused();
        }
        expect("where");
        Map<String, String> match = new LinkedHashMap<>();
        match(alias, match);
        while (peek("and")) {
            at++;
            match(alias, match);
        }
        if (at < tokens.size()) {
            throw refused();
        }
        return new Lookup(table, match, function, column == null ? null : column.column(), null);
    }

    private Lookup.Function function(String name) {
        for (Lookup.Function function : Lookup.Function.values()) {
            if (function != Lookup.Function.ANY && function.specName().equalsIgnoreCase(name)) {
                return function;
            }
        }
        throw refused();
    }

    private void match(String alias, Map<String, String> match) {
        Ref one = ref();
        expect("=");
        Ref other = ref();
        Ref theirs = parent.equalsIgnoreCase(one.of()) ? other : one;
        Ref ours = theirs.equals(one) ? other : one;
        boolean clear = parent.equalsIgnoreCase(ours.of())
                && (theirs.of() == null || alias.equalsIgnoreCase(theirs.of()))
                && match.put(theirs.column(), ours.column()) == null;
        if (!clear) {
            throw refused();
        }
    }

    /** A column, with what it is said to be of. */
    private record Ref(@Nullable String of, String column) {}

    private Ref ref() {
        String first = name();
        if (!peek(".")) {
            return new Ref(null, first);
        }
        at++;
        return new Ref(first, name());
    }

    private String name() {
        if (at >= tokens.size() || !tokens.get(at).named()) {
            throw refused();
        }
        return tokens.get(at++).name();
    }

    private boolean peek(String text) {
        return at < tokens.size() && tokens.get(at).is(text);
    }

    private void expect(String text) {
        if (!peek(text)) {
            throw refused();
        }
        at++;
    }

    private LeveeException refused() {
        return SqlExpression.bad(expression.text(), "its select is none that can be read across partitions")
                .hint("write exactly " + "(SELECT max(o.seen) FROM observations o WHERE o.hash = " + parent + ".hash)"
                        + ", or name a lookup: lookups: {newest: {table: observations, match: {hash: hash}, function: max,"
                        + " column: seen}} and use newest in the expression");
    }
}
