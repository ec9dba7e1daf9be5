package io.levee.postgres;

import io.levee.Adoption;
import io.levee.testkit.PostgresServer;
import io.levee.testkit.conformance.EngineConformance;
import io.levee.testkit.conformance.EngineUnderTest;
import java.util.List;

/** A database does what every engine has to do. */
class PostgresConformanceTest extends EngineConformance {
    @Override
    protected EngineUnderTest engine() {
        PostgresServer server = PostgresServer.shared();
        return new EngineUnderTest() {
            @Override
            public String newStore() {
                return server.newStore();
            }

            @Override
            public Adoption legacy(List<String> statements, String table) {
                LegacyTables old = new LegacyTables(server);
                old.run(statements.toArray(new String[0]));
                return Adoption.ofTable(old.name(table));
            }
        };
    }
}
