package io.levee.postgres;

import io.levee.Adoption;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Finds the table that an adoption names, whichever way it is written, and whether it may be read and taken. Statements only. */
final class AdoptedSource {
    private static final String NAMED =
            "SELECT n.nspname, c.relname, c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid ="
                    + " c.relnamespace WHERE c.relname IN (?::name, ?::name) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND"
                    + " n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' AND"
                    + " n.nspname NOT LIKE 'pg\\_temp%' AND (? = '' OR n.nspname IN (?::name, ?::name))"
                    + " ORDER BY c.relname = ?::name DESC, n.nspname = ?::name DESC, n.nspname = 'public' DESC, 1";

    /** Why a table is not taken over that others inherit from. */
    static final String INHERITED =
            "other tables inherit from it: they would be read with it, and their rows have numbers of their own";

    private final Connection connection;
    private final Names names;

    AdoptedSource(Connection connection, Names names) {
        this.connection = connection;
        this.names = names;
    }

    private record Relation(ForeignTable.Name name, String kind) {}

    /**
     * The adoption with the whole names of database and tables: one table has one name, whichever way it was said.
     *
     * @throws LeveeException {@code NOT_FOUND} where it is not there, {@code BAD_SPEC} where it is none to be adopted,
     *     {@code NOT_SUPPORTED} for another database
     */
    Adoption located(Adoption adoption) throws SQLException {
        Relation source = table(adoption.source());
        String details = adoption.details();
        if (details != null) {
            details = ForeignTable.Name.parse(details, source.name.schema()).text();
        }
        return new Adoption(
                database(adoption),
                source.name.text(),
                adoption.time(),
                adoption.timeUnit(),
                details,
                adoption.detailsKey(),
                adoption.columns(),
                adoption.take());
    }

    /** The database that the store is in: of no other one a table can be read. */
    String database(Adoption adoption) throws SQLException {
        String here = String.valueOf(Postgres.value(connection, "SELECT pg_catalog.current_database()::text"));
        if (!adoption.database().isBlank() && !adoption.database().equals(here)) {
            throw new LeveeException(
                            ErrorCode.NOT_SUPPORTED,
                            "a store in PostgreSQL adopts tables of its own database " + here + " only, not of "
                                    + adoption.database())
                    .with("database", adoption.database())
                    .hint("name no database; what lies in a file is copied with levee ingest");
        }
        return here;
    }

