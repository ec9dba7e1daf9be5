package io.levee.postgres;

import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;

/** Serves {@code postgres://…}, {@code postgresql://…} and {@code jdbc:postgresql://…}. */
public final class PostgresEngineProvider implements EngineProvider {
    /** For {@link java.util.ServiceLoader}. */
    public PostgresEngineProvider() {}

    @Override
    public boolean accepts(String address) {
        return Address.accepts(address);
    }

    @Override
    public StorageEngine open(String address, EngineSettings settings) {
        Address parsed = Address.parse(address, System.getenv());
        Names names = new Names(parsed.schema());
        return PostgresEngine.open(Connections.to(parsed, settings.options().queryThreads()), names, settings);
    }
}
