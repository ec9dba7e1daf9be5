package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.json.Json;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * The one connection that writes, which holds the store's lock: a session advisory lock, which ends with the session. Opened by the
 * thread that opens the store, then owned by the writer.
 *
 * <p>Invariant: nothing is written through a connection that does not hold the lock, nor after somebody else has had the store.
 * A session that died has ended on the server before its lock can be had again: whatever it still did is visible by then.
 */
final class WriterSession {
    /** The first of the lock's two numbers: "leve". The second is the schema's. */
    private static final int LOCK_CLASS = 0x6c657665;

    /** Between tries to connect: doubled by each that fails, up to the longest; by chance up to a quarter more or less. */
    private static final Duration PAUSE = Duration.ofMillis(100);

    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(3);

    private final Connections connections;
    private final Catalog catalog;
    private final String me;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private @Nullable Connection connection;
    private int backend;
    private @Nullable LeveeException failure;
    private long tryAgainNanos;
    private int failures;
    private int generation;

    private WriterSession(Connections connections, Catalog catalog, String me) {
        this.connections = connections;
        this.catalog = catalog;
        this.me = me;
    }

    /**
     * Takes the lock of a store, which need not exist yet.
     *
     * @throws LeveeException {@link ErrorCode#STORE_LOCKED} with the owner's pid and host
     */
    static WriterSession open(Connections connections, Catalog catalog, Instant now) {
        Map<String, Object> me = new LinkedHashMap<>();
        me.put("pid", ProcessHandle.current().pid());
        me.put("host", Connections.host());
        me.put("since", now.toString());
        // Two openings by one process in one microsecond must differ.
        me.put("opening", UUID.randomUUID().toString());
        WriterSession session = new WriterSession(connections, catalog, Json.write(me));
        session.connection = session.locked(0);
        return session;
    }

    /** What {@code store.owner} says while this session has the store. */
    String me() {
        return me;
    }

    /** Says in the catalog who has the lock. Once the catalog is there. */
    void announce() throws SQLException {
        catalog.put(take(), "owner", me);
    }

    /**
     * The connection, with the lock; a new one where the last died.
     *
     * @throws LeveeException {@link ErrorCode#SERVER_UNAVAILABLE}, or {@link ErrorCode#STORE_LOCKED} where somebody else took
     *     the store meanwhile
     */
    Connection take() {
        if (connection != null) {
            return connection;
        }
        if (failure != null && clock.nanos() - tryAgainNanos < 0) {
            // The writer asks again within milliseconds; the server is not asked as often.
            throw new LeveeException(failure.code(), failure.what(), failure);
        }
        try {
            Connection fresh = locked(backend);
            if (!requireMine(fresh)) {
                connections.giveBack(fresh);
                throw new LeveeException(
                                ErrorCode.STORE_LOCKED,
                                "another writer had the store " + connections.address()
                                        + " while this one was cut off from the server")
                        .hint("close this store and open it again");
            }
            connection = fresh;
            failure = null;
            failures = 0;
            generation++;
            return fresh;
        } catch (LeveeException e) {
            // Whatever keeps a store from its server that was there before (a password that changed, a start) may pass.
            failure = e.retryable()
                    ? e
                    : new LeveeException(ErrorCode.SERVER_UNAVAILABLE, "no new connection: " + e.getMessage(), e);
            tryAgainNanos = clock.nanos() + pause();
            throw failure;
        }
    }

    private long pause() {
        long longest = Math.min(LONGEST_PAUSE.toNanos(), PAUSE.toNanos() << Math.min(failures++, 10));
        return (long) (longest * (0.75 + ThreadLocalRandom.current().nextDouble() / 2));
    }

    /** How often the connection was replaced. */
    int generation() {
        return generation;
    }

    /** A connection that has the lock. The session that had it before may not have noticed yet that it is over. */
    private Connection locked(int oldBackend) {
        Connection fresh = connections.open(false);
        boolean done = false;
        try {
            if (!lock(fresh)) {
                int holder = holder(fresh, catalog.names());
                if (oldBackend == 0 || holder != oldBackend) {
                    throw lockedBy(fresh);
                }
                Postgres.value(fresh, "SELECT pg_catalog.pg_terminate_backend(?)", oldBackend);
                throw new LeveeException(
                        ErrorCode.SERVER_UNAVAILABLE, "the server has not ended this store's last connection yet");
            }
            Object pid = Postgres.value(fresh, "SELECT pg_catalog.pg_backend_pid()");
            backend = pid instanceof Integer number ? number : 0;
            done = true;
            return fresh;
        } catch (SQLException e) {
            throw Postgres.failure("the store's lock cannot be taken", e);
        } finally {
            if (!done) {
                Postgres.closeQuietly(fresh);
            }
        }
    }

    private boolean lock(Connection fresh) throws SQLException {
        return Boolean.TRUE.equals(Postgres.value(
                fresh,
                "SELECT pg_catalog.pg_try_advisory_lock(?, ?)",
                LOCK_CLASS,
                catalog.names().lockNumber()));
    }

