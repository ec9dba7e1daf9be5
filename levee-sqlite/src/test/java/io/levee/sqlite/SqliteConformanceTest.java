package io.levee.sqlite;

import io.levee.testkit.conformance.EngineConformance;
import io.levee.testkit.conformance.EngineUnderTest;
import io.levee.testkit.conformance.OldDatabase;
import io.levee.testkit.conformance.Splittings;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.io.TempDir;

/** Partition files do what every engine has to do. */
class SqliteConformanceTest extends EngineConformance {
    @TempDir
    static Path directory;

    @Override
    protected EngineUnderTest engine() {
        return new EngineUnderTest() {
            @Override
            public String newStore() {
                return directory.resolve(UUID.randomUUID().toString()).toString();
            }

            @Override
            public OldDatabase oldDatabase() {
                return new OldFile(directory.resolve(UUID.randomUUID() + ".db"));
            }

            @Override
            public Splittings splittings() {
                return new SqliteSplittings();
            }

            @Override
            public List<String> childJvmOptions() {
                return List.of("-Dorg.sqlite.tmpdir=" + directory);
            }
        };
    }
}