    private Relation table(String text) throws SQLException {
        List<Relation> found = relations(text);
        if (found.isEmpty()) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no table " + text).with("source", text);
        }
        Relation first = found.get(0);
        boolean several = found.size() > 1
                && ForeignTable.Name.parse(text, "").schema().isEmpty()
                && !first.name.schema().equals("public");
        if (several) {
            throw new LeveeException(
                            ErrorCode.BAD_SPEC,
                            "there are several tables " + text + ": "
                                    + found.stream().map(r -> r.name.text()).toList())
                    .hint("name its schema");
        }
        if (!first.kind.equals("r")) {
            throw new LeveeException(
                            ErrorCode.BAD_SPEC,
                            first.name.text() + " is no plain table but "
                                    + switch (first.kind) {
                                        case "p" -> "a partitioned one";
                                        case "f" -> "a foreign one";
                                        default -> "a view";
                                    })
                    .hint(first.kind.equals("p") ? "adopt its partitions, one by one" : "copy it with levee ingest");
        }
        requireForeign(first.name);
        return first;
    }

    private List<Relation> relations(String text) throws SQLException {
        ForeignTable.Name said = ForeignTable.Name.parse(text, "");
        List<Relation> found = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(NAMED)) {
            statement.setString(1, said.table());
            statement.setString(2, said.table().toLowerCase(Locale.ROOT));
            statement.setString(3, said.schema());
            statement.setString(4, said.schema());
            statement.setString(5, said.schema().toLowerCase(Locale.ROOT));
            statement.setString(6, said.table());
            statement.setString(7, said.schema());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.add(new Relation(
                            new ForeignTable.Name(rows.getString(1), rows.getString(2)), rows.getString(3)));
                }
            }
        }
        return found;
    }

    private void requireForeign(ForeignTable.Name name) throws SQLException {
        boolean own = name.schema().equals(names.catalogSchema())
                || name.schema().equals(names.schema())
                        && Postgres.value(
                                        connection,
                                        "SELECT 1 FROM " + names.catalog("partitions") + " WHERE leaf = ? LIMIT 1",
                                        name.table())
                                != null;
        if (own) {
            throw new LeveeException(ErrorCode.BAD_SPEC, name.text() + " is the store's own");
        }
    }

    /**
     * Refuses what the store's user may not read, or may not take.
     *
     * @throws LeveeException {@code IO_FAILED} with the rights that are missing
     */
    void requireRights(ForeignTable table, boolean take) throws SQLException {
        ForeignTable.Name name = table.name();
        boolean mayEnter = may("pg_catalog.has_schema_privilege(?::name, 'USAGE')", name.schema());
        boolean mayRead = may("pg_catalog.has_table_privilege(?::oid, 'SELECT')", table.oid());
        if (!mayEnter || !mayRead) {
            throw refused(name, "read", null).hint(grants(name));
        }
        boolean owns = may(
                "pg_catalog.pg_has_role((SELECT relowner FROM pg_catalog.pg_class WHERE oid = ?::oid), 'USAGE')",
                table.oid());
        if (take && !owns) {
            throw refused(name, "drop", null)
                    .hint("ALTER TABLE " + name.quoted() + " OWNER TO the user, or adopt it without take");
        }
    }

    private boolean may(String test, Object parameter) throws SQLException {
        return Boolean.TRUE.equals(Postgres.value(connection, "SELECT " + test, parameter));
    }

    static LeveeException refused(ForeignTable.Name name, String what, @Nullable Throwable cause) {
        return new LeveeException(
                        ErrorCode.IO_FAILED,
                        "the store's user may not " + what + " the adopted table " + name.text(),
                        cause)
                .with("source", name.text());
    }

    static String grants(ForeignTable.Name name) {
        return "GRANT USAGE ON SCHEMA " + Names.quote(name.schema()) + " TO the user; GRANT SELECT ON " + name.quoted()
                + " TO the user";
    }

    /** Whether other tables inherit from one. */
    static boolean inherited(Connection connection, ForeignTable table) throws SQLException {
        return Postgres.value(
                        connection,
                        "SELECT 1 FROM pg_catalog.pg_inherits WHERE inhparent = ?::oid LIMIT 1",
                        table.oid())
                != null;
    }

    /** Whether its row security may keep rows from the store's user. */
    static boolean hides(Connection connection, ForeignTable table) throws SQLException {
        return Boolean.TRUE.equals(
                Postgres.value(connection, "SELECT pg_catalog.row_security_active(?::oid)", table.oid()));
    }

    /** Refuses a table that others inherit from. */
    void requireAlone(ForeignTable table) throws SQLException {
        if (inherited(connection, table)) {
            throw new LeveeException(ErrorCode.BAD_SPEC, table.name().text() + " cannot be adopted: " + INHERITED)
                    .with("source", table.name().text())
                    .hint("end that (ALTER TABLE … NO INHERIT), and adopt each of them");
        }
    }

    /** In words, the sessions of others that write to a table now. */
    static List<String> writers(Connection connection, ForeignTable table) throws SQLException {
        List<String> writers = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT DISTINCT a.pid, a.application_name, a.usename FROM pg_catalog.pg_locks l JOIN"
                        + " pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE l.relation = ?::oid AND l.database = (SELECT oid"
                        + " FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND l.granted AND l.mode"
                        + " IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
                        + " AND a.pid <> pg_catalog.pg_backend_pid() ORDER BY 1 LIMIT 10")) {
            statement.setLong(1, table.oid());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    String application = rows.getString(2);
                    writers.add("session " + rows.getInt(1) + " ("
                            + (application == null || application.isBlank() ? "" : application + ", ") + "user "
                            + rows.getString(3) + ")");
                }
            }
        }
        return writers;
    }
}
