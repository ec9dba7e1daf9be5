package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.Locale;
import java.util.regex.Pattern;

/** Looks at SQL text as far as safety needs it: one statement, and one that reads. */
public final class SqlText {
    private static final int LONGEST = 100_000;
    private static final Pattern FIRST_WORD = Pattern.compile("(?is)^(SELECT|WITH|EXPLAIN|VALUES)\\b.*");

    private SqlText() {}

    /**
     * The text without comments before it and without its last semicolon. Friendly words for what is no read; whether it is one, the
     * engine has to see to by itself.
     *
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} where it is more than one statement, or none that reads
     */
    public static String requireOneRead(String sql, SqlDialect dialect) {
        if (sql.length() > LONGEST) {
            throw bad("the SQL text is longer than " + LONGEST + " characters");
        }
        int start = skipBlank(sql, 0, dialect);
        int end = endOfStatement(sql, start, dialect);
        if (skipBlank(sql, Math.min(sql.length(), end + 1), dialect) < sql.length()) {
            throw bad("only one statement is run at a time");
        }
        String statement = sql.substring(start, end);
        if (!FIRST_WORD.matcher(statement).matches()) {
            throw bad("only SELECT, WITH, VALUES and EXPLAIN are run: sql reads and never writes");
        }
        return statement;
    }

    /** The index of the first semicolon outside of quotes and comments, or the end. */
    private static int endOfStatement(String sql, int start, SqlDialect dialect) {
        int at = start;
        while (at < sql.length()) {
            if (sql.charAt(at) == ';') {
                return at;
            }
            int after = dialect.afterSpan(sql, at);
            at = after > at ? after : at + 1;
        }
        return sql.length();
    }

    /** The index of what comes after white space and comments. */
    public static int skipBlank(String sql, int from, SqlDialect dialect) {
        int at = from;
        while (at < sql.length()) {
            int after = Character.isWhitespace(sql.charAt(at)) ? at + 1 : dialect.afterComment(sql, at);
            if (after == at) {
                return at;
            }
            at = after;
        }
        return at;
    }

    /** Whether a table may be meant: tables that the text does not name need not be there. */
    public static boolean mayName(String sql, String table) {
        return sql.toLowerCase(Locale.ROOT).contains(table.toLowerCase(Locale.ROOT));
    }

    static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_QUERY, what);
    }
}
