package io.levee.sqlite;

import io.levee.RestoreReport;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import java.nio.file.Path;
import java.time.Instant;

/** Serves every address that is not of another scheme: it is taken as a directory. */
public final class SqliteEngineProvider implements EngineProvider {
    /** For {@link java.util.ServiceLoader}. */
    public SqliteEngineProvider() {}

    @Override
    public boolean accepts(String address) {
        return !address.matches("(?s)[A-Za-z][A-Za-z0-9+.-]+:.*");
    }

    @Override
    public StorageEngine open(String address, EngineSettings settings) {
        return SqliteEngine.open(
                new StorePaths(Path.of(address).toAbsolutePath().normalize()), settings);
    }

    @Override
    public RestoreReport restore(Path backup, String address, Instant now) {
        return StoreRestore.run(
                backup, new StorePaths(Path.of(address).toAbsolutePath().normalize()), now);
    }
}
