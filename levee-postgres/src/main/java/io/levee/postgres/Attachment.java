package io.levee.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** How a partition's table hangs on its parent, as the server sees it now. */
enum Attachment {
    /** There is no such table. */
    MISSING,
    /** A partition like any other. */
    ATTACHED,
    /** Later queries do not see it any more; it has to be finalized. */
    PENDING,
    /** A table of its own. */
    DETACHED,
    /** A table of its own without the bounds that the catalog has for it: somebody else's. */
    FOREIGN;

    /** How a leaf's table hangs. */
    static Attachment of(Connection connection, Names names, Leaf leaf) throws SQLException {
        String sql = "SELECT i.inhdetachpending, k.oid IS NOT NULL, pg_catalog.pg_get_constraintdef(k.oid)"
                + " FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid"
                + " LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c' AND k.conname = ?"
                + " WHERE c.oid = pg_catalog.to_regclass(?)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, Schema.BOUNDS);
            statement.setString(2, names.in(leaf.name()));
            try (ResultSet rows = statement.executeQuery()) {
                if (!rows.next()) {
                    return MISSING;
                }
                boolean pending = rows.getBoolean(1);
                boolean detached = rows.wasNull();
                if (detached) {
                    return rows.getBoolean(2) && bounds(rows.getString(3), leaf) ? DETACHED : FOREIGN;
                }
                return pending ? PENDING : ATTACHED;
            }
        }
    }

    /** The table that a leaf hangs on, quoted: its table's parent, or the branch of its class. */
    static String parent(Connection connection, Names names, Leaf leaf) throws SQLException {
        Object parent = Postgres.value(
                connection,
                "SELECT pg_catalog.format('%I.%I', n.nspname, p.relname) FROM pg_catalog.pg_inherits i JOIN"
                        + " pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace n ON n.oid ="
                        + " p.relnamespace WHERE i.inhrelid = pg_catalog.to_regclass(?)",
                names.in(leaf.name()));
        return parent == null ? names.in(leaf.id().table()) : parent.toString();
    }

    /** Whether a constraint's text has the leaf's bounds in it. */
    private static boolean bounds(String definition, Leaf leaf) {
        boolean from = leaf.fromMicros() == Long.MIN_VALUE || definition.contains(Long.toString(leaf.fromMicros()));
        boolean to = leaf.toMicros() == Long.MAX_VALUE || definition.contains(Long.toString(leaf.toMicros()));
        return from && to;
    }

    /** In words, who keeps a leaf or its parent locked, or an old snapshot that a detach has to wait for. */
    static String blocker(Connection connection, Names names, Leaf leaf) throws SQLException {
        String sql = "SELECT a.pid, a.application_name, a.usename, a.state, greatest(0,"
                + " extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start))::bigint"
                + " FROM pg_catalog.pg_stat_activity a LEFT JOIN (SELECT DISTINCT pid FROM pg_catalog.pg_locks WHERE granted"
                + " AND relation IN (pg_catalog.to_regclass(?), pg_catalog.to_regclass(?))) l ON l.pid = a.pid"
                + " WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.datname = pg_catalog.current_database()"
                + " AND (l.pid IS NOT NULL OR a.backend_xmin IS NOT NULL)"
                + " ORDER BY l.pid IS NULL, a.xact_start LIMIT 1";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, names.in(leaf.name()));
            statement.setString(2, names.in(leaf.id().table()));
            try (ResultSet rows = statement.executeQuery()) {
                if (!rows.next()) {
                    return "others lock it again and again, each for a short time";
                }
                return "session " + rows.getInt(1) + " (" + rows.getString(2) + ", user " + rows.getString(3) + ", "
                        + rows.getString(4) + ") keeps it locked, in a transaction that is " + rows.getLong(5)
                        + " s old";
            }
        }
    }
}