    private boolean requireMine(Connection fresh) {
        try {
            return me.equals(catalog.get(fresh, "owner"));
        } catch (SQLException e) {
            throw Postgres.failure("the store's owner cannot be read", e);
        }
    }

    private LeveeException lockedBy(Connection fresh) throws SQLException {
        Map<String, Object> owner = owner(fresh, catalog);
        LeveeException e = new LeveeException(
                        ErrorCode.STORE_LOCKED,
                        "the store " + connections.address() + " is open for writing by another session (pid "
                                + owner.get("pid") + " on " + owner.get("host") + ", since " + owner.get("since") + ")")
                .hint("stop that process, send the records to it, or open the store for reading");
        owner.forEach(e::with);
        return e;
    }

    /** The backend that holds the store's lock, or 0. */
    private static int holder(Connection connection, Names names) throws SQLException {
        // The numbers are shown as oid, which has no sign.
        Object pid = Postgres.value(
                connection,
                "SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM"
                        + " pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND classid::bigint = ?"
                        + " AND objid::bigint = ? AND objsubid = 2 AND granted",
                (long) LOCK_CLASS,
                Integer.toUnsignedLong(names.lockNumber()));
        return pid instanceof Integer number ? number : 0;
    }

    /** Who holds the store's lock: {@code pid}, {@code host}, {@code since}; empty for nobody. */
    static Map<String, Object> owner(Connection connection, Catalog catalog) throws SQLException {
        int holder = holder(connection, catalog.names());
        if (holder == 0) {
            return Map.of();
        }
        Map<String, Object> owner = new LinkedHashMap<>();
        String said = catalog.exists(connection) ? catalog.get(connection, "owner") : null;
        if (said != null) {
            Json.object(said).forEach((name, value) -> {
                if (value != null && !name.equals("opening")) {
                    owner.put(name, value);
                }
            });
        }
        if (said == null) {
            fromActivity(connection, holder, owner);
        }
        return owner;
    }

    /** The catalog does not say yet: then what the server knows of the session. */
    private static void fromActivity(Connection connection, int holder, Map<String, Object> owner) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT application_name, backend_start::text FROM pg_catalog.pg_stat_activity WHERE pid = ?")) {
            statement.setInt(1, holder);
            try (ResultSet rows = statement.executeQuery()) {
                boolean known = rows.next();
                String[] name = known && rows.getString(1) != null
                        ? rows.getString(1).replaceFirst("^levee ", "").split("@", 2)
                        : new String[0];
                owner.put("pid", name.length == 2 ? name[0] : "unknown");
                owner.put("host", name.length == 2 ? name[1] : "unknown");
                owner.put("since", known && rows.getString(2) != null ? rows.getString(2) : "unknown");
            }
        }
    }

    /**
     * Runs what may run twice without harm; a connection that has died unnoticed is replaced.
     *
     * @param what what cannot be done, for the message
     */
    <T extends @Nullable Object> T ask(String what, CatalogSession.Command<T> command) {
        for (boolean again = false; ; again = true) {
            try {
                return command.on(take());
            } catch (SQLException e) {
                if (Postgres.gone(e)) {
                    lost();
                }
                if (again || !Postgres.gone(e)) {
                    throw Postgres.failure(what, e);
                }
            }
        }
    }

    /**
     * Runs a transaction. Where the connection dies, the session is given up.
     *
     * @param body what happens in it, on the connection it is handed
     * @param inDoubt called where nobody knows whether the commit took effect, before the error is thrown
     */
    void transaction(Work body, Runnable inDoubt) throws SQLException {
        Connection c = take();
        boolean committing = false;
        boolean done = false;
        try {
            c.setAutoCommit(false);
            body.run(c);
            committing = true;
            c.commit();
            c.setAutoCommit(true);
            done = true;
        } catch (SQLException e) {
            boolean gone = Postgres.gone(e) || committing && Postgres.says(e, "");
            if (committing && gone) {
                inDoubt.run();
            }
            if (gone) {
                lost();
            }
            throw e;
        } finally {
            if (!done && connection != null) {
                rollback(c);
            }
        }
    }

    /** What happens within a transaction. */
    @FunctionalInterface
    interface Work {
        void run(Connection connection) throws SQLException;
    }

    private void rollback(Connection c) {
        try {
            c.rollback();
            c.setAutoCommit(true);
        } catch (SQLException e) {
            System.getLogger("io.levee.postgres")
                    .log(System.Logger.Level.DEBUG, "the connection is gone, and its transaction with it", e);
            lost();
        }
    }

    /** The connection failed: the next use needs a new one, and the lock again. */
    void lost() {
        Postgres.closeQuietly(connection);
        connection = null;
    }

    /** Gives lock and connection back. The writer has ended. */
    void close() {
        if (connection != null) {
            connections.giveBack(connection);
            connection = null;
        }
    }
}
