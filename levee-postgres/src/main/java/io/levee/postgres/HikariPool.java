package io.levee.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.SQLExceptionOverride;
import java.sql.SQLException;
import java.time.Duration;
import javax.sql.DataSource;

/** A pool of query connections; the one class that knows HikariCP, which need not be there. */
final class HikariPool implements AutoCloseable {
    /** Besides queries: the janitor, the maintenance and an operator's checks. */
    private static final int OTHERS = 3;

    private final HikariDataSource source;

    private HikariPool(HikariDataSource source) {
        this.source = source;
    }

    static HikariPool of(DataSource plain, int queries, Duration connectTimeout) {
        HikariConfig config = new HikariConfig();
        config.setPoolName("levee");
        config.setDataSource(plain);
        config.setMaximumPoolSize(queries + OTHERS);
        config.setMinimumIdle(0);
        config.setConnectionTimeout(connectTimeout.toMillis());
        // The engine has connected before: what keeps the pool from connecting is told by the query that needs it.
        config.setInitializationFailTimeout(-1);
        config.setExceptionOverrideClassName(Refusals.class.getName());
        return new HikariPool(new HikariDataSource(config));
    }

    /** Free SQL that the server refuses as not supported is no reason to give a connection up, nor to warn of it with a stack trace. */
    public static final class Refusals implements SQLExceptionOverride {
        /** Made by the pool. */
        public Refusals() {}

        @java.lang.Override
        public SQLExceptionOverride.Override adjudicate(SQLException e) {
            return "0A000".equals(e.getSQLState())
                    ? SQLExceptionOverride.Override.DO_NOT_EVICT
                    : SQLExceptionOverride.Override.CONTINUE_EVICT;
        }
    }

    DataSource dataSource() {
        return source;
    }

    @Override
    public void close() {
        source.close();
    }
}
