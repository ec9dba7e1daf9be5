package io.levee.sqlite;

import io.levee.engine.Term;
import io.levee.internal.json.Json;

/** How a {@link Term} is read in SQL. Its place in a json column is part of the text, with each step quoted. */
final class TermSql {
    private TermSql() {}

    /**
     * A term as it is shown, grouped, sorted and compared with text.
     *
     * @param column how its column is read
     */
    static String text(Term term, String column) {
        if (!term.inJson()) {
            return column;
        }
        String path = path(term);
        return guarded(
                term,
                column,
                " WHEN 'text' THEN json_extract(" + column + ", " + path + ") WHEN 'integer' THEN " + column + " -> "
                        + path
                        + " WHEN 'real' THEN " + column + " -> " + path
                        + " WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'");
    }

    /** A term as it is compared with a number and computed with; null where it holds none. */
    static String number(Term term, String column) {
        if (!term.inJson()) {
            return column;
        }
        String value = "json_extract(" + column + ", " + path(term) + ")";
        return guarded(term, column, " WHEN 'integer' THEN " + value + " WHEN 'real' THEN " + value + " + 0.0");
    }

    /**
     * What somebody else wrote and is no JSON has no places: asked for one, SQLite would end the whole statement. Nor has a document
     * with NUL in a text, which not every engine can keep.
     */
    private static String guarded(Term term, String column, String cases) {
        return "CASE WHEN json_valid(" + column + ") AND instr(" + column + ", '\\u0000') = 0 THEN CASE json_type("
                + column + ", " + path(term) + ")" + cases + " END END";
    }

    /** Names in double quotes, in which SQLite reads any. */
    private static String path(Term term) {
        StringBuilder path = new StringBuilder("$");
        for (Object step : term.steps()) {
            path.append(step instanceof Integer at ? "[" + at + "]" : "." + Json.write(step));
        }
        return Sqlite.literal(path.toString());
    }
}
