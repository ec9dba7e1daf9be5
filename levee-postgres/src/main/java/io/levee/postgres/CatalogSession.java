package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * One connection for everything short: numbers, specs, states, figures. Thread-safe, one command at a time; a connection that died
 * is replaced. Commands are such that running one twice does no harm: whether a commit took effect is unknown when the server goes.
 */
final class CatalogSession implements AutoCloseable {
    private final Connections connections;
    private final boolean readOnly;
    private @Nullable Connection connection;
    private boolean closed;
    private boolean hadOne;

    CatalogSession(Connections connections, boolean readOnly) {
        this.connections = connections;
        this.readOnly = readOnly;
    }

    /** A short command. */
    @FunctionalInterface
    interface Command<T extends @Nullable Object> {
        T on(Connection connection) throws SQLException;
    }

    /** Runs single statements, each in a transaction of its own. */
    synchronized <T extends @Nullable Object> T ask(String what, Command<T> command) {
        try {
            return command.on(connection());
        } catch (SQLException e) {
            if (!Postgres.gone(e)) {
                throw Postgres.failure(what, e);
            }
            forget();
        }
        // The connection may have been dead for long without anybody noticing: once more with a new one.
        try {
            return command.on(connection());
        } catch (SQLException e) {
            if (Postgres.gone(e)) {
                forget();
            }
            throw Postgres.failure(what, e);
        }
    }

    /** Runs a command in one transaction, which is on the server's disk when this returns. */
    <T extends @Nullable Object> T change(String what, Command<T> command) {
        return ask(
                what,
                c -> Postgres.transaction(c, () -> {
                    Postgres.run(c, "SET LOCAL synchronous_commit = on");
                    return command.on(c);
                }));
    }

    /** Runs a command in one transaction that the server's next flush brings to its disk: a crash of the server may take it back. */
    <T extends @Nullable Object> T changeSoon(String what, Command<T> command) {
        return ask(
                what,
                c -> Postgres.transaction(c, () -> {
                    Postgres.run(c, "SET LOCAL synchronous_commit = off");
                    return command.on(c);
                }));
    }

    private Connection connection() {
        if (closed) {
            throw new LeveeException(ErrorCode.CLOSED, "the catalog is closed");
        }
        if (connection == null) {
            connection = reopened();
        }
        return connection;
    }

    /** Whatever keeps a store from its server that was there before (a password that changed, a start) may pass: it is no loss. */
    private Connection reopened() {
        try {
            Connection fresh = connections.open(readOnly);
            hadOne = true;
            return fresh;
        } catch (LeveeException e) {
            throw e.retryable() || !hadOne
                    ? e
                    : new LeveeException(ErrorCode.SERVER_UNAVAILABLE, "no new connection: " + e.getMessage(), e);
        }
    }

    private void forget() {
        Postgres.closeQuietly(connection);
        connection = null;
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (connection != null) {
            connections.giveBack(connection);
            connection = null;
        }
    }
}
