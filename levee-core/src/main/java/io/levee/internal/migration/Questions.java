package io.levee.internal.migration;

import java.time.Duration;

/**
 * How many keys a lookup asks for at once. A question costs something in each partition whatever it asks for, so that many keys are cheaper;
 * it keeps one query thread meanwhile, so that it must not take long. Confined to the migration thread.
 */
final class Questions {
    /** Most keys of one question. */
    static final int MOST = 1000;

    private static final int LEAST = 500;
    private static final Duration LONG = Duration.ofMillis(400);

    private int keys = MOST;

    /** Keys of the next question. */
    int keys() {
        return keys;
    }

    /** A question for so many keys took so long. */
    void took(int asked, long nanos) {
        if (nanos > LONG.toNanos()) {
            keys = Math.max(LEAST, Math.min(keys, asked) / 2);
        } else if (asked >= keys / 2 && nanos < LONG.toNanos() / 2) {
            keys = Math.min(MOST, 2 * keys);
        }
    }
}
