package io.levee.postgres;

import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * Opens stores in a PostgreSQL database through an application's own data source. With an address, use {@link Levee#open(String,
 * boolean, Consumer)}.
 *
 * <p>The data source stays the application's: it is not closed with the store. A store keeps two of its connections for as long as it
 * is open, one of which holds the store's lock, and takes one for each query that runs and one for a drop. They must be sessions of
 * their own on the server: a pool in between that shares sessions between clients (PgBouncer's transaction mode) loses the lock.
 */
public final class LeveePostgres {
    private LeveePostgres() {}

    /**
     * Opens a store for reading and writing, creating its schemas where they are missing.
     *
     * @param dataSource where connections come from
     * @param schema the store's schema; its catalog's is named the same with {@code _levee} at the end
     * @param options sets what differs from the defaults
     * @return the store, which has to be closed
     * @throws LeveeException {@code STORE_LOCKED} with the owner's pid and host where another writer has it open,
     *     {@code SERVER_UNAVAILABLE}, {@code UNSAFE_ENVIRONMENT} for a server older than 14 or a database that is not in UTF-8,
     *     {@code IO_FAILED} where rights are missing
     */
    public static Store open(DataSource dataSource, String schema, Consumer<StoreOptions.Builder> options) {
        return Levee.open(new Given(dataSource), schema, false, options);
    }

    /**
     * Opens a store for reading, beside a live writer. Nothing is created, changed or locked.
     *
     * @throws LeveeException as {@link #open}, and {@code NOT_FOUND} where there is no store
     */
    public static Store openReadOnly(DataSource dataSource, String schema, Consumer<StoreOptions.Builder> options) {
        return Levee.open(new Given(dataSource), schema, true, options);
    }

    /** Takes a schema's name as the address. */
    private record Given(DataSource dataSource) implements EngineProvider {
        @Override
        public boolean accepts(String address) {
            return true;
        }

        @Override
        public StorageEngine open(String address, EngineSettings settings) {
            Names names = new Names(address);
            return PostgresEngine.open(Connections.of(dataSource, "postgres:?schema=" + address), names, settings);
        }
    }
}
