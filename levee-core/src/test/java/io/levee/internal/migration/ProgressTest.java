package io.levee.internal.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** Rate and remaining time are defined at every moment (guarantee G137). */
class ProgressTest {
    private static final long SECOND = 1_000_000_000L;

    @Test
    void shouldTellTheRateOfTheLastSeconds() {
        Progress progress = new Progress();
        progress.restart(0, 0);
        assertThat(progress.rate(0)).as("before the first progress").isZero();
        for (int i = 1; i <= 300; i++) {
            // Slow at first, then twice as fast.
            progress.done(i <= 100 ? i * 10L : 1_000 + (i - 100) * 20L, i * SECOND / 10);
        }
        assertThat(progress.rate(30 * SECOND)).isCloseTo(200, within(2.0));
        assertThat(Progress.eta(5_000, 7_000, 200)).isEqualTo(10.0);
        assertThat(progress.rate(36 * SECOND)).as("at a stall").isZero();
        assertThat(Progress.eta(5_000, 7_000, 0)).as("at a stall").isNull();
        assertThat(Progress.eta(5_000, -1, 10)).as("of an unknown total").isNull();
        assertThat(Progress.eta(7_001, 7_000, 10)).as("past the total").isZero();
    }

    @Test
    void shouldForgetWhatWasBeforeAPause() {
        Progress progress = new Progress();
        progress.restart(0, 0);
        progress.done(1_000_000, SECOND);
        progress.restart(1_000_000, 100 * SECOND);
        progress.done(1_000_010, 101 * SECOND);
        assertThat(progress.rate(101 * SECOND)).isCloseTo(10, within(0.1));
    }
}
