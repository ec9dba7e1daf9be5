package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** A process that was suspended for longer than a record may wait does not give it up without one more try. */
class TurnsTest {
    private long now;

    @Test
    void shouldSeeThatTheWriterStoodStillOnce() {
        Turns turns = new Turns(() -> now);
        assertThat(turns.stoodStill()).isFalse();
        now += Duration.ofSeconds(2).toNanos();
        assertThat(turns.stoodStill()).isFalse();
        now += Duration.ofMinutes(3).toNanos();
        assertThat(turns.stoodStill()).isTrue();
        // It was tried since: if it still cannot be written, that is no fault of the pause.
        now += Duration.ofSeconds(1).toNanos();
        assertThat(turns.stoodStill()).isFalse();
    }
}
