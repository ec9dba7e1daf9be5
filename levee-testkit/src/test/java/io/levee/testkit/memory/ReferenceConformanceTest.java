package io.levee.testkit.memory;

import io.levee.testkit.conformance.EngineConformance;
import io.levee.testkit.conformance.EngineUnderTest;
import java.util.UUID;

/** The oracle does what it asks of others. */
class ReferenceConformanceTest extends EngineConformance {
    @Override
    protected EngineUnderTest engine() {
        return () -> "memory:" + UUID.randomUUID();
    }
}
