package io.levee.internal.write;

import io.levee.internal.time.MonotonicClock;
import java.time.Duration;

/**
 * Sees whether the writer itself stood still: its machine was suspended, or its disk hung. What waits was not tried meanwhile, so it gets
 * another try before it is given up for having waited too long. Writer thread.
 */
final class Turns {
    /** A turn of its loop waits a second at most, and a commit takes less than the rest. */
    private static final Duration LONGEST = Duration.ofSeconds(5);

    private final MonotonicClock clock;
    private long lastNanos;

    Turns(MonotonicClock clock) {
        this.clock = clock;
        this.lastNanos = clock.nanos();
    }

    /** A turn begins; returns whether the one before took longer than any does by itself. */
    boolean stoodStill() {
        long now = clock.nanos();
        boolean still = now - lastNanos > LONGEST.toNanos();
        lastNanos = now;
        return still;
    }
}
