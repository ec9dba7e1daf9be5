package io.levee.sqlite;

import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An SQL expression of a migration with its names replaced by how they are read: a file may have another name for a column, or lack it.
 * The expression was checked when it was declared: it has no sub-selects, parameters or comments.
 */
final class ColumnNames {
    /** Words that are never a column unless they are quoted. */
    private static final Set<String> WORDS = Set.of(
            "and", "as", "between", "case", "cast", "collate", "distinct", "else", "end", "escape", "exists", "false",
            "from", "glob", "in", "is", "isnull", "like", "match", "not", "notnull", "null", "or", "regexp", "then",
            "true", "when", "current_date", "current_time", "current_timestamp");

    private final String text;
    private final UnaryOperator<@Nullable String> read;
    private final StringBuilder out = new StringBuilder();
    private String before = "";
    private int at;

    private ColumnNames(String text, UnaryOperator<@Nullable String> read) {
        this.text = text;
        this.read = read;
    }

    /**
     * Replaces names.
     *
     * @param read how a name is read, by what stands in the expression; null where it is no column
     */
    static String replaced(String expression, UnaryOperator<@Nullable String> read) {
        ColumnNames names = new ColumnNames(expression, read);
        while (names.at < expression.length()) {
            names.step();
        }
        return names.out.toString();
    }

    private void step() {
        char c = text.charAt(at);
        if (c == '\'') {
            copy(quoted('\''));
        } else if (c == '"' || c == '`') {
            int end = quoted(c);
            String quote = String.valueOf(c);
            name(end, text.substring(at + 1, end - 1).replace(quote + quote, quote), false);
        } else if (c == '[') {
            int end = text.indexOf(']', at);
            end = end < 0 ? text.length() : end + 1;
            name(end, text.substring(at + 1, end - 1), false);
        } else if (Character.isLetter(c) || c == '_') {
            int end = at;
            while (end < text.length() && (Character.isLetterOrDigit(text.charAt(end)) || "_$".indexOf(text.charAt(end)) >= 0)) {
                end++;
            }
            name(end, text.substring(at, end), true);
        } else if (Character.isDigit(c)) {
            // Numbers whole, with their exponents and x'..': none of their letters is a name.
            int end = at;
            while (end < text.length() && (Character.isLetterOrDigit(text.charAt(end)) || text.charAt(end) == '.')) {
                end++;
            }
            copy(end);
        } else {
            copy(at + 1);
        }
    }

    private int quoted(char quote) {
        int end = at + 1;
        while (end < text.length()) {
            if (text.charAt(end) != quote) {
                end++;
            } else if (end + 1 < text.length() && text.charAt(end + 1) == quote) {
                end += 2;
            } else {
                return end + 1;
            }
        }
        return text.length();
    }

    private void copy(int end) {
        String piece = text.substring(at, end);
        out.append(piece);
        before = piece.isBlank() ? before : piece;
        at = end;
    }

    private void name(int end, String name, boolean bare) {
        boolean blob = bare && name.equalsIgnoreCase("x") && end < text.length() && text.charAt(end) == '\'';
        boolean function = bare && text.substring(end).stripLeading().startsWith("(");
        boolean word = bare && WORDS.contains(name.toLowerCase(Locale.ROOT));
        boolean ofType = before.equalsIgnoreCase("as") || before.equalsIgnoreCase("collate");
        String sql = blob || function || word || ofType ? null : read.apply(name);
        if (sql == null) {
            copy(end);
        } else {
            out.append(sql);
            before = sql;
            at = end;
        }
    }
}
