package io.levee.postgres;

import java.util.List;
import java.util.Map;

/**
 * The functions in the catalog's schema through which free SQL is run. A text is their argument, and never a part of a statement, so
 * no quote or comment in it can end one; {@code OPEN} takes exactly one statement that gives rows; and a function that says it is
 * STABLE may run nothing that writes, not even within a WITH.
 */
final class SqlFunctions {
    /** Opens the cursor {@link ReadSession#CURSOR} for a text that reads. */
    static final String READ = "levee_read";

    /**
     * The same for EXPLAIN, which no STABLE function may run. What is explained is opened as one that reads before: a transaction that
     * is READ ONLY does not keep EXPLAIN ANALYZE from a SELECT … INTO.
     */
    static final String EXPLAIN = "levee_explain";

    /** The text at a place in a json text; null where there is none, and where the text is no JSON or cannot be a text here. */
    static final String TEXT = "levee_text";

    /** The number at a place in a json text; null where there is none. */
    static final String NUMBER = "levee_number";

    private SqlFunctions() {}

    /** The statements that make the functions. */
    static List<String> create(Names names) {
        String open = "OPEN opened NO SCROLL FOR EXECUTE ";
        String read =
                "CREATE OR REPLACE FUNCTION " + names.catalog(READ) + "(sql text) RETURNS refcursor LANGUAGE plpgsql"
                        + " STABLE AS $levee$ DECLARE opened refcursor := '" + ReadSession.CURSOR + "'; BEGIN " + open
                        + "sql; RETURN opened; END $levee$";
        String explain = "CREATE OR REPLACE FUNCTION " + names.catalog(EXPLAIN)
                + "(options text, sql text) RETURNS refcursor LANGUAGE plpgsql VOLATILE AS $levee$ DECLARE opened"
                + " refcursor; BEGIN opened := " + names.catalog(READ) + "(sql); CLOSE opened; " + open
                + "'EXPLAIN ' || options || ' ' || sql; RETURN opened; END $levee$";
        return List.of(read, explain);
    }

    /**
     * The functions that look into json texts. No cast does it without ending the statement where one text is bad, and a handler of
     * errors is a subtransaction, which parallel workers may not begin: they are not PARALLEL SAFE.
     */
    static Map<String, String> places(Names names) {
        String walk = "DECLARE at json; step text; n numeric; BEGIN at := doc::json; FOREACH step IN ARRAY path LOOP"
                + " IF pg_catalog.left(step, 1) = '.' THEN at := at OPERATOR(pg_catalog.->) pg_catalog.substr(step, 2);"
                + " ELSE at := at OPERATOR(pg_catalog.->) pg_catalog.substr(step, 2)::int; END IF; END LOOP; ";
        // A text with NUL or half a character has no places at all, as everywhere: the whole of it is read once.
        String whole = "PERFORM doc::json OPERATOR(pg_catalog.#>>) '{}'; ";
        String end = " EXCEPTION WHEN data_exception OR statement_too_complex THEN RETURN NULL; END $levee$";
        String text = walk + "IF pg_catalog.json_typeof(at) IN ('object', 'array') THEN RETURN NULL; END IF; " + whole
                + "RETURN at OPERATOR(pg_catalog.#>>) '{}';" + end;
        // Numbers past the range of floating point are infinite or 0, so that no cast ends the statement.
        String number = walk + "IF pg_catalog.json_typeof(at) IS DISTINCT FROM 'number' THEN RETURN NULL; END IF; "
                + whole
                + "n := (at OPERATOR(pg_catalog.#>>) '{}')::numeric; IF n = 0 OR pg_catalog.abs(n) BETWEEN 1e-307 AND 1e308"
                + " THEN RETURN n; END IF; RETURN CASE WHEN pg_catalog.abs(n) > 1.7976931348623157e308 THEN"
                + " pg_catalog.sign(n) * 'Infinity'::numeric WHEN pg_catalog.abs(n) < 5e-324 THEN 0 ELSE n END;" + end;
        String head = "(doc text, path text[]) RETURNS ";
        String kind = " LANGUAGE plpgsql IMMUTABLE STRICT AS $levee$ ";
        return Map.of(
                TEXT, "CREATE OR REPLACE FUNCTION " + names.catalog(TEXT) + head + "text" + kind + text,
                NUMBER, "CREATE OR REPLACE FUNCTION " + names.catalog(NUMBER) + head + "numeric" + kind + number);
    }
}
