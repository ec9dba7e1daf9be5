package io.levee.internal.retention;

import io.levee.engine.StorageEngine;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Gives the space of what was dropped back, one bounded step after another. A pause is as long as its step took, so that the writer has
 * half of the disk; and nine times as long where the step took long, since the disk is in trouble then. Not slower: it is the time over
 * which space is freed, not the amount, that decides whether a commit meets a disk that stands still. 1 GiB of discards takes 0.3 s on a
 * virtual disk (ext4, 2026-11); spread over 7 s some of them met a moment in which the host let the disk wait for 200 to 500 ms, and the
 * commits behind them waited as well.
 *
 * <p>What has to go since space is short does not come here ({@link StorageEngine#freeDroppedNow}). Janitor thread.
 */
final class Freeing {
    /** A step that takes longer says that the disk is in trouble. */
    static final Duration SLOW = Duration.ofMillis(50);

    static final Duration LONGEST = Duration.ofSeconds(1);
    private static final int TIMES_SLOW = 9;

    private final BooleanSupplier step;
    private final MonotonicClock clock;

    /**
     * Frees by steps.
     *
     * @param step frees one; says whether there is more, as {@link StorageEngine#freeDropped}
     */
    Freeing(BooleanSupplier step, MonotonicClock clock) {
        this.step = step;
        this.clock = clock;
    }

    /**
     * Frees until nothing is left to free, or the time is over.
     *
     * @param longest the time
     * @param pause waits; says whether to go on
     * @return whether there may be more
     */
    boolean run(Duration longest, Predicate<Duration> pause) {
        long begun = clock.nanos();
        long before = begun;
        while (step.getAsBoolean()) {
            long after = clock.nanos();
            if (!pause.test(after(Duration.ofNanos(after - before)))) {
                return true;
            }
            before = clock.nanos();
            if (before - begun > longest.toNanos()) {
                return true;
            }
        }
        return false;
    }

    /** The pause after a step. */
    private static Duration after(Duration step) {
        if (step.compareTo(SLOW) <= 0) {
            return step;
        }
        Duration pause = step.multipliedBy(TIMES_SLOW);
        return pause.compareTo(LONGEST) > 0 ? LONGEST : pause;
    }
}
