package io.levee.internal.time;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ManualClock;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A wall clock that jumps is noticed, and when it can be believed again (T27). */
class ClockWatchTest {
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");
    private static final long NEVER = Long.MIN_VALUE;

    private final ManualClock clock = new ManualClock(NOW);
    private final ClockWatch watch = new ClockWatch(clock, NEVER);

    private boolean suspect() {
        return watch.look().suspicion() != null;
    }

    @Test
    void shouldTrustAClockThatWentEvenlyForADay() {
        assertThat(watch.look().trusted()).isFalse();
        clock.advance(Duration.ofHours(23));
        assertThat(watch.look().trusted()).isFalse();
        clock.advance(Duration.ofHours(1));
        assertThat(watch.look().trusted()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(longs = {61, -61, 86_400, -86_400, 3650 * 86_400L, -3650 * 86_400L})
    void shouldSuspectAClockThatJumps(long seconds) {
        clock.advance(Duration.ofDays(2));
        assertThat(watch.look().trusted()).isTrue();
        clock.jump(Duration.ofSeconds(seconds));
        ClockWatch.View view = watch.look();
        assertThat(view.suspicion()).isNotNull();
        assertThat(view.trusted()).isFalse();
        assertThat(view.lineMicros()).isEqualTo(Micros.of(NOW.plus(Duration.ofDays(2))));
        assertThat(view.suspicion().what()).contains(Duration.ofSeconds(seconds).toString(), "2026-05-12T12:00:00Z");
        clock.advance(Duration.ofHours(5));
        assertThat(watch.look().lineMicros()).isEqualTo(Micros.of(NOW.plus(Duration.ofHours(53))));

        clock.jump(Duration.ofSeconds(-seconds));
        assertThat(suspect()).as("back, but for how long").isTrue();
        clock.advance(ClockWatch.BACK);
        assertThat(suspect()).isFalse();
        assertThat(watch.look().trusted()).as("as before it jumped").isTrue();
    }

    @Test
    void shouldBelieveTheNewTimeAfterADayOrAPerson() {
        clock.jump(Duration.ofDays(3650));
        assertThat(suspect()).isTrue();
        clock.advance(Duration.ofHours(23));
        assertThat(suspect()).isTrue();
        clock.advance(Duration.ofHours(1));
        assertThat(suspect()).isFalse();
        assertThat(watch.look().trusted()).isTrue();

        clock.jump(Duration.ofDays(-1));
        assertThat(suspect()).isTrue();
        assertThat(watch.accept()).isTrue();
        assertThat(suspect()).isFalse();
        assertThat(watch.look().trusted()).isTrue();
        assertThat(watch.accept()).as("there is nothing to accept").isFalse();
    }

    @Test
    void shouldSuspectAClockThatStandsStill() {
        for (int second = 0; second <= 61; second++) {
            assertThat(suspect()).as("after %d s", second).isEqualTo(second > 60);
            clock.advance(Duration.ofSeconds(1));
            clock.jump(Duration.ofSeconds(-1));
        }
        for (int hour = 0; hour < 30; hour++) {
            clock.advance(Duration.ofHours(1));
            clock.jump(Duration.ofHours(-1));
            assertThat(suspect()).as("after %d h: it never goes evenly", hour).isTrue();
        }
    }

    @Test
    void shouldLiveWithJitterAndWithSlewing() {
        for (int i = 0; i < 10_000; i++) {
            clock.advance(Duration.ofSeconds(30));
            clock.jump(Duration.ofSeconds(i % 2 == 0 ? 25 : -25));
            assertThat(suspect()).isFalse();
        }
        for (int i = 0; i < 5_000; i++) {
            clock.advance(Duration.ofMinutes(10));
            // 500 ppm, the most that a clock is slewed by: 25 minutes in the end.
            clock.jump(Duration.ofMillis(300));
            assertThat(suspect()).isFalse();
        }
        assertThat(watch.look().trusted()).isTrue();
    }

    /** A jump while nobody looked: the store was closed. */
    @Test
    void shouldNoticeAcrossARestart() {
        long written = Micros.of(NOW);
        assertThat(new ClockWatch(new ManualClock(NOW.minusSeconds(30)), written)
                        .look()
                        .suspicion())
                .isNull();
        assertThat(new ClockWatch(new ManualClock(NOW.plus(Duration.ofDays(300))), written)
                        .look()
                        .suspicion())
                .isNull();

        ManualClock behind = new ManualClock(NOW.minus(Duration.ofDays(3650)));
        ClockWatch watchBehind = new ClockWatch(behind, written);
        assertThat(watchBehind.look().suspicion()).isNotNull();
        // The machine had no clock of its own and asks the network: it is set a while after the start, to whatever time
        // it is.
        behind.jump(Duration.ofDays(3650 + 40));
        watchBehind.look();
        behind.advance(ClockWatch.BACK);
        assertThat(watchBehind.look().suspicion()).isNull();

        assertThat(new ClockWatch(new ManualClock(NOW.plus(Duration.ofDays(3650))), written)
                        .look()
                        .suspicion())
                .isNotNull();
    }

    @Test
    void shouldGoOnWithTheMachinesOwnClocks() {
        ClockWatch real = new ClockWatch(java.time.Clock.systemUTC(), NEVER);
        assertThat(real.look().suspicion()).isNull();
        assertThat(real.view().suspicion()).isNull();
    }
}
