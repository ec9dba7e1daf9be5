package io.levee.internal.retention;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What was dropped is freed in steps, and the disk has time for others between them (design 7: off the hot path). */
class FreeingTest {
    private static final Duration LONG = Duration.ofMinutes(1);

    private final List<Duration> pauses = new ArrayList<>();
    private long nanos;
    private int steps = 3;
    private Duration step = Duration.ofMillis(1);

    private final Freeing freeing = new Freeing(this::step, () -> nanos);

    private boolean step() {
        nanos += steps > 0 ? step.toNanos() : 0;
        return steps-- > 0;
    }

    private boolean pause(Duration pause) {
        pauses.add(pause);
        nanos += pause.toNanos();
        return true;
    }

    @Test
    void shouldLeaveTheDiskToOthersAsLongAsAStepTookAndLongerWhereItIsSlow() {
        assertThat(freeing.run(LONG, this::pause)).isFalse();
        step = Duration.ofMillis(60);
        steps = 1;
        freeing.run(LONG, this::pause);
        step = Duration.ofSeconds(5);
        steps = 1;
        freeing.run(LONG, this::pause);
        Duration each = Duration.ofMillis(1);
        assertThat(pauses).containsExactly(each, each, each, Duration.ofMillis(540), Freeing.LONGEST);
    }

    /** Retention has its turn however much there is to free, and a stop is not waited for. */
    @Test
    void shouldLetOthersHaveTheirTurn() {
        steps = Integer.MAX_VALUE;
        step = Duration.ofMillis(40);
        assertThat(freeing.run(Duration.ofSeconds(1), this::pause)).isTrue();
        assertThat(nanos).isBetween(1_000_000_000L, 1_200_000_000L);
        int before = steps;
        assertThat(freeing.run(LONG, pause -> false)).isTrue();
        assertThat(before - steps).isOne();
    }
}
