package io.levee.postgres;

import io.levee.testkit.PostgresServer;
import io.levee.testkit.conformance.EngineConformance;
import io.levee.testkit.conformance.EngineUnderTest;

/** A database does what every engine has to do. */
class PostgresConformanceTest extends EngineConformance {
    @Override
    protected EngineUnderTest engine() {
        return PostgresServer.shared()::newStore;
    }
}
