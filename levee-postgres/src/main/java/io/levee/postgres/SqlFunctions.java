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

    /**
     * The same for EXPLAIN, which no STABLE function may run. What is explained is opened as one that reads before: a transaction that
     * is READ ONLY does not keep EXPLAIN ANALYZE from a SELECT … INTO.
     */
    static final String EXPLAIN = "levee_explain";

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
}
