package io.levee.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
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
        return new HikariPool(new HikariDataSource(config));
    }

    DataSource dataSource() {
        return source;
    }

    @Override
    public void close() {
        source.close();
    }
}
