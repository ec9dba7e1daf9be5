package io.levee.internal;

import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * How all tests of this project wait: they look often, so that none waits longer than it has to, and for long, so that none fails on a machine
 * that has other things to do. The test kit has the same for all other modules; it stands on this one.
 */
public final class Patience implements BeforeAllCallback {
    private static final Duration LONGEST = Duration.ofSeconds(60);
    private static final Duration LOOK_EVERY = Duration.ofMillis(20);

    /** For JUnit. */
    public Patience() {}

    @Override
    public void beforeAll(ExtensionContext context) {
        Awaitility.setDefaultTimeout(LONGEST);
        Awaitility.setDefaultPollInterval(LOOK_EVERY);
        Awaitility.setDefaultPollDelay(Duration.ZERO);
    }
}
