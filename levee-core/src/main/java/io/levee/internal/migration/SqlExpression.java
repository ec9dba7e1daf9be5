package io.levee.internal.migration;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An SQL expression over the columns of one row, read as far as it takes to tell names from everything else. What it means is the
 * engine's. Immutable.
 */
public final class SqlExpression {
    private static final int LONGEST = 20_000;
    /** Bare words that are never a column: one of that name has to be quoted. */
    private static final Set<String> WORDS = Set.of(
            ("case when then else end and or not null is in like between cast as true false collate glob escape distinct from isnull"
                            + " notnull select with values exists regexp match ilike similar interval filter over current_timestamp"
                            + " current_date current_time at zone")
                    .split(" "));
    /** Words behind which a type or a collation comes, no column. */
    private static final Set<String> BEFORE_TYPES = Set.of("as", "collate");
    /** What gives another value each time. */
    private static final Set<String> UNSTEADY = Set.of(
            "random",
            "randomblob",
            "now",
            "clock_timestamp",
            "statement_timestamp",
            "transaction_timestamp",
            "timeofday",
            "gen_random_uuid",
            "current_timestamp",
            "current_date",
            "current_time",
            "localtime",
            "localtimestamp",
            "nextval",
            "changes",
            "total_changes",
            "last_insert_rowid",
            "pg_sleep");

    private final String text;
    private final List<Token> tokens;

    /** What a piece of the text is. */
    enum Kind {
        BLANK,
        WORD,
        QUOTED,
        STRING,
        OTHER
    }

    /**
     * A piece of the text.
     *
     * @param text as written
     * @param name of a word or a quoted name: what it says
     */
    record Token(Kind kind, String text, String name) {
        boolean is(String other) {
            return kind != Kind.QUOTED && kind != Kind.STRING && text.equalsIgnoreCase(other);
        }

        boolean named() {
            return kind == Kind.WORD || kind == Kind.QUOTED;
        }
    }

    private SqlExpression(String text, List<Token> tokens) {
        this.text = text;
        this.tokens = List.copyOf(tokens);
    }

    /**
     * Reads an expression.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} where it has what an expression of one row has not: parameters, comments, several
     *     statements, parentheses or quotes that are not closed
     */
    public static SqlExpression parse(String text) {
        if (text.isBlank() || text.length() > LONGEST) {
            throw bad(text, text.isBlank() ? "it is empty" : "it is longer than " + LONGEST + " characters");
        }
        List<Token> tokens = new ArrayList<>();
        int depth = 0;
        for (int at = 0; at < text.length(); ) {
            Token token = next(text, at);
            depth += token.is("(") ? 1 : token.is(")") ? -1 : 0;
            if (depth < 0) {
                throw bad(text, "a parenthesis is closed at character " + (at + 1) + " that was not opened");
            }
            tokens.add(token);
            at += token.text().length();
        }
        if (depth > 0) {
            throw bad(text, "a parenthesis is not closed");
        }
        return new SqlExpression(text, tokens);
    }

    static SqlExpression of(List<Token> tokens) {
        StringBuilder text = new StringBuilder();
        tokens.forEach(token -> text.append(token.text()));
        return new SqlExpression(text.toString(), tokens);
    }

    private static Token next(String text, int at) {
        char c = text.charAt(at);
        int end = at + 1;
        if (Character.isWhitespace(c)) {
            while (end < text.length() && Character.isWhitespace(text.charAt(end))) {
                end++;
            }
            return new Token(Kind.BLANK, text.substring(at, end), "");
        }
        if (c == '\'') {
            end = closed(text, at, '\'');
            return new Token(Kind.STRING, text.substring(at, end), "");
        }
        if (c == '"' || c == '`') {
            end = closed(text, at, c);
            String inner = text.substring(at + 1, end - 1).replace("" + c + c, "" + c);
            return new Token(Kind.QUOTED, text.substring(at, end), inner);
        }
        if (Character.isLetter(c) || c == '_') {
            while (end < text.length() && (Character.isLetterOrDigit(text.charAt(end)) || text.charAt(end) == '_')) {
                end++;
            }
            String word = text.substring(at, end);
            if (end < text.length() && text.charAt(end) == '\'' && !word.equalsIgnoreCase("x")) {
                throw bad(text, "text with a prefix, such as " + word + "'…', is not read");
            }
            return new Token(Kind.WORD, word, word);
        }
        if (Character.isDigit(c)) {
            while (end < text.length() && number(text, end)) {
                end++;
            }
            return new Token(Kind.OTHER, text.substring(at, end), "");
        }
        refuse(text, at, c);
        return new Token(Kind.OTHER, text.substring(at, end), "");
    }

    /** Whether a number goes on: digits, one point, an exponent with its sign. */
    private static boolean number(String text, int at) {
        char c = text.charAt(at);
        char before = text.charAt(at - 1);
        return Character.isLetterOrDigit(c)
                || c == '.'
                || c == '_'
                || (c == '+' || c == '-') && (before == 'e' || before == 'E');
    }

    private static void refuse(String text, int at, char c) {
        boolean comment = text.startsWith("--", at) || text.startsWith("/*", at);
        // ':' begins a parameter in SQLite; '::' is a cast in PostgreSQL.
        boolean colon = c == ':' && !text.startsWith("::", at) && (at == 0 || text.charAt(at - 1) != ':');
        if (comment
                || colon
                || c == ';'
                || c == '?'
                || c == '$'
                || c == '@'
                || c == '#' && at == 0
                || c == '['
                || c == 0) {
            throw bad(
                    text,
                    "'" + (comment ? text.substring(at, at + 2) : String.valueOf(c)) + "' at character " + (at + 1)
                            + " has no place in an expression over one row");
        }
    }

