package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.internal.spec.Durations;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads the filter language by recursive descent:
 *
 * <pre>
 * or        = and { OR and }
 * and       = not { AND not }
 * not       = [ NOT ] primary
 * primary   = "(" or ")" | column test
 * test      = op value | [ NOT ] IN "(" value { "," value } ")" | [ NOT ] LIKE text | [ NOT ] CONTAINS text | IS [ NOT ] NULL
 *           | [ NOT ] BETWEEN value AND value
 * value     = text | number | TRUE | FALSE | NOW [ ( + | - ) duration ]
 * column    = name { "." name | "[" digits "]" } | word "(" [ "*" | [ DISTINCT ] column ] ")"
 * name      = word | '"' text '"'
 * </pre>
 *
 * <p>The second form of a column is a figure of groups, for {@code having}.
 */
public final class WhereParser {
    private static final String QUOTED = "\"(?:[^\"]++|\"\")*+\"";

    /** What may follow a name at once: a place in a json column. */
    private static final String PLACE = "(?:\\.[\\p{L}\\p{N}_]++|\\." + QUOTED + "|\\[\\d{1,9}])*+";

    private static final Pattern TOKEN = Pattern.compile("\\s*(?:"
            + "('(?:[^']++|'')*+')" // 1 text; possessive, since the matcher recurses for every other repetition
            + "|(" + QUOTED + PLACE + ")" // 2 quoted name
            + "|([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?(?![\\w.]))" // 3 number
            + "|([\\p{L}_][\\p{L}\\p{N}_]*+" + PLACE + ")" // 4 word
            + "|(\\d+(?:ms|us|[smhdw])[\\dsmhdw]*)" // 5 duration
            + "|(<=|>=|<>|!=|==|[=<>(),+*-])" // 6 sign
            + ")");
    private static final Map<String, Expr.Op> OPS = Map.of(
            "=",
            Expr.Op.EQ,
            "==",
            Expr.Op.EQ,
            "<>",
            Expr.Op.NE,
            "!=",
            Expr.Op.NE,
            "<",
            Expr.Op.LT,
            "<=",
            Expr.Op.LE,
            ">",
            Expr.Op.GT,
            ">=",
            Expr.Op.GE);
    private static final int MAX_DEPTH = 100;
    private static final int MAX_LENGTH = 100_000;

    private enum Kind {
        TEXT,
        NAME,
        NUMBER,
        WORD,
        DURATION,
        SIGN,
        END
    }

    private record Token(Kind kind, String text, int at) {}

    private final String source;
    private final Instant now;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int depth;

    private WhereParser(String source, Instant now) {
        this.source = source;
        this.now = now;
    }

    /** See {@link Expr#parse}. */
    public static Expr parse(String text, Instant now) {
        WhereParser parser = new WhereParser(text, now);
        parser.tokenize();
        Expr filter = parser.or();
        if (parser.peek().kind != Kind.END) {
            throw parser.fail(parser.peek(), "the end, AND or OR");
        }
        return filter;
    }

