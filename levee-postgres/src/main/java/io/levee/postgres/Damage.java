package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.Verification;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Damaged partitions: found by reading all of one, and named where a query meets one. Pages have the server's own checksums; nothing
 * can be set aside here that is not dropped with it. Maintenance and query threads.
 */
final class Damage {
    /** A file of the server, as its errors name it: the number is that of a table, an index or what is kept beside a table. */
    private static final Pattern FILE =
            Pattern.compile("(?:base|pg_tblspc)/[^\\s\"]*?/(\\d+)(?:\\.\\d+)?(?:[\\s\":,]|$)");

    private static final Pattern INDEX = Pattern.compile("index \"([^\"]+)\"");
    private static final Pattern BESIDE = Pattern.compile("\\bpg_toast_(\\d+)\\b");

    private final Connections connections;
    private final CatalogSession session;
    private final Names names;

    Damage(Connections connections, CatalogSession session, Names names) {
        this.connections = connections;
        this.session = session;
        this.names = names;
    }

    /** Reads every value of a partition, and compares what it holds with the catalog's figures of the same moment. */
    Verification verify(PartitionId id) {
        Connection connection = connections.open(true);
        try {
            return verify(connection, id);
        } catch (SQLException e) {
            LeveeException failure = Postgres.failure("the partition " + id + " cannot be read", e);
            if (failure.code() == ErrorCode.CORRUPT) {
                return new Verification(id, Verification.State.DAMAGED, 0, String.valueOf(e.getMessage()));
            }
            throw failure;
        } finally {
            connections.giveBack(connection);
        }
    }

    private Verification verify(Connection c, PartitionId id) throws SQLException {
        Object leaf = Postgres.value(
                c,
                "SELECT leaf FROM " + names.catalog("partitions")
                        + " WHERE table_name = ? AND class = ? AND period = ? AND n = ? AND state IN ('open', 'closed')",
                id.table(),
                id.retentionClass(),
                id.period(),
                id.n());
        if (leaf == null) {
            return new Verification(id, Verification.State.UNCHECKED, 0, "it is not there, or being dropped");
        }
        // The size of a whole row takes all its values, those that are kept beside the table too.
        try (PreparedStatement statement = c.prepareStatement(
                "SELECT count(*), coalesce(sum(pg_catalog.pg_column_size(p.*)), 0)::bigint, (SELECT row_count FROM "
                        + names.catalog("partitions")
                        + " WHERE table_name = ? AND class = ? AND period = ? AND n = ?) FROM "
                        + names.in((String) leaf) + " p")) {
            statement.setString(1, id.table());
            statement.setString(2, id.retentionClass());
            statement.setString(3, id.period());
            statement.setInt(4, id.n());
            // Longer than other statements of a kept connection may take without a word.
            c.setNetworkTimeout(Runnable::run, 0);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getLong(1) == rows.getLong(3)
                        ? new Verification(id, Verification.State.OK, rows.getLong(2), "")
                        : new Verification(
                                id,
                                Verification.State.DAMAGED,
                                rows.getLong(2),
                                "it holds " + rows.getLong(1) + " rows, and the catalog says " + rows.getLong(3)
                                        + ": somebody else changed it, or the server lost some");
            }
        }
    }

    /** The error with the partition that it is about, where that can be found out. */
    LeveeException named(LeveeException error) {
        if (error.code() != ErrorCode.CORRUPT) {
            return error;
        }
        String text = String.valueOf(error.getMessage());
        try {
            PartitionId id = session.ask("a damaged partition cannot be named", c -> of(c, text));
            LeveeException named = new LeveeException(
                            ErrorCode.CORRUPT, "the partition " + id + " is damaged: " + error.what(), error)
                    .with("partition", id.toString())
                    .hint("queries of other times go on; see the server's log, restore it from a backup, or drop it");
            error.details().forEach(named::with);
            return named;
        } catch (LeveeException e) {
            error.addSuppressed(e);
            return error;
        }
    }

    private PartitionId of(Connection c, String text) throws SQLException {
        Long table = table(c, text);
        if (table != null) {
            try (PreparedStatement statement =
                    c.prepareStatement("SELECT p.table_name, p.class, p.period, p.n FROM " + names.catalog("partitions")
                            + " p JOIN pg_catalog.pg_class c ON c.relname = p.leaf JOIN pg_catalog.pg_namespace s ON s.oid ="
                            + " c.relnamespace AND s.nspname = ? WHERE c.oid = ?")) {
                statement.setString(1, names.schema());
                statement.setLong(2, table);
                try (ResultSet rows = statement.executeQuery()) {
                    if (rows.next()) {
                        return new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4));
                    }
                }
            }
        }
        throw new LeveeException(ErrorCode.NOT_FOUND, "no partition of this store is named in it");
    }

    /** The table that an error is about, by whatever of it is named. */
    private @Nullable Long table(Connection c, String text) throws SQLException {
        Matcher beside = BESIDE.matcher(text);
        if (beside.find()) {
            return Long.valueOf(beside.group(1));
        }
        Matcher index = INDEX.matcher(text);
        if (index.find()) {
            return table(
                    c,
                    "SELECT i.indrelid FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN"
                            + " pg_catalog.pg_namespace s ON s.oid = c.relnamespace AND s.nspname = '" + names.schema()
                            + "' WHERE c.relname = ?",
                    index.group(1));
        }
        Matcher file = FILE.matcher(text);
        if (file.find()) {
            return table(
                    c,
                    "SELECT coalesce(t.oid, i.indrelid, f.oid) FROM (SELECT pg_catalog.pg_filenode_relation(0, ?::oid) AS oid)"
                            + " f LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = f.oid LEFT JOIN pg_catalog.pg_class t"
                            + " ON t.reltoastrelid = coalesce(i.indrelid, f.oid)",
                    file.group(1));
        }
        return null;
    }

    private static @Nullable Long table(Connection c, String sql, String parameter) throws SQLException {
        return Postgres.value(c, sql, parameter) instanceof Long oid ? oid : null;
    }
}
