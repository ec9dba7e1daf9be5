package io.levee.internal.query;

/**
 * How an engine's SQL quotes: as much of its grammar as it takes to tell what is a statement from what is only text within one.
 */
public enum SqlDialect {
    /** Four kinds of quotes, without escapes, and comments that do not nest. */
    SQLITE {
        @Override
        int afterQuote(String sql, int at) {
            char c = sql.charAt(at);
            if (c == '\'' || c == '"' || c == '`' || c == '[') {
                return closed(sql, at, sql.indexOf(c == '[' ? ']' : c, at + 1), 1);
            }
            return at;
        }

        @Override
        boolean endsLine(char c) {
            return c == '\n';
        }

        @Override
        int afterBlockComment(String sql, int at) {
            int end = sql.indexOf("*/", at + 2);
            return end < 0 ? sql.length() : end + 2;
        }
    },

    /** Strings with and without backslash escapes, names, dollar quotes, and comments that nest. */
    POSTGRESQL {
        @Override
        int afterQuote(String sql, int at) {
            char c = sql.charAt(at);
            if (c == '"' || c == '\'' && !escapes(sql, at)) {
                return closed(sql, at, sql.indexOf(c, at + 1), 1);
            }
            if (c == '\'') {
                return afterEscapeString(sql, at);
            }
            return c == '$' ? afterDollars(sql, at) : at;
        }

        @Override
        boolean endsLine(char c) {
            return c == '\n' || c == '\r';
        }

        @Override
        int afterBlockComment(String sql, int at) {
            int depth = 1;
            int next = at + 2;
            while (depth > 0 && next < sql.length()) {
                if (sql.startsWith("/*", next)) {
                    depth++;
                    next += 2;
                } else if (sql.startsWith("*/", next)) {
                    depth--;
                    next += 2;
                } else {
                    next++;
                }
            }
            return next;
        }
    };

    /** The index after the quoted text that begins here, or the same index where none begins. */
    abstract int afterQuote(String sql, int at);

    /** Whether a character ends a comment of one line. */
    abstract boolean endsLine(char c);

    /** The index after the comment of several lines that begins here. */
    abstract int afterBlockComment(String sql, int at);

    /**
     * The index after the quoted text or comment that begins here, or the same index where neither begins.
     *
     * @throws io.levee.LeveeException {@code BAD_QUERY} where a quote is not closed
     */
    public int afterSpan(String sql, int at) {
        int afterComment = afterComment(sql, at);
        return afterComment > at ? afterComment : afterQuote(sql, at);
    }

    /** The index after the comment that begins here, or the same index where none begins. */
    int afterComment(String sql, int at) {
        if (sql.startsWith("--", at)) {
            int end = at;
            while (end < sql.length() && !endsLine(sql.charAt(end))) {
                end++;
            }
            return Math.min(sql.length(), end + 1);
        }
        return sql.startsWith("/*", at) ? afterBlockComment(sql, at) : at;
    }

    private static int closed(String sql, int at, int end, int length) {
        if (end < 0) {
            throw SqlText.bad("a quote at character " + (at + 1) + " is not closed");
        }
        return Math.min(sql.length(), end + length);
    }

    /** Whether the quote here is that of {@code E'…'}, where the E is a word of its own. */
    private static boolean escapes(String sql, int at) {
        return at > 0
                && (sql.charAt(at - 1) == 'E' || sql.charAt(at - 1) == 'e')
                && (at == 1 || !inName(sql.charAt(at - 2)));
    }

    private static int afterEscapeString(String sql, int at) {
        int next = at + 1;
        while (next < sql.length()) {
            char c = sql.charAt(next);
            if (c == '\'') {
                int more = continued(sql, next + 1);
                if (more < 0) {
                    return next + 1;
                }
                next = more;
            } else {
                next += c == '\\' ? 2 : 1;
            }
        }
        return closed(sql, at, -1, 0);
    }

    /** Two quotes are one in the text; and a string goes on after a line's end, even with a comment before it. Otherwise -1. */
    private static int continued(String sql, int afterQuote) {
        int next = afterQuote;
        boolean line = false;
        while (next < sql.length()) {
            char c = sql.charAt(next);
            int after = sql.startsWith("--", next) ? POSTGRESQL.afterComment(sql, next) : next;
            if (after == next && !Character.isWhitespace(c)) {
                break;
            }
            line |= after > next || POSTGRESQL.endsLine(c);
            next = Math.max(after, next + 1);
        }
        boolean quote = next < sql.length() && sql.charAt(next) == '\'';
        return quote && (line || next == afterQuote) ? next + 1 : -1;
    }

    private static int afterDollars(String sql, int at) {
        int word = at;
        while (word > 0 && inName(sql.charAt(word - 1))) {
            word--;
        }
        if (word < at && Character.isDigit(sql.charAt(word))) {
            // Version 14 begins a quote here, later ones refuse it: nothing is lost by refusing it too.
            throw SqlText.bad("a $ follows a number at character " + (at + 1));
        }
        if (word < at) {
            return at;
        }
        int tagEnd = at + 1;
        while (tagEnd < sql.length() && inName(sql.charAt(tagEnd)) && sql.charAt(tagEnd) != '$') {
            tagEnd++;
        }
        boolean parameter = tagEnd > at + 1 && Character.isDigit(sql.charAt(at + 1));
        if (parameter || tagEnd >= sql.length() || sql.charAt(tagEnd) != '$') {
            return at;
        }
        String tag = sql.substring(at, tagEnd + 1);
        return closed(sql, at, sql.indexOf(tag, tagEnd + 1), tag.length());
    }

    /** Whether a character goes on a name: letters are whatever is past ASCII too. */
    public static boolean inName(char c) {
        return c == '_' || c == '$' || c >= '0' && c <= '9' || (c | 32) >= 'a' && (c | 32) <= 'z' || c >= 0x80;
    }
}
