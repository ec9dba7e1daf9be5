package io.levee;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;

/**
 * A clock that stands still until it is told to go: for tests of what a month of retention leaves. A store that is opened with it
 * measures event times and ages by it, and takes it for a clock that goes evenly, however far it is advanced; a clock that is
 * {@linkplain #jump set} is one that jumped. Deadlines and timeouts of calls go on by real time. Thread-safe.
 */
public final class ManualClock extends Clock {
    private Instant now;
    private Duration gone = Duration.ZERO;

    /** A clock that shows a time. */
    public ManualClock(Instant start) {
        this.now = start;
    }

    /** Goes forward. */
    public synchronized void advance(Duration by) {
        if (by.isNegative()) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "a clock is advanced by 0 or more (got " + by + ")");
        }
        now = now.plus(by);
        gone = gone.plus(by);
    }

    /** Is set forward or back, while no time passes: as a machine's clock that somebody sets. */
    public synchronized void jump(Duration by) {
        now = now.plus(by);
    }

    /** How long it went, in nanoseconds, whatever it was set to. */
    public synchronized long nanos() {
        return gone.toNanos();
    }

    @Override
    public synchronized Instant instant() {
        return now;
    }

    @Override
    public ZoneId getZone() {
        return ZoneOffset.UTC;
    }

    /**
     * Not supported: stores measure in UTC.
     *
     * @throws LeveeException {@link ErrorCode#NOT_SUPPORTED}
     */
    @Override
    public Clock withZone(ZoneId zone) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "a manual clock is always in UTC");
    }
}