    private static int closed(String text, int at, char quote) {
        for (int end = at + 1; end < text.length(); end++) {
            if (text.charAt(end) == quote) {
                if (end + 1 < text.length() && text.charAt(end + 1) == quote) {
                    end++;
                } else {
                    return end + 1;
                }
            }
        }
        throw bad(text, "the quote at character " + (at + 1) + " is not closed");
    }

    List<Token> tokens() {
        return tokens;
    }

    /** As it was written. */
    public String text() {
        return text;
    }

    /** Whether there is a select in it. */
    public boolean hasSelect() {
        return tokens.stream().anyMatch(token -> token.kind() == Kind.WORD && (token.is("select") || token.is("with")));
    }

    /** The word in it that gives another value each time it is asked, or null. */
    public @Nullable String unsteady() {
        for (Token token : tokens) {
            if (token.kind() == Kind.WORD && UNSTEADY.contains(token.name().toLowerCase(Locale.ROOT))) {
                return token.name();
            }
        }
        return null;
    }

    /** What its names stand for. */
    @FunctionalInterface
    public interface Names {
        /**
         * What a name becomes.
         *
         * @param name as it is written, without quotes; case does not count
         * @return the SQL in its place; null where it is no such name: a bare word is left as it is, a quoted name refused
         */
        @Nullable
        String sql(String name);
    }

    /**
     * The expression with its names replaced. A name may be written with the table's before it, which is left out then.
     *
     * @param table the table's name
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} for a quoted name, or one behind a point, that is none
     */
    public String rewrite(String table, Names names) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < tokens.size(); i++) {
            Token token = tokens.get(i);
            if (!token.named() || call(i)) {
                out.append(token.text());
                continue;
            }
            if (follows(i, ".")) {
                int column = i + 2;
                if (!token.name().equalsIgnoreCase(table)
                        || column >= tokens.size()
                        || !tokens.get(column).named()) {
                    throw bad(text, "'" + token.name() + ".…' is no column of " + table);
                }
                out.append(require(table, tokens.get(column).name(), names));
                i = column;
            } else if (token.kind() == Kind.QUOTED) {
                out.append(require(table, token.name(), names));
            } else {
                String sql = typeOrWord(i) ? null : names.sql(token.name());
                out.append(sql == null ? token.text() : sql);
            }
        }
        return out.toString();
    }

    private String require(String table, String name, Names names) {
        String sql = names.sql(name);
        if (sql == null) {
            throw bad(text, "'" + name + "' is no column of " + table);
        }
        return sql;
    }

    private boolean call(int i) {
        return tokens.get(i).kind() == Kind.WORD && follows(i, "(");
    }

    /** Whether the next piece that is no blank is this one. */
    private boolean follows(int i, String what) {
        for (int next = i + 1; next < tokens.size(); next++) {
            if (tokens.get(next).kind() != Kind.BLANK) {
                return tokens.get(next).is(what) && (!what.equals(".") || next == i + 1);
            }
        }
        return false;
    }

    private boolean typeOrWord(int i) {
        if (WORDS.contains(tokens.get(i).name().toLowerCase(Locale.ROOT))) {
            return true;
        }
        for (int before = i - 1; before >= 0; before--) {
            Token token = tokens.get(before);
            if (token.kind() != Kind.BLANK) {
                return token.kind() == Kind.WORD
                                && BEFORE_TYPES.contains(token.name().toLowerCase(Locale.ROOT))
                        || token.is(":");
            }
        }
        return false;
    }

    /** The columns of a table that it names, each once, as the table spells them. */
    public List<String> columns(TableSpec spec) {
        List<String> found = new ArrayList<>();
        rewrite(spec.name(), name -> {
            String column = column(spec, name);
            if (column != null && !found.contains(column)) {
                found.add(column);
            }
            return column;
        });
        return found;
    }

    /** The column that a name in an expression means, whatever its case; null where there is none. */
    public static @Nullable String column(TableSpec spec, String name) {
        if (spec.position(name) >= 0) {
            return name;
        }
        for (io.levee.Column column : spec.columns()) {
            if (column.name().equalsIgnoreCase(name)) {
                return column.name();
            }
        }
        return null;
    }

    /** The same expression with a column's name in place of another, quoted so that every engine reads it as it is. */
    public SqlExpression renamed(String from, String to) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < tokens.size(); i++) {
            Token token = tokens.get(i);
            boolean meant = token.named() && token.name().equalsIgnoreCase(from) && !call(i) && !follows(i, ".");
            if (meant && (token.kind() == Kind.QUOTED || !typeOrWord(i))) {
                out.append('"').append(to.replace("\"", "\"\"")).append('"');
            } else {
                out.append(token.text());
            }
        }
        return parse(out.toString());
    }

    static LeveeException bad(String text, String why) {
        return new LeveeException(ErrorCode.BAD_SPEC, "the expression '" + text + "': " + why).with("expression", text);
    }

    @Override
    public String toString() {
        return text;
    }

    /** The expression with its columns replaced; every other bare word is left as it is. */
    public String rewrite(TableSpec spec, Function<String, String> sqlOfColumn) {
        return rewrite(spec.name(), name -> {
            String column = column(spec, name);
            return column == null ? null : sqlOfColumn.apply(column);
        });
    }
}
