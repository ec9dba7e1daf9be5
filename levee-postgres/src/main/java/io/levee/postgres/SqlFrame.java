package io.levee.postgres;

import static io.levee.internal.query.SqlDialect.POSTGRESQL;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.SqlQuery;
import io.levee.TableSpec;
import io.levee.internal.query.SqlDialect;
import io.levee.internal.query.SqlText;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A user's SQL with the tables put in front of it: each table's name stands for its rows of the query's range, with the columns that
 * it has in every engine.
 *
 * @param explain the options of an EXPLAIN, or null where it is none
 * @param text what the server is given to read or to explain
 * @param functions names that look like those of functions
 */
record SqlFrame(@Nullable String explain, String text, List<Called> functions) {
    private static final Pattern EXPLAIN = Pattern.compile("(?i)^EXPLAIN\\b");
    private static final Pattern EXPLAIN_WORD = Pattern.compile("(?i)\\G(ANALYZE|ANALYSE|VERBOSE)\\b");
    private static final Pattern READS = Pattern.compile("(?i)\\G(SELECT|VALUES|WITH)\\b");

    /** A name before an opening parenthesis, and whether a schema may be in front of it. */
    record Called(String name, boolean qualified) {}

    SqlFrame {
        functions = List.copyOf(functions);
    }

    /**
     * The query as the server gets it.
     *
     * @param tables all tables of the store
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} where it is not one statement that reads
     */
    static SqlFrame of(SqlQuery query, List<TableSpec> tables, Names names) {
        return of(query, tables, names, names::rows);
    }

    /**
     * The same.
     *
     * @param from what each table is read from: its parent, or a statement in parentheses with a name that has its columns
     */
    static SqlFrame of(SqlQuery query, List<TableSpec> tables, Names names, Function<TableSpec, String> from) {
        String sql = SqlText.requireOneRead(query.sql(), POSTGRESQL);
        List<Called> functions = calls(sql);
        Matcher explain = EXPLAIN.matcher(sql);
        boolean explained = explain.find();
        int begin = explained ? afterOptions(sql, explain.end()) : 0;
        String options = explained ? sql.substring(explain.end(), begin) : null;
        String body = sql.substring(begin);
        Matcher reads = READS.matcher(body);
        if (!reads.find()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "EXPLAIN is for SELECT, WITH and VALUES here");
        }
        return new SqlFrame(options, framed(body, reads.group(1), tables, query, from), functions);
    }

    private static String framed(
            String body, String firstWord, List<TableSpec> tables, SqlQuery query, Function<TableSpec, String> from) {
        List<String> parts = new ArrayList<>();
        for (TableSpec table : tables) {
            if (SqlText.mayName(body, table.name())) {
                parts.add(Names.quote(table.name()) + " AS NOT MATERIALIZED (" + rows(table, query, from.apply(table))
                        + ")");
                String folded = table.name().toLowerCase(Locale.ROOT);
                if (!folded.equals(table.name())) {
                    // The server folds names without quotes, and the other engine takes them in any case.
                    parts.add(Names.quote(folded) + " AS NOT MATERIALIZED (SELECT * FROM " + Names.quote(table.name())
                            + ")");
                }
            }
        }
        if (parts.isEmpty()) {
            return body;
        }
        String with = "WITH " + String.join(", ", parts) + " ";
        // A WITH of the user's own may take a table's name for itself, and mean the table by it within.
        return firstWord.equalsIgnoreCase("WITH")
                ? with + "SELECT * FROM (" + body + "\n) AS levee_query"
                : with + body;
    }

    private static String rows(TableSpec table, SqlQuery query, String from) {
        List<String> selected = new ArrayList<>();
        selected.add("_seq");
        table.columns().forEach(c -> {
            String physical = Names.column(table, c.name());
            String own = Names.quote(c.name());
            selected.add(physical.equals(own) ? own : physical + " AS " + own);
        });
        String time = Names.time(table);
        String rows = "SELECT " + String.join(", ", selected) + " FROM " + from + " WHERE true";
        if (query.fromMicros() != Long.MIN_VALUE) {
            rows += " AND " + time + " >= " + query.fromMicros();
        }
        return query.toMicros() == Long.MAX_VALUE ? rows : rows + " AND " + time + " < " + query.toMicros();
    }

    /** The index after {@code (options)} or after the words that stand for them. */
    private static int afterOptions(String sql, int from) {
        int at = SqlText.skipBlank(sql, from, POSTGRESQL);
        if (at < sql.length() && sql.charAt(at) == '(') {
            while (at < sql.length() && sql.charAt(at) != ')') {
                at = Math.max(at + 1, POSTGRESQL.afterSpan(sql, at));
            }
            return SqlText.skipBlank(sql, Math.min(sql.length(), at + 1), POSTGRESQL);
        }
        Matcher word = EXPLAIN_WORD.matcher(sql);
        while (word.find(at)) {
            at = SqlText.skipBlank(sql, word.end(), POSTGRESQL);
        }
        return at;
    }

    private static List<Called> calls(String sql) {
        Set<Called> calls = new LinkedHashSet<>();
        boolean afterDot = false;
        int at = 0;
        while (at < sql.length()) {
            char c = sql.charAt(at);
            int end = nameEnd(sql, at);
            if (end > at) {
                int next = SqlText.skipBlank(sql, end, POSTGRESQL);
                if (next < sql.length() && sql.charAt(next) == '(') {
                    calls.add(new Called(name(sql.substring(at, end)), afterDot));
                }
                afterDot = false;
                at = end;
            } else {
                int blank = SqlText.skipBlank(sql, at, POSTGRESQL);
                afterDot = c == '.' || afterDot && blank > at;
                at = blank > at ? blank : Math.max(at + 1, POSTGRESQL.afterSpan(sql, at));
            }
        }
        return List.copyOf(calls);
    }

    /** The index after the name that begins here, or the same index. */
    private static int nameEnd(String sql, int at) {
        char c = sql.charAt(at);
        if ((c == 'U' || c == 'u') && sql.startsWith("&\"", at + 1)) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "names of the form U&\"…\" are not taken")
                    .hint("write the name itself in double quotes");
        }
        if (c == '"') {
            int end = at;
            do {
                end = POSTGRESQL.afterSpan(sql, end);
            } while (end < sql.length() && sql.charAt(end) == '"');
            return end;
        }
        int end = at;
        while (c != '$' && end < sql.length() && SqlDialect.inName(sql.charAt(end))) {
            end++;
        }
        return end;
    }

    private static String name(String written) {
        return written.startsWith("\"")
                ? written.substring(1, written.length() - 1).replace("\"\"", "\"")
                : written.toLowerCase(Locale.ROOT);
    }
}
