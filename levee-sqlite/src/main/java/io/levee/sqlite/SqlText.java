package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.Locale;
import java.util.regex.Pattern;

/** Looks at SQL text as far as safety needs it: one statement, and one that reads. */
final class SqlText {
    private static final int LONGEST = 100_000;
    private static final Pattern FIRST_WORD = Pattern.compile("(?is)^(SELECT|WITH|EXPLAIN|VALUES)\\b.*");

    private SqlText() {}

    /**
     * The text without comments at its ends and without its last semicolon.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} where it is more than one statement, or none that reads
     */
    static String requireOneRead(String sql) {
        if (sql.length() > LONGEST) {
            throw bad("the SQL text is longer than " + LONGEST + " characters");
        }
        int start = skipBlank(sql, 0);
        int end = endOfStatement(sql, start);
        if (skipBlank(sql, Math.min(sql.length(), end + 1)) < sql.length()) {
            throw bad("only one statement is run at a time");
        }
        String statement = sql.substring(start, end);
        if (!FIRST_WORD.matcher(statement).matches()) {
            throw bad("only SELECT, WITH, VALUES and EXPLAIN are run: sql reads and never writes");
        }
        return statement;
    }

    /** The index of the first semicolon outside of quotes and comments, or the end. */
    private static int endOfStatement(String sql, int start) {
        int at = start;
        while (at < sql.length()) {
            char c = sql.charAt(at);
            if (c == ';') {
                return at;
            }
            if (c == '\'' || c == '"' || c == '`' || c == '[') {
                at = afterQuote(sql, at, c == '[' ? ']' : c);
            } else if (comment(sql, at)) {
                at = afterComment(sql, at);
            } else {
                at++;
            }
        }
        return sql.length();
    }

    private static int afterQuote(String sql, int at, char quote) {
        int end = sql.indexOf(quote, at + 1);
        if (end < 0) {
            throw bad("a quote at character " + (at + 1) + " is not closed");
        }
        return end + 1;
    }

    private static boolean comment(String sql, int at) {
        return sql.startsWith("--", at) || sql.startsWith("/*", at);
    }

    private static int afterComment(String sql, int at) {
        boolean line = sql.startsWith("--", at);
        int end = line ? sql.indexOf('\n', at) : sql.indexOf("*/", at + 2);
        return end < 0 ? sql.length() : end + (line ? 1 : 2);
    }

    private static int skipBlank(String sql, int from) {
        int at = from;
        while (at < sql.length()) {
            if (Character.isWhitespace(sql.charAt(at))) {
                at++;
            } else if (comment(sql, at)) {
                at = afterComment(sql, at);
            } else {
                return at;
            }
        }
        return at;
    }

    /** Whether a table may be meant: tables that the text does not name are not attached. */
    static boolean mayName(String sql, String table) {
        return sql.toLowerCase(Locale.ROOT).contains(table.toLowerCase(Locale.ROOT));
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_QUERY, what);
    }
}
