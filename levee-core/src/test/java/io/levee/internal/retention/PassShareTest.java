package io.levee.internal.retention;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class PassShareTest {
    private long nanos;
    private final PassShare share = new PassShare(() -> nanos, Duration.ofMinutes(1));

    @Test
    void shouldTakeAQuarterInTenPasses() {
        assertThat(share.take("t", 60, 60)).isEqualTo(15);
        assertThat(share.take("t", 45, 45)).isZero();
        assertThat(share.take("other", 60, 3)).isEqualTo(3);
        assertThat(share.take("other", 57, 57)).isEqualTo(12);
        nanos += Duration.ofMinutes(10).toNanos();
        assertThat(share.take("t", 45, 45)).isEqualTo(12);
    }

    @Test
    void shouldTakeTwoOfASmallTable() {
        assertThat(share.take("t", 3, 3)).isEqualTo(2);
        assertThat(share.take("t", 1, 1)).isZero();
        nanos += Duration.ofMinutes(11).toNanos();
        assertThat(share.take("t", 1, 1)).isEqualTo(1);
    }
}
