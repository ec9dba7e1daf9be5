package io.levee.testkit;

import io.levee.testkit.internal.TestPlace;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The PostgreSQL server of this JVM's tests: one of its own, or the one that {@code LEVEE_TEST_POSTGRES} names
 * ({@code postgres://user@host:port/db}, password by {@code PGPASSWORD}). Each store gets schemas of its own there. Thread-safe.
 *
 * <p>Its own server runs without {@code fsync}, since a test cannot cut the power, with its data in memory where there is room, and
 * otherwise with the settings that PostgreSQL comes with. It ends with the JVM.
 */
public final class PostgresServer implements AutoCloseable {
    /** The environment variable that names a server to use instead of an own one. */
    public static final String VARIABLE = "LEVEE_TEST_POSTGRES";

    private static @Nullable PostgresServer shared;

    private final String address;
    private final @Nullable EmbeddedPostgres embedded;
    private final List<String> schemas = new ArrayList<>();

    PostgresServer(String address, @Nullable EmbeddedPostgres embedded) {
        this.address = address;
        this.embedded = embedded;
    }

    /** The server of this JVM, started by the first call; its schemas go when the JVM ends. */
    public static synchronized PostgresServer shared() {
        if (shared == null) {
            PostgresServer server = start();
            Runtime.getRuntime().addShutdownHook(new Thread(server::close, "levee-test-postgres-end"));
            shared = server;
        }
        return shared;
    }

    private static PostgresServer start() {
        String named = System.getenv(VARIABLE);
        if (named != null && !named.isBlank()) {
            return new PostgresServer(named.trim(), null);
        }
        try {
            EmbeddedPostgres embedded = EmbeddedPostgres.builder()
                    .setServerConfig("fsync", "off")
                    .setServerConfig("synchronous_commit", "on")
                    .setDataDirectory(Files.createTempDirectory(TestPlace.directory(), "postgres-"))
                    .setServerConfig("max_connections", "100")
                    .setRegisterShutdownHook(false)
                    .setOutputRedirector(ProcessBuilder.Redirect.DISCARD)
                    .setErrorRedirector(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return new PostgresServer("postgres://postgres@localhost:" + embedded.getPort() + "/postgres", embedded);
        } catch (IOException e) {
            throw new UncheckedIOException("PostgreSQL does not start", e);
        }
    }

    /** The server's address, without a schema. */
    public String address() {
        return address;
    }

    /** The address of a store that is not there yet, in a schema that nobody else has. */
    public String newStore() {
        String schema;
        synchronized (schemas) {
            // The process's number, since a named server may serve several test JVMs.
            schema = "t" + ProcessHandle.current().pid() + "_" + (schemas.size() + 1);
            schemas.add(schema);
        }
        return address + (address.contains("?") ? "&" : "?") + "schema=" + schema;
    }

    /** The schema of an address that {@link #newStore} made; its catalog's is the same with {@code _levee}. */
    public static String schema(String store) {
        return store.substring(store.lastIndexOf("schema=") + "schema=".length());
    }

    /** Plain connections to the server, not pooled. */
    public DataSource dataSource() {
        return new Plain(address);
    }

    /** Runs a statement on a connection of its own. */
    public void run(String sql) {
        try (Connection connection = dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException("cannot run " + sql + ": " + e.getMessage(), e);
        }
    }

    /** The first column of a query's rows as texts, asked on a connection of its own. */
    public List<@Nullable String> texts(String sql) {
        try (Connection connection = dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            List<@Nullable String> texts = new ArrayList<>();
            while (rows.next()) {
                texts.add(rows.getString(1));
            }
            return texts;
        } catch (SQLException e) {
            throw new IllegalStateException("cannot ask " + sql + ": " + e.getMessage(), e);
        }
    }

    /** Ends an own server; removes the schemas from one that was named. */
    @Override
    public void close() {
        try {
            if (embedded != null) {
                embedded.close();
            } else {
                List<String> used;
                synchronized (schemas) {
                    used = List.copyOf(schemas);
                }
                used.forEach(this::drop);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("PostgreSQL does not end", e);
        }
    }

    private void drop(String schema) {
        // One table at a time: a schema of thousands of partitions needs more locks than a transaction can have.
        texts("SELECT quote_ident(nspname) || '.' || quote_ident(relname) FROM pg_class c JOIN pg_namespace n"
                        + " ON n.oid = relnamespace WHERE relkind = 'r' AND nspname IN ('" + schema + "', '" + schema
                        + "_levee')")
                .forEach(table -> run("DROP TABLE IF EXISTS " + table + " CASCADE"));
        run("DROP SCHEMA IF EXISTS \"" + schema + "\" CASCADE");
        run("DROP SCHEMA IF EXISTS \"" + schema + "_levee\" CASCADE");
    }

    /** Connections by the driver manager, so that this class compiles without PostgreSQL's driver. */
    private record Plain(String address) implements DataSource {
        @Override
        public Connection getConnection() throws SQLException {
            return connect(new Properties());
        }

        @Override
        public Connection getConnection(String user, String password) throws SQLException {
            Properties properties = new Properties();
            properties.setProperty("user", user);
            properties.setProperty("password", password);
            return connect(properties);
        }

        private Connection connect(Properties properties) throws SQLException {
            String rest = address.substring(address.indexOf("://") + 3);
            int at = rest.lastIndexOf('@');
            if (at >= 0) {
                properties.putIfAbsent("user", rest.substring(0, at));
                rest = rest.substring(at + 1);
            }
            String password = System.getenv("PGPASSWORD");
            if (password != null) {
                properties.putIfAbsent("password", password);
            }
            return DriverManager.getConnection("jdbc:postgresql://" + rest, properties);
        }

        @Override
        public @Nullable PrintWriter getLogWriter() {
            return null;
        }

        @Override
        public void setLogWriter(PrintWriter out) throws SQLException {
            throw new SQLFeatureNotSupportedException();
        }

        @Override
        public void setLoginTimeout(int seconds) throws SQLException {
            throw new SQLFeatureNotSupportedException();
        }

        @Override
        public int getLoginTimeout() {
            return 0;
        }

        @Override
        public Logger getParentLogger() throws SQLFeatureNotSupportedException {
            throw new SQLFeatureNotSupportedException();
        }

        @Override
        public <T> T unwrap(Class<T> type) throws SQLException {
            throw new SQLFeatureNotSupportedException();
        }

        @Override
        public boolean isWrapperFor(Class<?> type) {
            return false;
        }
    }
}
