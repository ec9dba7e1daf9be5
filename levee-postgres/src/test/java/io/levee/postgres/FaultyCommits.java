package io.levee.postgres;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Connections whose commit loses its answer, or never arrives; and a server that cannot be reached for some tries. */
final class FaultyCommits {
    /** What happens to the next commit. */
    enum Fault {
        /** Of rows: it never arrives. */
        LOST_BEFORE,
        /** Of rows: it takes effect, and nobody says so. */
        LOST_AFTER,
        /** Of anything on the writer's connection: it takes effect, and nobody says so. */
        ANY_LOST_AFTER
    }

    final AtomicReference<@Nullable Fault> next = new AtomicReference<>();
    final AtomicInteger refusals = new AtomicInteger();
    private final DataSource real;

    FaultyCommits(DataSource real) {
        this.real = real;
    }

    DataSource dataSource() {
        return (DataSource) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {DataSource.class}, (p, method, args) -> {
                    if (method.getName().equals("getConnection")
                            && refusals.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
                        throw new SQLException("refused by the test", "08001");
                    }
                    Connection connection = (Connection) call(real, method, args);
                    boolean[] copied = {false};
                    return Proxy.newProxyInstance(
                            getClass().getClassLoader(), new Class<?>[] {Connection.class}, (q, m, a) -> {
                                copied[0] |= m.getName().equals("unwrap");
                                boolean meant = copied[0] || next.get() == Fault.ANY_LOST_AFTER;
                                if (m.getName().equals("commit") && meant) {
                                    copied[0] = false;
                                    commit(connection, next.getAndSet(null));
                                    return null;
                                }
                                return call(connection, m, a);
                            });
                });
    }

    private static void commit(Connection connection, @Nullable Fault fault) throws SQLException {
        if (fault != Fault.LOST_BEFORE) {
            connection.commit();
        }
        if (fault != null) {
            connection.close();
            throw new SQLException("the connection was lost", "08006");
        }
    }

    private static Object call(Object target, Method method, Object[] args) throws Throwable {
        try {
            return method.invoke(target, args);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
