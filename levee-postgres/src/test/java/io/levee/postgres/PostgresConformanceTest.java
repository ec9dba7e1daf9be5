package io.levee.postgres;

import io.levee.testkit.PostgresServer;
import io.levee.testkit.conformance.EngineConformance;
import io.levee.testkit.conformance.EngineUnderTest;
import io.levee.testkit.conformance.OldDatabase;
import io.levee.testkit.conformance.Splittings;

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
            public OldDatabase oldDatabase() {
                return new LegacyTables(server);
            }

            @Override
            public Splittings splittings() {
                return new PostgresSplittings();
            }
        };
    }
}
