package io.levee.postgres;

import io.levee.IndexSpec;
import io.levee.TableSpec;
import io.levee.postgres.NamedIndexes.Of;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/**
 * One index of one partition, built beside its readers and writers on a connection of its own, which holds the builders' lock as long as it
 * works (guarantees G104, G105): a session's lock, which ends with the session (G196). What an earlier build has left behind is taken away
 * first (G106).
 */
final class IndexBuild {
    /** The first of the lock's two numbers: "levi". The second is the schema's. */
    private static final int LOCK_CLASS = 0x6c657669;

    private final Connections connections;
    private final Names names;
    private final NamedIndexes indexes;
    private final TableSpec spec;
    private final IndexSpec index;
    private final Leaf leaf;
    private final LockSchedule schedule = new LockSchedule();
    private @Nullable Statement running;
    private boolean cancelled;

    IndexBuild(Connections connections, Names names, TableSpec spec, IndexSpec index, Leaf leaf) {
        this.connections = connections;
        this.names = names;
        this.indexes = new NamedIndexes(names);
        this.spec = spec;
        this.index = index;
        this.leaf = leaf;
    }

    Leaf leaf() {
        return leaf;
    }

    IndexSpec index() {
        return index;
    }

    /** Ends it; what it has begun is left behind. Any thread. */
    synchronized void cancel() {
        cancelled = true;
        try {
            if (running != null) {
                running.cancel();
            }
        } catch (SQLException e) {
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "cancelling an index build", e);
        }
    }

    synchronized boolean cancelled() {
        return cancelled;
    }

    /**
     * Builds it.
     *
     * @return an empty text where it is there, else what it waits for
     */
    String run() throws SQLException {
        Connection connection = connections.open(false);
        try {
            patient(connection, true);
            if (!lock(connection)) {
                return "one index is built at a time, and " + holder(connection);
            }
            return build(connection);
        } finally {
            patient(connection, false);
            connections.giveBack(connection);
        }
    }

    /** A build is silent for as long as it takes, and waits for whoever had begun before: that keeps nobody else waiting. */
    private static void patient(Connection connection, boolean patient) throws SQLException {
        try {
            connection.setNetworkTimeout(Runnable::run, patient ? 0 : Connections.SILENCE_MS);
        } catch (SQLFeatureNotSupportedException e) {
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "no network timeout", e);
        } catch (SQLException e) {
            if (patient) {
                throw e;
            }
            // It is given back because it is gone.
        }
    }

    private boolean lock(Connection connection) throws SQLException {
        return Boolean.TRUE.equals(Postgres.value(
                connection, "SELECT pg_catalog.pg_try_advisory_lock(?, ?)", LOCK_CLASS, names.lockNumber()));
    }

    private String holder(Connection connection) throws SQLException {
        Object pid = Postgres.value(
                connection,
                "SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM"
                        + " pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND classid::bigint = ?"
                        + " AND objid::bigint = ? AND objsubid = 2 AND granted",
                (long) LOCK_CLASS,
                Integer.toUnsignedLong(names.lockNumber()));
        return pid == null ? "another session has just done it" : "session " + pid + " of this store does it";
    }

    private String build(Connection connection) throws SQLException {
        String own = NamedIndexes.name(spec, names, leaf.name(), index);
        Of found = indexes.of(connection, spec, index, leaf);
        if (found.state() == NamedIndexes.State.INVALID) {
            Object builder = Postgres.value(
                    connection,
                    "SELECT pid FROM pg_catalog.pg_stat_progress_create_index WHERE relid = pg_catalog.to_regclass(?)",
                    names.in(leaf.name()));
            if (builder != null) {
                return "session " + builder + " builds an index of " + leaf.id();
            }
            atLength(connection, "DROP INDEX CONCURRENTLY IF EXISTS " + names.in(String.valueOf(found.index())));
            found = indexes.of(connection, spec, index, leaf);
        }
        if (found.state() == NamedIndexes.State.MISSING) {
            create(connection, own);
            found = indexes.of(connection, spec, index, leaf);
        }
        return found.state() == NamedIndexes.State.LOOSE ? attach(connection, own) : "";
    }

    private void create(Connection connection, String own) throws SQLException {
        boolean done = false;
        try {
            atLength(
                    connection,
                    "CREATE INDEX CONCURRENTLY " + Names.quote(own) + " ON " + names.in(leaf.name()) + " "
                            + NamedIndexes.definition(spec, names, index));
            done = true;
        } finally {
            if (!done) {
                leftover(connection, own);
            }
        }
    }

    /** A build that failed has left an index that rows go into, and that refuses those that it failed at: it goes at once, if it can. */
    private void leftover(Connection connection, String own) {
        try {
            Postgres.run(
                    connection,
                    "SET lock_timeout = " + Postgres.LOCK_TIMEOUT_MS + "; DROP INDEX IF EXISTS " + names.in(own));
        } catch (SQLException e) {
            System.getLogger("io.levee.postgres")
                    .log(
                            System.Logger.Level.INFO,
                            "the unfinished index {0} stays until the next build: {1}",
                            own,
                            e.getMessage());
        }
    }

    private String attach(Connection connection, String own) throws SQLException {
        String above = indexes.above(connection, spec, leaf, index);
        if (above == null) {
            return "";
        }
        Postgres.run(connection, "SET lock_timeout = " + Postgres.LOCK_TIMEOUT_MS);
        boolean done = schedule.run(() -> indexes.attach(connection, above, own));
        return done
                ? ""
                : "the index is built, and its partition is in use: " + Attachment.blocker(connection, names, leaf);
    }

    /** Runs what may take long, and can be cancelled. */
    private void atLength(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("SET lock_timeout = 0");
            synchronized (this) {
                if (cancelled) {
                    throw new SQLException("cancelled before it began", "57014");
                }
                running = statement;
            }
            try {
                statement.execute(sql);
            } finally {
                synchronized (this) {
                    running = null;
                }
            }
        }
    }
}