    private void tokenize() {
        if (source.length() > MAX_LENGTH) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "a filter of more than " + MAX_LENGTH + " characters");
        }
        Matcher matcher = TOKEN.matcher(source);
        int start = 0;
        int end = source.stripTrailing().length();
        while (start < end) {
            matcher.region(start, end);
            if (!matcher.lookingAt()) {
                String rest = source.substring(start).stripLeading();
                throw fail(
                        new Token(Kind.SIGN, rest.strip(), source.length() - rest.length()), "a name, value or sign");
            }
            for (int group = 1; group <= 6; group++) {
                if (matcher.group(group) != null) {
                    tokens.add(token(group, matcher.group(group), matcher.start(group)));
                }
            }
            start = matcher.end();
        }
        tokens.add(new Token(Kind.END, "the end", end));
    }

    private static Token token(int group, String text, int at) {
        return switch (group) {
            case 1 -> new Token(Kind.TEXT, text.substring(1, text.length() - 1).replace("''", "'"), at);
            case 2 -> new Token(Kind.NAME, Names.unquoted(text), at);
            case 3 -> new Token(Kind.NUMBER, text, at);
            case 4 -> new Token(Kind.WORD, text, at);
            case 5 -> new Token(Kind.DURATION, text, at);
            default -> new Token(Kind.SIGN, text, at);
        };
    }

    private Expr or() {
        List<Expr> parts = new ArrayList<>(List.of(and()));
        while (word("OR")) {
            parts.add(and());
        }
        return parts.size() == 1 ? parts.get(0) : new Expr.Or(parts);
    }

    private Expr and() {
        List<Expr> parts = new ArrayList<>(List.of(not()));
        while (word("AND")) {
            parts.add(not());
        }
        return parts.size() == 1 ? parts.get(0) : new Expr.And(parts);
    }

    private Expr not() {
        if (++depth > MAX_DEPTH) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "a filter of more than " + MAX_DEPTH + " levels");
        }
        try {
            return word("NOT") ? new Expr.Not(not()) : primary();
        } finally {
            depth--;
        }
    }

    private Expr primary() {
        if (sign("(")) {
            Expr inner = or();
            expectSign(")");
            return inner;
        }
        Token name = next();
        if (name.kind != Kind.NAME && name.kind != Kind.WORD) {
            throw fail(name, "a column");
        }
        return test(name.kind == Kind.WORD && isSign("(") ? figure(name) : text(name));
    }

    /** A figure of groups, such as {@code p95(runtime_ms)}, by its name in results. */
    private String figure(Token function) {
        // p99.9 comes as one word, since it looks like a place.
        expectSign("(");
        boolean distinct = peek().kind == Kind.WORD && peek().text.equalsIgnoreCase("DISTINCT") && !isSign(")", 1);
        at += distinct ? 1 : 0;
        String column = null;
        if (!sign("*") && !isSign(")")) {
            Token name = next();
            if (name.kind != Kind.NAME && name.kind != Kind.WORD) {
                throw fail(name, "a column");
            }
            column = text(name);
        }
        expectSign(")");
        try {
            Measure measure = Measure.parse(function.text + (column == null ? "" : distinct ? "(distinct x)" : "(x)"));
            return new Measure(measure.function(), column, measure.quantile()).name();
        } catch (LeveeException e) {
            throw fail(function, "a column or a figure such as avg(column)");
        }
    }

    /** A name as it is meant: quotes are around parts of words too. */
    private static String text(Token name) {
        return name.kind == Kind.WORD ? Names.unquoted(name.text) : name.text;
    }

    private Expr test(String column) {
        Token token = peek();
        Expr.Op op = token.kind == Kind.SIGN ? OPS.get(token.text) : null;
        if (op != null) {
            at++;
            if (peek().kind == Kind.WORD && peek().text.equalsIgnoreCase("NULL")) {
                throw fail(peek(), "a value: nothing is ever " + op.sql() + " NULL, write IS NULL or IS NOT NULL;");
            }
            return new Expr.Compare(column, op, value());
        }
        if (word("IS")) {
            boolean negated = word("NOT");
            expectWord("NULL");
            return new Expr.IsNull(column, negated);
        }
        boolean negated = word("NOT");
        if (word("IN")) {
            return new Expr.In(column, list(), negated);
        }
        if (word("LIKE")) {
            return new Expr.Like(column, quoted("a pattern in single quotes"), negated);
        }
        if (word("CONTAINS")) {
            return new Expr.Contains(column, quoted("a text in single quotes"), negated);
        }
        if (word("BETWEEN")) {
            Object low = value();
            expectWord("AND");
            Expr between = Expr.and(Expr.ge(column, low), Expr.le(column, value()));
            return negated ? new Expr.Not(between) : between;
        }
        throw fail(peek(), "=, <>, <, <=, >, >=, IN, LIKE, CONTAINS, BETWEEN or IS");
    }

    private String quoted(String wanted) {
        Token text = next();
        if (text.kind != Kind.TEXT) {
            throw fail(text, wanted);
        }
        return text.text;
    }

    private List<Object> list() {
        expectSign("(");
        List<Object> values = new ArrayList<>();
        do {
            values.add(value());
        } while (sign(","));
        expectSign(")");
        return values;
    }

    private Object value() {
        Token token = next();
        return switch (token.kind) {
            case TEXT -> token.text;
            case NUMBER -> number(token);
            case WORD ->
                switch (token.text.toUpperCase(Locale.ROOT)) {
                    case "TRUE" -> true;
                    case "FALSE" -> false;
                    case "NOW" -> time();
                    default -> throw fail(token, "a value (text goes in single quotes)");
                };
            default -> throw fail(token, "a value");
        };
    }

    private Object number(Token token) {
        BigDecimal number = new BigDecimal(token.text);
        try {
            return number.scale() <= 0 && Math.abs(number.scale()) < 30 ? (Object) number.longValueExact() : number;
        } catch (ArithmeticException e) {
            return number;
        }
    }

    private Instant time() {
        boolean minus = sign("-");
        if (!minus && !sign("+")) {
            return now;
        }
        Token length = next();
        if (length.kind != Kind.DURATION && length.kind != Kind.WORD) {
            throw fail(length, "a length of time such as 6h");
        }
        Duration duration = Durations.parse(length.text);
        return minus ? now.minus(duration) : now.plus(duration);
    }

    private Token peek() {
        return tokens.get(at);
    }

    private Token next() {
        Token token = tokens.get(at);
        if (token.kind != Kind.END) {
            at++;
        }
        return token;
    }

    private boolean word(String word) {
        boolean is = peek().kind == Kind.WORD && peek().text.equalsIgnoreCase(word);
        at += is ? 1 : 0;
        return is;
    }

    private boolean isSign(String sign) {
        return isSign(sign, 0);
    }

    private boolean isSign(String sign, int ahead) {
        Token token = tokens.get(Math.min(at + ahead, tokens.size() - 1));
        return token.kind == Kind.SIGN && token.text.equals(sign);
    }

    private boolean sign(String sign) {
        boolean is = isSign(sign);
        at += is ? 1 : 0;
        return is;
    }

    private void expectWord(String word) {
        if (!word(word)) {
            throw fail(peek(), word);
        }
    }

    private void expectSign(String sign) {
        if (!sign(sign)) {
            throw fail(peek(), "'" + sign + "'");
        }
    }

    private LeveeException fail(Token token, String wanted) {
        String got = token.text.length() > 40 ? token.text.substring(0, 40) + "…" : token.text;
        return new LeveeException(
                        ErrorCode.BAD_QUERY,
                        "the filter is not understood at character " + (token.at + 1) + ": expected " + wanted
                                + ", got " + (token.kind == Kind.END ? got : "'" + got + "'"))
                .with("at", token.at + 1)
                .hint("write for example \"state = 'FAILURE' AND runtime_ms >= 500\"; odd names go in double quotes");
    }
}
