package io.levee.postgres;

import io.levee.internal.time.MonotonicClock;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * Gets what is locked by short tries with growing pauses. Whoever waits for an exclusive lock keeps everybody behind it waiting: so
 * nobody waits behind this for longer than one try, {@link Postgres#LOCK_TIMEOUT_MS}.
 */
final class LockSchedule {
    /** All tries of one call together: the next run of the janitor goes on, and a store that closes waits for this. */
    static final Duration LONGEST = Duration.ofSeconds(3);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(800);

    private final MonotonicClock clock = MonotonicClock.SYSTEM;

    /** What needs a lock, for the length of one try. */
    @FunctionalInterface
    interface Attempt {
        /** Tries once; a lock that is not to be had is told by {@link Postgres#busy}. */
        void run() throws SQLException;
    }

    /**
     * Tries until it is done.
     *
     * @return whether it is; false where somebody else kept the lock all the time
     */
    boolean run(Attempt attempt) throws SQLException {
        long end = clock.nanos() + LONGEST.toNanos();
        Duration pause = FIRST_PAUSE;
        while (true) {
            try {
                attempt.run();
                return true;
            } catch (SQLException e) {
                if (!Postgres.busy(e)) {
                    throw e;
                }
            }
            if (clock.nanos() - end > 0 || Thread.currentThread().isInterrupted()) {
                return false;
            }
            LockSupport.parkNanos(pause.toNanos());
            pause = pause.compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        }
    }
}
