package io.levee.postgres;

import java.util.List;

/**
 * The functions in the catalog's schema through which free SQL is run. A text is their argument, and never a part of a statement, so
 * no quote or comment in it can end one; {@code OPEN} takes exactly one statement that gives rows; and a function that says it is
 * STABLE may run nothing that writes, not even within a WITH.
 */
final class SqlFunctions {
    /** Opens the cursor {@link ReadSession#CURSOR} for a text that reads. */
    static final String READ = "levee_read";

    /** The same for EXPLAIN, which no STABLE function may run: that it does not write is up to the transaction. */
    static final String EXPLAIN = "levee_explain";

    private SqlFunctions() {}

    /** The statements that make the functions. */
    static List<String> create(Names names) {
        return List.of(create(names, READ, "STABLE", ""), create(names, EXPLAIN, "VOLATILE", "'EXPLAIN ' || "));
    }

    private static String create(Names names, String name, String volatility, String before) {
        return "CREATE OR REPLACE FUNCTION " + names.catalog(name) + "(sql text) RETURNS refcursor LANGUAGE plpgsql "
                + volatility + " AS $levee$ DECLARE opened refcursor := '" + ReadSession.CURSOR
                + "'; BEGIN OPEN opened NO SCROLL FOR EXECUTE " + before + "sql; RETURN opened; END $levee$";
    }
}
