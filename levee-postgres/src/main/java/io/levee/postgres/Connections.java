package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.time.Duration;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * The one factory of connections. Queries take theirs from a {@link #pool}; the writer and the catalog have one each for good, set up
 * here, so that no setting of the role or database (a {@code statement_timeout}, an isolation level) changes what they do.
 */
final class Connections implements AutoCloseable {
    private static final int CONNECT_SECONDS = 5;

    /** A server that says nothing for so long is taken as gone. */
    private static final Duration SILENCE = Duration.ofSeconds(30);

    /** The same in milliseconds. */
    static final int SILENCE_MS = (int) SILENCE.toMillis();

    private static final int OLDEST_VERSION = 140_000;

    private final DataSource own;
    private final DataSource pool;
    private final @Nullable AutoCloseable closing;
    private final String address;

    private Connections(DataSource own, DataSource pool, @Nullable AutoCloseable closing, String address) {
        this.own = own;
        this.pool = pool;
        this.closing = closing;
        this.address = address;
    }

    /** Connections to an address, pooled where HikariCP is on the class path. */
    static Connections to(Address address, int queries) {
        PGSimpleDataSource plain = plain(address);
        if (!hikari()) {
            return new Connections(plain, plain, null, address.toString());
        }
        HikariPool pool = HikariPool.of(plain, queries, Duration.ofSeconds(CONNECT_SECONDS));
        return new Connections(plain, pool.dataSource(), pool, address.toString());
    }

    /** Connections of an application's own data source, which stays the application's. */
    static Connections of(DataSource given, String address) {
        return new Connections(given, given, null, address);
    }

    private static boolean hikari() {
        try {
            Class.forName("com.zaxxer.hikari.HikariDataSource", false, Connections.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    private static PGSimpleDataSource plain(Address address) {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(address.url());
        source.setUser(address.user());
        if (address.password() != null) {
            source.setPassword(address.password());
        }
        source.setApplicationName(applicationName());
        source.setTcpKeepAlive(true);
        source.setConnectTimeout(CONNECT_SECONDS);
        // A server that was stopped lets clients connect and says nothing.
        source.setLoginTimeout(2 * CONNECT_SECONDS);
        source.setReWriteBatchedInserts(false);
        address.others().forEach((name, value) -> {
            try {
                source.setProperty(name, value);
            } catch (SQLException e) {
                throw new LeveeException(
                                ErrorCode.BAD_VALUE, "the address has a parameter '" + name + "' that does not fit", e)
                        .with("parameter", name)
                        .hint("parameters are schema and those of PostgreSQL's JDBC driver, such as sslmode=require");
            }
        });
        return source;
    }

    /** What the server shows as this client: {@code levee <pid>@<host>}. */
    static String applicationName() {
        return "levee " + ProcessHandle.current().pid() + "@" + host();
    }

    static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    /** Where connections of queries come from. */
    DataSource pool() {
        return pool;
    }

    /** The address as users see it. */
    String address() {
        return address;
    }

    /**
     * A connection to keep, with settings of its own.
     *
     * @param readOnly whether nothing may be written through it
     * @throws LeveeException {@code SERVER_UNAVAILABLE}, {@code UNSAFE_ENVIRONMENT}, {@code IO_FAILED}
     */
    Connection open(boolean readOnly) {
        Connection connection = null;
        boolean done = false;
        try {
            connection = own.getConnection();
            connection.setAutoCommit(true);
            requireUsable(connection);
            if (!readOnly) {
                requirePrimary(connection);
            }
            keepFromWaiting(connection);
            // search_path: all names are qualified, and nobody's functions come before the server's.
            Postgres.run(
                    connection,
                    "SET application_name = '" + applicationName().replace("'", "''") + "'; SET lock_timeout = "
                            + Postgres.LOCK_TIMEOUT_MS + "; SET statement_timeout = 0;"
                            + " SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;"
                            + " SET default_transaction_isolation = 'read committed'; SET search_path = pg_catalog;"
                            + " SET standard_conforming_strings = on; " + Postgres.TEXTS
                            + "; SET default_transaction_read_only = " + (readOnly ? "on" : "off"));
            done = true;
            return connection;
        } catch (SQLException e) {
            throw Postgres.failure("cannot connect to " + address, e);
        } finally {
            if (!done) {
                Postgres.closeQuietly(connection);
            }
        }
    }

    /** A lock on a standby keeps nobody away, and nothing can be written to it. */
    private void requirePrimary(Connection connection) throws SQLException {
        if (Boolean.TRUE.equals(Postgres.value(connection, "SELECT pg_catalog.pg_is_in_recovery()"))) {
            throw new LeveeException(ErrorCode.VOLUME_READ_ONLY, "the server at " + address + " is a standby")
                    .hint("name the primary in the address, or promote this server; Levee goes on by itself");
        }
    }

    private static void keepFromWaiting(Connection connection) throws SQLException {
        try {
            connection.setNetworkTimeout(Runnable::run, SILENCE_MS);
        } catch (SQLFeatureNotSupportedException e) {
            // An application's own data source: then its own timeouts hold.
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "no network timeout", e);
        }
    }

    private void requireUsable(Connection connection) throws SQLException {
        String server = connection.getMetaData().getDatabaseProductName();
        if (!server.equals("PostgreSQL")) {
            throw new LeveeException(ErrorCode.UNSAFE_ENVIRONMENT, address + " is not PostgreSQL but " + server)
                    .hint("use PostgreSQL 14 or later");
        }
        Object version = Postgres.value(connection, "SELECT current_setting('server_version_num')::int");
        if (!(version instanceof Integer number) || number < OLDEST_VERSION) {
            throw new LeveeException(
                            ErrorCode.UNSAFE_ENVIRONMENT, "the server's version " + version + " is older than 14")
                    .hint("use PostgreSQL 14 or later: older ones cannot detach a partition beside its readers");
        }
        Object encoding = Postgres.value(connection, "SELECT current_setting('server_encoding')");
        if (!"UTF8".equals(encoding)) {
            throw new LeveeException(
                            ErrorCode.UNSAFE_ENVIRONMENT, "the database's encoding is " + encoding + ", not UTF8")
                    .hint("make a database with ENCODING 'UTF8': others cannot hold all texts");
        }
    }

    /** Gives a kept connection back as it was: a data source of the application may use it again. */
    void giveBack(Connection connection) {
        try {
            Postgres.run(connection, "SELECT pg_catalog.pg_advisory_unlock_all(); RESET ALL");
        } catch (SQLException e) {
            // A connection that is gone holds neither locks nor settings.
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "resetting a connection", e);
        } finally {
            Postgres.closeQuietly(connection);
        }
    }

    @Override
    public void close() {
        if (closing == null) {
            return;
        }
        try {
            closing.close();
        } catch (Exception e) {
            throw new LeveeException(ErrorCode.INTERNAL, "the connections cannot be closed: " + e, e);
        }
    }
}
