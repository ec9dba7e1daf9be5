package io.levee.sqlite;

import io.levee.Adoption;
import io.levee.testkit.conformance.EngineConformance;
import io.levee.testkit.conformance.EngineUnderTest;
import java.nio.file.Path;
import java.sql.SQLException;
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
            public Adoption legacy(List<String> statements, String table) {
                Path file = directory.resolve(UUID.randomUUID() + ".db");
                try {
                    LegacyData.run(file, statements.toArray(new String[0]));
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
                return Adoption.of(file, table);
            }

            @Override
            public List<String> childJvmOptions() {
                return List.of("-Dorg.sqlite.tmpdir=" + directory);
            }
        };
    }
}
