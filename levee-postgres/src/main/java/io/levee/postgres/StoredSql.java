package io.levee.postgres;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Values of SQL in stored form: functions in the catalog's schema, one of each name for each type that an expression may have, which the
 * planner writes out; and defaults as literals. A truth value is a number, a number without its fraction a whole one, as in the other engine.
 */
final class StoredSql {
    static final String WHOLE = "levee_whole";
    static final String REAL = "levee_real";
    static final String WORD = "levee_word";

    private StoredSql() {}

    /** The statements that make the functions, by {@code name(type)}. */
    static Map<String, String> functions(Names names) {
        Map<String, String> all = new LinkedHashMap<>();
        put(all, names, WHOLE, "boolean", "bigint", "$1::int::bigint");
        put(all, names, WHOLE, "integer", "bigint", "$1::bigint");
        put(all, names, WHOLE, "bigint", "bigint", "$1");
        put(all, names, WHOLE, "numeric", "bigint", "pg_catalog.trunc($1)::bigint");
        put(all, names, WHOLE, "double precision", "bigint", "pg_catalog.trunc($1)::bigint");
        put(all, names, WHOLE, "text", "bigint", "$1::bigint");
        put(all, names, REAL, "boolean", "double precision", "$1::int::double precision");
        put(all, names, REAL, "double precision", "double precision", "$1");
        put(all, names, REAL, "text", "double precision", "$1::double precision");
        put(all, names, WORD, "boolean", "text", "$1::int::text");
        put(all, names, WORD, "text", "text", "$1");
        put(all, names, WORD, "bigint", "text", "$1::text");
        put(all, names, WORD, "numeric", "text", "$1::text");
        put(all, names, WORD, "double precision", "text", "$1::text");
        return all;
    }

    private static void put(
            Map<String, String> all, Names names, String name, String from, String to, String expression) {
        all.put(
                name + "(" + from + ")",
                "CREATE OR REPLACE FUNCTION " + names.catalog(name) + "(" + from + ") RETURNS " + to
                        + " LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN " + expression);
    }

    /** A stored value as a literal of the type that columns have for it. */
    static String literal(Object value) {
        if (value instanceof String text) {
            // A backslash has no meaning, since every session has standard_conforming_strings on.
            return "'" + text.replace("'", "''") + "'";
        }
        return value instanceof Double number ? "'" + number + "'::double precision" : "'" + value + "'";
    }
}
