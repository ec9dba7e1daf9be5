package io.levee.sqlite;

import io.levee.Levee;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.testkit.conformance.Splittings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/** Splittings of adopted files in a test's hands. */
public final class SqliteSplittings implements Splittings {
    /** For a JVM that is to be killed. */
    public SqliteSplittings() {}

    @Override
    public List<String> points() {
        return Arrays.stream(Splitting.Point.values()).map(Enum::name).toList();
    }

    @Override
    public String read() {
        return Splitting.Point.BUILT.name();
    }

    @Override
    public String moved() {
        return Splitting.Point.RECORDED.name();
    }

    @Override
    public String compared() {
        return Splitting.Point.VERIFIED.name();
    }

    @Override
    public Store open(String address, int rows, Consumer<String> at, Consumer<StoreOptions.Builder> options) {
        return open(Path.of(address), point -> at.accept(point.name()), rows, options);
    }

    /** The same with the engine's own points. */
    static Store open(Path home, Consumer<Splitting.Point> at, long rows, Consumer<StoreOptions.Builder> options) {
        SqliteEngineProvider sqlite = new SqliteEngineProvider();
        EngineProvider provider = new EngineProvider() {
            @Override
            public boolean accepts(String address) {
                return true;
            }

            @Override
            public StorageEngine open(String address, EngineSettings settings) {
                SqliteEngine engine = (SqliteEngine) sqlite.open(address, settings);
                engine.splitting().at(at, rows);
                return engine;
            }
        };
        return Levee.open(provider, home.toString(), false, options);
    }

    /** The catalog of a closed store: it is made anew from the ledger and the files. */
    @Override
    public boolean lose(String address) {
        try {
            Path home = Path.of(address);
            Files.delete(home.resolve("catalog.db"));
            Files.deleteIfExists(home.resolve("catalog.db-wal"));
            Files.deleteIfExists(home.resolve("catalog.db-shm"));
            return true;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
