package io.levee.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Where the extension {@code pg_trgm} is, whose index answers CONTAINS for the columns that a table lists under {@code fulltext}. Without it
 * they are scanned, and the answers are the same.
 */
final class Trigrams {
    /**
     * Letters of the index are made small by the database's collation, those of CONTAINS only where they are of ASCII: the index must not
     * leave out what CONTAINS lets through, as one of a Turkish or an ICU collation would.
     */
    private static final String USABLE = "SELECT pg_catalog.quote_ident(n.nspname) || '.gin_trgm_ops' FROM"
            + " pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname ="
            + " 'pg_trgm' AND pg_catalog.lower('I' COLLATE pg_catalog.\"default\") = 'i' AND (SELECT"
            + " COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c') <> 'i' FROM pg_catalog.pg_database d WHERE"
            + " d.datname = pg_catalog.current_database())";

    private Trigrams() {}

    /** The class of operators for an index, quoted; null where there is none to be used. */
    static @Nullable String operators(Connection connection) throws SQLException {
        return (String) Postgres.value(connection, USABLE);
    }

    /**
     * Makes the extension if it is missing and may be made, in a transaction of its own. It goes to {@code public}: with the schema of one store
     * it would take the indexes of others away.
     */
    static void provide(Connection connection) throws SQLException {
        boolean there =
                Postgres.value(connection, "SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'pg_trgm'") != null;
        if (!there) {
            try {
                Postgres.run(connection, "CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public");
            } catch (SQLException e) {
                if (Postgres.gone(e)) {
                    throw e;
                }
                // The server does not have it, the user may not make it, or another store makes it right now.
                System.getLogger("io.levee.postgres")
                        .log(
                                System.Logger.Level.WARNING,
                                "no index for fulltext columns: CREATE EXTENSION pg_trgm failed: " + e.getMessage());
            }
        }
    }
}
