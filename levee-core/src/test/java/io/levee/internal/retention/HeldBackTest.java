package io.levee.internal.retention;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.StoreStatus;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** G85, G86: dropped bytes that nobody gives back count as history, and those that are given back do not. */
class HeldBackTest {
    private long now;
    private final HeldBack held = new HeldBack(() -> now);

    private static StoreStatus.Disk kept(long bytes) {
        return new StoreStatus.Disk(10_000, 0, 1000, Map.of("unlinked", bytes / 2, "dropped", bytes - bytes / 2));
    }

    private void pass(Duration time) {
        now += time.toNanos();
    }

    @Test
    void shouldCountTheLeastThatWasKeptWhileRowsFoundNoRoom() {
        assertThat(held.seen(kept(500), true)).isZero();
        pass(Duration.ofSeconds(1));
        assertThat(held.seen(kept(300), true)).isZero();
        pass(Duration.ofSeconds(1));
        assertThat(held.seen(kept(400), true)).as("of 500 some came back").isEqualTo(300);
        pass(Duration.ofMinutes(10));
        assertThat(held.seen(kept(900), false)).as("until it comes back").isEqualTo(300);
        assertThat(held.seen(kept(100), false)).isEqualTo(100);
        assertThat(held.seen(kept(0), false)).isZero();
        assertThat(held.seen(kept(900), true)).as("another wait begins").isZero();
        pass(Duration.ofSeconds(2));
        assertThat(held.seen(kept(900), true)).isEqualTo(900);
    }

    @Test
    void shouldCountNothingThatIsGivenBackOrInNobodysWay() {
        for (int i = 0; i < 100; i++) {
            assertThat(held.seen(kept(500), false)).as("nobody waits").isZero();
            pass(Duration.ofSeconds(1));
        }
        assertThat(held.seen(kept(500), true)).isZero();
        pass(Duration.ofSeconds(1));
        assertThat(held.seen(kept(0), true)).isZero();
        pass(Duration.ofSeconds(2));
        assertThat(held.seen(kept(700), true))
                .as("somebody else, since just now")
                .isZero();
        pass(Duration.ofSeconds(2));
        assertThat(held.seen(kept(800), true)).as("who does not let go either").isEqualTo(700);
    }

    @Test
    void shouldBeginAnewWhenRowsFoundRoomMeanwhile() {
        assertThat(held.seen(kept(500), true)).isZero();
        pass(Duration.ofSeconds(6));
        assertThat(held.seen(kept(500), true)).isZero();
        pass(Duration.ofSeconds(2));
        assertThat(held.seen(kept(500), true)).isEqualTo(500);
    }
}
