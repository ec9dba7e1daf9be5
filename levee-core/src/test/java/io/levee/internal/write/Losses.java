package io.levee.internal.write;

import io.levee.internal.time.MonotonicClock;
import java.time.Clock;
import java.util.List;

/** Loss logs for tests. */
final class Losses {
    private Losses() {}

    /** Of a store that lost nothing before. */
    static LossLog none() {
        return new LossLog(List.of(), MonotonicClock.SYSTEM, Clock.systemUTC());
    }
}
