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

    /**
     * The microseconds since 1970 that a text of ISO-8601 says, with {@code T} or a blank, with or without a zone; {@code +0000 UTC}, as
     * Go writes it, is UTC. Null for any other text.
     */
    static final String MICROS = "levee_micros";

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
     * The function that reads times in texts. Places and not a pattern with parts, which would take a hundred times as long. A month's
     * first day is always one; days past its end are those of the next one.
     */
    static String micros(Names names) {
        return "CREATE OR REPLACE FUNCTION " + names.catalog(MICROS)
                + "(at text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE"
                + " STRICT PARALLEL SAFE AS $levee$ DECLARE shape text := pg_catalog.translate(pg_catalog.left(at, 19),"
                + " '123456789T', '000000000 '); tail text; rest text; y int; m int; d int; h int := 0; n int := 0; s int := 0;"
                + " f bigint := 0; z int := 0; BEGIN"
                + " IF shape = '0000-00-00 00:00:00' THEN tail := pg_catalog.substr(at, 20); s := pg_catalog.substr(at, 18, 2);"
                + " ELSIF pg_catalog.left(shape, 16) = '0000-00-00 00:00' THEN tail := pg_catalog.substr(at, 17);"
                + " ELSIF shape = '0000-00-00' THEN tail := ''; ELSE RETURN NULL; END IF;"
                + " y := pg_catalog.left(at, 4); m := pg_catalog.substr(at, 6, 2); d := pg_catalog.substr(at, 9, 2);"
                + " IF pg_catalog.length(shape) > 10 THEN h := pg_catalog.substr(at, 12, 2); n := pg_catalog.substr(at, 15, 2); END IF;"
                + " IF y < 1 OR m < 1 OR m > 12 OR d < 1 OR d > 31 OR h > 23 OR n > 59 OR s > 59 THEN RETURN NULL; END IF;"
                + " IF tail <> '' THEN"
                + " IF pg_catalog.left(tail, 1) = '.' AND pg_catalog.length(shape) = 19 THEN"
                + " rest := pg_catalog.ltrim(pg_catalog.substr(tail, 2), '0123456789');"
                + " tail := pg_catalog.substr(tail, 2, pg_catalog.length(tail) - 1 - pg_catalog.length(rest));"
                + " IF tail = '' THEN RETURN NULL; END IF;"
                + " f := pg_catalog.rpad(pg_catalog.left(tail, 6), 6, '0'); tail := rest; END IF;"
                + " IF tail NOT IN ('', 'Z', ' UTC', '+00', '+00:00', ' +0000 UTC') THEN"
                + " IF tail OPERATOR(pg_catalog.!~) '^ ?[+-][0-9][0-9](:?[0-9][0-9])?( UTC)?$' THEN RETURN NULL; END IF;"
                + " tail := pg_catalog.translate(tail, ' :UTC', '');"
                + " z := pg_catalog.substr(tail, 2, 2)::int * 3600 + pg_catalog.rpad(pg_catalog.substr(tail, 4), 2, '0')::int * 60;"
                + " IF pg_catalog.left(tail, 1) = '-' THEN z := -z; END IF; END IF; END IF;"
                + " RETURN (((pg_catalog.make_date(y, m, 1) OPERATOR(pg_catalog.-) date '1970-01-01')::bigint + d - 1) * 86400"
                + " + h * 3600 + n * 60 + s - z) * 1000000 + f; END $levee$";
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
